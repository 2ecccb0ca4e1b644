/** Retries requests that failed for a transient reason. */
import { randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, isClientError } from "../../Errors.js"
import type { Middleware, Next, Outcome, RetryOptions } from "../../Middleware.js"
import { backoff, type Steps, stepsOf } from "../effect/schedules.js"
import { isIdempotent, retryability } from "../errors/retryability.js"
import { isReplayable, isSendable } from "../request/body/replayable.js"
import { setHeader } from "../request/edits.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { callOf } from "../session/middlewareChain.js"
import { isTrue, kindOf } from "../userResult.js"
import { emitRetry, preparedOf, responseOf } from "./request.js"
import { retryAfter } from "./retryAfter.js"
import { Budget } from "./retryBudget.js"
import { milliseconds, wholeNumber } from "./settings.js"

const transientStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * The default of `while`: the errors of `Errors.isRetryable` whatever the method, and status 500 in addition to its
 * statuses. Excludes `TotalTimeoutError`, because the total limit covers all attempts.
 */
const isTransient = (outcome: Outcome): boolean =>
  isClientError(outcome)
    ? outcome._tag !== "TotalTimeoutError" && retryability(outcome) !== "never"
    : transientStatuses.has(outcome.status)

const defaultSchedule = backoff(Duration.millis(200), Duration.seconds(5))

const keyHeader = "Idempotency-Key"

interface Policy {
  readonly times: number
  readonly schedule: Schedule.Schedule<unknown, Outcome>
  readonly shouldRetry: (outcome: Outcome) => boolean
  /** Whether requests with the method may be sent again although the server may have acted on them. */
  readonly appliesTo: (method: string) => boolean
  /** Whether requests with other methods are retried if nothing of them was sent. */
  readonly repeatsUnsent: boolean
  /** In milliseconds; 0 ignores Retry-After. */
  readonly maxRetryAfter: number
  /** Whether requests get an Idempotency-Key header. */
  readonly addsKey: boolean
  readonly budget: Budget | undefined
}

const checkOptions = ({ budget, schedule, while: shouldRetry }: RetryOptions): void => {
  if (schedule !== undefined && !Schedule.isSchedule(schedule))
    throw new TypeError(`Invalid option "retry.schedule": expected a Schedule, got ${kindOf(schedule)}`)
  if (shouldRetry !== undefined && typeof shouldRetry !== "function")
    throw new TypeError(`Invalid option "retry.while": expected a function, got ${kindOf(shouldRetry)}`)
  if (budget !== undefined && !(budget instanceof Budget))
    throw new TypeError('Invalid option "retry.budget": expected a budget made by retryBudget')
}

const toPolicy = (options: RetryOptions): Policy => {
  checkOptions(options)
  const methods = options.methods === undefined ? undefined : new Set(options.methods.map((name) => name.toUpperCase()))
  const addsKey = options.idempotencyKey === true
  return {
    times: wholeNumber("retry.times", options.times ?? 2, 0),
    schedule: options.schedule ?? defaultSchedule,
    shouldRetry: options.while ?? isTransient,
    appliesTo: (method) => (methods === undefined ? addsKey || isIdempotent(method) : methods.has(method)),
    repeatsUnsent: methods === undefined,
    maxRetryAfter: milliseconds("retry.maxRetryAfter", options.maxRetryAfter ?? "1 minute"),
    addsKey,
    budget: options.budget instanceof Budget ? options.budget : undefined
  }
}

/** The delay before the next attempt, and the remaining steps of the schedule. */
interface RetryDecision {
  readonly delay: number
  readonly steps: Steps<Outcome>
}

/**
 * Decides whether and when to retry; `undefined` if the outcome is final. `remainingSteps` is `undefined` before the
 * first retry.
 */
