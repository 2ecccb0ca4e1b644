/**
 * Connectors: connection pools to TCP hosts, to Unix sockets, or to functions that replace a server.
 *
 * @since 0.1.0
 */
import type { Default as HttpApp } from "@effect/platform/HttpApp"
import type { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ClientRequest } from "./ClientRequest.js"
import type { ClientError } from "./Errors.js"
import { invalidConfig } from "./internal/effect/configErrors.js"
import { decodeDuration } from "./internal/effect/durations.js"
import { currentServices } from "./internal/effect/fiberState.js"
import { answerWithHandler, makeMockTransport } from "./internal/mock/mockTransport.js"
import { ranges as addressRanges } from "./internal/network/dial/addressPolicy.js"
import type { Dialer } from "./internal/network/dial/dialer.js"
import { makeTcpDialer, makeUnixDialer } from "./internal/network/dial/dialer.js"
import { http2Fault } from "./internal/network/http2/limits.js"
import { Network } from "./internal/network/network.js"
import { serviceOf } from "./internal/transport/connectorService.js"
import { makeHub } from "./internal/transport/signalHub.js"
import type { Address, ResolverService } from "./Resolver.js"
import { Resolver } from "./Resolver.js"
import type { Ssl } from "./Ssl.js"
import type { Signal } from "./Tracing.js"

/**
 * Limits of the HTTP/1.1 parser on heads, lines and chunk extensions, as whole numbers. A response that exceeds a limit
 * fails with `BadHttpMessage`, reason "Limit", and its connection is closed. Sources: RFC 9112, aiohttp's parser.
 *
 * @since 0.1.0
 * @category models
 */
export interface Http1Limits {
  /**
   * Whether to reject responses that deviate from HTTP in a way that RFC 9112 permits a client to tolerate;
   * `ClientResponse.Deviation` lists the deviations. By default such a response is accepted, and for most deviations
   * its connection is closed. Default `false`.
   */
  readonly strict?: boolean | undefined
  /**
   * Maximum size of the head of a response, together with its informational (1xx) heads, in bytes. Default 262144 (256
   * KiB).
   */
  readonly maxHeadSize?: number | undefined
  /** Maximum size of one line in bytes (aiohttp: `max_line_size`, `max_field_size`). Default: `maxHeadSize`. */
  readonly maxLineSize?: number | undefined
  /** Maximum number of header lines in one head (aiohttp: `max_headers`). Default 1000. */
  readonly maxHeaders?: number | undefined
  /** Maximum number of informational (1xx) responses to one request. Default: as many as fit into `maxHeadSize`. */
  readonly maxInformational?: number | undefined
  /** Maximum size of the extensions of one chunk in bytes. Default 1024. */
  readonly maxChunkExtension?: number | undefined
}

/**
 * Options of HTTP/2. Numbers are integers. An invalid value is a defect when the connector is made, or a `ConfigError`
 * if the options come from Config.
 *
 * @since 0.1.0
 * @category models
 */
export interface Http2Options {
  /**
   * - "auto": https offers HTTP/2 and HTTP/1.1, and the server selects (RFC 7301). http uses HTTP/1.1.
   * - "require": https offers HTTP/2 only; a server without it fails with `ClientConnectorSSLError`, reason "Protocol".
   *   Requests that need HTTP/1.1, and http URLs, fail with `InvalidRequest`.
   * - "prior-knowledge": like "require", but http URLs use HTTP/2 too, without negotiation (RFC 9113 section 3.3), and
   *   requests that need HTTP/1.1 use HTTP/1.1.
   *
   * Default "auto".
   */
  readonly mode?: "auto" | "require" | "prior-knowledge" | undefined
  /**
   * Maximum number of concurrent requests on one connection, even if the server allows more; at least 1. Default 100.
   */
  readonly maxConcurrentStreams?: number | undefined
  /**
   * Initial flow-control window of each stream in bytes: how much of a body the server may send before the program
   * reads it (RFC 9113 section 6.9.2). From 65535 to 2147483647. Default 262144 (256 KiB).
   */
  readonly streamWindow?: number | undefined
  /**
   * Maximum size in bytes to which the window of a stream grows while the program reads fast enough. Default 8388608 (8
   * MiB).
   */
  readonly maxStreamWindow?: number | undefined
  /**
   * Sends a PING when nothing has arrived for this long while requests are in flight; at least "10 seconds". Off by
   * default, because some servers treat PINGs as abuse.
   */
  readonly pingInterval?: Duration.DurationInput | undefined
  /**
   * How long the server may take to answer a PING, including one that checks a silent connection before its reuse. If
   * it does not answer in time, the connection closes and its requests fail with `ServerDisconnectedError`. Default "5
   * seconds".
   */
  readonly pingTimeout?: Duration.DurationInput | undefined
}

