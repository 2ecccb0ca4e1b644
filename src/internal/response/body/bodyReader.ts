/** Reads a response body: decodes its content codings, counts bytes and enforces the size limits. */
import { constants } from "node:buffer"
import type { BodyError, ClientError, Details } from "../../../Errors.js"
import { ClientPayloadError } from "../../../Errors.js"
import type { Phase } from "../../../Timeouts.js"
import * as Coding from "../../http/contentCoding.js"
import { TruncatedCoding } from "../../transport/deviations.js"
import type { BodyConsumer, IncomingBody } from "../../transport/incomingBody.js"
import { ContentDecoding, type DecodedSink } from "./contentDecoder.js"

/**
 * The limit of a coded body without `maxBodySize`: 64 MiB of decoded bytes, or 200 per coded byte if that is more.
 * Repetitive text stays below 100 decoded bytes per coded byte; decompression bombs exceed 1000.
 */
export const growth = { free: 64 * 1024 * 1024, ratio: 200 } as const

/**
 * Receives the decoded bytes of a body. The last call is either `onEnd` or `onError`. A sink that returns `false`
 * pauses reading until it calls `resume` of the reader.
 */
export interface BodySink {
  /** The bytes are valid only during the call. */
  readonly onBytes: (slab: Uint8Array, start: number, end: number) => boolean
  /** The sink may keep the bytes. */
  readonly onOwned: (bytes: Uint8Array) => boolean
  readonly onEnd: () => void
  readonly onError: (error: BodyError) => void
}

/** Observes a body while it is read: `chunk` receives a copy of each decoded chunk; `end` is called once. */
export interface BodyWatch {
  readonly chunk?: ((bytes: Uint8Array) => void) | undefined
  /**
   * Called when the body is complete, failed or abandoned; an abandoned body has no error. `received` counts bytes
   * before decoding, `decoded` after it.
   */
  readonly end?: ((received: number, decoded: number, error: BodyError | undefined) => void) | undefined
}

/** Provides the fields that all errors of a request share. */
export interface DetailsSource {
  details(phase: Phase | undefined): Details
}

/** A body and the settings for reading it. */
export interface BodyFacts {
  readonly body: IncomingBody
  readonly codings: Coding.Codings
  /** See `Head.toleratesTruncatedCoding`. */
  readonly toleratesTruncatedCoding: boolean
  /** In bytes, after decoding. */
  readonly maxBodySize: number
  readonly source: DetailsSource
  readonly watch: BodyWatch | undefined
}

/** Converts an error of the connection to a body error. An error of another kind becomes its `cause`. */
export const toBodyError = (error: ClientError, facts: Pick<BodyFacts, "body" | "source">): BodyError => {
  switch (error._tag) {
    case "ClientPayloadError":
    case "SocketTimeoutError":
    case "TotalTimeoutError":
    case "SessionClosedError":
      return error
    default:
      return payloadError(facts, "Incomplete", error)
  }
}

export const payloadError = (
  facts: Pick<BodyFacts, "body" | "source">,
  reason: ClientPayloadError["reason"],
  cause?: unknown
): ClientPayloadError =>
  new ClientPayloadError({
    ...facts.source.details("body"),
    reason,
    received: facts.body.received,
    ...(reason === "Incomplete" && facts.body.length !== undefined ? { expected: facts.body.length } : undefined),
    ...(cause === undefined ? undefined : { cause })
  })

/** Reads a body for one sink. */
export class BodyReader implements BodyConsumer, DecodedSink {
  /** Bytes taken from the connection, before decoding. */
  taken = 0
  /** Bytes passed to the sink. */
  decoded = 0
  private readonly facts: BodyFacts
  private readonly sink: BodySink
  private readonly decoding: ContentDecoding | undefined
  /** Whether the sink gets a slab that the body fills completely without a copy. */
  private readonly passesFullSlabs: boolean
  /** In bytes, after decoding. A sink for the whole body needs one array for it, whose length Node limits. */
  private limit: number
  private done = false

