/**
 * Asks a resolver for the addresses of a host and checks the answer. A resolver may be code of the program, and
 * `connect` would look up anything but a literal IP address.
 */
import * as Net from "node:net"
import * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ClientConnectorDNSError } from "../../../Errors.js"
import type { Address, ResolverService } from "../../../Resolver.js"
import { decodeDuration } from "../../effect/durations.js"
import { errorCode } from "../../errorCode.js"
import { effectOr, kindOf } from "../../userResult.js"
import { isLocalhost, loopback } from "./localhost.js"

export type Addresses = Arr.NonEmptyReadonlyArray<Address>

export const dnsFailure = (host: string, code: string, cause?: unknown): ClientConnectorDNSError =>
  new ClientConnectorDNSError({ host, code, phase: "dns", ...(cause === undefined ? {} : { cause }) })

/** The error for a malformed answer. */
const malformed = (host: string, expected: string): ClientConnectorDNSError =>
  dnsFailure(host, "EBADRESP", new TypeError(`The resolver's answer is malformed: expected ${expected}`))

/** Most addresses of a host. Further ones are ignored. */
const maxAddresses = 64

const field = (value: object, name: keyof Address): unknown => Reflect.get(value, name)

const toTtl = (ttl: unknown): Option.Option<Duration.Duration | undefined> => {
  if (ttl === undefined || ttl === null) return Option.some(undefined)
  return Number.isNaN(ttl) ? Option.none() : decodeDuration(ttl)
}

/** A plain address from any object with these fields, also from a class instance with getters. */
const toAddress = (value: unknown): Address | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  const address = field(value, "address")
  if (typeof address !== "string") return undefined
  // Derives the family from the address, and ignores the `family` of the answer.
  const family = Net.isIP(address)
  const ttl = toTtl(field(value, "ttl"))
  if ((family !== 4 && family !== 6) || Option.isNone(ttl)) return undefined
  return ttl.value === undefined ? { address, family } : { address, family, ttl: ttl.value }
}

/** The distinct addresses of the requested family. Skips malformed ones unless all are malformed. */
const toAddresses = (
  host: string,
  family: 4 | 6 | undefined,
  found: unknown
): Effect.Effect<Addresses, ClientConnectorDNSError> => {
  if (!Array.isArray(found)) return Effect.fail(malformed(host, `an array of addresses, got ${kindOf(found)}`))
  const addresses = new Map<string, Address>()
  let allRead = true
  for (const each of found) {
    if (addresses.size === maxAddresses) break
    const candidate = toAddress(each)
    if (candidate === undefined) allRead = false
    else if ((family === undefined || candidate.family === family) && !addresses.has(candidate.address)) {
      addresses.set(candidate.address, candidate)
    }
  }
  const usable = [...addresses.values()]
  if (Arr.isNonEmptyArray(usable)) return Effect.succeed(usable)
  return Effect.fail(
    allRead
      ? dnsFailure(host, "ENODATA")
      : malformed(host, "{ address, family, ttl } with an IP address as text and a duration or nothing")
  )
}

/** Calls `resolver.resolve`. Converts every error, and a result that is not an Effect, to a typed error. */
export const callResolver = (
  resolver: ResolverService,
  host: string,
  options: { readonly family?: 4 | 6 | undefined }
): Effect.Effect<Addresses, ClientConnectorDNSError> =>
  Effect.suspend(() =>
    Effect.mapError(
      effectOr(resolver.resolve(host, options), (kind) => malformed(host, `an Effect, got ${kind}`)),
      (error: unknown) =>
        error instanceof ClientConnectorDNSError ? error : dnsFailure(host, errorCode(error) ?? "EUNKNOWN", error)
    )
  )

/** The checked addresses of a name. `localhost` is the loopback; the resolver is not asked for it. */
export const askResolver = (
  resolver: ResolverService,
  host: string,
  family: 4 | 6 | undefined
): Effect.Effect<Addresses, ClientConnectorDNSError> =>
  isLocalhost(host)
    ? Effect.succeed(loopback(family))
    : Effect.flatMap(callResolver(resolver, host, { family }), (found) => toAddresses(host, family, found))