/**
 * Options of all pools. A negative limit, an invalid duration, and `forceClose` together with `keepaliveTimeout` or
 * `http2` are defects, or `ConfigError`s if the options come from Config.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolOptions {
  /**
   * Maximum number of connections that are in use or being opened; idle connections do not count. Default 100; 0 means
   * no limit.
   */
  readonly limit?: number | undefined
  /** The same limit for each combination of scheme, host and port. Default 0, which means no limit. */
  readonly limitPerHost?: number | undefined
  /**
   * How long an idle connection stays open. Time during which the machine sleeps counts too, so that a connection that
   * the server has closed meanwhile is not reused. Default "15 seconds".
   */
  readonly keepaliveTimeout?: Duration.DurationInput | undefined
  /**
   * Age up to which a connection may be reused, so that changed DNS records take effect. Time during which the machine
   * sleeps counts too. Requests in flight are not affected. Default `Infinity`.
   */
  readonly maxConnectionAge?: Duration.DurationInput | undefined
  /**
   * Closes each connection after its response, and sends `Connection: close` (RFC 9112 section 9.6) unless the request
   * has its own Connection header. Default `false`. Cannot be combined with `keepaliveTimeout` and `http2`.
   */
  readonly forceClose?: boolean | undefined
  /**
   * Maximum number of requests that wait for a connection; one more fails with `PoolSaturatedError`. Default
   * `Infinity`.
   */
  readonly maxQueue?: number | undefined
  /**
   * How long requests in flight have to finish, and peers of WebSockets have to close, when the connector or a session
   * on it closes. Default "5 seconds".
   */
  readonly gracefulShutdownTimeout?: Duration.DurationInput | undefined
  /** TLS settings of requests that have no `ssl` option or `ssl: true`. Default `true`, which verifies certificates. */
  readonly ssl?: Ssl | undefined
  /**
   * Limits and strictness of the HTTP/1.1 parser; `maxHeadSize`, `maxLineSize`, `maxHeaders` and `maxInformational`
   * apply to HTTP/2 too.
   */
  readonly http1?: Http1Limits | undefined
  /**
   * Whether to use HTTP/2 (RFC 9113), and its options. `true` is `{ mode: "auto" }`: https requests use HTTP/2 if the
   * server selects it by ALPN, with many concurrent requests on one connection, and HTTP/1.1 otherwise. The `version`
   * of a session takes precedence. Default `true`; with `forceClose`, `false`.
   */
  readonly http2?: boolean | Http2Options | undefined
}

/**
 * The address that an `addressPolicy` function receives. `address` does not include the zone.
 *
 * @since 0.1.0
 * @category models
 */
export interface PolicyAddress extends Address {
  /**
   * The zone of an IPv6 address from a resolver, such as "eth0" in "fe80::1%eth0" (RFC 4007). A URL cannot contain a
   * zone.
   */
  readonly zone: string | undefined
}

