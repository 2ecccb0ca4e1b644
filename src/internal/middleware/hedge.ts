/**
 * A second request where the first takes long; the faster answer counts.
 */

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type { Scope } from "effect/Scope"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import type { Middleware, Next } from "../../Middleware.js"
import { isSafe } from "../http/methods.js"
import { isReplayable } from "../request/body/replayable.js"
import type { Prepared } from "../request/preparedRequest.js"
import { preparedOf, tellRetry } from "./request.js"
import { milliseconds, wholeNumber } from "./settings.js"

/** RFC 9110 section 9.2.1. */

type Outcome = Exit.Exit<ClientResponse, ClientError>

const race = (
  request: Prepared,
  next: Next,
  after: Duration.Duration,
  max: number
): Effect.Effect<ClientResponse, ClientError> =>
  // The Scope ends those that have lost, and waits until they are gone.
  Effect.scoped(
    Effect.flatMap(Queue.unbounded<Outcome>(), (outcomes) => {
      const launch = Effect.forkScoped(
        Effect.flatMap(Effect.exit(next(request)), (exit) => Queue.offer(outcomes, exit))
      )
      const wait = (
        launched: number,
        pending: number,
        failure: Outcome | undefined
      ): Effect.Effect<ClientResponse, ClientError, Scope> => {
        const taken =
          launched <= max && failure === undefined
            ? Effect.timeoutOption(Queue.take(outcomes), after)
            : Effect.map(Queue.take(outcomes), Option.some)
        return Effect.flatMap(taken, (outcome) => {
          if (Option.isNone(outcome)) {
            return tellRetry(next, request, { reason: "Hedge", delay: Duration.toMillis(after) }).pipe(
              Effect.zipRight(launch),
              Effect.zipRight(Effect.suspend(() => wait(launched + 1, pending + 1, failure)))
            )
          }
          const exit = outcome.value
          if (Exit.isSuccess(exit)) return exit
          // The first failure is told where none succeeds; what is under way may still.
          return pending > 1 ? wait(launched, pending - 1, failure ?? exit) : (failure ?? exit)
        })
      }
      return Effect.zipRight(launch, wait(1, 1, undefined))
    })
  )

export const hedge = (options: {
  readonly after: Duration.DurationInput
  readonly max?: number | undefined
}): Middleware => {
  const after = Duration.millis(milliseconds("hedge: after", options.after))
  const max = wholeNumber("hedge: max", options.max ?? 1, 0)
  return (given, next) => {
    const request = preparedOf(given)
    return isSafe(request.method) && isReplayable(request.body) && max > 0
      ? race(request, next, after, max)
      : next(request)
  }
}
