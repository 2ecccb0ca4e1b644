/**
 * Connections on a socket that only records, with a peer that the test plays frame by frame.
 */
import * as Net from "node:net"
import { Effect } from "effect"
import type { ClientError } from "effect-http-session/Errors"
import type { Retryability } from "../../../../src/internal/errors/retryability.js"
import { Http2Connection, type Http2Owner } from "../../../../src/internal/network/http2/connection.js"
import * as Frames from "../../../../src/internal/network/http2/frames.js"
import { defaultHttp2Limits, type Http2Limits } from "../../../../src/internal/network/http2/limits.js"
import { Timeline } from "../../../../src/internal/tracing/timeline.js"
import { ConnectionAge } from "../../../../src/internal/transport/connectionAge.js"
import type { Deadlines } from "../../../../src/internal/transport/deadlines.js"
import type { IncomingBody } from "../../../../src/internal/transport/incomingBody.js"
import type { NetworkStream } from "../../../../src/internal/transport/networkStream.js"
import type { OnData } from "../../../../src/internal/transport/socketReader.js"
import type {
  Connection,
  Exchange,
  Head,
  RequestBody,
  WireRequest
} from "../../../../src/internal/transport/transport.js"
import { frame as frameOf } from "../../../support/h2Frames.js"
import { ManualDeadlines } from "../../../support/manualDeadlines.js"
import { turns } from "../../../support/wait.js"

/** A socket that takes everything at once, unless it is `stuck`. */
export class RecordingSocket extends Net.Socket {
  written: Array<Buffer> = []
  referenced = true
  stuck = false
  private waiting: Array<(error?: Error | null) => void> = []
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.written.push(chunk)
    if (this.stuck) this.waiting.push(callback)
    else callback()
  }
  override _writev(
    chunks: Array<{ chunk: Buffer; encoding: BufferEncoding }>,
    callback: (error?: Error | null) => void
  ): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "latin1", callback)
  }
  override _read(): void {}
  override ref(): this {
    this.referenced = true
    return this
  }
  override unref(): this {
    this.referenced = false
    return this
  }
  /** Takes what was written. */
  unstick(): void {
    this.stuck = false
    for (const callback of this.waiting.splice(0)) callback()
  }
}

export interface Request {
  readonly method?: string
  readonly target?: string
  readonly head?: string
  readonly body?: RequestBody
  readonly expectContinue?: boolean
  readonly close?: boolean
  readonly limits?: Partial<Exchange["limits"]>
  /** Whether the test reads the body itself, later. */
  readonly unread?: boolean
  readonly onHead?: (head: Head, body: IncomingBody) => void
}

const unlimited: Exchange["limits"] = {
  total: Infinity,
  connect: Infinity,
  poolWait: Infinity,
  dns: Infinity,
  socketConnect: Infinity,
  proxy: Infinity,
  tls: Infinity,
  send: Infinity,
  headers: Infinity,
  body: Infinity,
  streamed: undefined
}

/** An exchange that records its callbacks. */
export class RecordedExchange implements Exchange {
  readonly limits: Exchange["limits"]
  readonly deadlines: Deadlines
  readonly expiresAt = Infinity
  readonly trace = undefined
  readonly marks: Timeline
  readonly wireRequest: WireRequest
  readonly route: Exchange["route"]
  readonly failure = undefined
  onAbort: ((error: ClientError) => void) | undefined = undefined
  connection: Connection | undefined = undefined
  informational: Array<number> = []
  head: Head | undefined = undefined
  body: IncomingBody | undefined = undefined
  received: Array<Buffer> = []
  ended = false
  error: ClientError | undefined = undefined
  repeatable: Retryability | undefined = undefined
  done = 0
  /** In the order in which they happened. */
  readonly events: Array<string> = []
  private readonly given: Request