/**
 * Which addresses the connector may connect to, as a function or as CIDR ranges. `deny` takes precedence over `allow`;
 * with `allow`, all other addresses are rejected. The policy checks every address before a new connection: IP literals,
 * resolved addresses and cached addresses, on every hop. A pooled connection was checked when it was opened.
 *
 * An IPv6 address that embeds an IPv4 address is checked as both: mapped and compatible addresses, NAT64 (the
 * well-known prefix 64:ff9b::/96 and the local 64:ff9b:1::/48, but not network-specific prefixes), SIIT, 6to4, Teredo's
 * client and server, ISATAP. `deny` rejects the address if a range contains either; a function is called with each and
 * must allow all of them. An IPv4-mapped address is the IPv4 host itself. Therefore `allow` compares its IPv4 address,
 * and a range of mapped addresses is treated as a range of IPv4 addresses. Ranges ignore a zone ("%eth0"); a function
 * receives it as `zone`.
 *
 * A function must return `true` to allow an address; any other value, including a promise, rejects it. If the policy
 * rejects all addresses of a host, the request fails with `ClientConnectorError`, reason "AddressPolicy". The policy
 * does not apply to the address of a proxy, nor to addresses to which the proxy connects. A policy with unknown keys or
 * malformed ranges is a defect when the connector is made.
 *
 * @since 0.1.0
 * @category models
 */
export type AddressPolicy =
  | ((address: PolicyAddress, host: string) => boolean)
  | { readonly allow?: ReadonlyArray<string> | undefined; readonly deny?: ReadonlyArray<string> | undefined }

/**
 * CIDR ranges for an `addressPolicy`: IANA's registries of special-purpose addresses (RFC 6890), multicast, and
 * deprecated ranges. IPv4-mapped addresses (`::ffff:0:0/96`) do not need a range, because they are checked as IPv4.
 *
 * `special` is the safest choice. It contains the NAT64 prefix `64:ff9b::/96`, through which networks without IPv4
 * reach all IPv4 hosts. In such a network, remove this prefix from the list; private IPv4 addresses behind it stay
 * rejected.
 *
 * ```ts
 * import { Connector, Session } from "effect-http-session"
 *
 * // URLs from users cannot reach the internal network.
 * export const Guarded = Session.layer({
 *   connector: { addressPolicy: { deny: Connector.ranges.special } }
 * })
 *
 * export const GuardedBehindNat64 = Session.layer({
 *   connector: { addressPolicy: { deny: Connector.ranges.special.filter((range) => range !== "64:ff9b::/96") } }
 * })
 * ```
 *
 * @since 0.1.0
 * @category constants
 */
export const ranges: {
  /**
   * Addresses that are not globally reachable: private use (RFC 1918, RFC 4193), carrier-grade NAT (RFC 6598), protocol
   * assignments (RFC 6890, RFC 2928), documentation, benchmarks, local NAT64, discard-only, segment routing, reserved,
   * broadcast, and site-local addresses.
   */
  readonly private: ReadonlyArray<string>
  /** Loopback addresses, and unspecified addresses, which systems connect to themselves. */
  readonly loopback: ReadonlyArray<string>
  /** Link-local addresses, including metadata services of clouds. */
  readonly linkLocal: ReadonlyArray<string>
  /** `224.0.0.0/4` and `ff00::/8`. */
  readonly multicast: ReadonlyArray<string>
  /** All of these, and other special ranges: translators and tunnels (NAT64, SIIT, 6to4), and anycast services. */
  readonly special: ReadonlyArray<string>
} = addressRanges

/**
 * Options of a pool of TCP connections (aiohttp: `TCPConnector`).
 *
 * @since 0.1.0
 * @category models
 */
