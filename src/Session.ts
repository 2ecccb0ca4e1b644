/**
 * The session: requests over one pool and one cookie jar, with defaults.
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
 * Options of a session (aiohttp: `ClientSession(…)`). An invalid option (a relative `baseUrl`, a negative limit, a
 * wrong type) is a defect, and a `ConfigError` in `layerConfig`; its message names the option.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionOptions extends CommonOptions {
  /**
   * The base of relative URLs (RFC 3986); its path must end in "/". If set, the session's credentials are sent only to
   * its origin, and the session's cookies only to its host.
   */
  readonly baseUrl?: UrlInput | undefined
  /**
   * Whether to use the proxies, NO_PROXY and netrc of the environment, which Config reads when the session is made.
   * Default `false`.
   */
  readonly trustEnv?: boolean | undefined
  /** Listeners and metrics. Each signal goes through all of them, in order. Default: none. */
  readonly traceConfigs?: ReadonlyArray<TraceConfig> | undefined
  /**
   * How to make spans. They are made if Effect's tracer is not the native one, or if there is a span around the request;
   * `false` makes none.
   */
  readonly spans?: SpanOptions | false | undefined
  /**
   * The version of HTTP. "2" speaks nothing else, also without TLS, and fails where a server does not speak it, with
   * `ClientConnectorSSLError` or `BadHttpMessage`; "1.1" and "1.0" never speak HTTP/2. WebSockets and upgrades need 1.1.
   * Default: what `http2` of the connector says.
   */
  readonly version?: "1.0" | "1.1" | "2" | undefined
  /**
   * `true` converts a Location to aiohttp's canonical form: decodes escapes of unreserved characters and writes the
   * others with upper case digits. With `false` existing escapes stay byte for byte, and characters that the URL
   * standard encodes are encoded from the octets of the Location. Default `false` (aiohttp: `True`).
   */
  readonly requoteRedirectUrl?: boolean | undefined
  /** The encoding of text without a charset and a byte order mark. Default "utf-8". */
  readonly fallbackCharset?: string | ((response: ResponseHead, body: Uint8Array) => string) | undefined
  /** Serializes the option `json`. Default `JSON.stringify`. */
  readonly jsonSerialize?: ((value: unknown) => string | Uint8Array) | undefined
}

/**
 * Options of a session with a TCP connector and a jar of its own.
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
 * Sends a request. Succeeds with the head of the final response, which lives in the Scope; the decoders of
 * `ClientResponse` need no Scope. In an uninterruptible region the request runs to its end or to its limits.
 *
 * Fails with a `ClientError` because of the URL or the options, on the way to the server, by a limit, or because of the
 * response head. Statuses from 400 on are failures only with `raiseForStatus`.
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
  /** Any HTTP method except CONNECT. */
  readonly request: (
    method: Method,
    url: UrlInput,
    options?: RequestOptions
  ) => Effect.Effect<ClientResponse, ClientError, Scope>
  readonly get: Verb
  /** Redirects are followed only with `allowRedirects: true`. */
  readonly head: Verb
  readonly options: Verb
  readonly delete: Verb
  readonly post: Verb
  readonly put: Verb
  readonly patch: Verb
  /**
   * Sends a request value: of @effect/platform, of `ClientRequest.make`, or of a middleware of another session, without
   * that session's middlewares.
   */
  readonly execute: (
    request: HttpClientRequest | ClientRequest,
    options?: RequestOptions
  ) => Effect.Effect<ClientResponse, ClientError, Scope>
  /** `ws:` and `wss:`, or `http:` and `https:` (aiohttp: `ws_connect`). */
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
   * Changes a connection of the session to a protocol other than WebSocket (RFC 9110 section 7.8), such as the raw
   * stream of `docker exec`. An http proxy is always used with CONNECT.
   */
  readonly upgrade: (url: UrlInput, options: UpgradeOptions) => Effect.Effect<Upgraded, ClientError, Scope>
  /**
   * Derives a session with the same pool, jar and lifetime but other defaults. Headers and limits are merged, all other
   * options replaced. Credentials replace credentials, whether given by `auth`, an Authorization header or the URL.
   */
  readonly with: (options: SessionOptions) => SessionService
  /** The cookie jar of the session. */
  readonly cookieJar: CookieJarService
  /** The connector of the session. */
  readonly connector: ConnectorService
  /**
   * All signals from the moment the stream runs until the session is closed. A slow reader loses the oldest signals and
   * gets `SignalsLost`.
   */
  readonly signals: Stream.Stream<Signal>
  /**
   * Snapshots of the requests that start while the stream runs: counts, rates, and each body in transfer. Emits one at
   * once, one after each `interval` on the fiber's Clock, and one when the session is closed. Unlike `signals` it counts
   * everything, however slow the reader; a slow reader gets fewer snapshots. An invalid `interval` is a defect.
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
   * Closes the session, and its connector if it owns it: requests in flight may finish within the connector's
   * `gracefulShutdownTimeout`, all others fail with `SessionClosedError`. Completes when the sockets are closed. Does
   * not wait for uninterruptible middlewares, hooks and listeners. Idempotent; the end of the session's Scope closes it
   * too.
   */
  readonly close: Effect.Effect<void>
}

