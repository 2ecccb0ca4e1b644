/**
 * An opened response: its body is read at most once, by callbacks as a whole or by pulls bit by bit.
 */
import type * as Headers from "@effect/platform/Headers"
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type {
  ClientResponse,
  ConnectionInfo,
  JsonOptions,
  ResponseHead,
  Timings,
  TypeId
} from "../../ClientResponse.js"
import type {
  BodyError,
  ClientError,
  ClientPayloadError,
  ContentTypeError as ContentType,
  JsonDecodeError
} from "../../Errors.js"
import { ClientResponseError, ContentTypeError } from "../../Errors.js"
import type { Event } from "../../Sse.js"
import { IncomingBody } from "../transport/incomingBody.js"
import type { Head } from "../transport/Transport.js"
import { Batches, once } from "./batches.js"
import { type BodyFacts, BodyReader, type BodySink, payloadError, toBodyError } from "./bodyReader.js"
import * as Charset from "./charset.js"
import { Collector, PlainCollector } from "./collector.js"
import * as Coding from "./contentCoding.js"
import { EventDecoder } from "./eventStream.js"
import { Gather } from "./gather.js"
import * as Json from "./json.js"
import { LineDecoder } from "./lines.js"
import * as MediaType from "./mediaType.js"
import { type Decoder, decoded } from "./pullDecoder.js"
import { headersOf, ResponseHeadView } from "./responseHead.js"
import type { ResponseSource, Upgrade } from "./responseSource.js"

export type { BodySettings, ResponseSource, Upgrade } from "./responseSource.js"

const ignore: Waiter = () => {}
const none: Array<Waiter> = []

/** Hears that the body has been collected, or why not. */
type Waiter = (error: BodyError | undefined) => void

type State =
  | "Unread"
  /** `reader` collects for `waiters`. */
  | "Collecting"
  /** `cached` has it. */
  | "Collected"
  /** `failure` says why not. */
  | "Failed"
  /** A stream has it. */
  | "Streaming"
  | "Released"

/** Bytes of the body that a `ClientResponseError` keeps. */
const errorBodySize = 1024

/** A known rest up to so many bytes is waited for when a body is discarded. */
const smallRest = 64 * 1024

const typeId: TypeId = "~effect-http-session/ClientResponse"

export class Response extends ResponseHeadView implements ClientResponse {
  readonly connection: ConnectionInfo
  private readonly source: ResponseSource
  private body: IncomingBody
  private state: State = "Unread"
  private cached: Uint8Array | undefined = undefined
  private failure: BodyError | undefined = undefined
  private reader: BodyReader | undefined = undefined
  private batches: Batches | undefined = undefined
  /** Who waits for the whole body: one, nearly always. */
  private waiter: Waiter | undefined = undefined
  private otherWaiters: Array<Waiter> = none
  private upgrade: Upgrade | undefined = undefined
  /** The rest of its body will not come soon, however short it is. */
  private endless = false

  constructor(source: ResponseSource, head: Head, body: IncomingBody, connection: ConnectionInfo) {
    super(head, source)
    this.source = source
    this.body = body
    this.connection = connection
  }

  /** A response with 101, which has no body but a connection. */
  static upgraded(source: ResponseSource, head: Head, connection: ConnectionInfo, upgrade: Upgrade): Response {
    const body = new IncomingBody(0, { resume: () => {}, abandon: () => {} })
    body.end([])
    const response = new Response(source, head, body, connection)
    response.upgrade = upgrade
    return response
  }

  /** Puts something between the connection and the body's reader; only while nobody reads. */
  tapBody(tap: (body: IncomingBody) => IncomingBody): void {
    if (this.state === "Unread" && this.upgrade === undefined) this.body = tap(this.body)
  }

  /** The connection after 101, for whoever asks first; if nobody does, it ends with the response. */
  takeUpgrade(): Upgrade | undefined {
    const upgrade = this.upgrade
    this.upgrade = undefined
    if (upgrade !== undefined && this.state === "Unread") {
      this.state = "Released"
      this.source.bodyWatch?.end?.(0, 0, undefined)
    }
    return upgrade
  }