export interface TcpOptions extends PoolOptions {
  /** Looks up host names. Default: the `Resolver.Resolver` of the context, which is `Resolver.system` unless replaced. */
  readonly resolver?: ResolverService | undefined
  /** Whether to cache the addresses of names (aiohttp: `use_dns_cache`). Default `true`. */
  readonly useDnsCache?: boolean | undefined
  /**
   * How long the cache keeps addresses for which the resolver reports no time to live (aiohttp: `ttl_dns_cache`).
   * `Infinity` keeps them until they are cleared or evicted. Default "10 seconds".
   */
  readonly ttlDnsCache?: Duration.DurationInput | undefined
  /** Maximum number of names in the cache; the least recently used are evicted. Default 1000. */
  readonly dnsCacheMaxSize?: number | undefined
  /** How long expired addresses may still be used while lookups fail. Default 0. */
  readonly staleIfError?: Duration.DurationInput | undefined
  /** Connects only to IPv4 or to IPv6 addresses (aiohttp: `family`). Default: both. */
  readonly family?: 4 | 6 | undefined
  /** An IP address of this machine to connect from, which also fixes the family (aiohttp: `local_addr`). */
  readonly localAddress?: string | undefined
  /**
   * How long to wait for one address before trying the next in parallel (RFC 8305); with `Infinity`, addresses are tried
   * one after the other. Default "250 millis".
   */
  readonly happyEyeballsDelay?: Duration.DurationInput | undefined
  /** Which addresses the connector may connect to. Default: all. */
  readonly addressPolicy?: AddressPolicy | undefined
  /** Whether small writes are sent immediately, without Nagle's algorithm (TCP_NODELAY). Default `true`. */
  readonly noDelay?: boolean | undefined
  /**
   * How long a connection, idle or in use, may be silent before the operating system sends TCP keep-alive probes (RFC
   * 9293 section 3.8.4). From 1 second to 9 hours, in whole seconds; `Infinity` turns probes off. Default "1 minute".
   */
  readonly tcpKeepAlive?: Duration.DurationInput | undefined
  /** Emits the signal "TlsCertificateExpiring" if the certificate of a peer expires within this time. Default off. */
  readonly certificateWarning?: Duration.DurationInput | undefined
}

/**
 * Options of a pool of connections to one Unix socket, or on Windows to one named pipe (aiohttp: `UnixConnector`,
 * `NamedPipeConnector`).
 *
 * @since 0.1.0
 * @category models
 */
export interface UnixOptions extends PoolOptions {
  /**
   * The path of the socket. On Linux, a path that starts with a NUL character is an abstract name; on Windows, the path
   * is that of a named pipe such as `\\\\.\\pipe\\docker_engine`.
   */
  readonly path: string
}

/**
 * Numbers of connections, and of requests that wait for one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counts {
  /** Connections in use. */
  readonly acquired: number
  readonly idle: number
  readonly connecting: number
  /** Requests that wait for a connection, or over HTTP/2 for a stream. */
  readonly waiting: number
  /** Requests in flight: one for each HTTP/1.1 connection in use, and one for each stream over HTTP/2. */
  readonly streams: number
}

/**
 * A snapshot of the pool. The counts at the top level are the totals of all keys.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats extends Counts {
  /**
   * Counts by key. A key has the form "https://example.com:443", followed by the proxy if there is one. Connections to
   * a proxy that forwards http requests serve all origins, and their key has the form "via http://proxy.test:3128".
   */
  readonly perKey: ReadonlyMap<string, Counts>
}

/**
 * Clears cached addresses: of all names, of a host, or of a host and port. `retire` (default `false`) also closes the
 * idle connections to that host, as origin or as proxy, and closes connections in use after their request, so that the
 * next request resolves the name again. Has no effect on a mock.
 *
 * @since 0.1.0
 * @category models
 */
export type ClearDnsCache = (
  host?: string,
  port?: number,
  options?: { readonly retire?: boolean | undefined }
) => Effect.Effect<void>

/**
 * Marks a connector.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = "~effect-http-session/Connector"

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/Connector"

/**
 * A connection pool. Programs cannot implement it themselves, because the interface to sessions is internal;
 * `layerMock` and `layerHttpApp` replace the network.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectorService {
  readonly [TypeId]: unknown
  /** The current counts. */
  readonly stats: Effect.Effect<Stats>
  /**
   * The signals of all sessions on the connector, until it closes. A reader that falls behind misses the oldest signals
   * and gets `SignalsLost`.
   */
  readonly signals: Stream.Stream<Signal>
  /** Closes all idle connections. */
  readonly closeIdle: Effect.Effect<void>
  /** Clears the DNS cache: completely, for a host, or for a host and port; with `retire` also connections. */
  readonly clearDnsCache: ClearDnsCache
  /**
   * Closes the connector. Requests in flight may finish within `gracefulShutdownTimeout`. Completes when all sockets
   * are closed.
   */
  readonly close: Effect.Effect<void>
}

