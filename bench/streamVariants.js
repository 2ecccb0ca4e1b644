/** Downloads and uploads of one large body. Each variant transfers it and returns the number of bytes. */
import http from "node:http"
import net from "node:net"
import { Readable } from "node:stream"

const chunk = new Uint8Array(64 * 1024).fill(120)

/** The chunks of an upload, for the clients that pull them. */
function* piecesOf(size) {
  for (let left = size; left > 0; left -= chunk.length) yield chunk
}

let runtime

/** Runs an effect with the one session of the process, which keeps its connection, as undici's global Agent does. */
const withSession = async (use) => {
  const { Effect, ManagedRuntime, Stream } = await import("effect")
  const { ClientResponse, Session } = await import("../dist/bundle/index.js")
  runtime ??= ManagedRuntime.make(Session.layer({ timeout: "10 minutes" }))
  return runtime.runPromise(
    Effect.flatMap(Session.Session, (session) => use({ Effect, Stream, ClientResponse, session }))
  )
}

const opened = (url, onResponse) =>
  new Promise((resolve, reject) => {
    http.get(url, (response) => resolve(onResponse(response))).on("error", reject)
  })

const portOf = (url) => Number(new URL(url).port)

/** Downloads by a bare socket into `buffer`, or into the buffers that it returns. */
const readWith = (buffer) => (url, size) =>
  new Promise((resolve, reject) => {
    let received = 0
    const callback = (bytes) => {
      received += bytes
      if (received >= size) {
        socket.destroy()
        resolve(size)
      }
      return true
    }
    const socket = net.connect({ host: "127.0.0.1", port: portOf(url), onread: { buffer, callback } })
    socket.on("error", reject)
    socket.write(`GET /${size} HTTP/1.1\r\nHost: x\r\n\r\n`)
  })

export const streamVariants = {
  "bare net.Socket with onread": { direction: "download", run: readWith(Buffer.allocUnsafe(64 * 1024)) },
  "the same with a new buffer per read": {
    direction: "download",
    run: readWith(() => Buffer.allocUnsafeSlow(128 * 1024))
  },
  "ours: ClientResponse.stream": {
    direction: "download",
    run: (url, size) =>
      withSession(({ ClientResponse, Stream, session }) =>
        Stream.runFold(ClientResponse.stream(session.get(`${url}/${size}`)), 0, (sum, bytes) => sum + bytes.length)
      )
  },
  "undici.request, 'data'": {
    direction: "download",
    run: async (url, size) => {
      const { request } = await import("undici")
      const { body } = await request(`${url}/${size}`)
      return new Promise((resolve, reject) => {
        let received = 0
        body.on("data", (bytes) => {
          received += bytes.length
        })
        body.on("end", () => resolve(received))
        body.on("error", reject)
      })
    }
  },
  "NodeStream.fromReadable over node:http": {
    direction: "download",
    run: async (url, size) => {
      const { Effect, Stream } = await import("effect")
      const { NodeStream } = await import("@effect/platform-node")
      return opened(`${url}/${size}`, (response) =>
        Effect.runPromise(
          Stream.runFold(
            NodeStream.fromReadable(
              () => response,
              (error) => error
            ),
            0,
            (sum, bytes) => sum + bytes.length
          )
        )
      )
    }
  },
  "bare net.Socket, write and drain": {
    direction: "upload",
    run: (url, size) =>
      new Promise((resolve, reject) => {
        const socket = net.connect({ host: "127.0.0.1", port: portOf(url) })
        let left = size
        socket.on("error", reject)
        socket.on("data", () => {
          socket.destroy()
          resolve(size)
        })
        socket.write(`POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`)
        const push = () => {
          while (left > 0) {
            left -= chunk.length
            if (!socket.write(chunk)) return
          }
        }
        socket.on("drain", push)
        push()
      })
  },
  "ours: Stream upload": {
    direction: "upload",
    run: (url, size) =>
      withSession(({ ClientResponse, Effect, Stream, session }) => {
        const data = Stream.fromIterable(piecesOf(size), { maxChunkSize: 1 })
        const headers = { "content-length": String(size) }
        return Effect.as(ClientResponse.text(session.post(`${url}/upload`, { data, headers })), size)
      })
  },
  "undici.request, Readable upload": {
    direction: "upload",
    run: async (url, size) => {
      const { request } = await import("undici")
      const body = Readable.from(piecesOf(size))
      const response = await request(`${url}/upload`, {
        method: "POST",
        headers: { "content-length": String(size) },
        body
      })
      await response.body.text()
      return size
    }
  }
}
