/** An opened response: streams its body, checks its status, and releases it. `WholeBody` reads the body as a whole. */
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ClientResponse, ConnectionInfo, ResponseHead, Timings, TypeId } from "../../ClientResponse.js"
import type { BodyError } from "../../Errors.js"
import { ClientResponseError, type ContentTypeError } from "../../Errors.js"
import type { Event } from "../../Sse.js"
import { stateOf } from "../effect/fiberState.js"
import { type Pull, pullStreamFrom } from "../effect/pullStream.js"
import * as Deadlines from "../transport/deadlines.js"
import { IncomingBody } from "../transport/incomingBody.js"
import type { Head } from "../transport/transport.js"
import type { Beginning } from "./body/beginning.js"
import { BodyReader, type BodySink } from "./body/bodyReader.js"
import { EventDecoder } from "./body/eventDecoder.js"
import { json } from "./body/json.js"
import { LineDecoder } from "./body/lines.js"
import { type Decoder, pullDecoded } from "./body/pullDecoder.js"
import { once, type PullQueue } from "./body/pullQueue.js"
import { readerLimit } from "./readerLimit.js"
import type { ResponseSource, Sent, Upgrade } from "./responseSource.js"
import { WholeBody } from "./wholeBody.js"

export type { BodySettings, ResponseSource, Upgrade } from "./responseSource.js"

const eventStream = "text/event-stream"

const nothing = new Uint8Array(0)

/** Discarding a body reads a rest of at most `smallRest` bytes, for at most `restTime` milliseconds. */
const smallRest = 64 * 1024
const restTime = 200

const typeId: TypeId = "~effect-http-session/ClientResponse"
export class Response extends WholeBody implements ClientResponse {
  /** A response with status 101, which has a connection instead of a body. */
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
  get attempts(): number {
    return this.source.attempts
  }
  protected override get deviationBits(): number {
    return this.head.deviations | this.body.deviations
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
  /** The request of the response, as it was sent. */
  get sent(): Sent | undefined {
    return this.source.sent?.()
  }

  get release(): Effect.Effect<void> {
    return Effect.sync(() => this.releaseNow())
  }

  // The body as a stream.

  /** A stream of the decoded body. It can run once, or any number of times if the body was collected. */
  private streamOf<A>(decode: (pull: PullQueue["pull"]) => Pull<A, BodyError>) {
    return Stream.suspend(() => {
      let opened = false
      const start = Effect.withFiberRuntime<Pull<A, BodyError>, BodyError>((fiber) => {
        const limit = readerLimit(stateOf(fiber))
        this.releaseIfScopeClosed()
        if (this.cached !== undefined) {
          return Effect.map(
            this.unlessTooLarge(limit, () => this.bytesNow()),
            (bytes) => decode(once(bytes))
          )
        }
        if (!this.isReadable) return Effect.fail(this.unreadable())
        opened = true
        this.source.beginStream?.(this.body)
        return Effect.succeed(decode(this.open(limit)))
      })
      return Stream.ensuring(
        pullStreamFrom(start),
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
  get events(): Stream.Stream<Event, BodyError | ContentTypeError> {
    return this.eventsBy(() => new EventDecoder())
  }
  /** Decodes events, with a new decoder for each run. Fails for a body of another type with its first bytes. */
  eventsBy(make: () => EventDecoder): Stream.Stream<Event, BodyError | ContentTypeError> {
    const events = this.streamOf((pull) => {
      this.endless = true
      return this.decodePull(pull, make())
    })
    if (this.typeText === undefined || this.typeText === "" || this.mediaType.essence === eventStream) return events
    return Stream.fromEffect(
      Effect.flatMap(this.beginning, (bytes) =>
        Effect.fail(json.wrongType(this.textSource, eventStream, this.excerpt(bytes)))
      )
    )
  }
  private decodePull<A>(pull: PullQueue["pull"], decoder: Decoder<A>) {
    return pullDecoded(pull, decoder, (reason, cause) => this.payloadError(reason, cause))
  }

  // Checking the status, and releasing the response.

  get raiseForStatus(): Effect.Effect<ClientResponse, ClientResponseError> {
    return Effect.suspend(() => (this.ok ? Effect.succeed(this) : this.raise))
  }

  /** Fails with the head and the first bytes of the body, which can still be read while its Scope is open. */
  get raise(): Effect.Effect<never, ClientResponseError> {
    return Effect.flatMap(this.beginning, (bytes) =>
      Effect.fail(
        new ClientResponseError({
          ...this.source.details(undefined),
          status: this.status,
          reason: this.reason,
          headers: this.headers,
          history: this.history,
          body: this.excerpt(bytes),
          bytes
        })
      )
    )
  }

  /** The first bytes of the body, or fewer if it fails before. A body that ends within them counts as collected. */
  private get beginning(): Effect.Effect<Uint8Array> {
    return Effect.suspend(() => {
      const size = this.source.settings.errorBodySize
      if (this.cached !== undefined) return Effect.succeed(this.cached.slice(0, size))
      this.releaseIfScopeClosed()
      if (this.begun !== undefined) return Effect.succeed(this.begun.beginning.bytes.slice(0, size))
      if (this.state !== "Unread") return Effect.succeed(nothing)
      const beginning = this.begin(size)
      const read = Effect.map(
        Effect.onInterrupt(beginning.wait, () => this.release),
        () => this.endBeginning(beginning).slice(0, size)
      )
      return this.source.listen === undefined ? read : Effect.zipLeft(read, this.source.listen)
    })
  }

  private endBeginning(beginning: Beginning): Uint8Array {
    const { bytes, ended, error } = beginning
    if (this.state !== "Begun") return bytes
    if (!ended) this.endless = true
    else {
      this.begun = undefined
      if (error === undefined) this.collected(bytes)
      else this.failed(error)
    }
    return bytes
  }

  private excerpt(bytes: Uint8Array): string {
    const text = this.textOf(bytes, this.mediaType.charset, this.fallback)
    return typeof text === "string" ? text : ""
  }

  /** Discards the body. Waits for a short rest of known length, so that the connection can be reused. */
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
