/**
 * The outcome of a reply in node:http, without sockets: the oracle of the parser's fuzzer.
 */
import * as Http from "node:http"
import { Duplex } from "node:stream"

export interface NodeOutcome {
  readonly complete: boolean
  readonly status: number | undefined
  /** Reason, names and values as latin1 code units, as Node returns them. */
  readonly reason: string | undefined
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly trailers: ReadonlyArray<readonly [string, string]>
  readonly body: string
  readonly error: string | undefined
}

const pairs = (raw: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> =>
  Array.from({ length: raw.length >> 1 }, (_, index) => [raw[2 * index], raw[2 * index + 1]] as const)

/** A connection that answers the first write with the pieces, and then ends. */
const answering = (pieces: ReadonlyArray<Uint8Array>): Duplex => {
  let answered = false
  return new Duplex({
    read() {},
    write(_chunk, _encoding, callback) {
      callback()
      if (answered) return
      answered = true
      for (const piece of pieces) if (piece.length > 0) this.push(piece)
      this.push(null)
    }
  })
}

/** Sends a request of the method and reads the reply with Node's own client. */
export const nodeOutcome = (method: string, pieces: ReadonlyArray<Uint8Array>): Promise<NodeOutcome> =>
  new Promise((resolve) => {
    let response: Http.IncomingMessage | undefined
    let error: string | undefined
    const body: Array<Buffer> = []
    const done = () =>
      resolve({
        complete: response?.complete === true && response.readableEnded,
        status: response?.statusCode,
        reason: response?.statusMessage,
        headers: pairs(response?.rawHeaders ?? []),
        trailers: pairs(response?.rawTrailers ?? []),
        body: Buffer.concat(body).toString("latin1"),
        error
      })
    const request = Http.request({ method, host: "h", path: "/", createConnection: () => answering(pieces) })
    request.on("error", (cause: NodeJS.ErrnoException) => {
      error = cause.code ?? cause.message
    })
    request.on("upgrade", (_response, socket) => socket.destroy())
    request.on("response", (incoming) => {
      response = incoming
      incoming.on("data", (chunk: Buffer) => body.push(chunk))
      incoming.on("error", (cause) => {
        error ??= cause.message
      })
      incoming.on("close", done)
    })
    request.on("close", () => {
      if (response === undefined) done()
    })
    request.end()
  })
