/**
 * Servers of HTTP/2 that others wrote, over TLS, in front of an origin of HTTP/1.1 or by themselves.
 */
import { type ChildProcess, execFile } from "node:child_process"
import { promisify } from "node:util"
import { Effect, type Scope } from "effect"
import { standard } from "../support/certificates.js"
import { apacheBase } from "./apache.js"
import { directory, freePort, python, start, write } from "./peer.js"

export interface Http2Peer {
  readonly url: string
  readonly pid: number
}

const originScript = new URL("http2Origin.mjs", import.meta.url).pathname

/** A directory with the certificate: `good.pem`, `good.key`, and `pair.pem` with both. */
const secured = Effect.gen(function* () {
  const path = yield* directory
  const { good } = yield* standard()
  yield* write(`${path}/good.pem`, good.cert)
  yield* write(`${path}/good.key`, good.key)
  yield* write(`${path}/pair.pem`, `${good.cert}\n${good.key}`)
  return path
})

/** An origin of HTTP/1.1 without TLS. */
const backend = Effect.gen(function* () {
  const port = yield* freePort
  yield* start(process.execPath, [originScript, "http1", `${port}`], [port])
  return port
})

const served = (port: number, { pid }: ChildProcess): Http2Peer => {
  if (pid === undefined) throw new Error("the server has not started")
  return { url: `https://localhost:${port}`, pid }
}

/** A program in front of the origin. `configure` gets its directory, its port and the port of the origin. */
const inFront = (
  command: string,
  configure: (
    path: string,
    port: number,
    origin: number
  ) => {
    readonly file?: string
    readonly args: ReadonlyArray<string>
    readonly env?: Readonly<Record<string, string>>
  }
): Effect.Effect<Http2Peer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const path = yield* secured
    const port = yield* freePort
    const { args, env = {}, file } = configure(path, port, yield* backend)
    if (file !== undefined) yield* write(`${path}/conf`, file)
    return served(port, yield* start(command, args, [port], { env }))
  })

export const nginx = (settings = "") =>
  inFront("/usr/sbin/nginx", (path, port, origin) => ({
    args: ["-c", `${path}/conf`, "-p", path],
    file: `daemon off; worker_processes 1; pid ${path}/pid; error_log ${path}/error.log;
      events { worker_connections 1024; }
      http {
        access_log off; client_max_body_size 50m; proxy_request_buffering off;
        client_body_temp_path ${path}/body; proxy_temp_path ${path}/proxy;
        fastcgi_temp_path ${path}/fastcgi; uwsgi_temp_path ${path}/uwsgi; scgi_temp_path ${path}/scgi;
        upstream origin { server 127.0.0.1:${origin}; keepalive 200; keepalive_requests 1000000; }
        server {
          listen 127.0.0.1:${port} ssl http2;
          ssl_certificate ${path}/good.pem; ssl_certificate_key ${path}/good.key;
          ${settings}
          location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; }
        }
      }`
  }))

export const apache = inFront("/usr/sbin/apache2", (path, port, origin) => ({
  args: ["-f", `${path}/conf`, "-DFOREGROUND"],
  file: `${apacheBase(path, ["http2", "proxy", "proxy_http"])}
Listen 127.0.0.1:${port}
Protocols h2
SSLEngine on
SSLCertificateFile ${path}/pair.pem
ProxyPass / http://127.0.0.1:${origin}/
`
}))

export const haproxy = inFront("/usr/sbin/haproxy", (path, port, origin) => ({
  args: ["-f", `${path}/conf`, "-W", "-db"],
  file: `
global
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend secure
  bind 127.0.0.1:${port} ssl crt ${path}/pair.pem alpn h2
  default_backend origin
backend origin
  server one 127.0.0.1:${origin}
`
}))

export const nghttpx = inFront("nghttpx", (path, port, origin) => ({
  args: [
    `--frontend=127.0.0.1,${port}`,
    `--backend=127.0.0.1,${origin}`,
    "--workers=1",
    "--log-level=FATAL",
    "--errorlog-file=/dev/null",
    "--conf=/dev/null",
    `${path}/good.key`,
    `${path}/good.pem`
  ]
}))

export const caddy = inFront("caddy", (path, port, origin) => ({
  args: ["run", "--adapter", "caddyfile", "--config", `${path}/conf`],
  env: { HOME: path, XDG_CONFIG_HOME: path, XDG_DATA_HOME: path },
  file: `{
  admin off
  auto_https off
  skip_install_trust
  servers {
    protocols h1 h2
  }
}
https://localhost:${port} {
  bind 127.0.0.1
  tls ${path}/good.pem ${path}/good.key
  reverse_proxy 127.0.0.1:${origin} {
    flush_interval -1
  }
}
`
}))

export const h2o = inFront("h2o", (path, port, origin) => ({
  args: ["-m", "worker", "-c", `${path}/conf`],
  file: `
num-threads: 1
user: root
error-log: ${path}/error.log
listen:
  host: 127.0.0.1
  port: ${port}
  ssl:
    certificate-file: ${path}/good.pem
    key-file: ${path}/good.key
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: http://127.0.0.1:${origin}/
        proxy.preserve-host: ON
`
}))

/** The origin as an application of Python's h2. */
export const hypercorn = Effect.gen(function* () {
  const path = yield* secured
  const port = yield* freePort
  const args = ["--bind", `127.0.0.1:${port}`, "--certfile", `${path}/good.pem`, "--keyfile", `${path}/good.key`]
  const env = { PYTHONPATH: new URL(".", import.meta.url).pathname, PYTHONDONTWRITEBYTECODE: "1" }
  const child = yield* start(python, ["-m", "hypercorn", ...args, "http2Origin:app"], [port], { env })
  return served(port, child)
})

/** Serves files, and echoes the bodies of POST. */
export const nghttpd = Effect.gen(function* () {
  const path = yield* secured
  const port = yield* freePort
  yield* write(`${path}/small`, "small ")
  yield* write(`${path}/large`, "0123456789abcdef".repeat(12_500))
  const args = ["--address=127.0.0.1", "--echo-upload", "--trailer=x-checked: yes", `--htdocs=${path}`]
  const child = yield* start("nghttpd", [...args, `${port}`, `${path}/good.key`, `${path}/good.pem`], [port])
  return served(port, child)
})

/** The origin itself over HTTP/2, on this Node or on another one that npx gets. */
export const nodeHttp2 = (version: 20 | 22 | 24) =>
  Effect.gen(function* () {
    const path = yield* secured
    const port = yield* freePort
    const own = Number(process.versions.node.split(".")[0]) === version
    const npx = promisify(execFile)
    const command = own
      ? process.execPath
      : yield* Effect.promise(() => npx("npx", ["-y", "-p", `node@${version}`, "which", "node"])).pipe(
          Effect.map(({ stdout }) => stdout.trim())
        )
    const child = yield* start(
      command,
      [originScript, "http2", `${port}`, `${path}/good.pem`, `${path}/good.key`],
      [port]
    )
    return served(port, child)
  })