/**
 * The connector of a session.
 *
 * @since 0.1.0
 * @category tags
 */
export class Connector extends Context.Tag("effect-http-session/Connector")<Connector, ConnectorService>() {}

const durationOptions = [
  "keepaliveTimeout",
  "maxConnectionAge",
  "gracefulShutdownTimeout",
  "happyEyeballsDelay",
  "ttlDnsCache",
  "staleIfError",
  "tcpKeepAlive",
  "certificateWarning"
] as const

const isResolver = (value: unknown): value is ResolverService =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, "resolve") === "function"

/** Describes the first invalid option of a pool; `undefined` if all are valid. */
const describeFault = (
  options: Omit<TcpOptions, "family"> & { readonly family?: number | undefined }
): string | undefined => {
  for (const name of ["limit", "limitPerHost", "maxQueue", "dnsCacheMaxSize"] as const) {
    const value = options[name]
    if (value !== undefined && !(value >= 0)) return `${name}: expected a number from 0 on, got ${value}`
  }
  if (options.forceClose === true && options.keepaliveTimeout !== undefined) {
    return "keepaliveTimeout: expected no value with forceClose, which closes each connection after one request"
  }
  if (options.forceClose === true && options.http2 !== undefined && options.http2 !== false) {
    return "http2: expected false or no value with forceClose, which closes each connection after one request"
  }
  const wrong = http2Fault(options.http2)
  if (wrong !== undefined) return wrong
  if (options.resolver !== undefined && !isResolver(options.resolver))
    return "resolver: expected a service of Resolver with the function resolve"
  if (options.family !== undefined && options.family !== 4 && options.family !== 6)
    return `family: expected 4 or 6, got ${String(options.family)}`
  for (const name of durationOptions) {
    const value = options[name]
    if (value === undefined) continue
    const negative = typeof value === "number" && !(value >= 0)
    if (negative || Option.isNone(decodeDuration(value))) return `${name}: expected a duration from 0 on`
  }
  return undefined
}

const checkOptions = (options: PoolOptions): Effect.Effect<void> => {
  const description = describeFault(options)
  return description === undefined ? Effect.void : Effect.die(new TypeError(`Connector: ${description}`))
}

const makePool = (options: PoolOptions, dialer: Dialer): Effect.Effect<ConnectorService, never, Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => serviceOf(new Network(options, dialer, makeHub()))),
    (connector) => connector.close
  )

/**
 * Makes a pool of TCP connections, which closes with the Scope (aiohttp: `TCPConnector`). An invalid option, such as a
 * negative limit, is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tcp = (options: TcpOptions = {}): Effect.Effect<ConnectorService, never, Scope> =>
  Effect.zipRight(
    checkOptions(options),
    Effect.flatMap(Resolver, (resolver) =>
      Effect.flatMap(makeTcpDialer(options, { resolver: options.resolver ?? resolver }), (dialer) =>
        makePool(options, dialer)
      )
    )
  )

/**
 * Makes a pool of connections to one Unix socket, which closes with the Scope (aiohttp: `UnixConnector`). All requests
 * and redirects use this socket, regardless of the host in their URL.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unix = (options: UnixOptions): Effect.Effect<ConnectorService, never, Scope> =>
  Effect.zipRight(
    typeof options.path === "string"
      ? checkOptions(options)
      : Effect.die(new TypeError("Connector: path: expected a string")),
    Effect.suspend(() => makePool(options, makeUnixDialer(options)))
  )

/**
 * `tcp` as a layer. Each call returns a new layer; keep it in a constant to share one pool.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTcp = (options?: TcpOptions): Layer.Layer<Connector> => Layer.scoped(Connector, tcp(options))

/**
 * `unix` as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerUnix = (options: UnixOptions): Layer.Layer<Connector> => Layer.scoped(Connector, unix(options))

/**
 * `layerTcp` with options from Config. An invalid option is a `ConfigError`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTcpConfig = (config: Config.Config.Wrap<TcpOptions>): Layer.Layer<Connector, ConfigError> =>
  Layer.scoped(
    Connector,
    Effect.flatMap(Config.unwrap(config), (options) =>
      Effect.catchAllDefect(tcp(options), (defect) =>
        Effect.fail(invalidConfig(["connector"], defect instanceof Error ? defect.message : String(defect)))
      )
    )
  )

/**
 * A web `Request` with the additional member `exact`, which preserves what a web `Request` cannot represent: the order
 * and case of headers, the body of a GET, and any method. `exact` has all headers as they would be sent, including
 * automatic headers, credentials and cookies. `signal` is aborted if the request ends before its response.
 *
 * @since 0.1.0
 * @category models
 */
