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

type AttemptExit = Exit.Exit<ClientResponse, ClientError>

const nothing = () => {}

/** A queue of exits in order of arrival, for a single reader. */
class ArrivedExits {
  private readonly arrived: Array<AttemptExit> = []
  private onArrival = nothing

  add(exit: AttemptExit): void {
    this.arrived.push(exit)
    this.onArrival()
  }

  /**
   * The next outcome, or `undefined` after `millis`. Uses a deadline, because `Effect.timeout` has no effect within an
   * outer middleware that is uninterruptible.
   */
  next(millis: number): Effect.Effect<AttemptExit | undefined> {
    return Effect.clockWith((clock) =>
      cancellable<AttemptExit | undefined>((resume) => {
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

const raceAttempts = (
  request: PreparedRequest,
  next: Next,
  after: number,
  max: number
): Effect.Effect<ClientResponse, ClientError> =>
  // Closing the Scope interrupts the losing attempts and waits for them.
  Effect.scoped(
    Effect.suspend(() => {
      const exits = new ArrivedExits()
      const attempt = Effect.map(Effect.exit(next(request)), (exit) => exits.add(exit))
      const launch = Effect.forkScoped(Effect.interruptible(attempt))
      const wait = (
        launched: number,
        pending: number,
        failure: AttemptExit | undefined
      ): Effect.Effect<ClientResponse, ClientError, Scope> => {
        const nextExit = exits.next(launched <= max && failure === undefined ? after : Infinity)
        return Effect.flatMap(nextExit, (exit) => {
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
  return (clientRequest, next) => {
    const request = preparedOf(clientRequest)
    return isSafe(request.method) && isReplayable(request.body) && max > 0
      ? raceAttempts(request, next, after, max)
      : next(request)
  }
}
