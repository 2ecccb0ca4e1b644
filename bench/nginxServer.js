/**
 * Starts nginx as the server of the requests if it is installed. It needs less CPU than a server on Node, so that the
 * results depend more on the clients.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { gzipSync } from "node:zlib"
import { large, records, small } from "./payloads.js"

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const answers = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

const secure = (base, port) => `
    listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${base}/cert.pem;
    ssl_certificate_key ${base}/key.pem;
    ssl_protocols TLSv1.3;
`

/** 200 addresses of the loopback as different origins. */
export const originsOf = (url) =>
  Array.from({ length: 200 }, (_, index) => `http://127.0.1.${index + 1}:${new URL(url).port}`)

const config = (base, port, securePort) => `
daemon off;
master_process off;
worker_processes 1;
pid ${base}/pid;
error_log ${base}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  default_type application/json;
  open_file_cache max=10;
  client_body_temp_path ${base}/body;
  proxy_temp_path ${base}/proxy;
  fastcgi_temp_path ${base}/fastcgi;
  uwsgi_temp_path ${base}/uwsgi;
  scgi_temp_path ${base}/scgi;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port};
    ${originsOf(`http://127.0.0.1:${port}`)
      .map((origin) => `listen ${new URL(origin).host};`)
      .join(" ")}
    ${secure(base, securePort)}
    location = /small { return 200 '${small}'; }
    location = /close { keepalive_timeout 0; return 200 '${small}'; }
    location = /records { add_header Content-Encoding gzip; alias ${base}/records.gz; }
    location / { root ${base}; }
  }
}
`

/**
 * Starts nginx. Returns its URLs and a function that stops it, or `undefined` if it is not installed. `files` are names
 * and sizes of files of zeros that it serves.
 */
export const startNginx = async (certificate, files = []) => {
  if (spawnSync("nginx", ["-v"]).status !== 0) return undefined
  const base = mkdtempSync(join(tmpdir(), "bench-"))
  const port = await freePort()
  const securePort = await freePort()
  writeFileSync(join(base, "nginx.conf"), config(base, port, securePort))
  writeFileSync(join(base, "cert.pem"), certificate.cert)
  writeFileSync(join(base, "key.pem"), certificate.key, { mode: 0o600 })
  writeFileSync(join(base, "large"), large)
  for (const [name, size] of files) {
    writeFileSync(join(base, name), "")
    truncateSync(join(base, name), size)
  }
  writeFileSync(join(base, "records.gz"), gzipSync(records()))
  const child = spawn("nginx", ["-c", join(base, "nginx.conf")], { stdio: "ignore" })
  for (const each of [port, securePort]) {
    while (!(await answers(each))) await setTimeout(20)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    secureUrl: `https://127.0.0.1:${securePort}`,
    stop: () => {
      child.kill("SIGKILL")
      rmSync(base, { recursive: true, force: true })
    }
  }
}
