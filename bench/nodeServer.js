/**
 * The server of the benchmark on Node, which runs in its own process. To use little CPU, it searches only for the end
 * of each head, and answers with prepared bytes.
 */
import { createServer } from "node:net"
import { createServer as createSecureServer } from "node:tls"
import { gzipSync } from "node:zlib"
import { large, records, small } from "./payloads.js"

const endless = Buffer.alloc(256 * 1024, 120)

const json = (body, headers = "") =>
  Buffer.concat([
    Buffer.from(
      `HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n`
    ),
    Buffer.from(body)
  ])

const replies = new Map([
  ["/small", json(small)],
  ["/large", json(large)],
  ["/close", json(small, "Connection: close\r\n")],
  ["/records", json(gzipSync(records()), "Content-Encoding: gzip\r\n")]
])

/** Sends a body of `size` bytes as fast as the client reads it. */
const stream = (socket, size) => {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${size}\r\n\r\n`)
  let left = size
  const push = () => {
    while (left > 0) {
      const piece = left < endless.length ? endless.subarray(0, left) : endless
      left -= piece.length
      if (!socket.write(piece)) return
    }
    socket.off("drain", push)
  }
  socket.on("drain", push)
  push()
}

const pathOf = (head) => head.slice(head.indexOf(" ") + 1, head.indexOf(" ", head.indexOf(" ") + 1))

const answer = (socket, head) => {
  const path = pathOf(head)
  const reply = replies.get(path)
  if (path === "/close") socket.end(reply)
  else if (reply !== undefined) socket.write(reply)
  else stream(socket, Number(path.slice(1)))
}

/** Reads and discards an upload of a known length, then answers. */
const swallow = (socket, length, first) => {
  let left = length - first
  const done = () => socket.write(json(small))
  if (left <= 0) return done()
  socket.removeAllListeners("data")
  socket.on("data", (chunk) => {
    left -= chunk.length
    if (left > 0) return
    socket.removeAllListeners("data")
    listen(socket)
    done()
  })
}

const listen = (socket) => {
  let text = ""
  socket.on("data", (chunk) => {
    text += chunk.latin1Slice(0, chunk.length)
    for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
      const head = text.slice(0, end)
      text = text.slice(end + 4)
      const length = /content-length: (\d+)/i.exec(head)
      if (length !== null && Number(length[1]) > 0) {
        const first = text.length
        text = ""
        return swallow(socket, Number(length[1]), first)
      }
      answer(socket, head)
    }
  })
}

const serve = (socket) => {
  socket.on("error", () => {})
  listen(socket)
}

const { BENCH_CERT: cert, BENCH_KEY: key } = process.env
const server = createServer({ noDelay: true }, serve)
const secure =
  cert === undefined ? undefined : createSecureServer({ cert, key, minVersion: "TLSv1.3", noDelay: true }, serve)

const listening = (at) => new Promise((resolve) => at.listen(0, "127.0.0.1", () => resolve(at.address().port)))

const port = await listening(server)
process.send?.({ port, securePort: secure === undefined ? undefined : await listening(secure) })
process.on("disconnect", () => process.exit(0))
