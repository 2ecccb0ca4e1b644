/**
 * Functions around each hop of a request: they see requests before they are sent and responses before they are
 * returned, and may change, repeat, refuse or answer them.
 *
 * They run inside redirects and outside cookies and the connector, once for each hop, so that what they add belongs to
 * one origin. A list's first is the outermost. A request's list replaces the session's; `[]` is none.
 *
 * @since 0.1.0
 */
import type { KeyValueStore } from "@effect/platform/KeyValueStore"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type { Scope } from "effect/Scope"
import type { Basic } from "./Auth.js"
import type { ClientRequest } from "./ClientRequest.js"
import type { ClientResponse } from "./ClientResponse.js"
import type { ClientError } from "./Errors.js"
import * as bearer from "./internal/middleware/bearerRefresh.js"
import * as caching from "./internal/middleware/cache/cache.js"
import * as circuit from "./internal/middleware/circuitBreaker.js"
import * as digesting from "./internal/middleware/digest/digest.js"
import * as hedging from "./internal/middleware/hedge.js"
import * as making from "./internal/middleware/make.js"
import * as limiting from "./internal/middleware/rateLimit.js"
import * as retrying from "./internal/middleware/retry.js"
import { Budget } from "./internal/middleware/retryBudget.js"

/**
 * The rest of the chain. It may be run any number of times, side by side too; the session releases the responses that
 * are not returned.
 *
 * @since 0.1.0
 * @category models
 */
export type Next = (request: ClientRequest) => Effect.Effect<ClientResponse, ClientError>

/**
 * A function around one hop: inside redirects, outside cookies and the connector. It sees the same errors as the
 * caller of the session, and fails with them; it needs nothing from the context. `make` brings others into that form.
 *
 * What ends the request as a whole, its total limit or the end of its session, ends a middleware too, whatever it waits
 * for (aiohttp: `middlewares`): its finalizers have 100 milliseconds, and one that is uninterruptible goes on alone. An
 * interrupt of the caller ends it unless the caller is in an uninterruptible region.
 *
 * One that returns no Effect, whose Effect has no response, or which fails with what is no `ClientError`, fails the
 * request with `MiddlewareError` "Failed". `session.execute(request)` of another session sends the request through the
 * middlewares of that session.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ClientRequest, type Middleware, Session } from "effect-http-session"
 *
 * const named: Middleware.Middleware = (request, next) => next(ClientRequest.setHeader(request, "x-caller", "billing"))
 *
 * export const Named = Session.layer({ middlewares: [named] })
 *
 * // Two requests for one: what is not returned is released.
 * export const twice: Middleware.Middleware = (request, next) =>
 *   Effect.flatMap(next(request), (response) => (response.status === 409 ? next(request) : Effect.succeed(response)))
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export type Middleware = (request: ClientRequest, next: Next) => Effect.Effect<ClientResponse, ClientError>

/**
 * A middleware with requirements and errors of its own: the requirements are taken here, once, and an error that is
 * no `ClientError` becomes the `cause` of a `MiddlewareError` "Failed". A Scope it asks for closes when it returns; the
 * response stays usable.
 *
 * @example
 * ```ts
 * import { Context, Data, Effect, Layer } from "effect"
 * import { ClientRequest, Middleware, Session } from "effect-http-session"
 *
 * class SigningError extends Data.TaggedError("SigningError")<{}> {}
 * class Signer extends Context.Tag("Signer")<
 *   Signer,
 *   { readonly sign: (text: string) => Effect.Effect<string, SigningError> }
 * >() {}
 *
 * const signed = Middleware.make((request, next) =>
 *   Effect.flatMap(Signer, (signer) =>
 *     Effect.flatMap(signer.sign(`${request.method} ${request.url}`), (signature) =>
 *       next(ClientRequest.setHeader(request, "signature", signature))
 *     )
 *   )
 * )
 *
 * // Layer.Layer<Session.Session, never, Signer>
 * export const Signed = Layer.unwrapEffect(Effect.map(signed, (sign) => Session.layer({ middlewares: [sign] })))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E, R>(
  f: (request: ClientRequest, next: Next) => Effect.Effect<ClientResponse, E, R>
): Effect.Effect<Middleware, never, Exclude<R, Scope>> => making.make(f)

/**
 * What `retry` and `circuitBreaker` decide on.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = ClientError | ClientResponse

/**
 * Options of `retry`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryOptions {
  /** Attempts after the first, however long the schedule is. Default 2. */
  readonly times?: number | undefined
  /** The waits; its end ends the retries too. Default: exponential from 200 millis, jittered, at most 5 seconds. */
  readonly schedule?: Schedule.Schedule<unknown, Outcome> | undefined
  /** By `true` alone. Default: `Errors.isRetryable`, and the statuses 408, 425, 429, 500, 502, 503, 504. */
  readonly while?: ((outcome: Outcome) => boolean) | undefined
  /** Default: the idempotent ones; with `idempotencyKey` all. */
  readonly methods?: ReadonlyArray<string> | undefined
  /**
   * The longest Retry-After or RateLimit-Reset that is waited for: where more is asked for, the response is returned.
   * Default "1 minute"; 0 ignores them.
   */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
  /**
   * Sends one Idempotency-Key with all attempts of a request whose method is not idempotent and which has none yet.
   * Default `false`.
   */
  readonly idempotencyKey?: boolean | undefined
  /** Default: none, so that `times` alone bounds the retries. */
  readonly budget?: RetryBudget | undefined
}

