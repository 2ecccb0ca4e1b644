/**
 * `CurrentRequestOptions` by its key: its module stands above these.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { RequestOptions } from "../ClientRequest.js"

const CurrentRequestOptions = Context.GenericTag<RequestOptions>("effect-http-session/Session/CurrentRequestOptions")

/**
 * Runs the callback of a request. If `CurrentRequestOptions` gave the callback, the requests that it makes itself go
 * without it: each of them would call it again, without end.
 */
export const withoutItself = <A, E>(
  option: "middlewares" | "onProgress" | "onRedirect" | "raiseForStatus",
  value: RequestOptions[typeof option],
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.withFiberRuntime<A, E>(({ currentContext }) => {
    const current: RequestOptions | undefined = currentContext.unsafeMap.get(CurrentRequestOptions.key)
    return current === undefined || current[option] !== value
      ? effect
      : Effect.provideService(effect, CurrentRequestOptions, { ...current, [option]: undefined })
  })