  /** Whether there is nothing to be given back: the body has come, has failed, or was given up. */
  get settled(): boolean {
    return this.upgrade === undefined && this.body.ended && this.reader === undefined
  }

  get "~effect-http-session/ClientResponse"(): TypeId {
    return typeId
  }
  get [IncomingMessage.TypeId](): IncomingMessage.TypeId {
    return IncomingMessage.TypeId
  }
  get history(): ReadonlyArray<ResponseHead> {
    return this.source.history
  }
  get timings(): Timings {
    return this.source.timings()
  }
  get remoteAddress(): Option.Option<string> {
    return Option.fromNullable(this.connection.remoteAddress)
  }
  override toJSON(): unknown {
    return this.shown("ClientResponse")
  }

  // The body as a whole, by callbacks.

  /** Whether `collect` may be used: nobody wants to hear of progress, which takes effects. */
  get direct(): boolean {
    return this.source.settings.onProgress === undefined
  }

  /** Reads and decodes the whole body and keeps it; calls back at once where it has come already. Never throws. */
  collect(done: Waiter): void {
    switch (this.state) {
      case "Collected":
        done(undefined)
        return
      case "Collecting":
        this.otherWaiters = [...this.otherWaiters, done]
        return
      case "Unread":
        this.waiter = done
        this.startCollecting()
        return
      default:
        done(this.unreadable())
    }
  }

  /** `done` is not called any more; when nobody waits, the body is given up. */
  cancelCollect(done: Waiter): void {
    if (this.state !== "Collecting") return
    if (this.waiter === done) this.waiter = undefined
    else this.otherWaiters = this.otherWaiters.filter((waiter) => waiter !== done)
    if (this.waiter === undefined && this.otherWaiters.length === 0) this.releaseNow()
  }

  private startCollecting(): void {
    this.state = "Collecting"
    if (this.isPlain) {
      this.body.consume(new PlainCollector(this, this.body.length, this.source.bodyWatch))
      return
    }
    const collector = new Collector(this)
    this.reader = new BodyReader(this.bodyFacts(), true, collector)
    this.reader.start()
  }

  /** Whether the bytes are wanted as they come, and however many. */
  private get isPlain(): boolean {
    const { settings } = this.source
    return (
      settings.maxBodySize === Infinity && (!settings.autoDecompress || this.head.get("content-encoding") === undefined)
    )
  }

  /** For `Collector`. */
  collected(bytes: Uint8Array): void {
    this.cached = bytes
    this.state = "Collected"
    this.settle(undefined)
  }

  /** For `Collector`. */
  failed(error: BodyError): void {
    this.failure = error
    this.state = "Failed"
    this.settle(error)
  }

  private settle(error: BodyError | undefined): void {
    const { otherWaiters, waiter } = this
    this.reader = undefined
    this.waiter = undefined
    if (waiter !== undefined) waiter(error)
    if (otherWaiters === none) return
    this.otherWaiters = none
    for (const other of otherWaiters) other(error)
  }

  private bodyFacts(): BodyFacts {
    const { bodyWatch, settings } = this.source
    return {
      body: this.body,
      codings: settings.autoDecompress ? Coding.parse(this.head.getAll("content-encoding")) : "raw",
      maxBodySize: settings.maxBodySize,
      source: this.source,
      watch: bodyWatch
    }
  }

  /** For `Collector`. */
  bodyError(error: ClientError): BodyError {
    return toBodyError(error, { body: this.body, source: this.source })
  }

  private payloadError(reason: ClientPayloadError["reason"], cause?: unknown): ClientPayloadError {
    return payloadError({ body: this.body, source: this.source }, reason, cause)
  }

  /** Why the body cannot be read any more. */
  private unreadable(): BodyError {
    return this.failure ?? this.payloadError(this.state === "Streaming" ? "Consumed" : "Released")
  }

  /** Gives the connection back, or closes it where much is unread. Idempotent. */
  releaseNow(): void {
    switch (this.state) {
      case "Unread":
        this.state = "Released"
        this.source.bodyWatch?.end?.(0, 0, undefined)
        this.body.abandon()
        this.takeUpgrade()?.wire.socket.destroy()
        return
      case "Collecting": {
        this.state = "Released"
        if (this.reader === undefined) {
          this.body.abandon()
          this.source.bodyWatch?.end?.(this.body.received, this.body.received, undefined)
        } else this.reader.abandon()
        this.settle(this.payloadError("Released"))
        return
      }
      case "Streaming":
        this.state = "Released"
        this.batches?.onError(this.payloadError("Released"))
        this.closeStream()
        return
    }
  }

