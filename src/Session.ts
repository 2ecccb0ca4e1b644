/**
 * Sessions send requests with shared defaults, over one connection pool and one cookie jar.
 *
 * @since 0.1.0
 */
import { type HttpClient, layerMergedContext } from "@effect/platform/HttpClient"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ClientRequest, CommonOptions, Method, RequestOptions, UrlInput } from "./ClientRequest.js"
import type { ClientResponse, ResponseHead } from "./ClientResponse.js"
import { Connector, type ConnectorService, TypeId as ConnectorTypeId, type TcpOptions, tcp } from "./Connector.js"
import { CookieJar, type CookieJarOptions, type CookieJarService, make as makeCookieJar } from "./CookieJar.js"
import type { ClientError } from "./Errors.js"
import { jarOf } from "./internal/cookies/registry.js"
import { invalidConfig } from "./internal/effect/configErrors.js"
import { mockSession } from "./internal/mock/mockSession.js"
import { makeHttpClient } from "./internal/platform/httpClient.js"
import { readEnvironment } from "./internal/proxy/environment.js"
import { mergeOptions } from "./internal/request/mergeOptions.js"
import { concealOptions } from "./internal/request/shownOptions.js"
import { type FindSession, send, sendValue } from "./internal/session/requestEffect.js"
import { paginate as pages } from "./internal/session/service/paginate.js"
import { fromRequestValue } from "./internal/session/service/requestValue.js"
import { SessionImpl, typeId } from "./internal/session/service/sessionImpl.js"
import { SessionCore } from "./internal/session/sessionCore.js"
import { makeHub } from "./internal/transport/signalHub.js"
import { transportOf } from "./internal/transport/transportHandle.js"
import type { Event, ConnectOptions as SseOptions } from "./Sse.js"
import type { Activity, ActivityOptions, Signal, SpanOptions, TraceConfig } from "./Tracing.js"
import type { Upgraded, UpgradeOptions } from "./Upgrade.js"
import type { WebSocket, WebSocketOptions } from "./WebSocket.js"

/**
 * Options of a session (aiohttp: `ClientSession(…)`). An invalid option, such as a relative `baseUrl`, a negative limit
 * or a value of the wrong type, is a defect; `layerConfig` fails with a `ConfigError` instead. The message names the
 * option.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionOptions extends CommonOptions {
  /**
   * The URL against which the session resolves relative URLs (RFC 3986 section 5.2). It has no query and no fragment,
   * and its path ends in "/". With a base URL, the session sends its credentials only to this origin, and the cookies
   * of its `cookies` option only to this host.
   */
  readonly baseUrl?: UrlInput | undefined
  /**
   * Whether to use the proxy variables, NO_PROXY and the netrc file of the environment. The session reads the variables
   * from Config when it is made. Default `false`.
   */
  readonly trustEnv?: boolean | undefined
  /** Listeners and metrics. Each receives every signal, in the order of this list. Default: none. */
  readonly traceConfigs?: ReadonlyArray<TraceConfig> | undefined
  /**
   * How the session makes spans; `false` makes none. By default it makes them if the program replaces Effect's native
   * tracer, or if the request runs inside a span.
   */
  readonly spans?: SpanOptions | false | undefined
  /**
   * The version of HTTP. "2" uses HTTP/2 for all requests, also without TLS; if the server does not support it, the
   * request fails with `ClientConnectorSSLError` over TLS, else with `BadHttpMessage`. "1.1" and "1.0" never use
   * HTTP/2. With "1.0" and "2", WebSockets and upgrades fail with `InvalidRequest`. By default the connector's `http2`
   * option decides.
   */
  readonly version?: "1.0" | "1.1" | "2" | undefined
  /**
   * Whether to normalize the percent-escapes of a Location like aiohttp. `true` decodes escapes of unreserved
   * characters and writes all others with upper-case digits. `false` keeps existing escapes byte for byte, and escapes
   * the octets that a URL must not contain. Default `false` (aiohttp: `True`).
   */
  readonly requoteRedirectUrl?: boolean | undefined
  /**
   * The encoding of a body that has neither a charset nor a byte order mark, or a function that detects it. Default
   * "utf-8".
   */
  readonly fallbackCharset?: string | ((response: ResponseHead, body: Uint8Array) => string) | undefined
  /** Serializes the option `json`. Default `JSON.stringify`. */
  readonly jsonSerialize?: ((value: unknown) => string | Uint8Array) | undefined
}

