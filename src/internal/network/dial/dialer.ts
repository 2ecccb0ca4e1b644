/**
 * Opens sockets for exchanges: resolves the host, races its addresses, opens a tunnel through the proxy, and runs the
 * TLS handshake. Every step adds its socket to the caller's `Sockets` at once, so that the caller can close it at any
 * point.
 */
import * as Net from "node:net"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { sequential } from "effect/ExecutionStrategy"
import * as Scope from "effect/Scope"
import type { TcpOptions, UnixOptions } from "../../../Connector.js"
import {
  type ClientConnectorDNSError,
  type ClientConnectorError,
  type ClientError,
  ClientProxyConnectionError,
  type TlsError,
  UnixClientConnectorError
} from "../../../Errors.js"
import type { ResolverService } from "../../../Resolver.js"
import { toMillis } from "../../durations.js"
import { canonicalHost } from "../../http/host.js"
import { zonedAddress } from "../../http/origin.js"
import { nameOf } from "../../objectNames.js"
import { onFirstUse } from "../../onFirstUse.js"
import type { Http2Offer, NetworkStream, Sockets } from "../../transport/networkStream.js"
import { DataReader, type SocketReader } from "../../transport/socketReader.js"
import type { Exchange, ProxyRoute, Route } from "../../transport/transport.js"
import { resolveLimits } from "../http1/limits.js"
import { compileAddressPolicy } from "./addressPolicy.js"
import { DnsCache } from "./dnsCache.js"
import { forwards } from "./forwards.js"
import { isLocalhost } from "./localhost.js"
import { peerKeyOf } from "./peerKey.js"
import type { Connected } from "./race.js"
import { during, locate, permit, phaseTimeout, reach, type Target, type TcpSettings } from "./reach.js"
import { makeTlsStep, type SecureError, type TlsStep, withFullHandshake } from "./tlsStep.js"
import { tunnel } from "./tunnel.js"
import { connectUnix } from "./unix.js"

const socksHandshake = onFirstUse(() => import("./socks.js"))

/** Opens connections for the pool. */
export interface Dialer {
  /**
   * Opens a socket for HTTP/1.1, or for HTTP/2 if `http2` allows it. Runs in the requesting fiber, and adds every
   * socket to `sockets` in the step that creates it.
   */
  readonly dial: (exchange: Exchange, sockets: Sockets, http2: Http2Offer) => Effect.Effect<NetworkStream, ClientError>
  /** Whether the address policy allows an open connection, which may be for another origin, to serve the route. */
  readonly permits?: ((route: Route) => boolean) | undefined
  /** See `Transport.peerKey`. */
  readonly peerKey: (route: Route) => string
  readonly clearDnsCache: (host?: string, port?: number) => Effect.Effect<void>
}

const millis = (input: Duration.DurationInput): number => Math.max(0, toMillis(input))

/** Clamps a keep-alive delay to the range of the system: 1 to 32,767 seconds. */
const keepAliveMillis = (input: Duration.DurationInput): number => {
  const delay = millis(input)
  return delay === Infinity ? Infinity : Math.min(32_767_000, Math.max(1000, delay))
}

const familyOf = ({ family, localAddress }: TcpOptions): 4 | 6 | undefined => {
  if (localAddress === undefined) return family
  const local = Net.isIP(localAddress)
  if (local !== 4 && local !== 6) {
    throw new TypeError(`localAddress: expected an IP address, got ${JSON.stringify(localAddress)}`)
  }
  if (family !== undefined && family !== local) {
    throw new TypeError(
      `localAddress: expected an IPv${family} address as in family, got ${JSON.stringify(localAddress)}`
    )
  }
  return local
}

const settingsOf = (options: TcpOptions, resolver: ResolverService, scope: Scope.Scope): TcpSettings => ({
  http1: resolveLimits(options.http1),
  cache: new DnsCache({
    resolver,
    family: familyOf(options),
    enabled: options.useDnsCache ?? true,
    ttl: millis(options.ttlDnsCache ?? "10 seconds"),
    maxSize: options.dnsCacheMaxSize ?? 1000,
    staleIfError: millis(options.staleIfError ?? 0),
    scope
  }),
  allows: compileAddressPolicy(options.addressPolicy),
  localAddress: options.localAddress,
  delay: millis(options.happyEyeballsDelay ?? "250 millis"),
  noDelay: options.noDelay ?? true,
  keepAlive: keepAliveMillis(options.tcpKeepAlive ?? "1 minute")
})

/** A name in the form in which the cache stores it, including a final dot. */
const toCacheKey = (name: string): string => {
  const host = canonicalHost(name)
  return typeof host === "string" ? name.toLowerCase() : host.name
}

