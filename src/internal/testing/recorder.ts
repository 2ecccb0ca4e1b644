/** A transport that records the exchanges of another transport. */

import { dirname } from "node:path"
import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientError, Details } from "../../Errors.js"
import type { CassetteOptions } from "../../Testing.js"
import type { Phase } from "../../Timeouts.js"
import { systemError } from "../effect/fileErrors.js"
import type { Retryability } from "../errors/retryability.js"
import { showAs } from "../inspection.js"
import type { Limits } from "../limits.js"
import { linesOf } from "../mock/mockRequest.js"
import { redactUrl } from "../redact.js"
import { PreparedRequest } from "../request/preparedRequest.js"
import type { Deadlines } from "../transport/deadlines.js"
import { type BodyControl, IncomingBody } from "../transport/incomingBody.js"
import type { NetworkStream } from "../transport/networkStream.js"
import type { Trace } from "../transport/trace.js"
import type {
  Connection,
  Exchange,
  Head,
  Marks,
  RequestBody,
  RequestSink,
  Route,
  Transport,
  WireRequest
} from "../transport/transport.js"
import { digest, type Recorded, redactLines, toContent, writeCassette } from "./cassette.js"

const secretsOf = (request: ClientRequest | undefined): ReadonlySet<string> | undefined =>
  request instanceof PreparedRequest ? request.secretHeaders : undefined

/** A sink that copies the bytes that it passes on. */
class TeeSink implements RequestSink {
  private readonly sink: RequestSink
  private readonly chunks: Array<Uint8Array>

  constructor(sink: RequestSink, chunks: Array<Uint8Array>) {
    this.sink = sink
    this.chunks = chunks
  }

  get onDrain(): (() => void) | undefined {
    return this.sink.onDrain
  }
  set onDrain(drain: (() => void) | undefined) {
    this.sink.onDrain = drain
  }

  readonly write = (chunk: Uint8Array): boolean => {
    this.chunks.push(new Uint8Array(chunk))
    return this.sink.write(chunk)
  }
  readonly end = (): void => this.sink.end()
  readonly fail = (error: ClientError): void => this.sink.fail(error)
}

/** The exchange that the inner transport receives. */
class RecordedExchange implements Exchange {
  static {
    showAs(RecordedExchange, "RecordedExchange", ({ wireRequest: wire }) => ({ method: wire.method }))
  }

  readonly wireRequest: WireRequest
  readonly route: Route
  readonly request: ClientRequest | undefined
  readonly limits: Limits
  readonly deadlines: Deadlines
  readonly trace: Trace | undefined
  readonly marks: Marks
  private readonly outer: Exchange
  private readonly save: (recorded: Recorded) => void
  private readonly options: CassetteOptions
  private sent: Array<Uint8Array> = []

  constructor(outer: Exchange, options: CassetteOptions, save: (recorded: Recorded) => void) {
    this.outer = outer
    this.save = save
    this.options = options
    this.route = outer.route
    this.request = outer.request
    this.limits = outer.limits
    this.deadlines = outer.deadlines
    this.trace = outer.trace
    this.marks = outer.marks
    this.wireRequest = { ...outer.wireRequest, body: this.tee(outer.wireRequest.body) }
  }

  get expiresAt(): number {
    return this.outer.expiresAt
  }

  private tee(body: RequestBody | undefined): RequestBody | undefined {
    if (body === undefined || body._tag === "Bytes") {
      if (body !== undefined) this.sent = [body.bytes]
      return body
    }
    return {
      ...body,
      start: (sink) => {
        this.sent = []
        return body.start(new TeeSink(sink, this.sent))
      }
    }
  }

  get failure(): ClientError | undefined {
    return this.outer.failure
  }
  get onAbort(): ((error: ClientError) => void) | undefined {
    return this.outer.onAbort
  }
  set onAbort(abort: ((error: ClientError) => void) | undefined) {
    this.outer.onAbort = abort
  }
  get onLeave(): (() => void) | undefined {
    return this.outer.onLeave
  }
  set onLeave(leave: (() => void) | undefined) {
    this.outer.onLeave = leave
  }

  clock(): number {
    return this.outer.clock()
  }
  details(phase: Phase | undefined): Details {
    return this.outer.details(phase)
  }
  onConnection(connection: Connection): void {
    this.outer.onConnection(connection)
  }
  onInformational(head: Head): void {
    this.outer.onInformational(head)
  }
  onUpgrade(head: Head, wire: NetworkStream, rest: Uint8Array): void {
    this.outer.onUpgrade(head, wire, rest)
  }
  onError(error: ClientError, repeatable: Retryability): void {
    this.outer.onError(error, repeatable)
  }
  onDefect(cause: Cause.Cause<never>): void {
    this.outer.onDefect?.(cause)
  }
  onDone(): void {
    this.outer.onDone()
  }

