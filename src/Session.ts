/**
 * The session: requests over one pool and one cookie jar, with defaults.
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ClientRequest, CommonOptions, Method, RequestOptions, UrlInput } from "./ClientRequest.js"
import type { ClientResponse, ResponseHead } from "./ClientResponse.js"
import type { Connector, ConnectorService, TcpOptions } from "./Connector.js"
import type { CookieJar, CookieJarOptions, CookieJarService } from "./CookieJar.js"
import type { ClientError } from "./Errors.js"
import type { Signal, SpanOptions, TraceConfig } from "./Tracing.js"
import type { WebSocket, WebSocketOptions } from "./WebSocket.js"

/** Options of a session. An option that cannot be right (a relative `baseUrl`, a negative limit) is a defect. */
export interface SessionOptions extends CommonOptions {
  /** Joined with relative URLs by RFC 3986; its path ends in "/". `auth` goes to its origin only. */
  readonly baseUrl?: UrlInput | undefined
  /** Proxies, NO_PROXY and netrc from the environment, read by Config when the session is made. Default `false`. */
  readonly trustEnv?: boolean | undefined
  /** In order; each signal goes through all of them. */
  readonly traceConfigs?: ReadonlyArray<TraceConfig> | undefined
  readonly spans?: SpanOptions | false | undefined
  /** Written on the request line. Default "1.1". */
  readonly version?: "1.0" | "1.1" | undefined
  /** Canonicalises a Location; `false` keeps it byte for byte. Default `true`. */
  readonly requoteRedirectUrl?: boolean | undefined
  /** For text without charset or BOM. Default "utf-8". */
  readonly fallbackCharset?: string | ((response: ResponseHead, body: Uint8Array) => string) | undefined
  /** Default `JSON.stringify`. */
  readonly jsonSerialize?: ((value: unknown) => string | Uint8Array) | undefined
}

/** Options of a session with a TCP connector and a jar of its own. */
export interface LayerOptions extends SessionOptions {
  readonly connector?: TcpOptions | undefined
  readonly cookieJar?: CookieJarOptions | undefined
}

export declare const TypeId: TypeId
export type TypeId = "~effect-http-session/Session"

/**
 * A request by a method of HTTP. It succeeds when the head of the final response is there; the response lives in the
 * Scope, or in one of the decoders of `ClientResponse`, which need none.
 */
export type Verb<R = never> = (
  url: UrlInput,
  options?: RequestOptions
) => Effect.Effect<ClientResponse, ClientError, R | Scope>

/** What a session does. */
export interface SessionService {
  readonly [TypeId]: TypeId
  readonly request: (
    method: Method,
    url: UrlInput,
    options?: RequestOptions
  ) => Effect.Effect<ClientResponse, ClientError, Scope>
  readonly get: Verb
  readonly head: Verb
  readonly options: Verb
  readonly delete: Verb
  readonly post: Verb
  readonly put: Verb
  readonly patch: Verb
  /** A request value: of @effect/platform, or of `ClientRequest.make`. */
  readonly execute: (
    request: HttpClientRequest | ClientRequest,
    options?: RequestOptions
  ) => Effect.Effect<ClientResponse, ClientError, Scope>
  /** `ws:` and `wss:`, or `http:` and `https:` (aiohttp: `ws_connect`). */
  readonly webSocket: (url: UrlInput, options?: WebSocketOptions) => Effect.Effect<WebSocket, ClientError, Scope>
  /** The same pool, jar and lifetime with other defaults: headers and limits are merged, all else is replaced. */
  readonly with: (options: SessionOptions) => SessionService
  readonly cookieJar: CookieJarService
  readonly connector: ConnectorService
  /** What happens from the moment it runs. A slow reader loses the oldest and is told how many. */
  readonly signals: Stream.Stream<Signal>
  /**
   * Ends the session, and its connector if it owns it: requests in flight may finish within the connector's
   * `gracefulShutdownTimeout`, all others fail with `SessionClosedError`. Resolves when the sockets are closed. A
   * second time is no error; the end of the session's Scope does it too.
   */
  readonly close: Effect.Effect<void>
}

/** The session of a program. For a second one beside it make a tag of your own over `SessionService`. */
export declare class Session extends Context.Tag("effect-http-session/Session")<Session, SessionService>() {}

/** A session on the connector and the jar of the context, neither of which it closes. */
export declare const make: (
  options?: SessionOptions
) => Effect.Effect<SessionService, never, Scope | Connector | CookieJar>

/** A session with its own TCP connector and its own strict jar. Each call makes another: keep it in a constant. */
export declare const layer: (options?: LayerOptions) => Layer.Layer<Session>

/** A session on a connector and a jar that others may use as well (aiohttp: `connector_owner=False`). */
export declare const layerWithoutDependencies: (
  options?: SessionOptions
) => Layer.Layer<Session, never, Connector | CookieJar>

/** `layer` with options from Config; an option that cannot be right is a ConfigError as well. */
export declare const layerConfig: (config: Config.Config.Wrap<LayerOptions>) => Layer.Layer<Session, ConfigError>

/**
 * @effect/platform's HttpClient on the session. Failures are its `RequestError` and `ResponseError` with the
 * `ClientError` as `cause`; options of one request come from `withRequestOptions`.
 */
export declare const layerHttpClient: Layer.Layer<HttpClient, never, Session>

/**
 * A session for tests without one. Verbs, `execute` and module functions fall back on `request`, if that is given;
 * what is not given dies when it is used. `Connector.layerMock` tests more.
 */
export declare const layerMock: (partial: Partial<Omit<SessionService, TypeId>>) => Layer.Layer<Session>

/** Options for every request made inside, under those the request is given itself. */
export declare class CurrentRequestOptions extends Context.Reference<CurrentRequestOptions>()(
  "effect-http-session/Session/CurrentRequestOptions",
  { defaultValue: (): RequestOptions => ({}) }
) {}

/** Merges into `CurrentRequestOptions`: the way to give options to a program written for HttpClient. */
export declare const withRequestOptions: {
  (options: RequestOptions): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, options: RequestOptions): Effect.Effect<A, E, R>
}

export declare const request: (
  method: Method,
  url: UrlInput,
  options?: RequestOptions
) => Effect.Effect<ClientResponse, ClientError, Session | Scope>

export declare const get: Verb<Session>
export declare const head: Verb<Session>
export declare const options: Verb<Session>
export declare const post: Verb<Session>
export declare const put: Verb<Session>
export declare const patch: Verb<Session>

declare const del: Verb<Session>

export { del as delete }

export declare const execute: (
  request: HttpClientRequest | ClientRequest,
  options?: RequestOptions
) => Effect.Effect<ClientResponse, ClientError, Session | Scope>

export declare const webSocket: (
  url: UrlInput,
  options?: WebSocketOptions
) => Effect.Effect<WebSocket, ClientError, Session | Scope>

/**
 * Page after page: `page` reads a response, `next` finds the URL of the following one, by default in the Link header
 * under "next".
 */
export declare const paginate: <A, E, R>(
  url: UrlInput,
  page: (response: ClientResponse) => Effect.Effect<A, E, R>,
  options?: RequestOptions & {
    readonly next?: ((page: A, response: ResponseHead) => Option.Option<UrlInput>) | undefined
  }
) => Stream.Stream<A, ClientError | E, Session | Exclude<R, Scope>>
