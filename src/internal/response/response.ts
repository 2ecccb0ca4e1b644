/**
 * An opened response: its body by effects, as a whole or by pulls bit by bit.
 */
import { constants } from "node:buffer"
import type * as Headers from "@effect/platform/Headers"
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type {
  ClientResponse,
  ConnectionInfo,
  Deviation,
  JsonOptions,
  ResponseHead,
  Timings,
  TypeId
} from "../../ClientResponse.js"
import type { BodyError, ContentTypeError as ContentType, JsonDecodeError } from "../../Errors.js"
import { ClientResponseError } from "../../Errors.js"
import type { Event } from "../../Sse.js"
import { Gather } from "../byteBuilder.js"
import { headersOf } from "../http/platformHeaders.js"
import { type Pull, pulledFrom } from "../pullStream.js"
import * as Deadlines from "../transport/deadlines.js"
import { deviationsOf } from "../transport/deviations.js"
import { IncomingBody } from "../transport/incomingBody.js"
import type { Head } from "../transport/transport.js"
import { errorBodySize, readBeginning } from "./body/beginning.js"
import { BodyReader, type BodySink, tooLarge } from "./body/bodyReader.js"
import { EventDecoder } from "./body/eventDecoder.js"
import { LineDecoder } from "./body/lines.js"
import { type Decoder, decoded } from "./body/pullDecoder.js"
import { type Batches, once } from "./body/pullQueue.js"
import { isClosed } from "./closedScope.js"
import { readerLimit } from "./readerLimit.js"
import { ResponseBody, type Waiter } from "./responseBody.js"
import type { ResponseSource, Sent, Upgrade } from "./responseSource.js"

export type { BodySettings, ResponseSource, Upgrade } from "./responseSource.js"

const ignore: Waiter = () => {}

/** A known rest up to so many bytes is waited for when a body is discarded, for so many milliseconds. */
const smallRest = 64 * 1024
const restTime = 200