  get release(): Effect.Effect<void> {
    return Effect.sync(() => this.releaseNow())
  }

  // The body as a whole, by effects.

  /** `collect` as an effect, or by pulls where progress is to be told. Interrupted, it gives up the body. */
  get readAll(): Effect.Effect<void, BodyError> {
    return Effect.suspend(() => {
      if (this.state === "Collected") return Effect.void
      const { listen } = this.source
      const read = this.direct ? this.collectAsync : this.collectWithProgress()
      return listen === undefined ? read : Effect.zipLeft(read, listen)
    })
  }

  private get collectAsync(): Effect.Effect<void, BodyError> {
    return Effect.async<void, BodyError>((resume) => {
      const waiter: Waiter = (error) => resume(error === undefined ? Exit.void : Exit.fail(error))
      this.collect(waiter)
      return Effect.sync(() => this.cancelCollect(waiter))
    })
  }

  private collectWithProgress(): Effect.Effect<void, BodyError> {
    if (this.state !== "Unread") return Effect.fail(this.unreadable())
    const pull = this.open()
    const gather = new Gather()
    const loop: Effect.Effect<void, BodyError> = Effect.matchEffect(pull, {
      onFailure: Option.match({
        onNone: () => Effect.sync(() => this.collected(gather.takeAll())),
        onSome: (error) => {
          this.failed(error)
          return Effect.fail(error)
        }
      }),
      onSuccess: (batch) => {
        for (const piece of batch) gather.append(piece, 0, piece.length)
        return loop
      }
    })
    return Effect.onInterrupt(loop, () => this.release)
  }

  get isCollected(): boolean {
    return this.cached !== undefined
  }

  /** The collected bytes. */
  bytesNow(): Exit.Exit<Uint8Array, BodyError> {
    const bytes = this.cached
    if (bytes === undefined) return Exit.fail(this.unreadable())
    // A small copy stands in Node's pool, whose other bytes are nobody's business.
    if (bytes.buffer.byteLength !== bytes.length) this.cached = new Uint8Array(bytes)
    return Exit.succeed(this.cached ?? bytes)
  }

  /** Text of the collected bytes. */
  textNow(encoding: string | undefined): Exit.Exit<string, BodyError> {
    const bytes = this.cached
    if (bytes === undefined) return Exit.fail(this.unreadable())
    const text = this.textOf(bytes, encoding ?? this.mediaType.charset, this.fallback)
    return typeof text === "string" ? Exit.succeed(text) : Exit.fail(text)
  }

  /** JSON of the collected bytes. */
  jsonNow(options: JsonOptions | undefined): Exit.Exit<unknown, BodyError | ContentType | JsonDecodeError> {
    const refused = this.refuseType(options?.contentType)
    if (refused !== undefined) return Exit.fail(refused)
    const bytes = this.cached
    if (bytes === undefined) return Exit.fail(this.unreadable())
    const label = options?.encoding ?? this.mediaType.charset
    const text = this.textOf(bytes, label, Charset.noFallback)
    if (typeof text !== "string") return Exit.fail(text)
    const parse = options?.parse
    try {
      return Exit.succeed(parse === undefined ? JSON.parse(text) : parse(text))
    } catch (cause) {
      return Exit.fail(Json.decodeError(text, parse !== undefined, this.source.details("body"), cause))
    }
  }

  private textOf(bytes: Uint8Array, label: string | undefined, fallback: Charset.Fallback): string | BodyError {
    try {
      return Charset.decode(bytes, Charset.encodingOf(bytes, label, fallback))
    } catch (cause) {
      // A string of V8's holds 512 Mi code units.
      return this.payloadError("TooLarge", cause)
    }
  }

  private get fallback(): Charset.Fallback {
    return (bytes) => {
      const given = this.source.settings.fallbackCharset
      return typeof given === "function" ? given(this.toHead(), bytes) : given
    }
  }