  onHead(head: Head, body: IncomingBody): void {
    const received: Array<Uint8Array> = []
    let isSaved = false
    const save = (cut: boolean): void => {
      if (isSaved) return
      isSaved = true
      this.save(this.record(head, Buffer.concat(received), body, cut))
    }
    const control: BodyControl = {
      resume: () => body.resume(),
      limitIdle: (millis) => body.limitIdle(millis),
      abandon: (atOnce) => {
        save(false)
        body.abandon(atOnce)
      }
    }
    const copy = new IncomingBody(body.length, control, body.queueLimit)
    body.consume({
      onChunk: (slab, start, end) => {
        received.push(new Uint8Array(slab.subarray(start, end)))
        return copy.push(slab, start, end)
      },
      onEnd: () => {
        save(false)
        copy.end(body.trailers)
      },
      onError: (error) => {
        save(true)
        copy.fail(error)
      }
    })
    this.outer.onHead(head, copy)
  }

  private record(head: Head, bytes: Uint8Array, body: IncomingBody, cut: boolean): Recorded {
    const lines = linesOf(this.wireRequest.head)
    const type = lines.find(([name]) => name.toLowerCase() === "content-type")?.[1]
    const sent = Buffer.concat(this.sent)
    const { origin } = this.route
    const headers = Array.from({ length: head.count }, (_, i) => [head.name(i), head.value(i)] as const)
    return {
      request: {
        method: this.wireRequest.method,
        url: redactUrl(this.request?.url ?? `${origin.scheme}://${origin.authority}${this.wireRequest.target}`),
        headers: redactLines(lines, this.options, secretsOf(this.request)),
        ...(this.wireRequest.body === undefined ? {} : { body: digest(sent, type) })
      },
      response: {
        status: head.status,
        reason: head.reason,
        version: head.version,
        headers: redactLines(headers, this.options),
        ...(bytes.length === 0 ? {} : { body: toContent(bytes) }),
        ...(body.trailers.length === 0 ? {} : { trailers: redactLines(body.trailers, this.options) }),
        ...(cut ? { cut: true as const } : {})
      }
    }
  }
}

/** A transport that passes all exchanges to `inner` and records them. */
class RecordingTransport implements Transport {
  static {
    showAs(RecordingTransport, "RecordingTransport", ({ exchanges }) => ({ exchanges: exchanges.length }))
  }

  readonly hub: Transport["hub"]
  readonly gracefulShutdownTimeout: number
  readonly closeIdle: Effect.Effect<void>
  readonly close: Effect.Effect<void>
  readonly clearDnsCache: Transport["clearDnsCache"]
  readonly peerKey: Transport["peerKey"]
  readonly forceClose: boolean
  readonly http2: Transport["http2"]
  /** The exchanges in the order of their first completion. */
  readonly exchanges: Array<{ recorded: Recorded | undefined }> = []
  private readonly inner: Transport
  private readonly options: CassetteOptions

  constructor(inner: Transport, options: CassetteOptions) {
    this.inner = inner
    this.options = options
    this.hub = inner.hub
    this.gracefulShutdownTimeout = inner.gracefulShutdownTimeout
    this.closeIdle = inner.closeIdle
    this.close = inner.close
    this.clearDnsCache = inner.clearDnsCache
    this.peerKey = inner.peerKey
    this.forceClose = inner.forceClose
    this.http2 = inner.http2
  }

  get recorded(): ReadonlyArray<Recorded> {
    return this.exchanges.flatMap(({ recorded }) => (recorded === undefined ? [] : [recorded]))
  }

  closed(): boolean {
    return this.inner.closed()
  }
  stats() {
    return this.inner.stats()
  }

  takeIdle(exchange: Exchange, now: number): Connection | undefined {
    const taken = this.inner.takeIdle(this.wrap(exchange), now)
    return taken === undefined ? undefined : this.wrapConnection(taken)
  }

  acquire(exchange: Exchange, fresh: boolean, resent?: boolean): Effect.Effect<Connection, ClientError> {
    return Effect.map(
      Effect.suspend(() => this.inner.acquire(this.wrap(exchange), fresh, resent)),
      (connection) => this.wrapConnection(connection)
    )
  }

  private wrap(exchange: Exchange): RecordedExchange {
    const slot: { recorded: Recorded | undefined } = { recorded: undefined }
    let isListed = false
    return new RecordedExchange(exchange, this.options, (recorded) => {
      if (!isListed) this.exchanges.push(slot)
      isListed = true
      slot.recorded = recorded
    })
  }

  private wrapConnection(connection: Connection): Connection {
    return {
      get info() {
        return connection.info
      },
      start: (exchange, now) => connection.start(this.wrap(exchange), now),
      cut: (error) => connection.cut(error),
      abort: (reason) => connection.abort(reason)
    }
  }
}

/** Records until the Scope closes, then writes the cassette. A failed write is a defect. */
export const record = (
  path: string,
  options: CassetteOptions,
  inner: Transport
): Effect.Effect<Transport, PlatformError.PlatformError, FileSystem.FileSystem | Scope> =>
  Effect.flatMap(FileSystem.FileSystem, (files) =>
    Effect.flatMap(files.exists(dirname(path)), (exists) =>
      exists
        ? Effect.acquireRelease(
            Effect.sync(() => new RecordingTransport(inner, options)),
            (transport) => Effect.orDie(writeCassette(files, path, transport.recorded))
          )
        : Effect.fail(
            systemError({
              reason: "NotFound",
              module: "FileSystem",
              method: "writeFileString",
              pathOrDescriptor: path,
              description: "the directory does not exist"
            })
          )
    )
  )