const typeId: TypeId = "~effect-http-session/ClientResponse"
export class Response extends ResponseBody implements ClientResponse {
  /** A response with 101, which has no body but a connection. */
  static upgraded(source: ResponseSource, head: Head, connection: ConnectionInfo, upgrade: Upgrade): Response {
    const body = new IncomingBody(0, { resume: () => {}, abandon: () => {} })
    body.end([])
    const response = new Response(source, head, body, connection)
    response.upgrade = upgrade
    return response
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
  override get deviations(): ReadonlyArray<Deviation> {
    return deviationsOf(this.head.deviations | this.body.deviations)
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
  /** The request that was answered, as it was sent. */
  get sent(): Sent | undefined {
    return this.source.sent?.()
  }

  get release(): Effect.Effect<void> {
    return Effect.sync(() => this.releaseNow())
  }

  // The body as a whole, by effects.

  /** The Scope of a body that had come whole, so that there is nothing to be done at its end. */
  private scope: Scope.Scope | undefined = undefined

  /** After that Scope the body is not to be read any more. */
  leaveTo(scope: Scope.Scope): void {
    this.scope = scope
  }

  private endWithScope(): void {
    if (this.scope === undefined || !isClosed(this.scope)) return
    this.scope = undefined
    this.releaseNow()
  }

  /** Reads the whole body within the limits of the fiber that runs it. Interrupted, it gives up the body. */
  get readAll(): Effect.Effect<void, BodyError> {
    return Effect.withFiberRuntime((fiber) => this.readUpTo(readerLimit(fiber)))
  }

  /** `collect` as an effect, or by pulls where progress is reported. */
  private readUpTo(limit: number): Effect.Effect<void, BodyError> {
    if (this.state === "Collected") return Effect.void
    this.endWithScope()
    const read = this.direct ? this.collectAsync(limit) : this.collectWithProgress(limit)
    return this.source.listen === undefined ? read : Effect.zipLeft(read, this.source.listen)
  }

  private collectAsync(limit: number): Effect.Effect<void, BodyError> {
    return Effect.async<void, BodyError>((resume) => {
      const waiter: Waiter = (error) => resume(error === undefined ? Exit.void : Exit.fail(error))
      this.collect(waiter, limit)
      return Effect.sync(() => this.cancelCollect(waiter))
    })
  }

  private collectWithProgress(limit: number): Effect.Effect<void, BodyError> {
    if (this.state === "Collecting") return this.collectAsync(limit)
    if (this.state !== "Unread") return Effect.fail(this.unreadable())
    const pull = this.open(limit)
    this.state = "Collecting"
    this.waiter = ignore
    const gather = new Gather()
    const loop: Effect.Effect<void, BodyError> = Effect.matchEffect(pull, {
      onFailure: Option.match({
        onNone: () => {
          this.gathered(gather)
          return this.isCollected ? Effect.void : Effect.fail(this.unreadable())
        },
        onSome: (error) => {
          this.failed(error)
          return Effect.fail(error)
        }
      }),
      onSuccess: (batch) => {
        for (const piece of batch) gather.append(piece, 0, piece.length)
        if (gather.size <= constants.MAX_LENGTH) return loop
        this.reader?.abandon()
        this.failed(this.tooLarge())
        return Effect.fail(this.unreadable())
      }
    })
    return Effect.onInterrupt(loop, () => this.release)
  }

  get bytes(): Effect.Effect<Uint8Array, BodyError> {
    return this.whole(() => this.bytesNow())
  }

  /** What `f` makes of the collected bytes, where they are within the limits of the fiber that runs it. */
  private whole<A, E>(f: () => Exit.Exit<A, E>): Effect.Effect<A, E | BodyError> {
    return Effect.withFiberRuntime<A, E | BodyError>((fiber) => {
      const limit = readerLimit(fiber)
      return this.isComplete(limit)
        ? this.within(limit, f)
        : Effect.flatMap(this.readUpTo(limit), () => this.within(limit, f))
    })
  }

  /** What `f` makes of the collected bytes, unless they are too many for a reader with this limit. */
  private within<A, E>(limit: number, f: () => Exit.Exit<A, E>): Exit.Exit<A, E | BodyError> {
    return this.cached !== undefined && this.cached.length > limit
      ? Exit.fail(this.payloadError("TooLarge", tooLarge(limit)))
      : f()
  }

  /** Whether the bytes are collected. A complete body that needs no more than a copy is collected at once. */
  private isComplete(limit: number): boolean {
    this.endWithScope()
    if (this.state === "Unread" && this.body.ended && this.direct && this.isPlain(limit)) this.collect(ignore)
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
    return Effect.withFiberRuntime((fiber) => {
      const limit = readerLimit(fiber)
      const parse = () => this.jsonNow(options)
      if (this.isComplete(limit)) return this.within(limit, parse)
      const refused = this.refuseType(options?.contentType)
      return refused === undefined
        ? Effect.flatMap(this.readUpTo(limit), () => this.within(limit, parse))
        : Effect.fail(refused)
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

  /** Pulls of what the decoder makes of the body; once, unless the bytes are kept. */
  private streamOf<A>(decode: (pull: Batches["pull"]) => Pull<A, BodyError>) {
    return Stream.suspend(() => {
      let opened = false
      const start = Effect.withFiberRuntime<Pull<A, BodyError>, BodyError>((fiber) => {
        const limit = readerLimit(fiber)
        this.endWithScope()
        if (this.cached !== undefined) {
          return Effect.map(
            this.within(limit, () => this.bytesNow()),
            (bytes) => decode(once(bytes))
          )
        }
        if (this.state !== "Unread") return Effect.fail(this.unreadable())
        opened = true
        this.source.beginStream?.(this.body)
        return Effect.succeed(decode(this.open(limit)))
      })
      return Stream.ensuring(
        pulledFrom(start),
        Effect.sync(() => {
          if (opened) this.closeStream()
        })
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
    this.endWithScope()
    if (this.state !== "Unread") return Effect.succeed("")
    const read = readBeginning(this.open(), this.body.ended, {
      ended: (bytes, failure) => (Option.isNone(failure) ? this.collected(bytes) : this.failed(failure.value)),
      abandoned: (late) => {
        this.endless ||= late
        this.releaseNow()
      }
    })
    return Effect.map(
      Effect.onInterrupt(read, () => this.release),
      (bytes) => this.excerpt(bytes)
    )
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
      const rest = Deadlines.atMost(restTime, (end) => {
        this.state = "Streaming"
        const sink: BodySink = { onBytes: () => true, onOwned: () => true, onEnd: end, onError: end }
        this.reader = new BodyReader({ ...this.bodyFacts(), codings: "raw", maxBodySize: Infinity }, true, sink)
        this.reader.start()
      })
      return Effect.ensuring(
        rest,
        Effect.sync(() => {
          if (body.ended) return
          this.endless = true
          this.releaseNow()
        })
      )
    })
  }
}