/**
 * Options of a session with its own TCP connector and its own cookie jar.
 *
 * @since 0.1.0
 * @category models
 */
export interface LayerOptions extends SessionOptions {
  /** Options of the session's own connector. */
  readonly connector?: TcpOptions | undefined
  /** Options of the session's own jar. */
  readonly cookieJar?: CookieJarOptions | undefined
}

/**
 * Marks a session.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = typeId

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/Session"

/**
 * Sends a request and succeeds with the final response once its head has arrived. The response stays open until the
 * Scope closes; with a decoder of `ClientResponse`, no Scope is required. In an uninterruptible region the request runs
 * until it completes or a time limit expires.
 *
 * Fails with a `ClientError` if the URL or an option is invalid, if the connection fails, if a limit is exceeded, or if
 * the response head is malformed. Statuses from 400 on are failures only with `raiseForStatus`.
 *
 * @since 0.1.0
 * @category models
 */
export type Verb<R = never> = (
  url: UrlInput,
  options?: RequestOptions
) => Effect.Effect<ClientResponse, ClientError, R | Scope>

/**
 * The service of a session.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionService {
  readonly [TypeId]: TypeId
  /** Sends a request with any HTTP method except CONNECT. */
  readonly request: (
    method: Method,
    url: UrlInput,
    options?: RequestOptions
  ) => Effect.Effect<ClientResponse, ClientError, Scope>
  readonly get: Verb
  /** Follows redirects only with `allowRedirects: true`. */
  readonly head: Verb
  readonly options: Verb
  readonly delete: Verb
  readonly post: Verb
  readonly put: Verb
  readonly patch: Verb
  /**
   * Sends a request value: one from @effect/platform, from `ClientRequest.make`, or from a middleware of another
   * session. The middlewares of that other session do not run.
   */
  readonly execute: (
    request: HttpClientRequest | ClientRequest,
    options?: RequestOptions
  ) => Effect.Effect<ClientResponse, ClientError, Scope>
  /** Opens a WebSocket. The URL has the scheme `ws:`, `wss:`, `http:` or `https:` (aiohttp: `ws_connect`). */
  readonly webSocket: (url: UrlInput, options?: WebSocketOptions) => Effect.Effect<WebSocket, ClientError, Scope>
  /** Like `Session.paginate`, on this session. */
  readonly paginate: <A, E, R>(
    url: UrlInput,
    page: (response: ClientResponse) => Effect.Effect<A, E, R>,
    options?: PageOptions<A>
  ) => Stream.Stream<A, ClientError | E, Exclude<R, Scope>>
  /** Like `Sse.connect`, on this session. */
  readonly sse: (url: UrlInput, options?: SseOptions) => Stream.Stream<Event, ClientError>
  /**
   * Upgrades a connection to a protocol other than WebSocket (RFC 9110 section 7.8), such as the raw stream of `docker
   * exec`. Through an http proxy, the session always opens a tunnel with CONNECT.
   */
  readonly upgrade: (url: UrlInput, options: UpgradeOptions) => Effect.Effect<Upgraded, ClientError, Scope>
  /**
   * Derives a session with other defaults and the same pool, jar and lifetime. Headers and time limits are merged with
   * those of this session; every other option replaces its value. New credentials replace the old ones, whether they
   * come from `auth`, an Authorization header or `baseUrl`.
   */
  readonly with: (options: SessionOptions) => SessionService
  /** The cookie jar of the session. */
  readonly cookieJar: CookieJarService
  /** The connector of the session. */
  readonly connector: ConnectorService
  /**
   * The signals of all requests, from the moment the stream runs until the session closes. A reader that falls behind
   * misses the oldest signals and gets `SignalsLost`.
   */
  readonly signals: Stream.Stream<Signal>
  /**
   * Snapshots of the requests that start while the stream runs: counts, rates, and each body in transfer. The stream
   * emits one snapshot at once, one after each `interval` on the fiber's Clock, and one when the session closes. A slow
   * reader gets fewer snapshots, but unlike with `signals` their counts stay complete. An invalid `interval` is a
   * defect.
   *
   * **Example** (A line that is drawn in place)
   *
   * ```ts
   * import { Effect, Stream } from "effect"
   * import { Session } from "effect-http-session"
   *
   * export const watch = Effect.flatMap(Session.Session, (session) =>
   *   session.activity().pipe(
   *     Stream.runForEach(({ active, answered, received }) =>
   *       Effect.sync(() => process.stderr.write(`\r${answered} answered, ${active} active, ${received} bytes`))
   *     )
   *   )
   * )
   * ```
   */
  readonly activity: (options?: ActivityOptions) => Stream.Stream<Activity>
  /**
   * Closes the session, and its connector if the session owns it. Requests in flight may finish within the connector's
   * `gracefulShutdownTimeout`; all others fail with `SessionClosedError`. The effect completes when the sockets are
   * closed, and does not wait for uninterruptible middlewares, hooks and listeners. It is idempotent, and runs when the
   * session's Scope closes.
   */
  readonly close: Effect.Effect<void>
}