/** The options that decide which peer answers for a name: resolver, family, local address and address policy. */
const identityOf = (options: TcpOptions, resolver: ResolverService): ReadonlyArray<unknown> => {
  const { addressPolicy: policy, localAddress } = options
  return [
    "tcp",
    nameOf(resolver),
    familyOf(options),
    localAddress,
    typeof policy === "function" ? nameOf(policy) : [policy?.allow, policy?.deny]
  ]
}

interface PeerFacts {
  readonly address: string
  readonly failed: NetworkStream["failed"]
}

/** A class rather than an object literal, for the reason that `TracedRequest` gives. */
class DialedStream implements NetworkStream {
  readonly socket: Net.Socket
  readonly remoteAddress: string
  readonly localAddress: string | undefined
  readonly tls: NetworkStream["tls"]
  readonly failed: NetworkStream["failed"]
  readonly forward: boolean
  readonly protocol: NetworkStream["protocol"]
  readonly reader: SocketReader

  constructor(
    socket: Net.Socket,
    { address, failed }: PeerFacts,
    rest: Partial<Pick<NetworkStream, "forward" | "reader" | "tls" | "protocol">>
  ) {
    this.socket = socket
    this.remoteAddress = address
    this.localAddress = socket.localAddress
    this.tls = rest.tls
    this.failed = failed
    this.forward = rest.forward ?? false
    this.protocol = rest.protocol ?? "http/1.1"
    this.reader = rest.reader ?? new DataReader(socket)
  }
}

/** The last step: TLS with an https origin. */
const finishDial = (
  step: TlsStep,
  exchange: Exchange,
  socket: Net.Socket,
  facts: PeerFacts,
  reader: SocketReader | undefined,
  http2: Http2Offer
): Effect.Effect<NetworkStream, ClientError> =>
  exchange.route.origin.scheme === "https"
    ? Effect.map(
        step.origin(exchange, socket, http2),
        ({ info, socket }) =>
          new DialedStream(socket, facts, { tls: info, protocol: info.alpn === "h2" ? "h2" : "http/1.1" })
      )
    : Effect.sync(() => {
        // Without TLS there is no negotiation: the client must know that the server speaks HTTP/2 (RFC 9113 section
        // 3.3).
        const protocol = http2 === "required" ? "h2" : "http/1.1"
        return new DialedStream(socket, facts, reader === undefined ? { protocol } : { protocol, reader })
      })

const dialDirect = Effect.fnUntraced(function* (
  settings: TcpSettings,
  step: TlsStep,
  exchange: Exchange,
  sockets: Sockets,
  http2: Http2Offer
) {
  const target = exchange.route.origin
  const located = yield* locate(settings, exchange, target, exchange.trace)
  const permitted = yield* permit(settings, exchange, target, located)
  const connected = yield* reach(settings, exchange, target, permitted, sockets, target.scheme === "http")
  return yield* finishDial(step, exchange, connected.socket, connected, connected.reader, http2)
})

const proxyError = (
  exchange: Exchange,
  proxy: ProxyRoute,
  error: ClientConnectorDNSError | ClientConnectorError | TlsError
): ClientProxyConnectionError => {
  const reason =
    error._tag === "ClientConnectorDNSError" ? "Dns" : error._tag === "ClientConnectorError" ? "Connect" : "Tls"
  return new ClientProxyConnectionError({
    ...exchange.details(error.phase),
    proxy: proxy.url,
    reason,
    code: error._tag === "FingerprintMismatch" ? "ERR_FINGERPRINT_MISMATCH" : error.code,
    cause: error
  })
}

/**
 * Opens a socket to the proxy. The address policy does not apply, because it is for the hosts of requests, and the
 * program chooses the proxy. Lookups of the proxy emit no signals.
 */
const connectToProxy = (
  settings: TcpSettings,
  step: TlsStep,
  exchange: Exchange,
  proxy: ProxyRoute,
  sockets: Sockets,
  slab: boolean
) =>
  locate(settings, exchange, proxy, undefined).pipe(
    Effect.flatMap((addresses) => reach(settings, exchange, proxy, { addresses, rejected: [] }, sockets, slab)),
    Effect.flatMap(
      (connected): Effect.Effect<Connected, SecureError> =>
        proxy.kind === "https"
          ? Effect.map(step.proxy(exchange, proxy, connected.socket), ({ socket }) => ({ ...connected, socket }))
          : Effect.succeed(connected)
    ),
    Effect.mapError((error) => (error._tag === "ConnectionTimeoutError" ? error : proxyError(exchange, proxy, error)))
  )

/**
 * The destination that the client sends to the proxy. The address policy applies if the client knows its address: for
 * an IP literal, and with socks5, where the client resolves names.
 */
