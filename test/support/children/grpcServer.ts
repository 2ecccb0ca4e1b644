/**
 * A server of gRPC over HTTP/2 without TLS, on node:http2: it prints its port, and "cancelled" for each call that its
 * client cancels. A message is a flag, a length of 4 bytes, and its bytes.
 */
import { writeSync } from "node:fs"
import { constants, createServer, type ServerHttp2Stream } from "node:http2"

const frame = (message: Buffer): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Calls `onMessage` for each message, and `onEnd` after the last. */
const read = (stream: ServerHttp2Stream, onMessage: (message: Buffer) => void, onEnd: () => void): void => {
  let rest: Buffer = Buffer.alloc(0)
  stream.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const size = rest.readUInt32BE(1)
      onMessage(rest.subarray(5, 5 + size))
      rest = rest.subarray(5 + size)
    }
  })
  stream.on("end", onEnd)
}

const head = { ":status": 200, "content-type": "application/grpc" }

/** Sends the head, and at the end the status as trailers. */
const begin = (stream: ServerHttp2Stream, status = "0", message = ""): void => {
  stream.respond(head, { waitForTrailers: true })
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status, "grpc-message": message }))
}

const methods: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  /** Sends its messages back when all have arrived. */
  unary: (stream) => {
    const all: Array<Buffer> = []
    const onEnd = () => {
      begin(stream)
      stream.end(Buffer.concat(all.map(frame)))
    }
    read(stream, (message) => void all.push(Buffer.from(message)), onEnd)
  },
  /** Sends each message back at once. */
  chat: (stream) => {
    begin(stream)
    read(
      stream,
      (message) => void stream.write(frame(message)),
      () => stream.end()
    )
  },
  /** Fails without a message: head and status are one block. */
  missing: (stream) => {
    stream.respond({ ...head, "grpc-status": "5", "grpc-message": "no%20such%20thing" }, { endStream: true })
    stream.resume()
  },
  /** Fails after a message, and does not wait for the client's. */
  exhausted: (stream) => {
    begin(stream, "8", "too much")
    stream.end(frame(Buffer.from("partial")))
    stream.resume()
  },
  /** Sends messages until the client cancels. */
  endless: (stream) => {
    begin(stream)
    const next = () => {
      if (!stream.destroyed) stream.write(frame(Buffer.from("tick")), () => setImmediate(next))
    }
    next()
    stream.resume()
  }
}

const server = createServer()
server.on("stream", (stream, headers) => {
  stream.on("error", () => {})
  stream.on("close", () => {
    if (stream.rstCode === constants.NGHTTP2_CANCEL) writeSync(1, "cancelled\n")
  })
  const name = String(headers[":path"]).split("/").at(-1) ?? ""
  const isCall =
    headers[":method"] === "POST" && headers["content-type"] === "application/grpc" && headers.te === "trailers"
  const method = isCall ? methods[name] : undefined
  if (method === undefined) stream.respond({ ":status": 415 }, { endStream: true })
  else method(stream)
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  writeSync(1, `${typeof address === "object" ? address?.port : ""}\n`)
})
