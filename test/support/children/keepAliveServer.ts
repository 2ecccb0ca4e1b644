/**
 * Servers that keep their connections, over TLS 1.2, TLS 1.3, TCP and a Unix socket, and two proxies in front of them.
 * Each server answers a request with the length of its complete body, or with the status in its path. The program
 * prints the ports as JSON; the control port answers with the connections that each has accepted so far.
 */
import { writeSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import type { AddressInfo } from "node:net"
import { Effect, Scope } from "effect"
import { proxyServer } from "../proxyServer.js"

const { CERT: cert = "", KEY: key = "", SOCKET: path = "" } = process.env

const answer: Http.RequestListener = (request, response) => {
  let size = 0
  request.on("data", (chunk: Buffer) => {
    size += chunk.length
  })
  request.on("end", () => {
    const status = Number(request.url?.slice(1))
    if (status >= 200) response.writeHead(status).end()
    else response.end(`${request.method} ${size}`)
  })
}

const limits = { maxHeaderSize: 256 * 1024 }

const servers = {
  "TLSv1.2": Https.createServer({ ...limits, cert, key, maxVersion: "TLSv1.2" }, answer),
  "TLSv1.3": Https.createServer({ ...limits, cert, key, minVersion: "TLSv1.3" }, answer),
  TCP: Http.createServer(limits, answer),
  Unix: Http.createServer(limits, answer)
}

const accepted: Record<string, number> = {}

const [httpProxy, httpsProxy] = await Effect.runPromise(
  Effect.all([proxyServer(), proxyServer({ kind: "https", tls: { cert, key } })]).pipe(
    Effect.provideServiceEffect(Scope.Scope, Scope.make())
  )
)

const control = Http.createServer((_request, response) => {
  const proxies = { httpProxy: httpProxy.connections(), httpsProxy: httpsProxy.connections() }
  response.end(JSON.stringify({ ...accepted, ...proxies }))
})

const listen = (server: Http.Server, at: string | number): Promise<number> =>
  new Promise((resolve) => {
    // With a Keep-Alive timeout the client would close connections on a busy machine.
    server.keepAliveTimeout = 0
    server.requestTimeout = 0
    server.headersTimeout = 0
    const listening = () => resolve((server.address() as AddressInfo).port)
    if (typeof at === "string") server.listen(at, listening)
    else server.listen(at, "127.0.0.1", listening)
  })

const ports: Record<string, number> = {
  control: await listen(control, 0),
  httpProxy: httpProxy.port,
  httpsProxy: httpsProxy.port
}
for (const [name, server] of Object.entries(servers)) {
  accepted[name] = 0
  server.on("connection", () => {
    accepted[name] = (accepted[name] ?? 0) + 1
  })
  ports[name] = await listen(server, name === "Unix" ? path : 0)
}
writeSync(1, `${JSON.stringify(ports)}\n`)
