/** Hedging: sends further requests if the first takes long, and uses the first response. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Scope } from "effect/Scope"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import type { Middleware, Next } from "../../Middleware.js"
import { cancellable } from "../effect/callback.js"
import { isSafe } from "../http/methods.js"
import { isReplayable } from "../request/body/replayable.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import * as Deadlines from "../transport/deadlines.js"
import { emitRetry, preparedOf } from "./request.js"
import { milliseconds, wholeNumber } from "./settings.js"

type Outcome = Exit.Exit<ClientResponse, ClientError>

const nothing = () => {}

/** A queue of outcomes in order of arrival, for a single reader. */
class Outcomes {
  private readonly arrived: Array<Outcome> = []
  private onArrival = nothing

  add(outcome: Outcome): void {
    this.arrived.push(outcome)
    this.onArrival()
  }

  /**
   * The next outcome, or `undefined` after `millis`. Uses a deadline, because `Effect.timeout` has no effect within an
   * outer middleware that is uninterruptible.
   */
  next(millis: number): Effect.Effect<Outcome | undefined> {
    return Effect.clockWith((clock) =>
      cancellable<Outcome | undefined>((resume) => {
        const deadlines = Deadlines.of(clock)
        const settle = () => {
          end()
          resume(Effect.succeed(this.arrived.shift()))
        }
        const deadline = deadlines.schedule(deadlines.now() + millis, settle)
        const end = () => {
          deadline.cancel()
          this.onArrival = nothing
        }
        this.onArrival = settle
        if (this.arrived.length > 0) settle()
        return end
      })
    )
  }
}

const race = (
  request: PreparedRequest,
  next: Next,
  after: number,
  max: number
): Effect.Effect<ClientResponse, ClientError> =>
  // Closing the Scope interrupts the losing attempts and waits for them.
  Effect.scoped(
    Effect.suspend(() => {
      const outcomes = new Outcomes()
      const attempt = Effect.map(Effect.exit(next(request)), (exit) => outcomes.add(exit))
      const launch = Effect.forkScoped(Effect.interruptible(attempt))
      const wait = (
        launched: number,
        pending: number,
        failure: Outcome | undefined
      ): Effect.Effect<ClientResponse, ClientError, Scope> => {
        const taken = outcomes.next(launched <= max && failure === undefined ? after : Infinity)
        return Effect.flatMap(taken, (exit) => {
          if (exit === undefined) {
            return emitRetry(next, request, { reason: "Hedge", delay: after }).pipe(
              Effect.zipRight(launch),
              Effect.zipRight(Effect.suspend(() => wait(launched + 1, pending + 1, failure)))
            )
          }
          if (Exit.isSuccess(exit)) return exit
          // Keeps the first failure while other attempts may still succeed.
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
  const after = milliseconds("hedge.after", options.after)
  const max = wholeNumber("hedge.max", options.max ?? 1, 0)
  return (given, next) => {
    const request = preparedOf(given)
    return isSafe(request.method) && isReplayable(request.body) && max > 0
      ? race(request, next, after, max)
      : next(request)
  }
}
