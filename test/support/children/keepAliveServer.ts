/**
 * Servers that keep their connections, over TLS 1.2, TLS 1.3, TCP and a Unix socket. Each answers a request with the
 * length of its body once all of it has come, or with what its path names. Writes the ports, and then the number of
 * connections that each server has accepted whenever "/connections" is asked for on the control port.
 */
import { writeSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import type { AddressInfo } from "node:net"

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

const control = Http.createServer((_request, response) => void response.end(JSON.stringify(accepted)))

const listen = (server: Http.Server, at: string | number): Promise<number> =>
  new Promise((resolve) => {
    // A server that says how long it keeps a connection has it closed on a busy machine.
    server.keepAliveTimeout = 0
    server.requestTimeout = 0
    server.headersTimeout = 0
    const listening = () => resolve((server.address() as AddressInfo).port)
    if (typeof at === "string") server.listen(at, listening)
    else server.listen(at, "127.0.0.1", listening)
  })

const ports: Record<string, number> = { control: await listen(control, 0) }
for (const [name, server] of Object.entries(servers)) {
  accepted[name] = 0
  server.on("connection", () => {
    accepted[name] = (accepted[name] ?? 0) + 1
  })
  ports[name] = await listen(server, name === "Unix" ? path : 0)
}
writeSync(1, `${JSON.stringify(ports)}\n`)
