/** The whole body of a response: decodes its collected bytes, synchronously or by effects. */
import { constants } from "node:buffer"
import type * as Headers from "@effect/platform/Headers"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { JsonOptions } from "../../ClientResponse.js"
import type { BodyError, ContentTypeError, Details, JsonDecodeError } from "../../Errors.js"
import { ByteBuilder } from "../byteBuilder.js"
import { type Json, jsonOf } from "../effect/bodies.js"
import { cancellable } from "../effect/callback.js"
import { stateOf } from "../effect/fiberState.js"
import type { MediaType } from "../http/mediaType.js"
import { headersOf } from "../http/platformHeaders.js"
import { tooLarge } from "./body/bodyReader.js"
import * as Charset from "./body/charset.js"
import { json, type TextSource } from "./body/json.js"
import { isClosed } from "./closedScope.js"
import { readerLimit } from "./readerLimit.js"
import { ResponseBody, type Waiter } from "./responseBody.js"
import type { ResponseHeadView } from "./responseHead.js"
import type { ResponseSource } from "./responseSource.js"

const ignore: Waiter = { onCollected: () => {} }

/** The response of a text. Reads its parts on demand, because most texts need only the media type. */
class ResponseText implements TextSource {
  private readonly head: ResponseHeadView
  private readonly source: ResponseSource

  constructor(head: ResponseHeadView, source: ResponseSource) {
    this.head = head
    this.source = source
  }
  get status(): number {
    return this.head.status
  }
  get typeText(): string | undefined {
    return this.head.typeText
  }
  get mediaType(): MediaType {
    return this.head.mediaType
  }
  details(): Details {
    return this.source.details("body")
  }
}

export class WholeBody extends ResponseBody {
  // The collected bytes.

  /** The collected bytes. */
  bytesNow(): Exit.Exit<Uint8Array, BodyError> {
    const bytes = this.cached
    if (bytes === undefined) return Exit.fail(this.unreadable())
    // Small buffers share Node's pool. Copy, so that `.buffer` exposes no other data.
    if (bytes.buffer.byteLength !== bytes.length) this.cached = new Uint8Array(bytes)
    return Exit.succeed(this.cached ?? bytes)
  }

  /** The collected bytes as text. */
  textNow(encoding: string | undefined): Exit.Exit<string, BodyError> {
    const bytes = this.cached
    if (bytes === undefined) return Exit.fail(this.unreadable())
    const text = this.textOf(bytes, encoding ?? this.mediaType.charset, this.fallback)
    return typeof text === "string" ? Exit.succeed(text) : Exit.fail(text)
  }

  /** The collected bytes as JSON; `null` for an empty body. */
  jsonNow(options: JsonOptions | undefined): Exit.Exit<unknown, BodyError | ContentTypeError | JsonDecodeError> {
    const bytes = this.cached
    if (bytes === undefined) return Exit.fail(this.unreadable())
    const label = options?.encoding ?? this.mediaType.charset
    const text = this.textOf(bytes, label, Charset.noFallback)
    if (typeof text !== "string") return Exit.fail(text)
    if (options === undefined && text !== "") {
      try {
        return Exit.succeed(JSON.parse(text))
      } catch {
        // `decode` finds the reason.
      }
    }
    return json.decode(this.textSource, text, options)
  }

  protected textOf(bytes: Uint8Array, label: string | undefined, fallback: Charset.Fallback): string | BodyError {
    try {
      return Charset.decode(bytes, Charset.encodingOf(bytes, label, fallback))
    } catch (cause) {
      // V8 limits strings to 512 Mi code units.
      return this.payloadError("TooLarge", cause)
    }
  }

  protected get fallback(): Charset.Fallback {
    return (bytes) => {
      const fallback = this.source.settings.fallbackCharset
      return typeof fallback === "function" ? fallback(this.toHead(), bytes) : fallback
    }
  }

  protected get textSource(): TextSource {
    return new ResponseText(this, this.source)
  }

  // The body as a whole, by effects.

  /** The Scope of a response whose body was complete, so that no finalizer was added. */
  private scope: Scope.Scope | undefined = undefined

  /** The Scope that releases the response. */
  private owner: Scope.Scope | undefined = undefined

  /** Makes the body unreadable once `scope` is closed. */
  expireWith(scope: Scope.Scope): void {
    this.scope = scope
  }

  /** Makes `scope` the owner. The returned finalizer releases the response unless it has another owner by then. */
  releaseWith(scope: Scope.Scope): Effect.Effect<void> {
    this.owner = scope
    return Effect.sync(() => {
      if (this.owner === scope) this.releaseNow()
    })
  }

