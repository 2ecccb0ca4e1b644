/**
 * Middlewares: functions around each hop of a request. They see requests before they are sent and responses before they
 * are returned, and can change, repeat, reject or answer them.
 *
 * Middlewares run inside redirects and outside cookies and the connector, once per hop, so that everything they add
 * belongs to one origin. The first of a list is the outermost. A request's list replaces the session's; `[]` means
 * none.
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
import * as circuit from "./internal/middleware/circuitBreaker.js"
import * as digesting from "./internal/middleware/digest/digest.js"
import * as hedging from "./internal/middleware/hedge.js"
import * as making from "./internal/middleware/make.js"
import * as limiting from "./internal/middleware/rateLimit.js"
import * as retrying from "./internal/middleware/retry.js"
import { Budget } from "./internal/middleware/retryBudget.js"
import { onFirstUse } from "./internal/onFirstUse.js"

const caching = onFirstUse(() => import("./internal/middleware/cache/cache.js"))

/**
 * The rest of the chain. It may run any number of times, also in parallel; the session releases all responses that are
 * not returned.
 *
 * @since 0.1.0
 * @category models
 */
export type Next = (request: ClientRequest) => Effect.Effect<ClientResponse, ClientError>

/**
 * A function around one hop, inside redirects and outside cookies and the connector. It sees the same errors as callers
 * of the session and fails with them, and requires nothing from the context. `make` adapts middlewares with other
 * errors or requirements.
 *
 * When the request as a whole ends, by its total limit or the end of its session, so does a middleware, whatever it
 * waits for (aiohttp: `middlewares`). Its finalizers get 100 milliseconds; an uninterruptible middleware continues in
 * the background. Interrupting the caller interrupts the middleware unless the caller is in an uninterruptible region.
 *
 * A middleware that does not return an Effect of a response, or that fails with anything but a `ClientError`, fails the
 * request with `MiddlewareError` "Failed". `session.execute(request)` of another session runs that session's
 * middlewares.
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
 * // Sends a second request after a conflict; the first response is released.
 * export const twice: Middleware.Middleware = (request, next) =>
 *   Effect.flatMap(next(request), (response) => (response.status === 409 ? next(request) : Effect.succeed(response)))
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export type Middleware = (request: ClientRequest, next: Next) => Effect.Effect<ClientResponse, ClientError>

/**
 * Makes a middleware with requirements and errors of its own. The requirements are taken from the context once, now. An
 * error outside `ClientError` becomes the `cause` of a `MiddlewareError` "Failed". A Scope that the middleware requires
 * closes when it returns; the response stays usable, even one of another session: it lives as long as a response of
 * this session.
 *
 * `ClientResponse.make` creates a response for a middleware that answers a request itself.
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
 * The result of an attempt, on which `retry` and `circuitBreaker` decide.
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
  /** Most attempts after the first, even if the schedule continues. Default 2. */
  readonly times?: number | undefined
  /**
   * The delays between attempts. Retries stop when the schedule ends. Default: exponential from 200 milliseconds,
   * jittered, at most 5 seconds.
   */
  readonly schedule?: Schedule.Schedule<unknown, Outcome> | undefined
  /**
   * Which outcomes to retry; only `true` counts. Default: `Errors.isRetryable`, and statuses 408, 425, 429, 500, 502,
   * 503, 504.
   */
  readonly while?: ((outcome: Outcome) => boolean) | undefined
  /**
   * Which methods to retry. Default: idempotent ones, and any other if nothing of the attempt was sent; with
   * `idempotencyKey` all methods.
   */
  readonly methods?: ReadonlyArray<string> | undefined
  /**
   * The longest Retry-After or RateLimit-Reset to wait for; if the server demands more, its response is returned.
   * Default "1 minute"; 0 ignores these headers.
   */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
  /**
   * Sends an Idempotency-Key, the same for all attempts of a request, if the method is not idempotent and the request
   * has no such header. Default `false`.
   */
  readonly idempotencyKey?: boolean | undefined
  /** Limits the retries to a share of a host's requests. Default: none, so that only `times` limits them. */
  readonly budget?: RetryBudget | undefined
}

/**
 * Retries requests that failed for a transient reason. By default GET, HEAD, OPTIONS, TRACE, PUT and DELETE are retried
 * twice, after about 200 and 400 milliseconds, but not before the time in Retry-After (seconds, which may have a
 * fraction, or a date), RateLimit-Reset, X-RateLimit-Reset or RateLimit. An attempt of which nothing was sent is
 * retried for every method, as `Errors.isRetryable` says, unless `methods` excludes it; for a body that can be read
 * only once (`ClientRequest.oneShot`) that is the only retry.
 *
 * The result is the last outcome: a response, whatever its status, or the error. Each rejected response is released
 * before the next attempt, so that a pool of one connection suffices. All attempts share the request's `timeout.total`;
 * each redirect hop counts its attempts anew. Each retry emits the signal "RequestRetry". A `times` other than a whole
 * number from 0 on or `Infinity` is a defect, and so are a `schedule`, `while` or `budget` of the wrong type.
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
 * A budget of retries, made by `retryBudget`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryBudget {
  readonly "~effect-http-session/Middleware/RetryBudget": unknown
}

/**
 * Limits retries to the share `ratio` (default 0.2) of the requests to a host and port in the last 10 seconds, but
 * allows at least `min` (default 10), so that many callers do not overload a host in trouble. Several `retry`
 * middlewares can share one budget.
 *
 * @since 0.1.0
 * @category constructors
 */
