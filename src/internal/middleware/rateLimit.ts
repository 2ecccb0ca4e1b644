/** Rate limit: at most `limit` requests in any time window of length `interval`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientError } from "../../Errors.js"
import type { Middleware } from "../../Middleware.js"
import { ignoreRejection, kindOf } from "../userResult.js"
import { monotonicMillis } from "./monotonic.js"
import { KeyedState } from "./recent.js"
import { middlewareError } from "./request.js"
import { milliseconds } from "./settings.js"

/** The times of the last `limit` requests with one key, in a ring buffer. */
class Turns {
  /** The request that holds the permit sleeps; later ones wait for the permit in order. */
  readonly gate = Effect.unsafeMakeSemaphore(1)
  waiting = 0
  private readonly times: Array<number> = []
  private oldest = 0

  /** Milliseconds until the next request may be sent. */
  wait(now: number, limit: number, interval: number): number {
    const first = this.times.length < limit ? undefined : this.times[this.oldest]
    return first === undefined ? 0 : Math.max(0, first + interval - now)
  }

  take(now: number, limit: number): void {
    if (this.times.length < limit) this.times.push(now)
    else {
      this.times[this.oldest] = now
      this.oldest = (this.oldest + 1) % limit
    }
    this.last = now
  }

  last = Number.NEGATIVE_INFINITY
}

export const rateLimit = (options: {
  readonly limit: number
  readonly interval: Duration.DurationInput
  readonly key?: ((request: ClientRequest) => string) | undefined
  readonly wait?: boolean | undefined
}): Effect.Effect<Middleware, never, Scope> =>
  Effect.suspend(() => {
    const { key, limit } = options
    const interval = milliseconds("rateLimit.interval", options.interval)
    if (!Number.isSafeInteger(limit) || limit < 1)
      return Effect.dieMessage('Invalid option "rateLimit.limit": expected a whole number from 1 on')
    if (key !== undefined && typeof key !== "function")
      return Effect.dieMessage(`Invalid option "rateLimit.key": expected a function, got ${kindOf(key)}`)
    if (!Number.isFinite(interval))
      return Effect.dieMessage('Invalid option "rateLimit.interval": expected a finite duration')
    let latest = Number.NEGATIVE_INFINITY
    const turns = new KeyedState(
      () => new Turns(),
      (turn) => turn.waiting === 0 && turn.last + interval <= latest,
      // Only idle entries are evicted. Otherwise the use of many other keys could evict a key and reset its limit.
      () => true
    )
    const pass = (turn: Turns): Effect.Effect<void> =>
      Effect.flatMap(monotonicMillis, (now) => {
        const wait = turn.wait(now, limit, interval)
        // Checks again, because a timer may fire slightly early.
        if (wait > 0) return Effect.zipRight(Effect.sleep(Duration.millis(Math.ceil(wait))), pass(turn))
        latest = Math.max(latest, now)
        turn.take(now, limit)
        return Effect.void
      })
    const queue = (turn: Turns): Effect.Effect<void> =>
      Effect.suspend(() => {
        turn.waiting++
        return Effect.ensuring(
          turn.gate.withPermits(1)(pass(turn)),
          Effect.sync(() => {
            turn.waiting--
          })
        )
      })
    const refuse = (turn: Turns, request: ClientRequest): Effect.Effect<void, ClientError> =>
      Effect.flatMap(monotonicMillis, (now) => {
        const wait = turn.wait(now, limit, interval)
        if (wait === 0) {
          latest = Math.max(latest, now)
          turn.take(now, limit)
          return Effect.void
        }
        const description = `at most ${limit} requests per ${interval} ms; the next is allowed in ${Math.ceil(wait)} ms`
        return Effect.fail(middlewareError(request, "RateLimited", { description }))
      })
    const middleware: Middleware = (request, next) =>
      Effect.suspend(() => {
        const name: unknown = key === undefined ? "" : key(request)
        // A new object would be another key each time, so that the limit would never apply.
        if (typeof name !== "string") {
          ignoreRejection(name)
          const description = `rateLimit: expected key to return a string, got ${kindOf(name)}`
          return Effect.fail(middlewareError(request, "Failed", { description }))
        }
        const turn = turns.get(name)
        return Effect.zipRight(options.wait === false ? refuse(turn, request) : queue(turn), next(request))
      })
    return Effect.acquireRelease(Effect.succeed(middleware), () => Effect.sync(() => turns.clear()))
  })
