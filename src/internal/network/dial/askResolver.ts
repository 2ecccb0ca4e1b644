/**
 * Asks a resolver, whose answer is checked: it is the user's code, and what is connected to must never be looked up again.
 */
import * as Net from "node:net"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ClientConnectorDNSError } from "../../../Errors.js"
import type { Address, ResolverService } from "../../../Resolver.js"
import { errorCode } from "../../errorCode.js"
import { effectOr, kindOf } from "../../userResult.js"
import { isLocalhost, loopback } from "./localhost.js"

export type Addresses = Arr.NonEmptyReadonlyArray<Address>

export const dnsFailure = (host: string, code: string, cause?: unknown): ClientConnectorDNSError =>
  new ClientConnectorDNSError({ host, code, phase: "dns", ...(cause === undefined ? {} : { cause }) })

/** The code of an answer that is none. */
const malformed = (host: string, expected: string): ClientConnectorDNSError =>
  dnsFailure(host, "EBADRESP", new TypeError(`The resolver's answer is malformed: expected ${expected}`))

/** No host has more that are worth a try. */
const maxAddresses = 64

const field = (value: object, name: keyof Address): unknown => Reflect.get(value, name)

const toTtl = (given: unknown): Option.Option<Duration.Duration | undefined> => {
  if (given === undefined || given === null) return Option.some(undefined)
  return Number.isNaN(given) ? Option.none() : Duration.decodeUnknown(given)
}

/** A plain object, out of any object with these fields: an instance of a class has them on its prototype. */
const toAddress = (given: unknown): Address | undefined => {
  if (typeof given !== "object" || given === null) return undefined
  const address = field(given, "address")
  if (typeof address !== "string") return undefined
  // The text decides: nothing is connected to by what `family` says.
  const family = Net.isIP(address)
  const ttl = toTtl(field(given, "ttl"))
  if ((family !== 4 && family !== 6) || Option.isNone(ttl)) return undefined
  return ttl.value === undefined ? { address, family } : { address, family, ttl: ttl.value }
}

/** The addresses of the wanted family, each once. Malformed ones are left out where there are others. */
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

/** `resolver.resolve`, failing with a typed error for whatever is no Effect, and for every error. */
export const resolving = (
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

/** The addresses of a name, checked; those of `localhost` without asking. */
export const askResolver = (
  resolver: ResolverService,
  host: string,
  family: 4 | 6 | undefined
): Effect.Effect<Addresses, ClientConnectorDNSError> =>
  isLocalhost(host)
    ? Effect.succeed(loopback(family))
    : Effect.flatMap(resolving(resolver, host, { family }), (found) => toAddresses(host, family, found))
