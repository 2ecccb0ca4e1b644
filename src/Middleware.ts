/**
 * Middlewares are functions around each hop of a request. They receive requests before the session sends them and
 * responses before the session returns them, and can change, repeat, reject or answer requests.
 *
 * Middlewares run once per hop, inside redirects and outside cookies and the connector, so that everything they add
 * belongs to one origin. The first middleware of a list is the outermost. The list of a request replaces that of the
 * session; `[]` means none.
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
 * Sends a request through the rest of the chain. A middleware may call it any number of times, also in parallel; the
 * session releases all responses that the middleware does not return.
 *
 * @since 0.1.0
 * @category models
 */
export type Next = (request: ClientRequest) => Effect.Effect<ClientResponse, ClientError>

/**
 * A function around one hop, inside redirects and outside cookies and the connector. It receives the errors that
 * callers of the session get, may only fail with these, and requires no services. `make` adapts middlewares with other
 * errors or requirements.
 *
 * When the total limit of the request expires or its session closes, the middleware is interrupted (aiohttp:
 * `middlewares`). The request waits 100 milliseconds for its finalizers; an uninterruptible middleware continues in the
 * background. Interrupting the caller interrupts the middleware, unless the caller is in an uninterruptible region.
 *
 * If a middleware does not return an Effect of a response, or fails with anything but a `ClientError`, the request
 * fails with `MiddlewareError`, reason "Failed". `session.execute(request)` of another session runs the middlewares of
 * that session.
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
 * Makes a middleware from a function with other requirements and errors. The effect takes the required services from
 * its context once. An error outside `ClientError` becomes the `cause` of a `MiddlewareError`, reason "Failed". A Scope
 * that the function requires closes when it returns. The response stays open, even one of another session, like every
 * response of this session.
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
 * The result of an attempt, by which `retry` and `circuitBreaker` decide.
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
  /** Maximum number of retries, even if the schedule continues. Default 2. */
  readonly times?: number | undefined
  /**
   * The delays between attempts. Retries stop when the schedule ends. Default: exponential from 200 milliseconds,
   * jittered, at most 5 seconds.
   */
  readonly schedule?: Schedule.Schedule<unknown, Outcome> | undefined
  /**
   * Decides whether to retry after an outcome; any value other than `true` means no. Default: `Errors.isRetryable`, and
   * statuses 408, 425, 429, 500, 502, 503, 504.
   */
  readonly while?: ((outcome: Outcome) => boolean) | undefined
  /**
   * The methods to retry. Default: idempotent methods, and other methods if nothing of the attempt was sent; with
   * `idempotencyKey`, all methods.
   */
  readonly methods?: ReadonlyArray<string> | undefined
  /**
   * The longest time to wait because of Retry-After or RateLimit-Reset. If the server demands a longer wait, its
   * response is returned. Default "1 minute"; 0 ignores these headers.
   */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
  /**
   * Whether to send an Idempotency-Key header with requests whose method is not idempotent. All attempts of a request
   * have the same key; a request with its own key keeps it. Default `false`.
   */
  readonly idempotencyKey?: boolean | undefined
  /** Limits retries to a share of the requests to a host. Default: none, so that only `times` limits them. */
  readonly budget?: RetryBudget | undefined
}

/**
 * Retries requests that fail for a transient reason. By default GET, HEAD, OPTIONS, TRACE, PUT and DELETE are retried
 * twice, after about 200 and 400 milliseconds, but not before the time in Retry-After (a date, or seconds, which may
 * have a fraction), RateLimit-Reset, X-RateLimit-Reset or RateLimit. If nothing of an attempt was sent, every method is
 * retried, as by `Errors.isRetryable`, unless `methods` excludes it. A request with a body that can be read only once
 * (`ClientRequest.oneShot`) is retried only in this case.
 *
 * The result is the last outcome: a response with any status, or an error. Each rejected response is released before
 * the next attempt, so that a pool of one connection suffices. All attempts share the request's `timeout.total`;
 * `times` applies to each redirect hop separately. Each retry emits the signal "RequestRetry". It is a defect if
 * `times` is neither an integer of at least 0 nor `Infinity`, or if `schedule`, `while` or `budget` has the wrong type.
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
 * A budget of retries, which `retryBudget` makes.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryBudget {
  readonly "~effect-http-session/Middleware/RetryBudget": unknown
}

/**
 * Limits retries to the share `ratio` (default 0.2) of the requests to a host and port in the last 10 seconds, but
 * always allows `min` (default 10). This protects a failing host from the retries of many callers. Several `retry`
 * middlewares can share one budget.
 *
 * @since 0.1.0
 * @category constructors
 */