  constructor(request: Request, deadlines: Deadlines) {
    this.given = request
    this.deadlines = deadlines
    this.limits = { ...unlimited, ...request.limits }
    this.marks = new Timeline(deadlines, deadlines.now())
    this.wireRequest = {
      method: request.method ?? "GET",
      target: request.target ?? "/",
      head: `Host: test.example\r\n${request.head ?? ""}`,
      version: "1.1",
      body: request.body,
      expectContinue: request.expectContinue ?? false,
      upgrade: undefined,
      close: request.close ?? false,
      secret: new Set(),
      text: undefined,
      http2: undefined
    }
    this.route = {
      origin: {
        scheme: "https",
        host: "test.example",
        port: 443,
        key: "https://test.example:443",
        authority: "test.example",
        ip: 0
      },
      proxy: undefined,
      ssl: true,
      serverHostname: undefined,
      tunnel: false,
      version: "any",
      key: "https://test.example:443"
    }
  }
  clock(): number {
    return 0
  }
  details(phase: Parameters<Exchange["details"]>[0]) {
    return {
      method: this.wireRequest.method,
      url: "https://test.example/",
      host: "test.example",
      port: 443,
      phase,
      attempt: 1
    }
  }
  onConnection(connection: Connection): void {
    this.connection = connection
  }
  onInformational(head: Head): void {
    this.informational.push(head.status)
  }
  onHead(head: Head, body: IncomingBody): void {
    this.events.push("head")
    this.head = head
    this.body = body
    if (this.given.onHead !== undefined) this.given.onHead(head, body)
    else if (this.given.unread !== true) this.read()
  }
  /** Reads the body from now on. */
  read(): void {
    this.body?.consume({
      onChunk: (slab, start, end) => {
        this.received.push(Buffer.from(slab.subarray(start, end)))
        return true
      },
      onEnd: () => {
        this.events.push("end")
        this.ended = true
      },
      onError: (error) => {
        this.events.push("bodyError")
        this.error = error
      }
    })
  }
  onUpgrade(): void {}
  onError(error: ClientError, repeatable: Retryability): void {
    this.events.push("error")
    this.error = error
    this.repeatable = repeatable
  }
  onDone(): void {
    this.events.push("done")
    this.done++
  }
  /** The body as text. */
  get text(): string {
    return Buffer.concat(this.received).toString("latin1")
  }
  /** The result in a word. */
  get outcome(): string {
    const { error } = this
    if (error === undefined) return this.ended ? "complete" : "open"
    const reason = "reason" in error ? ` ${error.reason}` : ""
    return `${error._tag}${reason}`
  }
}

/** A frame as it is written. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export const frame = (type: number, flags: number, id: number, payload: Uint8Array | string = ""): Buffer =>
  frameOf(type, flags, id, typeof payload === "string" ? Buffer.from(payload, "latin1") : payload)

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A field as a literal without indexing, both texts plain. */
const literal = (name: string, value: string): Buffer => {
  const text = (of: string) => {
    const bytes = Buffer.from(of, "latin1")
    const size = bytes.length < 127 ? [bytes.length] : [127, ...continued(bytes.length - 127)]
    return Buffer.concat([Buffer.from(size), bytes])
  }
  return Buffer.concat([Buffer.from([0]), text(name), text(value)])
}

const continued = (value: number): ReadonlyArray<number> =>
  value < 128 ? [value] : [(value & 127) | 128, ...continued(value >>> 7)]

/** A block of fields, as name and value in turn. */
export const block = (...fields: ReadonlyArray<string>): Buffer =>
  Buffer.concat(fields.flatMap((name, index) => (index % 2 === 0 ? [literal(name, fields[index + 1] ?? "")] : [])))

export const settings = (...pairs: ReadonlyArray<readonly [id: number, value: number]>): Buffer =>
  frame(
    Frames.SETTINGS,
    0,
    0,
    Buffer.concat(
      pairs.map(([id, value]) => {
        const entry = Buffer.alloc(6)
        entry.writeUInt16BE(id)
        entry.writeUInt32BE(value, 2)
        return entry
      })
    )
  )

export const headers = (id: number, fields: ReadonlyArray<string>, end = false): Buffer =>
  frame(Frames.HEADERS, Frames.END_HEADERS | (end ? Frames.END_STREAM : 0), id, block(...fields))

export const data = (id: number, payload: Uint8Array | string, end = false): Buffer =>
  frame(Frames.DATA, end ? Frames.END_STREAM : 0, id, payload)

export const rst = (id: number, code: number): Buffer => frame(Frames.RST_STREAM, 0, id, uint32(code))