/**
 * The session of a program. For additional sessions, define tags over `SessionService`.
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

/** An invalid environment is a defect, like every invalid option. */
const orDefect = <A, R>(effect: Effect.Effect<A, ConfigError, R>): Effect.Effect<A, never, R> => Effect.orDie(effect)

/**
 * A session on the connector and the jar of the context, neither of which it closes (aiohttp: `ClientSession` with
 * `connector_owner=False`). Closes with the Scope.
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

const owning = (options: LayerOptions): Effect.Effect<SessionService, ConfigError, Scope> =>
  Effect.flatMap(tcp(options.connector), (connector) =>
    Effect.flatMap(makeCookieJar(options.cookieJar), (jar) => build(options, connector, jar, true))
  )

/**
 * A session with its own TCP connector and its own strict jar (aiohttp: `ClientSession()`). Each call makes another:
 * keep it in a constant.
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
  Layer.scoped(Session, orDefect(owning(options)))

/**
 * A session on a shared connector and jar (aiohttp: `connector_owner=False`).
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
      Effect.catchAllDefect(owning(options), (defect) =>
        Effect.fail(invalidConfig(["session"], defect instanceof Error ? defect.message : String(defect)))
      )
    )
  )

/**
 * The HttpClient of @effect/platform on the session, for absolute URLs: `baseUrl` is not used. The session follows
 * redirects, and only the platform makes spans; give options of a request with `withRequestOptions`.
 * `HttpIncomingMessage.withMaxBodySize` limits every way to read a response body, in decoded bytes. The context of the
 * layer is the default context of requests.
 *
 * Fails with the platform's `RequestError` ("InvalidUrl", "Encode", and "Transport" for everything before a head) and
 * `ResponseError` ("Decode" for bodies, "StatusCode"), with the `ClientError` as `cause`. A response that is not read
 * is released when it is garbage-collected, or with `HttpClient.withScope` when the Scope closes.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpClient: Layer.Layer<HttpClient, never, Session> = layerMergedContext(
  Effect.map(Session, makeHttpClient)
)

/**
 * A session for tests. Verbs, `execute` and module functions fall back to `request`, if given; using any other missing
 * member is a defect. `Connector.layerMock` tests more.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMock = (partial: Partial<Omit<SessionService, TypeId>>): Layer.Layer<Session> =>
  Layer.sync(Session, () => mockSession(partial))

/**
 * Options for every request made inside an effect; the request's own options win.
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
 * Merges options into `CurrentRequestOptions`, for example for programs written for HttpClient. Headers and limits are
 * merged, all other options replaced; credentials given closer to the request win.
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

/** Runs a request on the session in the context. A mock is called by its own functions. */
const inContext =
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
    inContext((session) => session.request(method, url, options)),
    method,
    url,
    options
  )

const verb =
  (method: Method, name: "get" | "head" | "options" | "post" | "put" | "patch" | "delete"): Verb<Session> =>
  (url, options) =>
    send(
      inContext((session) => session[name](url, options)),
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
 * Sends a HEAD request, on the session in the context. Redirects are followed only with `allowRedirects: true`.
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
    inContext((session) => session.execute(value, options)),
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
 * Changes a connection of the context's session to another protocol. Fails with `UpgradeError` if the server does not
 * change to an offered protocol.
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
 * Requests page after page. `page` reads a response, which is released afterwards, and `next` returns the URL of the
 * next page, by default that of the Link header with relation "next". Relative URLs are resolved against the URL of the
 * page.
 *
 * The next page is requested with the same method, options and session, like a redirect: at another origin without
 * credentials, cookies, `Redacted` headers and client certificates, which are not restored later. `params` apply to the
 * first page only. The stream ends at a URL that was visited before.
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
  pages(url, page, options, (at, given) => inContext((session) => session.get(at, given)))