  /** `whole` is true if the sink uses the bytes only at the end. */
  constructor(facts: BodyFacts, whole: boolean, sink: BodySink) {
    this.facts = facts
    this.sink = sink
    this.limit = whole ? Math.min(facts.maxBodySize, constants.MAX_LENGTH) : facts.maxBodySize
    this.passesFullSlabs = !whole && facts.watch?.chunk === undefined
    const codings = facts.codings
    this.decoding =
      typeof codings === "string" || codings.length === 0
        ? undefined
        : new ContentDecoding(codings, { whole, toleratesTruncated: facts.toleratesTruncatedCoding }, this)
  }

  start(): void {
    const { body } = this.facts
    if (this.decoding === undefined && body.length !== undefined && body.length > this.limit) {
      this.refuse("TooLarge", tooLarge(this.limit))
    } else body.consume(this)
  }

  /** Continues after the sink returned `false`. */
  resume(): void {
    if (this.done) return
    if (this.decoding === undefined) this.facts.body.resume()
    else this.decoding.resume()
  }

  /** Lowers the limit of the decoded body to `limit` bytes. */
  restrict(limit: number): void {
    this.limit = Math.min(this.limit, limit)
  }

  /**
   * Abandons the rest of the body; the sink is not called again. Idempotent. `atOnce` closes the connection instead of
   * reading a short rest so that it can be reused.
   */
  abandon(atOnce = false): void {
    if (this.done) return
    this.done = true
    this.decoding?.destroy()
    this.facts.body.abandon(atOnce)
    this.facts.watch?.end?.(this.taken, this.decoded, undefined)
  }

  // Called by the body.

  onChunk(slab: Buffer, start: number, end: number): boolean {
    if (this.done) return true
    this.taken += end - start
    if (this.decoding !== undefined) return this.decoding.write(slab, start, end)
    if (this.facts.codings === "excess") {
      this.refuse("Decompression", new Error(`The body has more than ${Coding.maxCodings} codings`))
      return true
    }
    this.decoded += end - start
    if (this.decoded > this.limit) {
      this.refuse("TooLarge", tooLarge(this.limit))
      return true
    }
    this.facts.watch?.chunk?.(Buffer.from(slab.subarray(start, end)))
    const full = end - start === slab.buffer.byteLength
    return full && this.passesFullSlabs && this.facts.body.keep()
      ? this.sink.onOwned(slab)
      : this.sink.onBytes(slab, start, end)
  }

  onEnd(): void {
    if (this.done) return
    if (this.decoding !== undefined) this.decoding.end()
    else this.finish()
  }

  onError(error: ClientError): void {
    if (this.done) return
    this.done = true
    this.decoding?.destroy()
    this.fail(toBodyError(error, this.facts))
  }

  // Called by the decoder of the content codings.

  onDecoded(bytes: Uint8Array): boolean {
    if (this.done) return true
    this.decoded += bytes.length
    const { maxBodySize, watch } = this.facts
    if (this.decoded > this.limit) {
      this.refuse("TooLarge", tooLarge(this.limit))
      return true
    }
    if (maxBodySize === Infinity && this.decoded > growth.free && this.decoded > growth.ratio * this.fed) {
      this.refuse(
        "TooLarge",
        new Error(`The body grows to more than ${growth.ratio} times its size; a maxBodySize allows it`)
      )
      return true
    }
    watch?.chunk?.(new Uint8Array(bytes))
    return this.sink.onOwned(bytes)
  }

  onDecodedEnd(): void {
    if (!this.done) this.finish()
  }

  onTruncated(): void {
    this.facts.body.deviations |= TruncatedCoding
  }

  onCorrupt(cause: unknown): void {
    if (!this.done) this.refuse("Decompression", cause)
  }

  onRoom(): void {
    if (!this.done) this.facts.body.resume()
  }

  private get fed(): number {
    return this.decoding?.fed ?? 0
  }

  private finish(): void {
    this.done = true
    this.facts.watch?.end?.(this.taken, this.decoded, undefined)
    this.sink.onEnd()
  }

  private refuse(reason: ClientPayloadError["reason"], cause: unknown): void {
    this.done = true
    this.decoding?.destroy()
    this.facts.body.abandon()
    this.fail(payloadError(this.facts, reason, cause))
  }

  private fail(error: BodyError): void {
    this.facts.watch?.end?.(this.taken, this.decoded, error)
    this.sink.onError(error)
  }
}

/** The cause of a body error with the reason "TooLarge". */
export const tooLarge = (limit: number): Error => new Error(`The body is larger than ${limit} bytes (maxBodySize)`)