const decide = (
  policy: Policy,
  host: string,
  outcome: Outcome,
  remainingSteps: Steps<Outcome> | undefined
): Effect.Effect<RetryDecision | undefined> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const response = responseOf(outcome)
    const requested = response === undefined || policy.maxRetryAfter === 0 ? undefined : retryAfter(response, now)
    if (requested !== undefined && requested > policy.maxRetryAfter) return Effect.succeed(undefined)
    return Effect.flatMap(
      remainingSteps === undefined ? stepsOf(policy.schedule) : Effect.succeed(remainingSteps),
      (steps) =>
        Effect.map(steps(now, outcome), (wait) => {
          if (wait === undefined) return undefined
          if (policy.budget !== undefined && !policy.budget.retry(host, now)) return undefined
          return { delay: Math.max(0, wait, requested ?? 0), steps }
        })
    )
  })

/** A request that may be retried. With `onlyUnsent`, only after an attempt of which nothing was sent. */
interface Repeatable {
  readonly request: PreparedRequest
  readonly next: Next
  readonly onlyUnsent: boolean
}

/**
 * Whether nothing of a request was sent. `attemptsBefore` is the number of attempts before `next` was called: if
 * `next` made more than one, the error describes only the last.
 */
const isUnsent = (outcome: Outcome, request: PreparedRequest, attemptsBefore: number): boolean =>
  isClientError(outcome) &&
  retryability(outcome) === "unsent" &&
  (outcome.attempt === undefined || outcome.attempt - attemptsBefore <= 1) &&
  isSendable(request.body)

/** Runs one attempt and the retries after it. */
const attempt = (
  policy: Policy,
  { next, onlyUnsent, request }: Repeatable,
  count: number,
  steps: Steps<Outcome> | undefined
): Effect.Effect<ClientResponse, ClientError> => {
  const attemptsBefore = callOf(next)?.attempt ?? 0
  const afterOutcome = (outcome: Outcome, finalResult: Effect.Effect<ClientResponse, ClientError>) => {
    if (count >= policy.times || (onlyUnsent && !isUnsent(outcome, request, attemptsBefore))) return finalResult
    if (!isTrue(policy.shouldRetry(outcome))) return finalResult
    return Effect.flatMap(decide(policy, request.target.origin.authority, outcome, steps), (decision) => {
      if (decision === undefined) return finalResult
      const { delay } = decision
      const response = responseOf(outcome)
      const error = isClientError(outcome) ? outcome : undefined
      // Releases the response before waiting, because the next attempt may need its connection.
      return (response?.release ?? Effect.void).pipe(
        Effect.zipRight(emitRetry(next, request, { reason: "Retry", delay, error, response })),
        Effect.zipRight(delay === 0 ? Effect.void : Effect.sleep(Duration.millis(delay))),
        Effect.zipRight(Effect.suspend(() => attempt(policy, { next, onlyUnsent, request }, count + 1, decision.steps)))
      )
    })
  }
  return Effect.matchEffect(next(request), {
    onFailure: (error) => afterOutcome(error, Effect.fail(error)),
    onSuccess: (response) => afterOutcome(response, Effect.succeed(response))
  })
}

export const retry = (options: RetryOptions): Middleware => {
  const policy = toPolicy(options)
  const countRequest = (request: PreparedRequest): Effect.Effect<void> => {
    const { budget } = policy
    if (budget === undefined) return Effect.void
    return Effect.map(Clock.currentTimeMillis, (now) => budget.request(request.target.origin.authority, now))
  }
  return (clientRequest, next) => {
    const request = preparedOf(clientRequest)
    const count = countRequest(request)
    const applies = policy.appliesTo(request.method)
    if (!applies && !policy.repeatsUnsent) return Effect.zipRight(count, next(request))
    const onlyUnsent = !applies || !isReplayable(request.body)
    const needsKey =
      !onlyUnsent && policy.addsKey && !isIdempotent(request.method) && request.header(keyHeader)._tag === "None"
    const sent = needsKey ? setHeader(request, keyHeader, randomUUID()) : request
    return Effect.zipRight(
      count,
      Effect.suspend(() => attempt(policy, { request: sent, next, onlyUnsent }, 0, undefined))
    )
  }
}
