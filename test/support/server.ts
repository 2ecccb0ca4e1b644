/**
 * Servers for the tests of this package: scripts as functions of a connection, with everything that `Testing.server` can
 * what only we need: half-closes, paused reads, cut packets, logs of parsed requests.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import {
  type FaultConnection,
  type FaultServerOptions,
  type Script,
  serve,
  turn
} from "../../src/internal/testing/faultServer.js"
import type { TestServer } from "../../src/Testing.js"

/** A request as the server has read it. */
export interface LoggedRequest {
  /** The number of its connection, from 0. */
  readonly connection: number
  readonly method: string
  readonly target: string
  readonly version: string
  /** The header lines in their order and case. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** The first value of that name, in any case. */
  readonly header: (name: string) => string | undefined
  /** The body without chunk framing, as latin1; "" until it is read. */
  body: string
}

/** A connection with logged requests. */
export interface Peer extends FaultConnection {
  /** Waits for a head. */
  readonly head: Effect.Effect<LoggedRequest>
  /** Waits for the body of the last head. */
  readonly body: Effect.Effect<string>
  /** Waits for a whole request. */
  readonly request: Effect.Effect<LoggedRequest>
}

/** A step, or a whole script. */
export type Play = (peer: Peer) => Effect.Effect<void>

export interface Server extends TestServer {
  /** Of all connections, in the order in which their heads were read. */
  readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
  /** The number of accepted connections. */
  readonly accepted: Effect.Effect<number>
}

const parseHead = (connection: number, head: string): LoggedRequest => {
  const lines = head.split("\r\n")
  const [method = "", target = "", version = ""] = (lines[0] ?? "").split(" ")
  const headers = lines
    .slice(1)
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
    })
  return {
    connection,
    method,
    target,
    version,
    headers,
    header: (name) => headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1],
    body: ""
  }
}

