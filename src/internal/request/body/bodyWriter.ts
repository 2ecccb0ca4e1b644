/** Writes an HttpBody to the transport with backpressure, compression and progress. */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Progress } from "../../../ClientRequest.js"
import { type Details, RequestBodyError } from "../../../Errors.js"
import { withoutItself } from "../../currentOptions.js"
import { cancellable } from "../../effect/callback.js"
import { defaultEnvironment, type Environment } from "../../effect/fiberState.js"
import { interruptSoon, runLater } from "../../effect/fibers.js"
import { forEachPiece, unfold } from "../../effect/streams.js"
import type { RequestBody, RequestSink, RequestSource } from "../../transport/transport.js"
import { kindOf } from "../../userResult.js"
import { type Compression, Compressor } from "./compressor.js"
import { lengthError } from "./declaredLength.js"
import { rawStream } from "./rawBody.js"
import { isReplayable, useOnce } from "./replayable.js"

/** The context in which the effects of a request body run. */
export interface BodyContext {
  /** The environment of the requesting fiber, whose References and Clock the body uses. */
  readonly environment: Environment<never>
  /** Runs before each chunk is written; `transferred` includes the chunk. */
  readonly onChunk?: ((chunk: Uint8Array, transferred: number) => Effect.Effect<void>) | undefined
}

/** How a body is sent. */
export interface BodyPlan {
  /** Length in bytes, if known. */
  readonly length: number | undefined
  readonly chunked: boolean
  readonly compression: Compression | undefined
  readonly onProgress: ((progress: Progress) => Effect.Effect<void>) | undefined
  readonly details: Details
}

/** Size of the pieces in which a body in memory is written if progress is reported. */
const pieceSize = 64 * 1024

const piecesOf = (bytes: Uint8Array): Stream.Stream<Uint8Array> => {
  if (bytes.length <= pieceSize) return bytes.length === 0 ? Stream.empty : Stream.succeed(bytes)
  return unfold(0, (offset) =>
    offset >= bytes.length ? undefined : [bytes.subarray(offset, offset + pieceSize), offset + pieceSize]
  )
}

const streamOf = (body: HttpBody.HttpBody): Stream.Stream<Uint8Array, unknown> => {
  switch (body._tag) {
    case "Empty":
      return Stream.empty
    case "Uint8Array":
      return piecesOf(body.body)
    case "Stream":
      return body.stream
    case "Raw":
      return rawStream(body.body)
    case "FormData":
      return Stream.fail(new TypeError("expected a form encoded as multipart"))
  }
}

/** Converts a body to the form that the transport sends. */
export const toRequestBody = (
  body: HttpBody.HttpBody,
  plan: BodyPlan,
  context: BodyContext | undefined
): RequestBody | undefined => {
  if (body._tag === "Empty") return undefined
  const watched = plan.onProgress !== undefined || context?.onChunk !== undefined
  if (body._tag === "Uint8Array" && !plan.chunked && plan.compression === undefined && !watched) {
    return { _tag: "Bytes", bytes: body.body }
  }
  const replayable = isReplayable(body)
  return {
    _tag: "Stream",
    length: plan.chunked ? undefined : plan.length,
    replayable,
    start: (sink) => {
      const mayRead = replayable || useOnce(body)
      return startWriting(mayRead ? streamOf(body) : Stream.fail(notReplayable(plan.details)), plan, context, sink)
    }
  }
}

/** The error of sending a body that can be read only once a second time. */
export const notReplayable = (details: Details): RequestBodyError =>
  new RequestBodyError({ ...details, phase: "send", reason: "NotReplayable" })

