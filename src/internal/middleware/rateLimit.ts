/** Rate limit: at most `limit` requests in any time window of length `interval`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientError } from "../../Errors.js"
import type { Middleware } from "../../Middleware.js"
import { ignoreRejection, kindOf } from "../userResult.js"
import { KeyedState } from "./keyedState.js"
import { monotonicMillis } from "./monotonic.js"
import { middlewareError } from "./request.js"
import { milliseconds } from "./settings.js"

/** The limiter of one key: a queue, and the times of the last `limit` requests in a ring buffer. */
class KeyLimiter {
  /** The request that holds the permit sleeps; later ones wait for the permit in order. */
  readonly gate = Effect.unsafeMakeSemaphore(1)
  waiting = 0
  /** When the last request was sent. */
  lastSend = Number.NEGATIVE_INFINITY
  private readonly sendTimes: Array<number> = []
  private oldest = 0

  /** Milliseconds until the next request may be sent. */
  delay(now: number, limit: number, interval: number): number {
    const first = this.sendTimes.length < limit ? undefined : this.sendTimes[this.oldest]
    return first === undefined ? 0 : Math.max(0, first + interval - now)
  }

  /** Records that a request is sent now. */
  recordSend(now: number, limit: number): void {
    if (this.sendTimes.length < limit) this.sendTimes.push(now)
    else {
      this.sendTimes[this.oldest] = now
      this.oldest = (this.oldest + 1) % limit
    }
    this.lastSend = now
  }
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
    let latestSend = Number.NEGATIVE_INFINITY
    const limiters = new KeyedState(
      () => new KeyLimiter(),
      (limiter) => limiter.waiting === 0 && limiter.lastSend + interval <= latestSend,
      // Only idle entries are evicted. Otherwise the use of many other keys could evict a key and reset its limit.
      () => true
    )
    const waitForTurn = (limiter: KeyLimiter): Effect.Effect<void> =>
      Effect.flatMap(monotonicMillis, (now) => {
        const wait = limiter.delay(now, limit, interval)
        // Checks again, because a timer may fire slightly early.
        if (wait > 0) return Effect.zipRight(Effect.sleep(Duration.millis(Math.ceil(wait))), waitForTurn(limiter))
        latestSend = Math.max(latestSend, now)
        limiter.recordSend(now, limit)
        return Effect.void
      })
    const queueForTurn = (limiter: KeyLimiter): Effect.Effect<void> =>
      Effect.suspend(() => {
        limiter.waiting++
        return Effect.ensuring(
          limiter.gate.withPermits(1)(waitForTurn(limiter)),
          Effect.sync(() => {
            limiter.waiting--
          })
        )
      })
    const sendOrRefuse = (limiter: KeyLimiter, request: ClientRequest): Effect.Effect<void, ClientError> =>
      Effect.flatMap(monotonicMillis, (now) => {
        const wait = limiter.delay(now, limit, interval)
        if (wait === 0) {
          latestSend = Math.max(latestSend, now)
          limiter.recordSend(now, limit)
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
        const limiter = limiters.get(name)
        return Effect.zipRight(
          options.wait === false ? sendOrRefuse(limiter, request) : queueForTurn(limiter),
          next(request)
        )
      })
    return Effect.acquireRelease(Effect.succeed(middleware), () => Effect.sync(() => limiters.clear()))
  })
