/** Reads `CurrentRequestOptions` by its key, because the module that declares it imports this folder. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { RequestOptions } from "../ClientRequest.js"

const CurrentRequestOptions = Context.GenericTag<RequestOptions>("effect-http-session/Session/CurrentRequestOptions")

/**
 * Runs a callback that is an option of the request. If `CurrentRequestOptions` set the option, requests inside the
 * callback are sent without it, because each of them would call the callback again, without end.
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