/** Starts to write a body, in its own fiber. */
const startWriting = (
  stream: Stream.Stream<Uint8Array, unknown>,
  plan: BodyPlan,
  context: BodyContext | undefined,
  sink: RequestSink
): RequestSource => {
  const compressor = plan.compression === undefined ? undefined : new Compressor(plan.compression, sink)
  const writer = new BodyWriter(plan, context, sink, compressor)
  /** Whether the body has ended, or was cancelled. */
  let ended = false
  const fiber = runLater(
    // Starts after `startWriting` has returned, so that the transport has the source before the first write.
    context?.environment ?? defaultEnvironment,
    writer.pump(stream).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          const cancelled = ended
          ended = true
          if (exit._tag === "Failure") {
            compressor?.destroy()
            if (!cancelled) sink.fail(toError(exit.cause, plan.details))
          } else if (!cancelled) {
            sink.end()
          }
        })
      ),
      Effect.catchAllCause(() => Effect.void)
    )
  )
  return {
    cancel: () => {
      if (ended) return
      ended = true
      sink.onDrain = undefined
      interruptSoon(fiber)
    }
  }
}

/** The error for the failure of a source. A source that interrupts itself has failed, too. */
const toError = (cause: Cause.Cause<unknown>, details: Details): RequestBodyError => {
  const error = Cause.squash(cause)
  if (error instanceof RequestBodyError) {
    return new RequestBodyError({ ...details, phase: "send", reason: error.reason, cause: error.cause })
  }
  return new RequestBodyError({ ...details, phase: "send", reason: "Source", cause: error })
}

/** Writes the pieces of one body, and counts their bytes. */
class BodyWriter {
  private transferred = 0
  private readonly plan: BodyPlan
  private readonly context: BodyContext | undefined
  private readonly sink: RequestSink
  private readonly compressor: Compressor | undefined

  constructor(plan: BodyPlan, context: BodyContext | undefined, sink: RequestSink, compressor: Compressor | undefined) {
    this.plan = plan
    this.context = context
    this.sink = sink
    this.compressor = compressor
  }

  pump(stream: Stream.Stream<Uint8Array, unknown>): Effect.Effect<void, unknown> {
    const { length } = this.plan
    const written = forEachPiece(stream, (chunk) =>
      chunk.length === 1 ? this.write(chunk[0]) : Effect.forEach(chunk, (bytes) => this.write(bytes), { discard: true })
    )
    return Effect.flatMap(written, () => {
      if (length !== undefined && this.transferred < length) return Effect.fail(lengthError(length, false))
      return this.compressor === undefined ? Effect.void : this.compressor.end
    })
  }

  private write(bytes: Uint8Array | undefined): Effect.Effect<void, unknown> {
    if (!(bytes instanceof Uint8Array)) {
      return Effect.fail(
        new RequestBodyError({
          reason: "Encode",
          cause: new TypeError(`expected chunks of bytes, got ${kindOf(bytes)}`)
        })
      )
    }
    // An empty chunk would end a body in chunked coding.
    if (bytes.length === 0) return Effect.void
    const { length, onProgress } = this.plan
    this.transferred += bytes.length
    if (length !== undefined && this.transferred > length) return Effect.fail(lengthError(length, true))
    const { transferred } = this
    const hook = this.context?.onChunk?.(bytes, transferred)
    const send = this.compressor === undefined ? writeTo(this.sink, bytes) : this.compressor.write(bytes)
    const sent = hook === undefined ? send : Effect.zipRight(hook, send)
    if (onProgress === undefined) return sent
    const total = Option.fromNullable(length)
    return Effect.zipRight(
      sent,
      withoutItself(
        "onProgress",
        onProgress,
        Effect.suspend(() => onProgress({ direction: "upload", transferred, total }))
      )
    )
  }
}

const writeTo = (sink: RequestSink, bytes: Uint8Array): Effect.Effect<void> =>
  Effect.suspend(() => (sink.write(bytes) ? Effect.void : awaitDrain(sink)))

const awaitDrain = (sink: RequestSink): Effect.Effect<void> =>
  cancellable<void>((resume) => {
    sink.onDrain = () => {
      sink.onDrain = undefined
      resume(Effect.void)
    }
    return () => {
      sink.onDrain = undefined
    }
  })