/**
 * The session of a program. A program that needs several sessions defines a tag of its own over `SessionService` for
 * each additional one.
 *
 * @since 0.1.0
 * @category tags
 */
export class Session extends Context.Tag("effect-http-session/Session")<Session, SessionService>() {}

let sessions = 0

const build = (
  options: SessionOptions,
  connector: ConnectorService,
  jarService: CookieJarService,
  ownsTransport: boolean
): Effect.Effect<SessionService, ConfigError, Scope> =>
  Effect.flatMap(options.trustEnv === true ? readEnvironment : Effect.succeed(undefined), (environment) =>
    Effect.acquireRelease(
      Effect.sync((): SessionService => {
        const transport = transportOf(connector[ConnectorTypeId])
        const hub = makeHub(transport.hub)
        const core = new SessionCore({
          id: `session-${++sessions}`,
          transport,
          jarService,
          jar: jarOf(jarService),
          environment,
          hub,
          ownsTransport
        })
        core.cleanups.push(hub.end)
        if (ownsTransport) core.cleanups.push(transport.hub.end)
        return new SessionImpl(core, connector, currentOptions, options)
      }),
      (session) => session.close
    )
  )

/** Turns an invalid environment into a defect, like every invalid option. */
const orDefect = <A, R>(effect: Effect.Effect<A, ConfigError, R>): Effect.Effect<A, never, R> => Effect.orDie(effect)