export const retryBudget = (
  options: { readonly ratio?: number | undefined; readonly min?: number | undefined } = {}
): Effect.Effect<RetryBudget> => Effect.sync(() => new Budget(options.ratio ?? 0.2, options.min ?? 10))

/**
 * Digest authentication (RFC 7616; aiohttp: `DigestAuthMiddleware`) for the origin of the first request and the
 * protection space of its challenges ("domain"). Challenges of other origins are not answered.
 *
 * Supports MD5, SHA-256, SHA-512-256, and SHA and SHA-512 as some servers use them, each also with "-sess"; of several
 * challenges the strongest is answered. Supports `qop` auth, auth-int (if the body is in memory or the server offers
 * nothing else) and none (RFC 2069), `userhash`, `charset`, `nextnonce` and `stale`. The 401 is returned if the body
 * cannot be sent again (`ClientRequest.oneShot`), if no challenge is supported, and after a second refusal. A request
 * with credentials of its own (`auth`, an Authorization header, `auth: false`) passes unchanged.
 *
 * A user name with a colon or a control character fails the request with `InvalidRequest`.
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
    /** Sends credentials before a challenge once one is known. Default `true`. */
    readonly preemptive?: boolean | undefined
    /**
     * Authenticates to an http or https proxy instead of the origin: answers the 407 of a forwarding proxy, and the
     * `ClientHttpProxyError` of a CONNECT with status 407. Origins do not get the answer. Default `false`.
     */
    readonly proxy?: boolean | undefined
  } = {}
): Effect.Effect<Middleware> => digesting.digest(credentials, options)

/**
 * A token with its lifetime, such as OAuth's `expires_in`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExpiringToken {
  readonly token: Redacted.Redacted
  /** Lifetime from the end of the fetch; a number is milliseconds. */
  readonly expiresIn: Duration.DurationInput
}

/**
 * Adds a bearer token (RFC 6750), fetched on first use, before it expires, and again after a 401. Concurrent requests
 * share one fetch. A second 401 is returned.
 *
 * A token expires after `expiresIn`, or at the `exp` claim of a JSON Web Token (RFC 7519), which is read without
 * verification. From `refreshAhead` before that time on, the next request fetches a new token; if the fetch fails, the
 * old token is used until it expires. A token that has expired before it is fetched is used until a 401.
 *
 * The fetch continues while at least one request waits for it. If it fails, requests fail with `MiddlewareError`
 * "TokenRefresh" and the failure as `cause`; the next request tries again. A token that is not `Redacted` text of
 * visible ASCII is such an error too. Requests that the fetch itself sends through the same session go without a token.
 * A request with credentials of its own, or to another origin, passes unchanged.
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
 *         ClientResponse.schemaJson(Schema.Struct({ access_token: Schema.String, expires_in: Schema.Number })),
 *         Effect.map((answer) => ({
 *           token: Redacted.make(answer.access_token),
 *           expiresIn: `${answer.expires_in} seconds` as const
 *         }))
 *       ),
 *       origins: ["https://api.example"]
 *     }),
 *     (bearer) => Session.layer({ middlewares: [bearer] })
 *   )
 * )
 *
 * // One session fetches the tokens for the other.
 * export const Api = Layer.provide(login, Session.layer())
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const bearerRefresh = <E, R>(options: {
  /** Fetches the token, with its lifetime if that is known. The lifetime of a JSON Web Token is read from its `exp`. */
  readonly token: Effect.Effect<Redacted.Redacted | ExpiringToken, E, R>
  /** How long before its expiry a token is replaced, at most half of its lifetime. Default "30 seconds". */
  readonly refreshAhead?: Duration.DurationInput | undefined
  /** The origins that get the token. Default: the session's `baseUrl`, otherwise the origin of the first request. */
  readonly origins?: ReadonlyArray<string> | undefined
}): Effect.Effect<Middleware, never, R> => bearer.bearerRefresh(options)