  /** Detaches the response from its Scope; the new owner releases it. */
  detachFromScope(): void {
    this.scope = undefined
    this.owner = undefined
  }

  protected releaseIfScopeClosed(): void {
    if (this.scope === undefined || !isClosed(this.scope)) return
    this.scope = undefined
    this.releaseNow()
  }

  /** Reads the whole body within the limits of the running fiber. If interrupted, discards the body. */
  get readAll(): Effect.Effect<void, BodyError> {
    return Effect.withFiberRuntime((fiber) => this.readUpTo(readerLimit(stateOf(fiber))))
  }

  /** `collect` as an effect, or by pulls if progress is reported. */
  private readUpTo(limit: number): Effect.Effect<void, BodyError> {
    if (this.state === "Collected") return Effect.void
    this.releaseIfScopeClosed()
    const read =
      this.isCollectable && this.state !== "Begun" ? this.collectAsync(limit) : this.collectWithProgress(limit)
    return this.source.listen === undefined ? read : Effect.zipLeft(read, this.source.listen)
  }

  private collectAsync(limit: number): Effect.Effect<void, BodyError> {
    return cancellable<void, BodyError>((resume) => {
      const waiter: Waiter = {
        onCollected: (error) => resume(error === undefined ? Exit.void : Exit.fail(error))
      }
      this.collect(waiter, limit)
      return () => this.cancelCollect(waiter)
    })
  }

  private collectWithProgress(limit: number): Effect.Effect<void, BodyError> {
    if (this.state === "Collecting") return this.collectAsync(limit)
    if (!this.isReadable) return Effect.fail(this.unreadable())
    const pull = this.open(limit)
    this.state = "Collecting"
    this.waiter = ignore
    const builder = new ByteBuilder()
    const loop: Effect.Effect<void, BodyError> = Effect.matchEffect(pull, {
      onFailure: Option.match({
        onNone: () => {
          this.collectedIn(builder)
          return this.isCollected ? Effect.void : Effect.fail(this.unreadable())
        },
        onSome: (error) => {
          this.failed(error)
          return Effect.fail(error)
        }
      }),
      onSuccess: (batch) => {
        for (const piece of batch) builder.append(piece, 0, piece.length)
        if (builder.size <= constants.MAX_LENGTH) return loop
        this.reader?.abandon()
        this.failed(this.tooLargeForArray())
        return Effect.fail(this.unreadable())
      }
    })
    return Effect.onInterrupt(loop, () => Effect.sync(() => this.releaseNow()))
  }

  get bytes(): Effect.Effect<Uint8Array, BodyError> {
    return this.collectAndApply(() => this.bytesNow())
  }

  /** Collects the body and applies `f`, within the limits of the running fiber. */
  private collectAndApply<A, E>(f: () => Exit.Exit<A, E>): Effect.Effect<A, E | BodyError> {
    return Effect.withFiberRuntime<A, E | BodyError>((fiber) => {
      const limit = readerLimit(stateOf(fiber))
      return this.collectAtOnce(limit)
        ? this.unlessTooLarge(limit, f)
        : Effect.flatMap(this.readUpTo(limit), () => this.unlessTooLarge(limit, f))
    })
  }

  /** Applies `f` to the collected bytes, unless they exceed the reader's limit. */
  protected unlessTooLarge<A, E>(limit: number, f: () => Exit.Exit<A, E>): Exit.Exit<A, E | BodyError> {
    return this.cached !== undefined && this.cached.length > limit
      ? Exit.fail(this.payloadError("TooLarge", tooLarge(limit)))
      : f()
  }

  /** Whether the bytes are collected. Collects a complete body that needs only a copy. */
  private collectAtOnce(limit: number): boolean {
    this.releaseIfScopeClosed()
    if (this.state === "Unread" && this.body.ended && this.isCollectable && this.isPlain(limit)) this.collect(ignore)
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
    return this.collectAndApply(() => this.textNow(undefined))
  }
  textWith(encoding: string): Effect.Effect<string, BodyError> {
    return this.collectAndApply(() => this.textNow(encoding))
  }
  get json(): Effect.Effect<Json, BodyError | ContentTypeError | JsonDecodeError> {
    return jsonOf(this.jsonWith(undefined))
  }
  jsonWith(options: JsonOptions | undefined): Effect.Effect<unknown, BodyError | ContentTypeError | JsonDecodeError> {
    return Effect.withFiberRuntime((fiber) => {
      const limit = readerLimit(stateOf(fiber))
      const parse = () => this.jsonNow(options)
      return this.collectAtOnce(limit)
        ? this.unlessTooLarge(limit, parse)
        : Effect.flatMap(this.readUpTo(limit), () => this.unlessTooLarge(limit, parse))
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
}
