/** Circuit breaker: after repeated failures of an origin, requests to it fail at once for some time. */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, isClientConnectionError, isClientError, isServerTimeoutError } from "../../Errors.js"
import type { Middleware, Next, Outcome } from "../../Middleware.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { isTrue, kindOf } from "../userResult.js"
import { KeyedState } from "./keyedState.js"
import { monotonicMillis } from "./monotonic.js"
import { middlewareError, preparedOf } from "./request.js"
import { milliseconds, wholeNumber } from "./settings.js"

/** The default of `isFailure`: errors of the connection or a timeout of the server, and statuses from 500. */
const isOriginFailure = (outcome: Outcome): boolean =>
  isClientError(outcome) ? isClientConnectionError(outcome) || isServerTimeoutError(outcome) : outcome.status >= 500

interface Settings {
  readonly failures: number
  readonly resetAfter: number
  readonly isFailure: (outcome: Outcome) => boolean
}

/** How an outcome counts for the circuit. */
type Result = "failure" | "success" | "neither"

/** The circuit of one origin. Closed while `openUntil` is `undefined`, half-open once that time is reached. */
class Circuit {
  private failures = 0
  private openUntil: number | undefined = undefined
  private probing = false
  /** Number of state changes. The outcome of a request that started in an earlier era does not count. */
  era = 0

  get healthy(): boolean {
    return this.openUntil === undefined && this.failures === 0
  }

  /** Milliseconds until the next request is allowed. 0 allows it now; `Infinity` means that another one is probing. */
  enter(now: number): number {
    if (this.openUntil === undefined) return 0
    if (now < this.openUntil) return this.openUntil - now
    if (this.probing) return Infinity
    this.probing = true
    return 0
  }

  leave(era: number, result: Result, now: number, settings: Settings): void {
    if (era !== this.era) return
    const probe = this.openUntil !== undefined
    this.probing = false
    if (result === "success") {
      this.failures = 0
      this.openUntil = undefined
      // Outcomes of requests that started before the probe must not open the circuit again.
      if (probe) this.era++
    } else if (result === "failure") {
      this.failures++
      if (probe || this.failures >= settings.failures) {
        this.openUntil = now + settings.resetAfter
        this.era++
      }
    }
  }
}

const resultOf = (settings: Settings, exit: Exit.Exit<ClientResponse, ClientError>): Result => {
  if (Exit.isSuccess(exit)) return isTrue(settings.isFailure(exit.value)) ? "failure" : "success"
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  // An interruption counts as neither, like an error that `isFailure` does not accept.
  return error !== undefined && isTrue(settings.isFailure(error)) ? "failure" : "neither"
}

const sendThrough = (
  settings: Settings,
  circuit: Circuit,
  request: PreparedRequest,
  next: Next
): Effect.Effect<ClientResponse, ClientError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(monotonicMillis, (now) => {
      const wait = circuit.enter(now)
      if (wait > 0) {
        const { key } = request.target.origin
        const when = Number.isFinite(wait)
          ? `the next attempt is in ${Math.ceil(wait)} ms`
          : "another request is probing it"
        const description = `${key} failed too often; ${when}`
        return Effect.fail(middlewareError(request, "CircuitOpen", { description }))
      }
      const { era } = circuit
      return Effect.onExit(restore(next(request)), (exit) =>
        Effect.map(monotonicMillis, (endedAt) => {
          let result: Result = "neither"
          try {
            result = resultOf(settings, exit)
          } finally {
            circuit.leave(era, result, endedAt, settings)
          }
        })
      )
    })
  )

export const circuitBreaker = (options: {
  readonly failures?: number | undefined
  readonly resetAfter?: Duration.DurationInput | undefined
  readonly isFailure?: ((outcome: Outcome) => boolean) | undefined
}): Effect.Effect<Middleware> =>
  Effect.sync(() => {
    if (options.isFailure !== undefined && typeof options.isFailure !== "function") {
      throw new TypeError(
        `Invalid option "circuitBreaker.isFailure": expected a function, got ${kindOf(options.isFailure)}`
      )
    }
    const settings: Settings = {
      failures: wholeNumber("circuitBreaker.failures", options.failures ?? 5, 1),
      resetAfter: milliseconds("circuitBreaker.resetAfter", options.resetAfter ?? "30 seconds"),
      isFailure: options.isFailure ?? isOriginFailure
    }
    const circuits = new KeyedState(
      () => new Circuit(),
      (circuit) => circuit.healthy
    )
    return (clientRequest, next) => {
      const request = preparedOf(clientRequest)
      return sendThrough(settings, circuits.get(request.target.origin.key), request, next)
    }
  })