const destinationOf = Effect.fnUntraced(function* (settings: TcpSettings, exchange: Exchange, proxy: ProxyRoute) {
  const origin = exchange.route.origin
  if (origin.ip === 0 && proxy.kind !== "socks5") return origin
  const located = yield* locate(settings, exchange, origin, exchange.trace)
  const { addresses } = yield* permit(settings, exchange, origin, located)
  // Does not send the zone, which is only valid on this machine (RFC 6874, section 4).
  if (origin.ip !== 0) return origin
  // The proxy gets one address. For localhost it is IPv4, because most local servers listen on it.
  const four = isLocalhost(origin.host) ? addresses.find((found) => found.family === 4) : undefined
  const { address, family } = four ?? addresses[0]
  return { host: address, port: origin.port, ip: family } satisfies Target
})

const dialThroughProxy = Effect.fnUntraced(function* (
  settings: TcpSettings,
  step: TlsStep,
  exchange: Exchange,
  proxy: ProxyRoute,
  sockets: Sockets,
  http2: Http2Offer
) {
  const destination = yield* destinationOf(settings, exchange, proxy)
  const { origin } = exchange.route
  const speaksHttp = proxy.kind === "http" || proxy.kind === "https"
  // Loads the module before the socket is open, because a socket must have an owner at any time.
  const socks = speaksHttp ? undefined : yield* socksHandshake.load
  const forward = forwards(proxy, origin, exchange.route.tunnel)
  const slab = forward && proxy.kind === "http"
  const connected = yield* connectToProxy(settings, step, exchange, proxy, sockets, slab)
  const { reader, socket } = connected
  if (forward) return new DialedStream(socket, connected, reader === undefined ? { forward } : { forward, reader })
  const speaksFirst = origin.scheme === "https" || http2 === "required"
  const inner =
    socks === undefined
      ? yield* tunnel(socket, proxy, origin, exchange, settings.http1, exchange.route.userAgent, speaksFirst)
      : yield* socks.socks(socket, proxy, destination, exchange, http2 === "required")
  return yield* finishDial(step, exchange, inner, connected, undefined, http2)
})

/** A dialer over TCP. Invalid options throw, which is a defect. Closing the Scope interrupts lookups. */
export const makeTcpDialer = (
  options: TcpOptions,
  services: { readonly resolver: ResolverService }
): Effect.Effect<Dialer, never, Scope.Scope> =>
  // A child Scope that is forked first closes after finalizers that are added later, so that the pool fails its
  // requests before.
  Effect.flatMap(
    Effect.scopeWith((outer) => Scope.fork(outer, sequential)),
    (scope) =>
      Effect.sync(() => {
        const settings = settingsOf(options, services.resolver, scope)
        const step = makeTlsStep(
          options.ssl,
          options.certificateWarning === undefined ? undefined : millis(options.certificateWarning)
        )
        const identity = identityOf(options, services.resolver)
        return {
          peerKey: (route) => peerKeyOf(route, identity, options.ssl),
          dial: (exchange, sockets, http2) => {
            const { proxy } = exchange.route
            return withFullHandshake(step, (tls) =>
              proxy === undefined
                ? dialDirect(settings, tls, exchange, sockets, http2)
                : dialThroughProxy(settings, tls, exchange, proxy, sockets, http2)
            )
          },
          // A direct connection was checked when it was dialed. A forwarding proxy's connection serves all origins, so
          // an IP literal is checked for each route.
          permits: ({ origin, proxy }) =>
            proxy === undefined ||
            origin.ip === 0 ||
            settings.allows({ address: zonedAddress(origin), family: origin.ip }, origin.host),
          clearDnsCache: (host, port) =>
            Effect.sync(() => settings.cache.clear(host === undefined ? undefined : toCacheKey(host), port))
        }
      })
  )

const dialUnix = Effect.fnUntraced(function* (
  path: string,
  step: TlsStep,
  exchange: Exchange,
  sockets: Sockets,
  http2: Http2Offer
) {
  const connected = yield* during(
    exchange,
    "connect",
    Effect.mapError(
      connectUnix({
        path,
        limit: exchange.limits.socketConnect,
        slab: exchange.route.origin.scheme === "http",
        deadlines: exchange.deadlines,
        sockets
      }),
      ({ cause, code, timedOut }) => {
        const error = new UnixClientConnectorError({ ...exchange.details("connect"), path, code, cause })
        return timedOut ? phaseTimeout(exchange, "connect", "socketConnect", error) : error
      }
    )
  )
  return yield* finishDial(step, exchange, connected.socket, { address: path, failed: [] }, connected.reader, http2)
})

/** A dialer for one Unix socket. It ignores the host and proxy of a request and never opens a TCP connection. */
export const makeUnixDialer = (options: UnixOptions): Dialer => {
  const step = makeTlsStep(options.ssl, undefined)
  return {
    peerKey: (route) => peerKeyOf(route, ["unix", options.path], options.ssl),
    dial: (exchange, sockets, http2) =>
      withFullHandshake(step, (tls) => dialUnix(options.path, tls, exchange, sockets, http2)),
    clearDnsCache: () => Effect.void
  }
}