/**
 * Sends again what failed in passing: by default GET, HEAD, OPTIONS, TRACE, PUT and DELETE, twice, after about 200 and
 * 400 milliseconds, and not before Retry-After (seconds, also with a fraction, or a date), RateLimit-Reset,
 * X-RateLimit-Reset or RateLimit say so. A body that gives its bytes only once (`ClientRequest.oneShot`) is never sent again.
 *
 * The last outcome is the result: a response with its status, or the error. What was refused before is given back
 * first, so that a pool of one connection is enough. All attempts share the request's `timeout.total`. A redirect that
 * is followed is a request of its own. Attempts are signals "RequestRetry". `times` that is no whole number from 0 on, nor
 * `Infinity`, is a defect, and so are a `schedule`, a `while` and a `budget` of other types.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { Middleware, Session } from "effect-http-session"
 *
 * export const Patient = Session.layer({
 *   middlewares: [
 *     Middleware.retry({ times: 5, schedule: Schedule.exponential("100 millis").pipe(Schedule.jittered) })
 *   ]
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const retry = (options: RetryOptions = {}): Middleware => retrying.retry(options)

/**
 * How many retries hosts are allowed: of `retryBudget`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryBudget {
  readonly "~effect-http-session/Middleware/RetryBudget": unknown
}

/**
 * Allows retries of `ratio` (default 0.2) of the requests to a host (with its port) in the last 10 seconds, and at
 * least `min` (default 10), so that many callers do not keep down a host that is in trouble. One budget can be shared
 * by several `retry`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const retryBudget = (
  options: { readonly ratio?: number | undefined; readonly min?: number | undefined } = {}
): Effect.Effect<RetryBudget> => Effect.sync(() => new Budget(options.ratio ?? 0.2, options.min ?? 10))

/**
 * Digest authentication (RFC 7616; aiohttp: `DigestAuthMiddleware`) for the origin of the first request, and the space
 * that its challenges tell ("domain"). Challenges of other origins are not answered.
 *
 * MD5, SHA-256, SHA-512-256, also SHA and SHA-512 as some servers call them, each with "-sess"; the strongest of several
 * challenges. `qop` auth, auth-int (where the body is at hand, or nothing else is offered), and none (RFC 2069);
 * `userhash`, `charset`, `nextnonce` and `stale`. A body is sent again, so that one of `ClientRequest.oneShot` leaves
 * the 401 as it is. So does a challenge that cannot be answered, and a second refusal. A request with credentials of
 * its own (`auth`, an Authorization header, `auth: false`) passes unchanged.
 *
 * A name with a colon or a control character fails the request with `InvalidRequest`.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Auth, Middleware, Session } from "effect-http-session"
 *
 * export const Authenticated = Layer.unwrapEffect(
 *   Effect.map(Middleware.digest(Auth.basic("user", "pass")), (digest) => Session.layer({ middlewares: [digest] }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const digest = (
  credentials: Basic,
  options: {
    /** Sends credentials ahead of a challenge once one is known. Default `true`. */
    readonly preemptive?: boolean | undefined
    /**
     * Answers an http or https proxy in place of the origin: a 407 to what it forwards, and the `ClientHttpProxyError`
     * of a CONNECT that was refused with 407. No origin gets the answer. Default `false`.
     */
    readonly proxy?: boolean | undefined
  } = {}
): Effect.Effect<Middleware> => digesting.digest(credentials, options)

