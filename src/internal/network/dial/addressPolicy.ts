/**
 * Which addresses may be connected to. Every address is checked before each connect, whether it stood in the URL,
 * came from a resolver or lay in the cache; there is no second lookup that could bring another one.
 */
import * as Net from "node:net"
import type { AddressPolicy } from "../../../Connector.js"
import type { Address } from "../../../Resolver.js"

/** Ranges of addresses that are not public. */
export const ranges = {
  /** RFC 1918 and 4193, carrier-grade NAT (RFC 6598), benchmarks (RFC 2544), IETF assignments, local NAT64. */
  private: [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "192.0.0.0/24",
    "198.18.0.0/15",
    "fc00::/7",
    "fec0::/10",
    "64:ff9b:1::/48"
  ],
  /** The unspecified addresses among them, which systems connect to themselves. */
  loopback: ["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"],
  /** The metadata services of clouds among them. */
  linkLocal: ["169.254.0.0/16", "fe80::/10"]
} as const satisfies { readonly [name: string]: ReadonlyArray<string> }

const withoutZone = (address: string): string => address.split("%", 1)[0] ?? ""

/** The eight groups of an IPv6 address; a zone is left out. */
const groupsOf = (address: string): ReadonlyArray<number> => {
  const bare = withoutZone(address).replace(
    /(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/,
    (_, ...parts: Array<string>) => {
      const [a, b, c, d] = parts.slice(0, 4).map(Number)
      return [((a ?? 0) << 8) | (b ?? 0), ((c ?? 0) << 8) | (d ?? 0)].map((group) => group.toString(16)).join(":")
    }
  )
  const [head = "", tail] = bare.split("::")
  const parse = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)))
  const before = parse(head)
  if (tail === undefined) return before
  const after = parse(tail)
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

const toIPv4 = (high = 0, low = 0): string => [high >> 8, high & 255, low >> 8, low & 255].join(".")

interface Embedded {
  readonly address: string
  /** Whether it is the very same host on the wire, and not what a gateway makes of it. */
  readonly mapped: boolean
}

/** The IPv4 address that an IPv6 one leads to: mapped, compatible, NAT64 (RFC 6052) or 6to4 (RFC 3056). */
export const embeddedIPv4 = (address: string): Embedded | undefined => {
  if (Net.isIP(address) !== 6) return undefined
  const groups = groupsOf(address)
  const begins = (...prefix: ReadonlyArray<number>) => prefix.every((group, i) => groups[i] === group)
  const last = () => toIPv4(groups[6], groups[7])
  if (begins(0, 0, 0, 0, 0, 0xffff)) return { address: last(), mapped: true }
  if (begins(0x64, 0xff9b, 0, 0, 0, 0)) return { address: last(), mapped: false }
  if (begins(0x2002)) return { address: toIPv4(groups[1], groups[2]), mapped: false }
  // :: and ::1 are not of these.
  if (begins(0, 0, 0, 0, 0, 0) && groups[6] !== 0) return { address: last(), mapped: false }
  return undefined
}

interface Ranges {
  readonly has: (address: string) => boolean
}

const refuse = (range: string): never => {
  throw new TypeError(`addressPolicy: ${JSON.stringify(range)} is not a range`)
}

/** Two lists, because one of Node's takes an IPv4 address for a part of "::/0". */
const toRanges = (cidrs: ReadonlyArray<string>): Ranges => {
  const four = new Net.BlockList()
  const six = new Net.BlockList()
  for (const cidr of cidrs) {
    const [, address = "", prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(cidr) ?? refuse(cidr)
    const family = Net.isIP(address)
    const bits = family === 4 ? 32 : 128
    const length = prefix === undefined ? bits : Number(prefix)
    if (family === 0 || length > bits) refuse(cidr)
    const embedded = embeddedIPv4(address)
    if (family === 4) four.addSubnet(address, length, "ipv4")
    else if (embedded?.mapped === true && length >= 96) four.addSubnet(embedded.address, length - 96, "ipv4")
    else six.addSubnet(address, length, "ipv6")
  }
  return {
    has: (address) => (Net.isIP(address) === 4 ? four.check(address, "ipv4") : six.check(withoutZone(address), "ipv6"))
  }
}

/** Whether an address may be connected to for a host. */
export type Allows = (address: Address, host: string) => boolean

const allowsAll: Allows = () => true

/** Throws for a range that is none. An empty `allow` allows nothing. */
export const compileAddressPolicy = (policy: AddressPolicy | undefined): Allows => {
  if (policy === undefined) return allowsAll
  if (typeof policy === "function") {
    return (address, host) => {
      const embedded = embeddedIPv4(address.address)
      if (embedded?.mapped === true && !policy({ ...address, address: embedded.address, family: 4 }, host)) return false
      return policy(address, host)
    }
  }
  const allow = policy.allow === undefined ? undefined : toRanges(policy.allow)
  const deny = policy.deny === undefined ? undefined : toRanges(policy.deny)
  return ({ address }) => {
    const embedded = embeddedIPv4(address)
    if (deny?.has(address) === true || (embedded !== undefined && deny?.has(embedded.address) === true)) return false
    return allow === undefined || allow.has(embedded?.mapped === true ? embedded.address : address)
  }
}