export const retryBudget = (
  options: { readonly ratio?: number | undefined; readonly min?: number | undefined } = {}
): Effect.Effect<RetryBudget> => Effect.sync(() => new Budget(options.ratio ?? 0.2, options.min ?? 10))

/**
 * Authenticates requests by Digest (RFC 7616; aiohttp: `DigestAuthMiddleware`), at the origin of the first request and
 * in the protection space of its challenges ("domain"). It does not answer challenges of other origins.
 *
 * Supports MD5, SHA-256, SHA-512-256, and SHA and SHA-512 as some servers use them, each also with "-sess". If a
 * response has several challenges, it answers the strongest. Supports `qop` auth, auth-int (if the body is in memory or
 * the server offers nothing else) and none (RFC 2069), `userhash`, `charset`, `nextnonce` and `stale`. It returns the
 * 401 if the body cannot be sent again (`ClientRequest.oneShot`), if it supports none of the challenges, or if the
 * server refuses its answer. A request with its own credentials (`auth`, an Authorization header, `auth: false`) passes
 * unchanged.
 *
 * If the user name contains a colon or a control character, requests fail with `InvalidRequest`.
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
    /** Whether later requests send credentials without waiting for another challenge. Default `true`. */
    readonly preemptive?: boolean | undefined
    /**
     * Whether to authenticate to an http or https proxy instead of the origin: to a forwarding proxy that responds with
     * 407, and to a proxy that answers CONNECT with 407 (`ClientHttpProxyError`). Origins do not receive the
     * credentials. Default `false`.
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
  /** The lifetime of the token, counted from the end of its fetch; a number is milliseconds. */
  readonly expiresIn: Duration.DurationInput
}

/**
 * Adds a bearer token (RFC 6750) to requests. It fetches a token for the first request, before the token expires, and
 * after a 401. Concurrent requests share one fetch. If the new token gets a 401 too, this response is returned.
 *
 * A token expires after `expiresIn`, or at the `exp` claim of a JSON Web Token (RFC 7519), which is read without
 * verification. In the time `refreshAhead` before it expires, the next request fetches a new token; if this fetch
 * fails, the old token is used until it expires. A token that has already expired when it is fetched is used until a
 * 401.
 *
 * The fetch continues while at least one request waits for it. If it fails, these requests fail with `MiddlewareError`,
 * reason "TokenRefresh", and the failure as `cause`; the next request tries again. A token that is not `Redacted` text
 * of visible ASCII characters is such a failure too. Requests that the fetch itself sends through the same session have
 * no token. A request with its own credentials, or to another origin, passes unchanged.
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
  /** Fetches the token, with its lifetime if known. The lifetime of a JSON Web Token is read from its `exp` claim. */
  readonly token: Effect.Effect<Redacted.Redacted | ExpiringToken, E, R>
  /** How long before it expires a token is replaced; at most half of its lifetime. Default "30 seconds". */
  readonly refreshAhead?: Duration.DurationInput | undefined
  /**
   * The origins that receive the token. Default: the origin of the session's `baseUrl`, else that of the first request.
   */
  readonly origins?: ReadonlyArray<string> | undefined
}): Effect.Effect<Middleware, never, R> => bearer.bearerRefresh(options)

/**
 * Limits the number of requests to `limit` in any time window of length `interval`, in total or per key. Further
 * requests wait in order, or fail with `MiddlewareError`, reason "RateLimited", if `wait` is `false`. Placed inside
 * `retry` it counts attempts, outside it counts requests.
 *
 * A `limit` that is not an integer of at least 1 is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rateLimit = (options: {
  readonly limit: number
  readonly interval: Duration.DurationInput
  /**
   * Returns the key of a request; requests with equal keys share one limit. If the result is not a string, the request
   * fails with `MiddlewareError`, reason "Failed". Default: one key for all requests.
   */
  readonly key?: ((request: ClientRequest) => string) | undefined
  /** Whether requests beyond the limit wait; with `false` they fail. Default `true`. */
  readonly wait?: boolean | undefined
}): Effect.Effect<Middleware, never, Scope> => limiting.rateLimit(options)

