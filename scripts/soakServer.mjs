/**
 * The server of soak.ts: HTTP/2 over TLS. It prints the x-id of each POST as soon as its head has arrived, before it
 * answers. SIGTERM ends it with GOAWAY.
 *
 * node soakServer.mjs <port> <certificate file> <key file>
 */
import { readFileSync, writeSync } from "node:fs"
import { createSecureServer } from "node:http2"

const [port, cert, key] = process.argv.slice(2)
const large = Buffer.alloc(300_000, "large ")
const sessions = new Set()

const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) })

server.on("session", (session) => {
  sessions.add(session)
  session.on("error", () => {})
  session.on("close", () => sessions.delete(session))
})

server.on("stream", (stream, headers) => {
  stream.on("error", () => {})
  if (headers[":method"] === "POST") writeSync(1, `${headers["x-id"]}\n`)
  switch (headers[":path"]) {
    case "/large":
      stream.respond({ ":status": 200 })
      stream.end(large)
      return
    case "/slow":
      stream.respond({ ":status": 200 })
      stream.write("first ")
      setTimeout(() => {
        if (!stream.destroyed) stream.end("last")
      }, 50)
      return
    case "/echo":
      stream.respond({ ":status": 200 })
      stream.pipe(stream)
      return
    default:
      stream.resume()
      stream.respond({ ":status": 200 })
      stream.end("ok")
  }
})

process.on("SIGTERM", () => {
  server.close()
  for (const session of sessions) session.close()
  setTimeout(() => process.exit(0), 500)
})

server.listen(Number(port), "127.0.0.1")