/**
 * Bearer tokens (RFC 6750) that are fetched when they are first needed, and anew after a 401: once, however many
 * requests wait for it. A second 401 is returned.
 *
 * The fetching goes on while anybody waits for it. What it fails with becomes the `cause` of a `MiddlewareError`
 * "TokenRefresh", and the next request tries again; a token that is not redacted text of visible ASCII is such an error
 * as well. Requests that it makes by the same session go without a token. A
 * request with credentials of its own, or to another origin, passes unchanged.
 *
 * @example
 * ```ts
 * import { Effect, Layer, Redacted, Schema } from "effect"
 * import { ClientResponse, Middleware, Session } from "effect-http-session"
 *
 * const login = Layer.unwrapEffect(
 *   Effect.map(
 *     Middleware.bearerRefresh({
 *       token: Session.post("https://login.example/token").pipe(
 *         ClientResponse.schemaJson(Schema.Struct({ access_token: Schema.String })),
 *         Effect.map((answer) => Redacted.make(answer.access_token))
 *       ),
 *       origins: ["https://api.example"]
 *     }),
 *     (bearer) => Session.layer({ middlewares: [bearer] })
 *   )
 * )
 *
 * // One session fetches the tokens of the other.
 * export const Api = Layer.provide(login, Session.layer())
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const bearerRefresh = <E, R>(options: {
  readonly token: Effect.Effect<Redacted.Redacted, E, R>
  /** The origins that get the token. Default: the session's `baseUrl`, else the first request's. */
  readonly origins?: ReadonlyArray<string> | undefined
}): Effect.Effect<Middleware, never, R> => bearer.bearerRefresh(options)

/**
 * At most `limit` requests in `interval`, in all or for each key; more wait in order, or fail with `MiddlewareError`
 * "RateLimited" where `wait` is `false`. No stretch of time that long has more, its bounds apart. Inside `retry` it
 * counts each attempt, outside each request.
 *
 * A `limit` that is no whole number from 1 on is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rateLimit = (options: {
  readonly limit: number
  readonly interval: Duration.DurationInput
  /** Default: one key for all. What is no text fails the request with `MiddlewareError` "Failed". */
  readonly key?: ((request: ClientRequest) => string) | undefined
  /** Default `true`. */
  readonly wait?: boolean | undefined
}): Effect.Effect<Middleware, never, Scope> => limiting.rateLimit(options)

/**
 * Fails at once with `MiddlewareError` "CircuitOpen" while an origin fails: after so many failures in a row it is open
 * for `resetAfter`, then one request is let through, whose success closes it and whose failure opens it again. Outcomes
 * that are neither, such as an interruption, leave it as it is. `failures` that is no whole number from 1 on is a
 * defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const circuitBreaker = (
  options: {
    /** Failures in a row that open it. Default 5. */
    readonly failures?: number | undefined
    /** Until one request is let through again. Default "30 seconds". */
    readonly resetAfter?: Duration.DurationInput | undefined
    /** By `true` alone. Default: connection errors, timeouts and statuses from 500 on. */
    readonly isFailure?: ((outcome: Outcome) => boolean) | undefined
  } = {}
): Effect.Effect<Middleware> => circuit.circuitBreaker(options)

