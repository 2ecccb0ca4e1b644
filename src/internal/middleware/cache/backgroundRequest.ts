/**
 * Sends a request in the background. It may outlive the request that starts it, and ends with the session at the
 * latest.
 */

import * as Effect from "effect/Effect"
import { Scope } from "effect/Scope"
import type { Middleware, Next } from "../../../Middleware.js"
import { withRestore } from "../../effect/guard.js"
import type { Call } from "../../session/call.js"
import { openScoped } from "../../session/responseLifetime.js"
import { preparedOf } from "../request.js"

/**
 * Runs `f` in its own fiber. The `next` that it gets sends one hop through `middlewares`, with its own time limits and the history
 * of the starting call. Failures are logged at debug level.
 */
export const sendInBackground = (
  { core, history }: Call,
  middlewares: ReadonlyArray<Middleware>,
  f: (next: Next) => Effect.Effect<unknown, unknown>
): Effect.Effect<void> => {
  const sending = Effect.scopedWith((scope) =>
    f((clientRequest) =>
      Effect.provideService(
        withRestore((fiber, restore) => {
          const request = preparedOf(clientRequest)
          const options = { ...request.given, middlewares, allowRedirects: false, raiseForStatus: false }
          return openScoped(core, fiber, restore, request.derive({ given: options }), history)
        }),
        Scope,
        scope
      )
    )
  )
  const neverFailing = Effect.asVoid(Effect.ignoreLogged(Effect.sandbox(sending)))
  return Effect.map(Effect.forkDaemon(Effect.interruptible(neverFailing)), (fiber) => core.keep(fiber))
}