/**
 * Limits requests to `limit` in any time window of length `interval`, in total or per key. Further requests wait in
 * order, or fail with `MiddlewareError` "RateLimited" if `wait` is `false`. Inside `retry` it counts attempts, outside
 * it counts requests.
 *
 * A `limit` other than a whole number from 1 on is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rateLimit = (options: {
  readonly limit: number
  readonly interval: Duration.DurationInput
  /**
   * Requests with equal keys share one limit. A result other than a string fails the request with `MiddlewareError`
   * "Failed". Default: one key for all requests.
   */
  readonly key?: ((request: ClientRequest) => string) | undefined
  /** Whether requests beyond the limit wait. With `false` they fail. Default `true`. */
  readonly wait?: boolean | undefined
}): Effect.Effect<Middleware, never, Scope> => limiting.rateLimit(options)

/**
 * Fails requests at once with `MiddlewareError` "CircuitOpen" while an origin is failing. After `failures` failures in
 * a row the circuit opens for `resetAfter`. Then a single request probes the origin: its success closes the circuit,
 * its failure opens it again. Neutral outcomes, such as an interruption, do not change the state. `failures` other than
 * a whole number from 1 on is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const circuitBreaker = (
  options: {
    /** Failures in a row that open the circuit. Default 5. */
    readonly failures?: number | undefined
    /** Time until a request probes the origin. Default "30 seconds". */
    readonly resetAfter?: Duration.DurationInput | undefined
    /**
     * Which outcomes are failures; only `true` counts. Default: connection errors, timeouts and statuses from 500 on.
     */
    readonly isFailure?: ((outcome: Outcome) => boolean) | undefined
  } = {}
): Effect.Effect<Middleware> => circuit.circuitBreaker(options)

/**
 * Sends a second request if there is no response after `after`, and uses the first response; up to `max` (default 1)
 * additional requests, at the same interval. Applies to GET, HEAD, OPTIONS and TRACE without a one-shot body. The
 * losing requests are interrupted and their connections closed.
 *
 * A failure before `after` fails the request. Later, it fails when all attempts have failed, with the first error. With
 * `after` at the 95th percentile of the usual response time, hedging adds 5 % more requests. `max` other than a whole
 * number from 0 on is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hedge = (options: {
  readonly after: Duration.DurationInput
  /** Additional requests. Default 1. */
  readonly max?: number | undefined
}): Middleware => hedging.hedge(options)

/**
 * A private cache (RFC 9111) for GET and HEAD. Fresh responses are returned without a request; HEAD is answered from
 * stored GET responses. Stale responses are validated by ETag and Last-Modified, `Vary` selects among stored responses,
 * and successful unsafe methods invalidate. The request directives no-store, no-cache, max-age, min-fresh, max-stale,
 * only-if-cached (504) and stale-if-error are supported.
 *
 * Responses may allow the use of stale content (RFC 5861): while a background request validates it
 * (stale-while-revalidate), and if validation fails (stale-if-error). Background requests end with the session.
 *
 * Concurrent misses for the same response share one request: the others wait until its body is stored. The body is read
 * to its end for them even if its own reader stops. If it turns out not to be storable, each sends its own request, and
 * the next ones do not wait.
 *
 * Bodies are stored as received, with their content codings, once they were read completely. Responses with `Vary: *`,
 * Set-Cookie headers and ranges are not stored. Requests with conditions or ranges of their own pass unchanged.
 * Failures of the store are ignored.
 *
 * A stored response is only used for requests to the same peer, with the same trust settings, by the same user.
 * Compared are
 * - the connector (Unix socket, resolver, family, local address, address policy), the TLS settings with pins, client
 *   certificate and server name, the proxy with its credentials, and Host;
 * - Authorization however it is given, all cookies (of the jar, session and request), headers given as `Redacted`, and
 *   headers whose names indicate keys, tokens, sessions, users or forwarding, such as X-Api-Key and X-Forwarded-User.
 *   The store contains only a SHA-256 digest of these.
 *
 * `public`, `s-maxage` and `must-revalidate` do not change this: RFC 9111 section 3.5 lets shared caches reuse
 * responses to requests with Authorization, but this cache is private for each user. Waiting and background requests
 * use the same comparison; an unsafe method removes the responses of all users (section 4.4).
 *
 * The cache cannot see what inner middlewares add. If a request is sent with another URL, peer or user than the cache
 * looked for, its response is not stored: place `bearerRefresh` and other middlewares that add credentials outside.
 * `digest` may be inside, because it has a single user.
 *
 * `KeyValueStore.prefix` splits one store into several. Least recently used entries are evicted beyond `maxSize`, 4096
 * URLs, or 8 responses per URL.
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
    /** Largest body to store, in bytes before decoding. Default 1 MiB. */
    readonly maxBodySize?: number | undefined
    /** Most characters in the store, where bodies are base64. Default 64 Mi. */
    readonly maxSize?: number | undefined
  } = {}
): Effect.Effect<Middleware, never, KeyValueStore> => Effect.flatMap(caching.load, ({ cache }) => cache(options))