/**
 * Stops sending requests to an origin that keeps failing. After `failures` failures in a row, the circuit opens for
 * `resetAfter`, and requests to the origin fail at once with `MiddlewareError`, reason "CircuitOpen". Then a single
 * request probes the origin: its success closes the circuit, and its failure opens it again. Other outcomes, such as an
 * interruption, do not change the state. A value of `failures` that is not an integer of at least 1 is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const circuitBreaker = (
  options: {
    /** How many failures in a row open the circuit. Default 5. */
    readonly failures?: number | undefined
    /** How long the circuit stays open until a request probes the origin. Default "30 seconds". */
    readonly resetAfter?: Duration.DurationInput | undefined
    /**
     * Decides whether an outcome is a failure; any value other than `true` means no. Default: connection errors,
     * timeouts and statuses from 500 on.
     */
    readonly isFailure?: ((outcome: Outcome) => boolean) | undefined
  } = {}
): Effect.Effect<Middleware> => circuit.circuitBreaker(options)

/**
 * Sends a second request if there is no response within `after`, and uses the response that arrives first. It sends up
 * to `max` (default 1) additional requests, at this interval. Applies to GET, HEAD, OPTIONS and TRACE without a
 * one-shot body. The other requests are interrupted and their connections closed.
 *
 * If the first request fails before `after`, the whole request fails. After that, it fails when all its requests have
 * failed, with the first error. If `after` is the 95th percentile of the usual response time, hedging adds 5 % more
 * requests. A `max` that is not an integer of at least 0 is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hedge = (options: {
  readonly after: Duration.DurationInput
  /** Maximum number of additional requests. Default 1. */
  readonly max?: number | undefined
}): Middleware => hedging.hedge(options)

/**
 * A private cache (RFC 9111) for GET and HEAD. It returns fresh responses without a request, and answers HEAD from
 * stored GET responses. It validates stale responses by ETag and Last-Modified, selects among stored responses by
 * `Vary`, and removes responses after a successful request with an unsafe method. The request directives no-store,
 * no-cache, max-age, min-fresh, max-stale, only-if-cached (504) and stale-if-error are supported.
 *
 * A response can allow its use when it is stale (RFC 5861): while a background request validates it
 * (stale-while-revalidate), and if the validation fails (stale-if-error). Background requests end with the session.
 *
 * Concurrent requests for the same missing response are coalesced: one is sent, and the others wait until its body is
 * stored. The cache reads the body to its end for them, even if the first caller stops reading. If the response cannot
 * be stored, each caller sends its own request, and later requests do not wait.
 *
 * Bodies are stored as received, with their content codings, once they have been read completely. Responses with
 * Set-Cookie, with a range, or with "*" in Vary are not stored. Requests with their own conditions or ranges pass
 * unchanged. Failures of the store are ignored.
 *
 * A stored response is used only for requests to the same peer, with the same trust settings, by the same user. The
 * cache compares
 * - the connector (Unix socket, resolver, family, local address, address policy), the TLS settings with pins, client
 *   certificate and server name, the proxy with its credentials, and Host;
 * - credentials from every source, all cookies (of the jar, session and request), `Redacted` headers, and headers whose
 *   names indicate keys, tokens, sessions, users or forwarding, such as X-Api-Key and X-Forwarded-User. The store
 *   contains only a SHA-256 digest of these.
 *
 * `public`, `s-maxage` and `must-revalidate` do not change this: they let shared caches reuse responses to requests
 * with Authorization (RFC 9111 section 3.5), but this cache is private to each user. Coalesced and background requests
 * use the same comparison. An unsafe method removes the responses of all users (section 4.4).
 *
 * The cache does not know the changes of inner middlewares. If the request is sent with another URL, peer or user than
 * the cache looked up, its response is not stored. Therefore place `bearerRefresh` and other middlewares that add
 * credentials outside of the cache. `digest` may be inside, because it has a single user.
 *
 * Several caches can share a store with `KeyValueStore.prefix`. Beyond `maxSize`, 4096 URLs, or 8 responses per URL,
 * the least recently used entries are evicted.
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
    /** Maximum size of a stored body, in bytes before decoding. Default 1 MiB. */
    readonly maxBodySize?: number | undefined
    /** Maximum size of the store in characters; bodies are stored as base64. Default 64 Mi. */
    readonly maxSize?: number | undefined
  } = {}
): Effect.Effect<Middleware, never, KeyValueStore> => Effect.flatMap(caching.load, ({ cache }) => cache(options))