export interface MockRequest extends Request {
  readonly exact: ClientRequest
}

/**
 * Answers requests in place of a server; any fetch handler fits. Return a new `Response` for each request. If the
 * effect fails, or the promise rejects with a `ClientError`, the request fails with this error; the session does not
 * resend it, because no connection was lost. Any other rejection or exception is a defect of the request. The Scope of
 * an effect closes when the body of its response ends.
 *
 * @since 0.1.0
 * @category models
 */
export type MockHandler<R = never> = (
  request: MockRequest
) => Response | Promise<Response> | Effect.Effect<Response, ClientError, R>

/**
 * A call that a mock has received.
 *
 * @since 0.1.0
 * @category models
 */
export interface MockCall {
  readonly request: ClientRequest
  /** The status of the response; `undefined` if there was none. */
  readonly status: number | undefined
}

/**
 * The calls of `layerMock`, oldest first, one for each hop and attempt.
 *
 * @since 0.1.0
 * @category tags
 */
export class MockCalls extends Context.Tag("effect-http-session/Connector/MockCalls")<
  MockCalls,
  { readonly all: Effect.Effect<ReadonlyArray<MockCall>>; readonly clear: Effect.Effect<void> }
>() {}

/**
 * A connector without sockets, whose handler answers all requests; every other part of the session works as usual. The
 * handler runs in its own fiber, with the context of the layer and the Clock of the request, and is interrupted if the
 * request ends before its response. Use `Testing.server` for anything that a `Response` cannot represent.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
 *
 * const Mock = Session.layerWithoutDependencies().pipe(
 *   Layer.provide([Connector.layerMock(() => Response.json({ id: 1 })), CookieJar.layer()])
 * )
 *
 * export const user = Session.get("https://api.example/users/1").pipe(ClientResponse.json, Effect.provide(Mock))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMock = <R = never>(
  handler: MockHandler<R>
): Layer.Layer<Connector | MockCalls, never, Exclude<R, Scope>> =>
  Layer.scopedContext(
    Effect.map(makeMockTransport(answerWithHandler(handler)), (transport) =>
      Context.make(Connector, serviceOf(transport)).pipe(
        Context.add(MockCalls, {
          all: Effect.sync(() => transport.history),
          clear: Effect.sync(() => transport.forget())
        })
      )
    )
  )

/**
 * A connector that passes every request to an app of @effect/platform, in the same process and without sockets. If the
 * app fails, the response is that of the platform's server: status 500, unless the error defines a response. For an
 * `HttpApi`, use `layerMock` with the handler of `HttpApiBuilder.toWebHandler`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpApp = <E, R>(
  app: HttpApp<E, R>
): Layer.Layer<Connector, never, Exclude<R, HttpServerRequest | Scope>> =>
  Layer.unwrapEffect(
    // Loaded lazily: @effect/platform's servers initialise web globals, which importing this package must not do.
    Effect.map(
      Effect.zip(
        currentServices<Exclude<R, HttpServerRequest | Scope>>(),
        Effect.promise(() => import("./internal/mock/httpApp.js"))
      ),
      ([context, { answerWithApp }]) =>
        Layer.scoped(
          Connector,
          Effect.map(
            Effect.mapInputContext(makeMockTransport(answerWithApp(app)), (scope: Context.Context<Scope>) =>
              Context.merge(context, scope)
            ),
            serviceOf
          )
        )
    )
  )
