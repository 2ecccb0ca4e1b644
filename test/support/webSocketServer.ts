/**
 * The server's side of a WebSocket: it answers the handshake as configured, writes valid and invalid frames, and reads
 * those of the client without judging them.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { type FaultServerOptions, type Script, serve, turn } from "../../src/internal/testing/faultServer.js"
import type { TestServer } from "../../src/Testing.js"
import type { LoggedRequest } from "./server.js"

/** A frame to be written, valid or not. */
export interface FrameSpec {
  readonly opcode: number
  readonly payload?: string | Uint8Array
  /** Default `true`. */
  readonly fin?: boolean
  /** RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  readonly rsv?: number
  /** Four bytes; a server never masks. */
  readonly mask?: Uint8Array
  /** The length field of the head, in place of the payload's length. */
  readonly length?: bigint
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const lengthBytes = (length: bigint): Buffer => {
  if (length < 126n) return Buffer.from([Number(length)])
  const out = length < 65536n ? Buffer.alloc(3) : Buffer.alloc(9)
  if (length < 65536n) {
    out[0] = 126
    out.writeUInt16BE(Number(length), 1)
  } else {
    out[0] = 127
    out.writeBigUInt64BE(length, 1)
  }
  return out
}

export const frame = (spec: FrameSpec): Buffer => {
  const payload = Buffer.from(spec.payload ?? "")
  const length = lengthBytes(spec.length ?? BigInt(payload.length))
  const first = (spec.fin === false ? 0 : 0x80) | ((spec.rsv ?? 0) << 4) | spec.opcode
  if (spec.mask === undefined) return Buffer.concat([Buffer.from([first]), length, payload])
  length[0] = length[0]! | 0x80
  const masked = payload.map((byte, i) => byte ^ spec.mask![i % 4]!)
  return Buffer.concat([Buffer.from([first]), length, spec.mask, masked])
}

export const text = (payload: string | Uint8Array, fin = true): Buffer => frame({ opcode: 1, payload, fin })
export const binary = (payload: Uint8Array, fin = true): Buffer => frame({ opcode: 2, payload, fin })
export const continuation = (payload: string | Uint8Array, fin = true): Buffer => frame({ opcode: 0, payload, fin })
export const ping = (payload: string | Uint8Array = ""): Buffer => frame({ opcode: 9, payload })
export const pong = (payload: string | Uint8Array = ""): Buffer => frame({ opcode: 10, payload })
/** Without a code: an empty payload. */
export const close = (code?: number, reason: string | Uint8Array = ""): Buffer => {
  if (code === undefined) return frame({ opcode: 8 })
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return frame({ opcode: 8, payload: Buffer.concat([head, Buffer.from(reason)]) })
}

/** A frame that the client sent, unmasked. */
export interface ReceivedFrame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly mask: Buffer | undefined
  readonly payload: Buffer
}

/** The code in a close frame. */
export const codeOf = (received: ReceivedFrame): number | undefined =>
  received.payload.length < 2 ? undefined : received.payload.readUInt16BE(0)

/** The server's side of one WebSocket. */
export interface WebSocketPeer {
  readonly index: number
  readonly request: LoggedRequest
  readonly send: (...frames: ReadonlyArray<Uint8Array>) => Effect.Effect<void>
  /** Writes byte by byte, in packets of one byte if the system allows it. */
  readonly dribble: (bytes: Uint8Array) => Effect.Effect<void>
  /** The next frame; interrupts the script if the client has ended. */
  readonly receive: Effect.Effect<ReceivedFrame>
  /** The next frame of the client except pings. */
  readonly receiveClose: Effect.Effect<ReceivedFrame>
  readonly fin: Effect.Effect<void>
  readonly reset: Effect.Effect<void>
  /** Waits for the client to end. */
  readonly ended: Effect.Effect<void>
  /** Stops reading. */
  readonly hold: Effect.Effect<void>
  /** Continues to read. */
  readonly goOn: Effect.Effect<void>
  /** The number of bytes that wait in the process. */
  readonly backlog: () => number
  /** Writes without waiting; returns `false` if the client does not read. */
  readonly write: (bytes: Uint8Array) => boolean
}

export interface WebSocketServerOptions extends FaultServerOptions {
  /** The whole reply to the handshake. Default: a correct one without extensions and subprotocol. */
  readonly reply?: ((request: LoggedRequest) => string) | undefined
  /** Lines to add to the correct reply. */
  readonly headers?: ((request: LoggedRequest) => ReadonlyArray<string>) | undefined
  /** Frames that are sent in one packet with the reply. */
  readonly early?: Uint8Array | undefined
}

