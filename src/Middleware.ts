/**
 * Functions around each hop of a request.
 */
import type { KeyValueStore } from "@effect/platform/KeyValueStore"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type { Scope } from "effect/Scope"
import type { Basic } from "./Auth.js"
import type { ClientRequest } from "./ClientRequest.js"
import type { ClientResponse } from "./ClientResponse.js"
import type { ClientError } from "./Errors.js"

/** The rest of the chain. It may be run any number of times; responses that are not returned are released. */
export type Next = (request: ClientRequest) => Effect.Effect<ClientResponse, ClientError>

/**
 * A function around one hop: inside redirects, outside cookies and the connector. It sees the same errors as the
 * caller of the session, and fails with them; it needs nothing from the context. `make` brings others into that form.
 */
export type Middleware = (request: ClientRequest, next: Next) => Effect.Effect<ClientResponse, ClientError>

/**
 * A middleware with requirements and errors of its own: the requirements are taken here, once, and an error that is
 * no `ClientError` becomes the `cause` of a `MiddlewareError`. A Scope it asks for closes when it returns.
 */
export declare const make: <E, R>(
  f: (request: ClientRequest, next: Next) => Effect.Effect<ClientResponse, E, R>
) => Effect.Effect<Middleware, never, Exclude<R, Scope>>

/** What `retry` decides on. */
export type Outcome = ClientError | ClientResponse

export interface RetryOptions {
  /** Default 2. */
  readonly times?: number | undefined
  /** Default: exponential from 200 millis, jittered, at most 5 seconds. */
  readonly schedule?: Schedule.Schedule<unknown, Outcome> | undefined
  /** Default: `Errors.isRetryable`, and the statuses 408, 425, 429, 500, 502, 503, 504. */
  readonly while?: ((outcome: Outcome) => boolean) | undefined
  /** Default: the idempotent ones; with `idempotencyKey` all. */
  readonly methods?: ReadonlyArray<string> | undefined
  /** The longest Retry-After or RateLimit-Reset that is waited for. Default "1 minute"; 0 ignores them. */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
  /** Sends one Idempotency-Key with all attempts of a request. Default `false`. */
  readonly idempotencyKey?: boolean | undefined
  readonly budget?: RetryBudget | undefined
}

/** Sends again what failed in passing. */
export declare const retry: (options?: RetryOptions) => Middleware

export interface RetryBudget {
  readonly "~effect-http-session/Middleware/RetryBudget": unknown
}

/** Allows retries of `ratio` (default 0.2) of the requests to a host, and at least `min` (default 10) in 10 seconds. */
export declare const retryBudget: (options?: {
  readonly ratio?: number | undefined
  readonly min?: number | undefined
}) => Effect.Effect<RetryBudget>

/** Digest authentication (RFC 7616) for the origin of the first request, and the space it is told. */
export declare const digest: (
  credentials: Basic,
  options?: {
    /** Sends credentials ahead of a challenge once one is known. Default `true`. */
    readonly preemptive?: boolean | undefined
    /** Answers 407 in place of 401. Default `false`. */
    readonly proxy?: boolean | undefined
  }
) => Effect.Effect<Middleware>

/** Bearer tokens that are fetched anew after a 401: once, however many requests wait. */
export declare const bearerRefresh: <E, R>(options: {
  readonly token: Effect.Effect<Redacted.Redacted, E, R>
  /** The origins that get the token. Default: the session's `baseUrl`, else the first request's. */
  readonly origins?: ReadonlyArray<string> | undefined
}) => Effect.Effect<Middleware, never, R>

/** At most `limit` requests in `interval`, in all or for each key; more wait, or fail where `wait` is `false`. */
export declare const rateLimit: (options: {
  readonly limit: number
  readonly interval: Duration.DurationInput
  readonly key?: ((request: ClientRequest) => string) | undefined
  /** Default `true`. */
  readonly wait?: boolean | undefined
}) => Effect.Effect<Middleware, never, Scope>

/** Fails at once with `MiddlewareError` "CircuitOpen" while an origin fails. */
export declare const circuitBreaker: (options?: {
  /** Failures in a row that open it. Default 5. */
  readonly failures?: number | undefined
  /** Until one request is let through again. Default "30 seconds". */
  readonly resetAfter?: Duration.DurationInput | undefined
  /** Default: connection errors, timeouts and statuses from 500 on. */
  readonly isFailure?: ((outcome: Outcome) => boolean) | undefined
}) => Effect.Effect<Middleware>

/** Sends a second request where the first has not answered in time, and takes the faster; safe methods only. */
export declare const hedge: (options: {
  readonly after: Duration.DurationInput
  /** Default 1. */
  readonly max?: number | undefined
}) => Middleware

/** A private cache (RFC 9111). */
export declare const cache: (options?: {
  /** Bytes of one body. Default 1 MiB. */
  readonly maxBodySize?: number | undefined
}) => Effect.Effect<Middleware, never, KeyValueStore>
