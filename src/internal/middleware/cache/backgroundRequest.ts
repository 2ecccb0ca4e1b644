/**
 * A request beside the one that asks: it goes on when that one has its answer, and ends with the session.
 */
import * as Effect from "effect/Effect"
import { Scope } from "effect/Scope"
import type { Middleware, Next } from "../../../Middleware.js"
import type { Call } from "../../session/call.js"
import { openScoped } from "../../session/responseLifetime.js"
import { preparedOf } from "../request.js"

/**
 * Runs `f` in a fiber of its own, with a `next` that sends requests of one hop through these middlewares, under limits
 * of their own, with the history of the call that asks. What it fails with is logged, for debugging, and nobody else is told.
 */
export const sendAside = (
  { core, history }: Call,
  middlewares: ReadonlyArray<Middleware>,
  f: (next: Next) => Effect.Effect<unknown, unknown>
): Effect.Effect<void> => {
  const aside = Effect.scopedWith((scope) =>
    f((given) =>
      Effect.provideService(
        Effect.withFiberRuntime((fiber) => {
          const request = preparedOf(given)
          const options = { ...request.given, middlewares, allowRedirects: false, raiseForStatus: false }
          return openScoped(core, fiber, request.derive({ given: options }), history)
        }),
        Scope,
        scope
      )
    )
  )
  const quiet = Effect.asVoid(Effect.ignoreLogged(Effect.sandbox(aside)))
  return Effect.map(Effect.forkDaemon(Effect.interruptible(quiet)), (fiber) => core.keep(fiber))
}
