/** Reads a Node stream. */
import type { Readable } from "node:stream"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { cancellable } from "../../effect/callback.js"
import { type Pull, pullStream } from "../../effect/pullStream.js"

const pullOf = (readable: Readable): Pull<unknown, unknown> => {
  const take = (): ReadonlyArray<unknown> | undefined => {
    const chunk: unknown = readable.read()
    return chunk === null ? undefined : [chunk]
  }
  return cancellable((resume) => {
    const settle = (exit: Effect.Effect<ReadonlyArray<unknown>, Option.Option<unknown>>) => {
      stop()
      resume(exit)
    }
    const end = Effect.fail(Option.none())
    const onReadable = () => {
      const chunk = take()
      if (chunk !== undefined) settle(Effect.succeed(chunk))
    }
    const onEnd = () => settle(end)
    const onError = (error: unknown) => settle(Effect.fail(Option.some(error)))
    // A stream that was destroyed without an error emits only "close".
    const onClose = () => {
      if (readable.readableEnded) onEnd()
      else onError(readable.errored ?? new Error("The stream was destroyed before its end."))
    }
    const stop = () => {
      readable.off("readable", onReadable).off("end", onEnd).off("error", onError).off("close", onClose)
    }
    if (readable.readableEnded) {
      resume(end)
      return
    }
    if (readable.errored !== null || readable.destroyed) {
      onClose()
      return
    }
    const chunk = take()
    if (chunk !== undefined) {
      resume(Effect.succeed(chunk))
      return
    }
    readable.on("readable", onReadable).on("end", onEnd).on("error", onError).on("close", onClose)
    return stop
  })
}

const ignore = () => {}

/** The chunks of a Node stream. However the reading ends, it destroys the Node stream. */
export const readableStream = (readable: Readable): Stream.Stream<unknown, unknown> =>
  Stream.unwrapScoped(
    Effect.acquireRelease(
      Effect.sync(() => {
        // An error between two pulls would otherwise be uncaught. The next pull fails with it.
        readable.on("error", ignore)
        return pullStream(pullOf(readable))
      }),
      () => Effect.sync(() => void readable.destroy())
    )
  )