/**
 * Sends a second request where the first has not answered after `after`, and takes the faster answer; up to `max`
 * (default 1) more, each after the same time. GET, HEAD, OPTIONS and TRACE only, and no body that can be sent once only.
 * The losers are interrupted and their connections closed.
 *
 * A failure before `after` is a failure; later it is one when all have failed, and the first of them is told. `after`
 * at the 95th percentile of the usual time costs 5 % more requests. `max` that is no whole number from 0 on is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hedge = (options: {
  readonly after: Duration.DurationInput
  /** Requests beside the first. Default 1. */
  readonly max?: number | undefined
}): Middleware => hedging.hedge(options)

/**
 * A private cache (RFC 9111) for GET and HEAD: fresh responses are returned without a request, HEAD from what GET has
 * stored; stale ones are validated by ETag and Last-Modified, `Vary` selects, unsafe methods that succeed invalidate.
 * Request directives hold: no-store, no-cache, max-age, min-fresh, max-stale, only-if-cached (504), stale-if-error.
 *
 * A response may say for how long it stands in while it is stale (RFC 5861): while it is validated, in a request of its
 * own that ends with the session (stale-while-revalidate), and where a validation fails (stale-if-error).
 *
 * Requests alike that miss at the same time are one request: the others wait until its body is stored, for which it is
 * read on whatever its own reader does. Where it is not to be stored each asks for itself, the next time at once.
 *
 * Bodies are stored as they came, in their content codings, when they have been read to the end. Responses whose `Vary`
 * names `*` are not stored, nor are Set-Cookie headers, nor ranges. Requests with conditions or ranges of their own pass
 * unchanged. A store that fails is no store.
 *
 * A response answers only requests to the same peer, with the same trust in it, for the same user. It is compared by
 * - the connector (Unix socket, resolver, family, local address, address policy), the TLS settings with pins, client
 *   certificate and server name, the proxy with its credentials, and Host;
 * - Authorization in whatever way it is given, all cookies (the jar's, the session's, the request's), headers given as
 *   `Redacted`, and headers whose names speak of keys, tokens, sessions, users or forwarding, such as X-Api-Key and
 *   X-Forwarded-User. The stored form of all that is a SHA-256 digest.
 *
 * `public`, `s-maxage` and `must-revalidate` do not change this: RFC 9111 section 3.5 lets shared caches reuse responses
 * to Authorization, and this one is private for each user. Requests wait for each other, and are refreshed, by the same
 * comparison; an unsafe method removes the responses of all users (section 4.4).
 *
 * What a middleware inside the cache adds is not known when the cache looks for a response. A response to a request that
 * was sent with another URL, peer or user than the cache looked for is therefore not stored: put `bearerRefresh`, and
 * whatever adds credentials, outside. `digest` may stand inside, since it has one user.
 *
 * `KeyValueStore.prefix` makes several stores of one. What was used longest ago goes where the store has more than
 * `maxSize`, 4096 URLs, or 8 responses of one URL.
 *
 * @example
 * ```ts
 * import { KeyValueStore } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 * import { Middleware, Session } from "effect-http-session"
 *
 * export const Cached = Layer.unwrapEffect(
 *   Effect.map(Middleware.cache(), (cache) => Session.layer({ middlewares: [cache] }))
 * ).pipe(Layer.provide(KeyValueStore.layerMemory))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const cache = (
  options: {
    /** Bytes of one body, before decoding. Default 1 MiB; larger ones are not stored. */
    readonly maxBodySize?: number | undefined
    /** Characters of all that is stored, bodies being base64. Default 64 Mi. */
    readonly maxSize?: number | undefined
  } = {}
): Effect.Effect<Middleware, never, KeyValueStore> => caching.cache(options)
