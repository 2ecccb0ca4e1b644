/**
 * Decodes blocks of fields with Node's HTTP/2 server, which uses the decoder of nghttp2.
 */
import * as http2 from "node:http2"
import * as net from "node:net"
import { Effect } from "effect"
import { frame } from "./h2Frames.js"

const largestFrame = 16_384

/** HEADERS with END_STREAM, and CONTINUATIONs where one frame cannot hold the block. */
const headers = (stream: number, block: Buffer): Buffer => {
  const frames: Array<Buffer> = []
  for (let at = 0; at === 0 || at < block.length; at += largestFrame) {
    const isLast = at + largestFrame >= block.length
    const payload = block.subarray(at, at + largestFrame)
    frames.push(frame(at === 0 ? 1 : 9, (at === 0 ? 1 : 0) | (isLast ? 4 : 0), stream, payload))
  }
  return Buffer.concat(frames)
}

/** Requests with these blocks, each on a stream of its own. They follow the client's preface and SETTINGS. */
export const requestsWith = (blocks: ReadonlyArray<Buffer>): Buffer =>
  Buffer.concat(blocks.map((block, index) => headers(2 * index + 1, block)))

/** The first bytes of a client. */
export const clientStart = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
  frame(4, 0, 0, Buffer.alloc(0))
])
export const settingsAck = frame(4, 1, 0, Buffer.alloc(0))

/**
 * Sends each block as a request on a stream of its own, in order, over one connection, and returns the lists of names
 * and values that the server got. The blocks follow the acknowledgment of `headerTableSize`. Fails if the server ends
 * the connection before it got all of them.
 */
export const decodedByNode = (
  blocks: ReadonlyArray<Buffer>,
  headerTableSize = 4096
): Effect.Effect<ReadonlyArray<ReadonlyArray<string>>, Error> =>
  Effect.async((resume) => {
    const lists: Array<ReadonlyArray<string>> = []
    const server = http2.createServer({ settings: { headerTableSize } })
    let client: net.Socket | undefined
    const finish = (result: Effect.Effect<ReadonlyArray<ReadonlyArray<string>>, Error>) => {
      client?.destroy()
      server.close()
      resume(result)
    }
    server.on("stream", (stream: http2.ServerHttp2Stream, ...rest: ReadonlyArray<unknown>) => {
      // The types omit the third of the remaining arguments: names and values as received.
      const rawHeaders = rest[2]
      stream.on("error", () => {})
      stream.respond({ ":status": 204 }, { endStream: true })
      lists.push(Array.isArray(rawHeaders) ? rawHeaders.map(String) : [])
      if (lists.length === blocks.length) finish(Effect.succeed(lists))
    })
    server.on("sessionError", (error: Error) => finish(Effect.fail(error)))
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const socket = net.connect(port, "127.0.0.1")
      client = socket
      socket.on("error", (error) => finish(Effect.fail(error)))
      socket.on("close", () =>
        finish(Effect.fail(new Error(`closed after ${lists.length} of ${blocks.length} blocks`)))
      )
      socket.write(clientStart)
      socket.once("data", () => {
        socket.on("data", () => {})
        socket.write(Buffer.concat([settingsAck, requestsWith(blocks)]))
      })
    })
    return Effect.sync(() => {
      client?.destroy()
      server.close()
    })
  })