/**
 * Makes a session on the connector and the jar of the context. The session closes with the Scope; the connector and the
 * jar stay open (aiohttp: `ClientSession` with `connector_owner=False`).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: SessionOptions = {}
): Effect.Effect<SessionService, never, Scope | Connector | CookieJar> =>
  Effect.flatMap(Connector, (connector) =>
    Effect.flatMap(CookieJar, (jar) => orDefect(build(options, connector, jar, false)))
  )

const buildOwning = (options: LayerOptions): Effect.Effect<SessionService, ConfigError, Scope> =>
  Effect.flatMap(tcp(options.connector), (connector) =>
    Effect.flatMap(makeCookieJar(options.cookieJar), (jar) => build(options, connector, jar, true))
  )

/**
 * A session with its own TCP connector and its own strict cookie jar (aiohttp: `ClientSession()`). Each call returns a
 * new layer; keep it in a constant to share one session.
 *
 * **Example** (A request and its JSON)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ClientResponse, Session } from "effect-http-session"
 *
 * const program = Session.get("https://api.example/users/1").pipe(ClientResponse.json)
 *
 * export const main = Effect.provide(program, Session.layer({ timeout: "10 seconds" }))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: LayerOptions = {}): Layer.Layer<Session> =>
  Layer.scoped(Session, orDefect(buildOwning(options)))

/**
 * A session on the connector and the jar of the context, which other sessions can share (aiohttp:
 * `connector_owner=False`).
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWithoutDependencies = (
  options?: SessionOptions
): Layer.Layer<Session, never, Connector | CookieJar> => Layer.scoped(Session, make(options))

/**
 * `layer` with options from Config. An invalid option is a `ConfigError`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (config: Config.Config.Wrap<LayerOptions>): Layer.Layer<Session, ConfigError> =>
  Layer.scoped(
    Session,
    Effect.flatMap(Config.unwrap(config), (options) =>
      Effect.catchAllDefect(buildOwning(options), (defect) =>
        Effect.fail(invalidConfig(["session"], defect instanceof Error ? defect.message : String(defect)))
      )
    )
  )

/**
 * The HttpClient of @effect/platform, implemented by the session. URLs must be absolute, because `baseUrl` does not
 * apply. The session follows redirects; the platform makes the spans, and the session makes none. `withRequestOptions`
 * sets options of a request. `HttpIncomingMessage.withMaxBodySize` limits every way to read a response body, in decoded
 * bytes. Requests use services of the layer's context that their own context does not have.
 *
 * Requests fail with the platform's `RequestError` ("InvalidUrl", "Encode", or "Transport" for any other failure before
 * the response head) or `ResponseError` ("Decode" for bodies, "StatusCode"), whose `cause` is the `ClientError`. A
 * response that the program does not read is released when it is garbage-collected, or with `HttpClient.withScope` when
 * the Scope closes.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpClient: Layer.Layer<HttpClient, never, Session> = layerMergedContext(
  Effect.map(Session, makeHttpClient)
)

/**
 * A session for tests, with the given members. If `request` is given, it also serves the verbs, `execute`, `paginate`,
 * `sse` and the functions of this module. A missing `with` returns the same session, and a missing `close` does
 * nothing; using any other missing member is a defect. Prefer `Connector.layerMock`, which keeps the session and
 * replaces only the network.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMock = (partial: Partial<Omit<SessionService, TypeId>>): Layer.Layer<Session> =>
  Layer.sync(Session, () => mockSession(partial))

/**
 * Options for every request that runs inside an effect. The options of the request itself take precedence.
 *
 * @since 0.1.0
 * @category references
 */
export class CurrentRequestOptions extends Context.Reference<CurrentRequestOptions>()(
  "effect-http-session/Session/CurrentRequestOptions",
  { defaultValue: (): RequestOptions => ({}) }
) {}

const currentOptions = (context: Context.Context<never>): RequestOptions | undefined =>
  context.unsafeMap.has(CurrentRequestOptions.key) ? Context.get(context, CurrentRequestOptions) : undefined

/**
 * Sets options for all requests inside an effect, also those that the effect sends through HttpClient. Headers and time
 * limits are merged with those of an outer `withRequestOptions`; every other option replaces its value. Credentials
 * closest to the request take precedence.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withRequestOptions: {
  (options: RequestOptions): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, options: RequestOptions): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, options: RequestOptions): Effect.Effect<A, E, R> =>
    Effect.flatMap(CurrentRequestOptions, (current) =>
      Effect.provideService(self, CurrentRequestOptions, concealOptions(mergeOptions(current, options)))
    )
)

/** Finds the session in the context. A mock is called through its own functions. */
const findInContext =
  (fallback: (session: SessionService) => Effect.Effect<ClientResponse, ClientError, Scope>): FindSession<Session> =>
  (fiber) => {
    const session = Context.unsafeGet(fiber.currentContext, Session)
    return session instanceof SessionImpl ? session : fallback(session)
  }