const unchunk = (text: string): string => {
  let out = ""
  let at = 0
  for (;;) {
    const line = text.indexOf("\r\n", at)
    const size = line === -1 ? Number.NaN : Number.parseInt(text.slice(at, line), 16)
    if (!(size > 0)) return out
    out += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}

const peerOf = (connection: FaultConnection, log: Array<LoggedRequest>): Peer => {
  let last: LoggedRequest | undefined
  const head = Effect.map(connection.inbox.takeHead, (text) => {
    last = parseHead(connection.index, text)
    log.push(last)
    return last
  })
  const body = Effect.map(connection.inbox.takeBody, (bytes) => {
    const text = Buffer.from(bytes).toString("latin1")
    const plain = /chunked/i.test(last?.header("transfer-encoding") ?? "") ? unchunk(text) : text
    if (last !== undefined) last.body = plain
    return plain
  })
  return { ...connection, head, body, request: Effect.tap(head, () => body) }
}

/** Each connection runs its play; later ones answer `/nonce`, as does a connection after its play. */
export const server = (plays: ReadonlyArray<Play>, options?: FaultServerOptions): Effect.Effect<Server, never, Scope> =>
  Effect.gen(function* () {
    const log: Array<LoggedRequest> = []
    let accepted = 0
    const script =
      (index: number): Script =>
      (connection) => {
        accepted++
        const peer = peerOf(connection, log)
        return Effect.zipRight((plays[index] ?? (() => Effect.void))(peer), answerNonces(peer))
      }
    const inner = yield* serve(script, options)
    return { ...inner, requests: Effect.sync(() => log.slice()), accepted: Effect.sync(() => accepted) }
  })

/** A server that runs the same play on every connection. */
export const always = (play: Play, options?: FaultServerOptions): Effect.Effect<Server, never, Scope> =>
  Effect.gen(function* () {
    const log: Array<LoggedRequest> = []
    let accepted = 0
    const inner = yield* serve(
      () => (connection) => {
        accepted++
        return play(peerOf(connection, log))
      },
      options
    )
    return { ...inner, requests: Effect.sync(() => log.slice()), accepted: Effect.sync(() => accepted) }
  })

/** A whole response with a length. */
export const response = (status: number, body = "", headers: ReadonlyArray<string> = []): string =>
  [`HTTP/1.1 ${status} Status`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, "", body].join("\r\n")

/** Answers `/nonce?…` with the text after the question mark, and all else with 404, as long as there are requests. */
export const answerNonces: Play = (peer) =>
  Effect.suspend(() =>
    peer.socket.writableEnded || peer.socket.destroyed
      ? Effect.void
      : peer.request.pipe(
          Effect.flatMap((request) =>
            peer.send(
              request.target.startsWith("/nonce?")
                ? response(200, request.target.slice("/nonce?".length))
                : response(404, "no such thing")
            )
          ),
          Effect.forever
        )
  )

/** Answers each request with the response that `f` returns for it. */
export const answers =
  (f: (request: LoggedRequest) => string): Play =>
  (peer) =>
    Effect.forever(Effect.flatMap(peer.request, (request) => peer.send(f(request))))

/** Runs steps in order. */
export const plays =
  <P>(...steps: ReadonlyArray<(peer: P) => Effect.Effect<void>>): ((peer: P) => Effect.Effect<void>) =>
  (peer) =>
    Effect.forEach(steps, (step) => step(peer), { discard: true })

export const head: Play = (peer) => peer.head
export const body: Play = (peer) => peer.body
export const request: Play = (peer) => peer.request
export const bytes =
  (n: number): Play =>
  (peer) =>
    peer.inbox.takeBytes(n)
export const send =
  (data: string | Uint8Array): Play =>
  (peer) =>
    peer.send(data)
/** Parses hex digits, ignoring white space. */
export const hex = (digits: string): Play => send(Buffer.from(digits.replace(/\s/g, ""), "hex"))
export const respond = (status: number, content?: string, headers?: ReadonlyArray<string>): Play =>
  send(response(status, content, headers))
export const fin: Play = (peer) => peer.fin
export const reset: Play = (peer) => peer.reset
/** Sends nothing until the peer ends. */
export const stall: Play = (peer) => peer.inbox.takeEnd
/** Waits on the server's Clock. */
export const sleep =
  (millis: number): Play =>
  () =>
    Effect.sleep(millis)

/** Writes `data` in packets that end at the given offsets. */
export const split =
  (data: string | Uint8Array, ...offsets: ReadonlyArray<number>): Play =>
  (peer) => {
    const all = typeof data === "string" ? Buffer.from(data) : Buffer.from(data)
    const ends = [...offsets, all.length]
    return Effect.forEach(ends, (end, i) => Effect.zipRight(peer.send(all.subarray(ends[i - 1] ?? 0, end)), turn), {
      discard: true
    })
  }

/** Writes `data` byte by byte. */
export const bytewise = (data: string | Uint8Array): Play =>
  split(data, ...Array.from({ length: Math.max(0, Buffer.byteLength(data) - 1) }, (_, i) => i + 1))

/** Writes `data` in pieces of `size` with `millis` between, on the server's Clock. */
export const drip =
  (data: string | Uint8Array, size: number, millis: number): Play =>
  (peer) => {
    const all = Buffer.from(data)
    const starts = Array.from({ length: Math.ceil(all.length / size) }, (_, i) => i * size)
    return Effect.forEach(
      starts,
      (start) =>
        Effect.zipRight(start === 0 ? Effect.void : Effect.sleep(millis), peer.send(all.subarray(start, start + size))),
      { discard: true }
    )
  }

/** Writes `data` so many times, as fast as the peer reads, or until it ends. */
export const repeat =
  (data: string | Uint8Array, times = Infinity): Play =>
  (peer) =>
    times === Infinity ? Effect.forever(peer.send(data)) : Effect.repeatN(peer.send(data), times - 1)

/** Stops reading, so that the writes of the peer fill the buffers. */
export const pauseRead: Play = (peer) => Effect.sync(() => void peer.socket.pause())
export const resumeRead: Play = (peer) => Effect.sync(() => void peer.socket.resume())

/** A TLS alert in place of a handshake: 40 is handshake_failure, 70 protocol_version, 112 unrecognized_name. */
export const tlsAlert = (description: number): Play =>
  send(Uint8Array.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, description))

/** Waits for a ClientHello, with the length of its record header. */
export const clientHello: Play = (peer) =>
  Effect.flatMap(peer.inbox.takeBytes(5), (header) => peer.inbox.takeBytes(((header[3] ?? 0) << 8) | (header[4] ?? 0)))