export const goAway = (last: number, code: number, debug = ""): Buffer =>
  frame(Frames.GOAWAY, 0, 0, Buffer.concat([uint32(last), uint32(code), Buffer.from(debug, "latin1")]))

export const windowUpdate = (id: number, increment: number): Buffer =>
  frame(Frames.WINDOW_UPDATE, 0, id, uint32(increment))

export const ping = (ack = false, payload = "12345678"): Buffer => frame(Frames.PING, ack ? Frames.ACK : 0, 0, payload)

const prefaceSize = 24

/** All frames in bytes; a part of one at the end is left out. */
export const framesOf = (bytes: Buffer): ReadonlyArray<Frame> => {
  const out: Array<Frame> = []
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3)
    if (at + 9 + length > bytes.length) break
    out.push({
      type: bytes[at + 3],
      flags: bytes[at + 4],
      id: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, at + 9 + length)
    })
    at += 9 + length
  }
  return out
}

/** A connection and its peer. */
export class Pair {
  readonly socket = new RecordingSocket()
  readonly time = new ManualDeadlines(1)
  readonly connection: Http2Connection
  readonly closed: Array<string> = []
  available = 0
  retiring = 0
  http1Required = 0
  streamEnds: Array<Exchange> = []
  private onData: OnData = () => true
  private taken = 0

  constructor(limits: Partial<Http2Limits> = {}) {
    const owner: Http2Owner = {
      onAvailable: () => void this.available++,
      onStreamEnd: (_connection, exchange) => void this.streamEnds.push(exchange),
      onRetiring: () => void this.retiring++,
      onClosed: (_connection, reason) => void this.closed.push(reason),
      onHttp1Required: () => void this.http1Required++
    }
    const wire: NetworkStream = {
      socket: this.socket,
      remoteAddress: "127.0.0.1",
      localAddress: undefined,
      tls: undefined,
      failed: [],
      forward: false,
      protocol: "h2",
      reader: {
        read: (onData) => {
          this.onData = onData
        },
        resume: () => {},
        keep: () => false
      }
    }
    const age = new ConnectionAge(this.time, this.time.now(), 0, Infinity)
    this.connection = new Http2Connection(1, "key", wire, { ...defaultHttp2Limits, ...limits }, owner, age)
  }

  /** Starts a request. */
  request(request: Request = {}): RecordedExchange {
    const exchange = new RecordedExchange(request, this.time)
    const stream = this.connection.serve(exchange)
    exchange.onConnection(stream)
    stream.start(exchange)
    return exchange
  }

  /** The peer sends bytes. */
  feed(...chunks: ReadonlyArray<Buffer>): void {
    for (const chunk of chunks) {
      const slab = Buffer.from(chunk)
      this.onData(slab, 0, slab.length)
      // What is kept must have been copied.
      slab.fill(0xff)
    }
  }

  /** The peer answers with SETTINGS, and the turn ends. */
  settle(...pairs: ReadonlyArray<readonly [id: number, value: number]>): Effect.Effect<void> {
    return Effect.zipRight(
      Effect.sync(() => this.feed(settings(...pairs))),
      this.turn
    )
  }

  get turn(): Effect.Effect<void> {
    return turns(2)
  }

  /** All frames that the client has written. */
  get frames(): ReadonlyArray<Frame> {
    return framesOf(Buffer.concat(this.socket.written).subarray(prefaceSize))
  }

  /** The frames since the last call. */
  next(): ReadonlyArray<Frame> {
    const all = this.frames
    const fresh = all.slice(this.taken)
    this.taken = all.length
    return fresh
  }

  framesOf(type: number): ReadonlyArray<Frame> {
    return this.frames.filter((each) => each.type === type)
  }

  /** The codes of all RST_STREAM by stream. */
  get resets(): ReadonlyArray<readonly [id: number, code: number]> {
    return this.framesOf(Frames.RST_STREAM).map((each) => [each.id, each.payload.readUInt32BE(0)])
  }

  /** The codes of all GOAWAY. */
  get goodbyes(): ReadonlyArray<number> {
    return this.framesOf(Frames.GOAWAY).map((each) => each.payload.readUInt32BE(4))
  }
}