/**
 * Sends a request with any method, on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
export const request = (
  method: Method,
  url: UrlInput,
  options?: RequestOptions
): Effect.Effect<ClientResponse, ClientError, Session | Scope> =>
  send(
    findInContext((session) => session.request(method, url, options)),
    method,
    url,
    options
  )

const verb =
  (method: Method, name: "get" | "head" | "options" | "post" | "put" | "patch" | "delete"): Verb<Session> =>
  (url, options) =>
    send(
      findInContext((session) => session[name](url, options)),
      method,
      url,
      options
    )

/**
 * Sends a GET request, on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
export const get: Verb<Session> = verb("GET", "get")

/**
 * Sends a HEAD request, on the session in the context. Follows redirects only with `allowRedirects: true`.
 *
 * @since 0.1.0
 * @category requests
 */
export const head: Verb<Session> = verb("HEAD", "head")

/**
 * Sends an OPTIONS request, on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
export const options: Verb<Session> = verb("OPTIONS", "options")

/**
 * Sends a POST request, on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
export const post: Verb<Session> = verb("POST", "post")

/**
 * Sends a PUT request, on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
export const put: Verb<Session> = verb("PUT", "put")

/**
 * Sends a PATCH request, on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
export const patch: Verb<Session> = verb("PATCH", "patch")

/**
 * Sends a DELETE request, on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
const del: Verb<Session> = verb("DELETE", "delete")

export { del as delete }

/**
 * Sends a request value of @effect/platform or of `ClientRequest.make`, on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
export const execute = (
  value: HttpClientRequest | ClientRequest,
  options?: RequestOptions
): Effect.Effect<ClientResponse, ClientError, Session | Scope> =>
  sendValue(
    findInContext((session) => session.execute(value, options)),
    fromRequestValue(value, options)
  )

/**
 * Opens a WebSocket on the session in the context.
 *
 * @since 0.1.0
 * @category requests
 */
export const webSocket = (
  url: UrlInput,
  options?: WebSocketOptions
): Effect.Effect<WebSocket, ClientError, Session | Scope> =>
  Effect.flatMap(Session, (session) => session.webSocket(url, options))

/**
 * Options of `paginate`.
 *
 * @since 0.1.0
 * @category options
 */
export interface PageOptions<A> extends RequestOptions {
  /** Returns the URL of the next page, or `None` after the last. Default: the Link header with relation "next". */
  readonly next?: ((page: A, response: ResponseHead) => Option.Option<UrlInput>) | undefined
}

/**
 * Upgrades a connection of the session in the context to another protocol. Fails with `UpgradeError` if the server does
 * not switch to an offered protocol.
 *
 * @since 0.1.0
 * @category requests
 */
export const upgrade = (
  url: UrlInput,
  options: UpgradeOptions
): Effect.Effect<Upgraded, ClientError, Session | Scope> =>
  Effect.flatMap(Session, (session) => session.upgrade(url, options))

/**
 * Streams the pages of a paginated API. `page` reads a response, which is then released; `next` returns the URL of the
 * next page, by default the Link header with relation "next". A relative URL is resolved against the URL of the page.
 *
 * Every page is requested with the same options and session; `params` apply to the first page only. At another origin
 * the stream drops credentials, cookies, `Redacted` headers and client certificates, like a redirect, and does not
 * restore them later. The stream ends when `next` returns a URL that it has visited.
 *
 * ```ts
 * import { Stream } from "effect"
 * import { Session } from "effect-http-session"
 *
 * // All issues, page by page.
 * export const issues = Session.paginate("https://api.example/issues", (response) => response.json).pipe(
 *   Stream.runCollect
 * )
 * ```
 *
 * @since 0.1.0
 * @category requests
 */
export const paginate = <A, E, R>(
  url: UrlInput,
  page: (response: ClientResponse) => Effect.Effect<A, E, R>,
  options: PageOptions<A> = {}
): Stream.Stream<A, ClientError | E, Session | Exclude<R, Scope>> =>
  pages(url, page, options, (at, given) => findInContext((session) => session.get(at, given)))