export interface WebSocketTestServer extends TestServer {
  /** The URL with the scheme ws or wss. */
  readonly webSocketUrl: (path?: string) => string
  /** Handshakes, in order. */
  readonly handshakes: ReadonlyArray<LoggedRequest>
}

export const acceptFor = (key: string): string =>
  createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")

/** A correct reply with additional lines. */
export const accepting = (request: LoggedRequest, lines: ReadonlyArray<string> = []): string =>
  [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptFor(request.header("sec-websocket-key") ?? "")}`,
    ...lines,
    "",
    ""
  ].join("\r\n")

const parseHead = (connection: number, head: string): LoggedRequest => {
  const [first = "", ...lines] = head.split("\r\n")
  const [method = "", target = "", version = ""] = first.split(" ")
  const headers = lines
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
    })
  const header = (name: string) => headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1]
  return { connection, method, target, version, headers, header, body: "" }
}

const receiveFrom = (takeBytes: (n: number) => Effect.Effect<Uint8Array>): Effect.Effect<ReceivedFrame> =>
  Effect.gen(function* () {
    const head = Buffer.from(yield* takeBytes(2))
    const short = head[1]! & 0x7f
    const extended = short < 126 ? undefined : Buffer.from(yield* takeBytes(short === 126 ? 2 : 8))
    const length =
      extended === undefined ? short : short === 126 ? extended.readUInt16BE(0) : Number(extended.readBigUInt64BE(0))
    const mask = (head[1]! & 0x80) === 0 ? undefined : Buffer.from(yield* takeBytes(4))
    const payload = length === 0 ? Buffer.alloc(0) : Buffer.from(yield* takeBytes(length))
    if (mask !== undefined) for (let i = 0; i < payload.length; i++) payload[i] = payload[i]! ^ mask[i % 4]!
    return { fin: head[0]! > 0x7f, rsv: (head[0]! >> 4) & 7, opcode: head[0]! & 15, mask, payload }
  })

/** Runs `play` on each WebSocket after its handshake, and then ends the connection. */
export const webSocketServer = (
  play: (peer: WebSocketPeer) => Effect.Effect<void>,
  options: WebSocketServerOptions = {}
): Effect.Effect<WebSocketTestServer, never, Scope> =>
  Effect.gen(function* () {
    const handshakes: Array<LoggedRequest> = []
    const script =
      (index: number): Script =>
      (connection) =>
        Effect.gen(function* () {
          const { inbox, socket } = connection
          const request = parseHead(index, yield* inbox.takeHead)
          handshakes.push(request)
          const reply = options.reply?.(request) ?? accepting(request, options.headers?.(request))
          yield* connection.send(Buffer.concat([Buffer.from(reply, "latin1"), options.early ?? Buffer.alloc(0)]))
          if (!reply.startsWith("HTTP/1.1 101")) return yield* inbox.takeEnd
          const receive = receiveFrom((n) => Effect.map(inbox.takeBytes(n), (bytes) => bytes))
          const receiveClose: Effect.Effect<ReceivedFrame> = Effect.flatMap(receive, (received) =>
            received.opcode === 8 ? Effect.succeed(received) : receiveClose
          )
          yield* play({
            index,
            request,
            receive,
            receiveClose,
            send: (...frames) => connection.send(Buffer.concat(frames)),
            dribble: (bytes) =>
              Effect.forEach(bytes, (byte) => Effect.zipRight(connection.send(Uint8Array.of(byte)), turn), {
                discard: true
              }),
            fin: connection.fin,
            reset: connection.reset,
            ended: inbox.takeEnd,
            hold: Effect.sync(() => {
              socket.pause()
            }),
            goOn: Effect.sync(() => {
              socket.resume()
            }),
            backlog: () => socket.writableLength,
            write: (bytes) => socket.write(bytes)
          })
        })
    const server = yield* serve(script, options)
    return {
      ...server,
      handshakes,
      webSocketUrl: (path = "/") => `${server.url.replace(/^http/, "ws").replace(/\/$/, "")}${path}`
    }
  })

/** Echoes messages until the client closes, and answers the close. */
export const echo = (peer: WebSocketPeer): Effect.Effect<void> =>
  Effect.flatMap(peer.receive, (received) =>
    received.opcode === 8
      ? Effect.zipRight(peer.send(frame({ opcode: 8, payload: received.payload })), peer.fin)
      : received.opcode === 9
        ? Effect.zipRight(peer.send(pong(received.payload)), echo(peer))
        : received.opcode === 10
          ? echo(peer)
          : Effect.zipRight(
              peer.send(frame({ opcode: received.opcode, fin: received.fin, payload: received.payload })),
              echo(peer)
            )
  )
