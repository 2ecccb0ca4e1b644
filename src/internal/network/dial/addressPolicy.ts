/**
 * Decides to which addresses a connector may connect. Checks every address before each connect, whether it comes from
 * the URL, a resolver or the cache. The dialer connects to the checked address, because a second lookup may return
 * another.
 */
import * as Net from "node:net"
import type { AddressPolicy, PolicyAddress } from "../../../Connector.js"
import type { Address } from "../../../Resolver.js"
import { isTrue } from "../../userResult.js"
import { embeddedIPv4, splitZone } from "./embeddedIPv4.js"

/** Ranges that IANA's special-purpose registries mark as not globally reachable, apart from the three lists below. */
const privateRanges = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "240.0.0.0/4",
  "64:ff9b:1::/48",
  "100::/64",
  "100:0:0:1::/64",
  "2001::/23",
  "2001:db8::/32",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fec0::/10"
] as const

const loopback = ["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"] as const

const linkLocal = ["169.254.0.0/16", "fe80::/10"] as const

const multicast = ["224.0.0.0/4", "ff00::/8"] as const

/** The other ranges of the registries: translators, tunnels, and anycast addresses of services. */
const otherRanges = [
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.175.48.0/24",
  "::/96",
  "::ffff:0:0:0/96",
  "64:ff9b::/96",
  "2002::/16",
  "2620:4f:8000::/48"
] as const

/** Ranges by purpose. A block includes the more specific blocks of the registries. */
export const ranges = {
  private: privateRanges,
  loopback,
  linkLocal,
  multicast,
  special: [...privateRanges, ...loopback, ...linkLocal, ...multicast, ...otherRanges]
} as const satisfies { readonly [name: string]: ReadonlyArray<string> }

interface Ranges {
  readonly has: (address: string) => boolean
}

const rejectRanges = (value: unknown): never => {
  const got = typeof value === "function" ? "a function; pass the function as addressPolicy itself" : String(value)
  throw new TypeError(`addressPolicy: expected an array of ranges such as ["10.0.0.0/8"], got ${got}`)
}

const rejectRange = (range: unknown): never => {
  throw new TypeError(`addressPolicy: expected a range such as "10.0.0.0/8", got ${JSON.stringify(range)}`)
}

/** Converts blocks to one list per family, because Node's BlockList counts IPv4 addresses as members of "::/0". */
const toRanges = (cidrs: ReadonlyArray<string>): Ranges => {
  const four = new Net.BlockList()
  const six = new Net.BlockList()
  for (const cidr of Array.isArray(cidrs) ? cidrs : rejectRanges(cidrs)) {
    const [, address = "", prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(cidr) ?? rejectRange(cidr)
    const family = Net.isIP(address)
    const bits = family === 4 ? 32 : 128
    const length = prefix === undefined ? bits : Number(prefix)
    if (family === 0 || length > bits) rejectRange(cidr)
    const [embedded] = embeddedIPv4(address)
    if (family === 4) four.addSubnet(address, length, "ipv4")
    else if (embedded?.mapped === true && length >= 96) four.addSubnet(embedded.address, length - 96, "ipv4")
    else six.addSubnet(address, length, "ipv6")
  }
  return {
    has: (address) => (Net.isIP(address) === 4 ? four.check(address, "ipv4") : six.check(address, "ipv6"))
  }
}

/** Whether a connector may connect to an address of a host. */
export type Allows = (address: Address, host: string) => boolean

const allowsAll: Allows = () => true

/** A policy that is a function. It must allow the address and every IPv4 address embedded in it. */
const byFunction =
  (policy: Extract<AddressPolicy, (...args: never) => unknown>): Allows =>
  (resolved, host) => {
    const [address, zone] = splitZone(resolved.address)
    const allows = (candidate: PolicyAddress): boolean => isTrue(policy(candidate, host))
    for (const embedded of embeddedIPv4(address)) {
      if (!allows({ ...resolved, address: embedded.address, family: 4, zone: undefined })) return false
    }
    return allows({ ...resolved, address, zone })
  }

const byRanges = (policy: Exclude<AddressPolicy, (...args: never) => unknown>): Allows => {
  const unknown = Object.keys(policy).find((key) => key !== "allow" && key !== "deny")
  if (unknown !== undefined)
    throw new TypeError(`addressPolicy: expected allow or deny, got ${JSON.stringify(unknown)}`)
  const allow = policy.allow === undefined ? undefined : toRanges(policy.allow)
  const deny = policy.deny === undefined ? undefined : toRanges(policy.deny)
  return (resolved) => {
    const [address] = splitZone(resolved.address)
    const embedded = embeddedIPv4(address)
    if (deny !== undefined && (deny.has(address) || embedded.some((each) => deny.has(each.address)))) return false
    return allow === undefined || allow.has(embedded.find((each) => each.mapped)?.address ?? address)
  }
}

/** Reads a policy once. Throws a TypeError unless it is a function or ranges. An empty `allow` allows no address. */
export const compileAddressPolicy = (policy: AddressPolicy | undefined): Allows => {
  if (policy === undefined) return allowsAll
  if (typeof policy === "function") return byFunction(policy)
  if (typeof policy === "object" && policy !== null && !Array.isArray(policy)) return byRanges(policy)
  throw new TypeError("addressPolicy: expected a function, or allow and deny with ranges")
}