  /** The failure of `json` where the media type is not the wanted one. */
  private refuseType(wanted: JsonOptions["contentType"]): ContentType | undefined {
    if (wanted === false) return undefined
    const { essence } = this.mediaType
    if (wanted === undefined ? MediaType.isJson(essence) : essence === wanted.trim().toLowerCase()) return undefined
    return new ContentTypeError({
      ...this.source.details("body"),
      status: this.status,
      contentType: essence,
      expected: wanted ?? "application/json"
    })
  }

  get bytes(): Effect.Effect<Uint8Array, BodyError> {
    return this.whole(() => this.bytesNow())
  }

  /** What `f` makes of the collected bytes. */
  private whole<A, E>(f: () => Exit.Exit<A, E>): Effect.Effect<A, E | BodyError> {
    return Effect.suspend(() => (this.hasCome ? f() : Effect.flatMap(this.readAll, f)))
  }

  /** Whether the bytes are there; what has come whole and needs no more than a copy is collected at once. */
  private get hasCome(): boolean {
    if (this.state === "Unread" && this.body.ended && this.direct && this.isPlain) this.collect(ignore)
    return this.cached !== undefined
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, BodyError> {
    return Effect.map(this.bytes, (bytes) => {
      const copy = new ArrayBuffer(bytes.byteLength)
      new Uint8Array(copy).set(bytes)
      return copy
    })
  }
  get text(): Effect.Effect<string, BodyError> {
    return this.whole(() => this.textNow(undefined))
  }
  textWith(encoding: string): Effect.Effect<string, BodyError> {
    return this.whole(() => this.textNow(encoding))
  }
  get json(): Effect.Effect<unknown, BodyError | ContentType | JsonDecodeError> {
    return this.jsonWith(undefined)
  }
  jsonWith(options: JsonOptions | undefined): Effect.Effect<unknown, BodyError | ContentType | JsonDecodeError> {
    if (this.state === "Collected") return this.jsonNow(options)
    return Effect.suspend(() => {
      if (this.hasCome) return this.jsonNow(options)
      const refused = this.refuseType(options?.contentType)
      return refused === undefined ? Effect.flatMap(this.readAll, () => this.jsonNow(options)) : Effect.fail(refused)
    })
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, BodyError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }
  get formData(): Effect.Effect<FormData, BodyError> {
    return Effect.flatMap(this.bytes, (bytes) =>
      Effect.tryPromise({
        try: () =>
          new globalThis.Response(new Blob([new Uint8Array(bytes)]), {
            headers: { "content-type": this.head.get("content-type") ?? "" }
          }).formData(),
        catch: (cause) => this.payloadError("Framing", cause)
      })
    )
  }
  get trailers(): Effect.Effect<Headers.Headers, BodyError> {
    return Effect.suspend(() => {
      const { body } = this
      return body.complete && this.state !== "Unread"
        ? Effect.sync(() => this.trailersNow())
        : Effect.map(this.readAll, () => this.trailersNow())
    })
  }
  private trailersNow(): Headers.Headers {
    const { trailers } = this.body
    return headersOf(
      trailers.length,
      (index) => trailers[index]?.[0] ?? "",
      (index) => trailers[index]?.[1] ?? ""
    )
  }

  // The body bit by bit.

  /** Takes the body for pulls. Only while it is unread. */
  private open(): Batches["pull"] {
    this.state = "Streaming"
    const batches = new Batches()
    const reader = new BodyReader(this.bodyFacts(), false, batches)
    batches.onTaken = () => reader.resume()
    this.reader = reader
    this.batches = batches
    reader.start()
    const { onProgress } = this.source.settings
    const { listen } = this.source
    const pull = listen === undefined ? batches.pull : Effect.tap(batches.pull, listen)
    if (onProgress === undefined) return pull
    const total = Option.fromNullable(this.body.length)
    return Effect.tap(pull, () => onProgress({ direction: "download", transferred: reader.taken, total }))
  }

  /** The stream's reader has ended or gone away: the body stays consumed. */
  private closeStream(): void {
    this.reader?.abandon(this.endless)
    this.reader = undefined
    this.batches = undefined
  }

  /** Pulls of what the decoder makes of the body; once, unless the bytes are kept. */
  private streamOf<A>(decode: (pull: Batches["pull"]) => Effect.Effect<Chunk.Chunk<A>, Option.Option<BodyError>>) {
    return Stream.suspend(() => {
      const kept = this.cached === undefined ? undefined : this.bytesNow()
      const cached = kept !== undefined && Exit.isSuccess(kept) ? kept.value : undefined
      if (cached !== undefined) return Stream.repeatEffectChunkOption(decode(once(cached)))
      if (this.state !== "Unread") return Stream.fail(this.unreadable())
      return Stream.ensuring(
        Stream.repeatEffectChunkOption(decode(this.open())),
        Effect.sync(() => this.closeStream())
      )
    })
  }
  get stream(): Stream.Stream<Uint8Array, BodyError> {
    return this.streamOf((pull) => pull)
  }
  get lines(): Stream.Stream<string, BodyError> {
    return this.streamOf((pull) => this.decodePull(pull, new LineDecoder(this.mediaType.charset, this.fallback)))
  }
  get events(): Stream.Stream<Event, BodyError> {
    return this.eventsBy(() => new EventDecoder())
  }
  /** The events that a decoder makes, one for each run. */
  eventsBy(make: () => EventDecoder): Stream.Stream<Event, BodyError> {
    return this.streamOf((pull) => {
      this.endless = true
      return this.decodePull(pull, make())
    })
  }
  private decodePull<A>(pull: Batches["pull"], decoder: Decoder<A>) {
    return decoded(pull, decoder, (reason, cause) => this.payloadError(reason, cause))
  }

  // The response's fate.

  get raiseForStatus(): Effect.Effect<ClientResponse, ClientResponseError> {
    return Effect.suspend(() => (this.ok ? Effect.succeed(this) : this.raise))
  }

  /** Fails with the head and the beginning of the body, and gives the connection back. */
  get raise(): Effect.Effect<never, ClientResponseError> {
    return Effect.flatMap(this.beginning(), (body) =>
      Effect.fail(
        new ClientResponseError({
          ...this.source.details("body"),
          status: this.status,
          reason: this.reason,
          headers: this.headers,
          history: this.history,
          body
        })
      )
    )
  }

  /** Text of the first KiB, or of what came before the body failed; a body that ends within it is kept. */
  private beginning(): Effect.Effect<string> {
    if (this.cached !== undefined) return Effect.succeed(this.excerpt(this.cached))
    if (this.state !== "Unread") return Effect.succeed("")
    const pull = this.open()
    const gather = new Gather()
    const loop: Effect.Effect<string> = Effect.matchEffect(pull, {
      onFailure: (end) =>
        Effect.sync(() => {
          const bytes = gather.takeAll()
          if (Option.isNone(end)) this.collected(bytes)
          else this.failed(end.value)
          return this.excerpt(bytes)
        }),
      onSuccess: (batch) => {
        for (const piece of batch) gather.append(piece, 0, piece.length)
        if (gather.size <= errorBodySize) return loop
        return Effect.sync(() => {
          this.releaseNow()
          return this.excerpt(gather.takeAll())
        })
      }
    })
    return Effect.onInterrupt(loop, () => this.release)
  }

  private excerpt(bytes: Uint8Array): string {
    const first = bytes.subarray(0, errorBodySize)
    const text = this.textOf(first, this.mediaType.charset, this.fallback)
    return typeof text === "string" ? text : ""
  }

  /** Throws the body away: a small one whose end is known to be near is waited for, which saves its connection. */
  get discardBody(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { body } = this
      if (this.state !== "Unread" || body.ended || body.length === undefined || body.length > smallRest) {
        return this.release
      }
      return Effect.async<void>((resume) => {
        this.state = "Streaming"
        const end = () => resume(Effect.void)
        const sink: BodySink = { onBytes: () => true, onOwned: () => true, onEnd: end, onError: end }
        this.reader = new BodyReader({ ...this.bodyFacts(), codings: "raw", maxBodySize: Infinity }, true, sink)
        this.reader.start()
        return this.release
      })
    })
  }
}
