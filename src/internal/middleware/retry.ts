/**
 * Sends again what failed in passing.
 */
import { randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Decision from "effect/ScheduleDecision"
import * as Intervals from "effect/ScheduleIntervals"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, isClientError } from "../../Errors.js"
import type { Middleware, Next, Outcome, RetryOptions } from "../../Middleware.js"
import { isIdempotent, retryability } from "../errors/retryability.js"
import { isReplayable } from "../request/body/replayable.js"
import { setHeader } from "../request/edits.js"
import type { Prepared } from "../request/preparedRequest.js"
import { isTrue } from "../userResult.js"
import { preparedOf, responseOf, tellRetry } from "./request.js"
import { retryAfter } from "./retryAfter.js"
import { Budget } from "./retryBudget.js"
import { milliseconds, wholeNumber } from "./settings.js"

const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * `Errors.isRetryable` for methods that may be sent again, whichever they are. The total limit is that of all attempts:
 * there is no time for another.
 */
const inPassing = (outcome: Outcome): boolean =>
  isClientError(outcome)
    ? outcome._tag !== "TotalTimeoutError" && retryability(outcome) !== "never"
    : passing.has(outcome.status)

const fiveSeconds = Duration.seconds(5)

const backoff: Schedule.Schedule<unknown, Outcome> = Schedule.exponential(Duration.millis(200)).pipe(
  Schedule.jittered,
  Schedule.modifyDelay((_, delay) => Duration.min(delay, fiveSeconds))
)

const keyHeader = "Idempotency-Key"

interface Policy {
  readonly times: number
  readonly schedule: Schedule.Schedule<unknown, Outcome>
  readonly wanted: (outcome: Outcome) => boolean
  readonly applies: (method: string) => boolean
  /** Milliseconds; 0 for none. */
  readonly maxRetryAfter: number
  readonly key: boolean
  readonly budget: Budget | undefined
}

const checkOptions = ({ budget, schedule, while: wanted }: RetryOptions): void => {
  if (schedule !== undefined && !Schedule.isSchedule(schedule)) throw new TypeError("retry: schedule is no Schedule")
  if (wanted !== undefined && typeof wanted !== "function") throw new TypeError("retry: while is no function")
  if (budget !== undefined && !(budget instanceof Budget)) throw new TypeError("retry: budget is none of retryBudget")
}

const toPolicy = (options: RetryOptions): Policy => {
  checkOptions(options)
  const methods = options.methods === undefined ? undefined : new Set(options.methods.map((name) => name.toUpperCase()))
  const key = options.idempotencyKey === true
  return {
    times: wholeNumber("retry: times", options.times ?? 2, 0),
    schedule: options.schedule ?? backoff,
    wanted: options.while ?? inPassing,
    applies: (method) => (methods === undefined ? key || isIdempotent(method) : methods.has(method)),
    maxRetryAfter: milliseconds("retry: maxRetryAfter", options.maxRetryAfter ?? "1 minute"),
    key,
    budget: options.budget instanceof Budget ? options.budget : undefined
  }
}

/** The wait before another attempt, and the schedule's state after it. */
interface Again {
  readonly delay: number
  readonly state: unknown
}

/** Whether and when to send again; `undefined` where the outcome stands. */
const again = (policy: Policy, host: string, outcome: Outcome, state: unknown): Effect.Effect<Again | undefined> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const response = responseOf(outcome)
    const told = response === undefined || policy.maxRetryAfter === 0 ? undefined : retryAfter(response, now)
    if (told !== undefined && told > policy.maxRetryAfter) return Effect.succeed(undefined)
    return Effect.map(policy.schedule.step(now, outcome, state), ([following, _, decision]) => {
      if (Decision.isDone(decision)) return undefined
      if (policy.budget !== undefined && !policy.budget.retry(host, now)) return undefined
      const wait = Intervals.start(decision.intervals) - now
      const delay = Math.max(0, Number.isNaN(wait) ? 0 : wait, told ?? 0)
      return { delay, state: following }
    })
  })

/** One attempt and those after it. */
const attempt = (
  policy: Policy,
  request: Prepared,
  next: Next,
  count: number,
  state: unknown
): Effect.Effect<ClientResponse, ClientError> => {
  const after = (outcome: Outcome, stands: Effect.Effect<ClientResponse, ClientError>) => {
    if (count >= policy.times || !isTrue(policy.wanted(outcome))) return stands
    return Effect.flatMap(again(policy, request.target.origin.authority, outcome, state), (decision) => {
      if (decision === undefined) return stands
      const { delay } = decision
      const response = responseOf(outcome)
      const error = isClientError(outcome) ? outcome : undefined
      // What is not given back before the wait keeps its connection, which the next attempt may need.
      return (response?.release ?? Effect.void).pipe(
        Effect.zipRight(tellRetry(next, request, { reason: "Retry", delay, error, response })),
        Effect.zipRight(delay === 0 ? Effect.void : Effect.sleep(Duration.millis(delay))),
        Effect.zipRight(Effect.suspend(() => attempt(policy, request, next, count + 1, decision.state)))
      )
    })
  }
  return Effect.matchEffect(next(request), {
    onFailure: (error) => after(error, Effect.fail(error)),
    onSuccess: (response) => after(response, Effect.succeed(response))
  })
}

export const retry = (options: RetryOptions): Middleware => {
  const policy = toPolicy(options)
  const counted = (request: Prepared): Effect.Effect<void> => {
    const { budget } = policy
    if (budget === undefined) return Effect.void
    return Effect.map(Clock.currentTimeMillis, (now) => budget.request(request.target.origin.authority, now))
  }
  return (given, next) => {
    const request = preparedOf(given)
    const first = counted(request)
    if (!policy.applies(request.method) || !isReplayable(request.body)) return Effect.zipRight(first, next(request))
    const minted = policy.key && !isIdempotent(request.method) && request.header(keyHeader)._tag === "None"
    const sent = minted ? setHeader(request, keyHeader, randomUUID()) : request
    return Effect.zipRight(
      first,
      Effect.suspend(() => attempt(policy, sent, next, 0, policy.schedule.initial))
    )
  }
}
