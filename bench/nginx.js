/**
 * nginx as the server of the requests, where it is installed: it costs less than any server on Node, so that more of what
 * is measured is the client.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { large, small } from "./payloads.js"

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

const config = (base, port) => `
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
  server {
    listen 127.0.0.1:${port};
    location = /small { return 200 '${small}'; }
    location / { root ${base}; }
  }
}
`

/** Its URL and how to end it, or `undefined` where there is no nginx. */
export const startNginx = async () => {
  if (spawnSync("nginx", ["-v"]).status !== 0) return undefined
  const base = mkdtempSync(join(tmpdir(), "bench-"))
  const port = await freePort()
  writeFileSync(join(base, "nginx.conf"), config(base, port))
  writeFileSync(join(base, "large"), large)
  const child = spawn("nginx", ["-c", join(base, "nginx.conf")], { stdio: "ignore" })
  while (!(await answers(port))) await setTimeout(20)
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      child.kill("SIGKILL")
      rmSync(base, { recursive: true, force: true })
    }
  }
}
