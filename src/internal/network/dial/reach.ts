/**
 * Connects a socket to a host in three steps: look up its addresses, filter them by the address policy, and race the
 * rest.
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import {
  ClientConnectorDNSError,
  ClientConnectorError,
  ConnectionTimeoutError,
  type FailedAddress
} from "../../../Errors.js"
import type { Address } from "../../../Resolver.js"
import { zonedAddress } from "../../http/origin.js"
import type { Sockets } from "../../transport/networkStream.js"
import type { Trace } from "../../transport/trace.js"
import type { ExchangeContext } from "../../transport/transport.js"
import type { ParserLimits } from "../http1/limits.js"
import type { Allows } from "./addressPolicy.js"
import { type DnsCache, LookupTimeout } from "./dnsCache.js"
import { type Connected, type ConnectFailure, connect } from "./race.js"

/** The options of a connector, read once. Durations are in milliseconds; `Infinity` disables them. */
export interface TcpSettings {
  /** Limits of the reply to CONNECT. */
  readonly http1: ParserLimits
  readonly cache: DnsCache
  readonly allows: Allows
  readonly localAddress: string | undefined
  readonly delay: number
  readonly noDelay: boolean
  readonly keepAlive: number
}

/** Host and port; `ip` is 0 for a name. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly ip: 0 | 4 | 6
  readonly zone?: string | undefined
}

type Addresses = Arr.NonEmptyReadonlyArray<Address>

/** Measures an effect as a phase of the exchange. */
export const during = <A, E>(
  exchange: ExchangeContext,
  phase: "dns" | "connect" | "tls",
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    exchange.marks.start(phase)
    return Effect.ensuring(
      effect,
      Effect.sync(() => exchange.marks.end(phase))
    )
  })

/** The error for a phase that exceeded its limit. */
export const phaseTimeout = (
  exchange: ExchangeContext,
  phase: "dns" | "connect" | "tls",
  timeout: "dns" | "socketConnect" | "tls",
  cause?: unknown
): ConnectionTimeoutError =>
  new ConnectionTimeoutError({
    ...exchange.details(phase),
    phase,
    timeout,
    limit: Duration.millis(exchange.limits[timeout]),
    cause
  })

/** The addresses of a host, in the order in which to try them. An IP literal needs no lookup. */
export const locate = (
  { cache }: TcpSettings,
  exchange: ExchangeContext,
  target: Target,
  trace: Trace | undefined
): Effect.Effect<Addresses, ClientConnectorDNSError | ConnectionTimeoutError> => {
  const { host, ip, port } = target
  if (ip !== 0) return Effect.succeed([{ address: zonedAddress(target), family: ip }])
  const question = { host, port, trace, now: exchange.deadlines.now, limit: exchange.limits.dns }
  return during(
    exchange,
    "dns",
    Effect.mapError(cache.resolve(question), (error) =>
      error instanceof LookupTimeout
        ? phaseTimeout(exchange, "dns", "dns")
        : new ClientConnectorDNSError({
            ...exchange.details("dns"),
            host,
            port,
            code: error.code,
            cause: error.cause
          })
    )
  )
}

/** Addresses that the policy allows, and those that it rejects. */
export interface Permitted {
  readonly addresses: Addresses
  readonly rejected: ReadonlyArray<FailedAddress>
}

/** Filters addresses by the policy. Fails if it rejects all of them. */
export const permit = (
  { allows }: TcpSettings,
  exchange: ExchangeContext,
  { host, port }: Target,
  addresses: Addresses
): Effect.Effect<Permitted, ClientConnectorError> =>
  Effect.suspend(() => {
    const allowed = addresses.filter((address) => allows(address, host))
    const denied = addresses.filter((address) => !allowed.includes(address))
    const code = "ERR_IP_BLOCKED"
    const rejected = denied.map(({ address }): FailedAddress => ({ address, port, code }))
    if (Arr.isNonEmptyArray(allowed)) return Effect.succeed({ addresses: allowed, rejected })
    return Effect.fail(
      new ClientConnectorError({
        ...exchange.details("connect"),
        host,
        port,
        reason: "AddressPolicy",
        code,
        addresses: rejected
      })
    )
  })

const connectError = (
  exchange: ExchangeContext,
  { host, port }: Target,
  failure: ConnectFailure,
  rejected: ReadonlyArray<FailedAddress>
): ClientConnectorError | ConnectionTimeoutError => {
  const error = new ClientConnectorError({
    ...exchange.details("connect"),
    host,
    port,
    reason: "Connect",
    code: failure.code,
    addresses: [...rejected, ...failure.failed],
    cause: failure.cause
  })
  return failure.timedOut ? phaseTimeout(exchange, "connect", "socketConnect", error) : error
}

/** Connects to the first of the addresses that answers. */
export const reach = (
  settings: TcpSettings,
  exchange: ExchangeContext,
  target: Target,
  { addresses, rejected }: Permitted,
  sockets: Sockets,
  slab: boolean
): Effect.Effect<Connected, ClientConnectorError | ConnectionTimeoutError> =>
  during(
    exchange,
    "connect",
    Effect.mapError(
      connect(addresses, {
        port: target.port,
        delay: settings.delay,
        limit: exchange.limits.socketConnect,
        localAddress: settings.localAddress,
        noDelay: settings.noDelay,
        keepAlive: settings.keepAlive,
        slab,
        deadlines: exchange.deadlines,
        sockets
      }),
      (failure) => connectError(exchange, target, failure, rejected)
    )
  )
