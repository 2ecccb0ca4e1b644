/** Matches targets against NO_PROXY, the list of hosts that bypass the proxy of the environment. */
import * as Net from "node:net"
import { comparableHost } from "../http/host.js"

/** The target of a request. `host` is in canonical form, IPv6 without brackets and zone. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly zone?: string | undefined
}

const mappedIPv4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/

/** The canonical form of an address, with IPv4-mapped addresses as IPv4; `undefined` for other text. */
export const canonicalAddress = (text: string): string | undefined => {
  switch (Net.isIP(text)) {
    case 4:
      return text
    case 6: {
      if (text.includes("%")) return text.toLowerCase()
      const address = new URL(`http://[${text}]`).hostname.slice(1, -1)
      const tail = mappedIPv4.exec(address)
      if (tail === null) return address
      const high = Number.parseInt(tail[1] ?? "", 16)
      const low = Number.parseInt(tail[2] ?? "", 16)
      return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
    }
    default:
      return undefined
  }
}

const withoutDot = (name: string): string => (name.endsWith(".") ? name.slice(0, -1) : name)

type Entry = (host: string, isAddress: boolean, port: number, zone: string | undefined) => boolean

/** A matcher for a CIDR block; `undefined` if it is malformed. */
const compileSubnet = (text: string): Entry | undefined => {
  const slash = text.indexOf("/")
  const address = text.slice(0, slash).replace(/^\[(.*)\]$/, "$1")
  const family = Net.isIP(address)
  const digits = text.slice(slash + 1)
  if (family === 0 || address.includes("%") || !/^\d{1,3}$/.test(digits)) return undefined
  const prefix = Number(digits)
  if (prefix > (family === 4 ? 32 : 128)) return undefined
  // Converts a block of IPv4-mapped addresses to an IPv4 block, because targets are compared in this form. Compares the
  // family, too, because Node's BlockList finds IPv4 addresses in blocks such as ::/0.
  const inner = family === 6 && prefix >= 96 ? canonicalAddress(address) : undefined
  const list = new Net.BlockList()
  if (inner !== undefined && Net.isIPv4(inner)) {
    list.addSubnet(inner, prefix - 96, "ipv4")
    return (host, isAddress) => isAddress && Net.isIPv4(host) && list.check(host, "ipv4")
  }
  const type = family === 4 ? "ipv4" : "ipv6"
  list.addSubnet(address, prefix, type)
  return (host, isAddress) => isAddress && Net.isIP(host) === family && list.check(host, type)
}

/** Splits `name[:port]`, `address[:port]` or `[address]:port`. */
const splitPort = (text: string): readonly [host: string, port: number | undefined] | undefined => {
  if (Net.isIP(text) !== 0) return [text, undefined]
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text)
  if (parts === null) return undefined
  const port = parts[3] === undefined ? undefined : Number(parts[3])
  if (parts[1] !== undefined) return Net.isIPv6(parts[1]) ? [parts[1], port] : undefined
  return [parts[2] ?? "", port]
}

/** A matcher for one item of the list; `undefined` if it is malformed. */
const compileEntry = (text: string): Entry | undefined => {
  if (text === "*") return () => true
  if (text.includes("/")) return compileSubnet(text)
  const parts = splitPort(text)
  if (parts === undefined) return undefined
  const [host, port] = parts
  const mark = host.indexOf("%")
  const zone = mark === -1 ? undefined : host.slice(mark + 1)
  const address = canonicalAddress(mark === -1 ? host : host.slice(0, mark))
  if (address !== undefined) {
    return (target, isAddress, targetPort, targetZone) =>
      isAddress &&
      target === address &&
      (zone === undefined || zone === targetZone) &&
      (port === undefined || port === targetPort)
  }
  if (host === "*") return (_, __, targetPort) => port === targetPort
  const glob = host.startsWith("*")
  const subdomainsOnly = host.startsWith("*.")
  const name = comparableHost(host.slice(subdomainsOnly ? 2 : glob || host.startsWith(".") ? 1 : 0))
  if (name === undefined || Net.isIP(name) !== 0) return undefined
  const suffix = glob && !subdomainsOnly ? name : `.${name}`
  return (target, isAddress, targetPort) =>
    !isAddress &&
    (target.endsWith(suffix) || (!subdomainsOnly && target === name)) &&
    (port === undefined || port === targetPort)
}

const never = (): boolean => false

/**
 * Compiles a list of items separated by commas or white space. An item is `*`, `example.com` or `.example.com` (the
 * name and its subdomains), `*.example.com` (only its subdomains), `*example.com` (every name with this ending), an
 * address or a CIDR block. A name or an address may have a port. An address without a zone matches every zone. A
 * malformed item matches nothing, so that its targets use the proxy.
 */
export const compile = (list: string): ((target: Target) => boolean) => {
  const entries: Array<Entry> = []
  for (const item of list.split(/[\s,]+/)) {
    const entry = item === "" ? undefined : compileEntry(item)
    if (entry !== undefined) entries.push(entry)
  }
  if (entries.length === 0) return never
  return (target) => {
    const address = canonicalAddress(target.host)
    const host = address ?? withoutDot(target.host).toLowerCase()
    return entries.some((matches) => matches(host, address !== undefined, target.port, target.zone))
  }
}
