/**
 * Finds the IPv4 addresses embedded in an IPv6 address. A packet to such an address reaches the IPv4 host directly or
 * through a gateway, so an address policy must check both.
 */
import * as Net from "node:net"

/** An IPv4 address embedded in an IPv6 address. */
export interface Embedded {
  readonly address: string
  /** Whether it is an IPv4-mapped address, for which the system itself sends IPv4 packets. */
  readonly mapped: boolean
}

/** Splits an address and its zone, such as "eth0" in "fe80::1%eth0" (RFC 4007, section 11). */
export const splitZone = (address: string): readonly [address: string, zone: string | undefined] => {
  const at = address.indexOf("%")
  return at === -1 ? [address, undefined] : [address.slice(0, at), address.slice(at + 1)]
}

const none: ReadonlyArray<Embedded> = []

/** The 16 bytes of an IPv6 address. */
const bytesOf = (address: string): ReadonlyArray<number> => {
  const hex = (value: number) => value.toString(16)
  const bare = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: Array<string>) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number)
    return `${hex((a << 8) | b)}:${hex((c << 8) | d)}`
  })
  const [head = "", tail] = bare.split("::")
  const parse = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)))
  const before = parse(head)
  const after = tail === undefined ? [] : parse(tail)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0)
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 255])
}

/** The positions of the bytes of an IPv4 address, and the start of the zeros after it (RFC 6052, section 2.2). */
const layouts = [
  { at: [6, 7, 9, 10], zerosFrom: 11 },
  { at: [7, 9, 10, 11], zerosFrom: 12 },
  { at: [9, 10, 11, 12], zerosFrom: 13 },
  { at: [12, 13, 14, 15], zerosFrom: 16 }
] as const

/** The possible IPv4 addresses in 64:ff9b:1::/48. Only the network knows the length of its prefix (RFC 8215). */
const localTranslations = (bytes: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> =>
  layouts
    .filter(
      ({ zerosFrom }) => zerosFrom === 16 || (bytes[8] === 0 && bytes.slice(zerosFrom).every((byte) => byte === 0))
    )
    .map(({ at }) => at.map((index) => bytes[index] ?? 0))

/**
 * All IPv4 addresses that an IPv6 address contains: mapped and compatible ones (RFC 4291, section 2.5.5), NAT64 (RFC
 * 6052, RFC 8215), SIIT (RFC 2765), 6to4 (RFC 3056), Teredo's client and server (RFC 4380) and ISATAP (RFC 5214). The
 * address has no zone.
 */
export const embeddedIPv4 = (address: string): ReadonlyArray<Embedded> => {
  if (Net.isIP(address) !== 6) return none
  const bytes = bytesOf(address)
  const begins = (...prefix: ReadonlyArray<number>) => prefix.every((byte, index) => bytes[index] === byte)
  const last = bytes.slice(12)
  if (begins(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)) return [{ address: last.join("."), mapped: true }]
  const found: Array<ReadonlyArray<number>> = []
  // "::" and "::1" contain no IPv4 address.
  if (begins(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) && !(begins(...Array<number>(15).fill(0)) && (bytes[15] ?? 0) < 2)) {
    found.push(last)
  }
  if (begins(0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0)) found.push(last)
  if (begins(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)) found.push(last)
  if (begins(0, 0x64, 0xff, 0x9b, 0, 1)) found.push(...localTranslations(bytes))
  if (begins(0x20, 0x02)) found.push(bytes.slice(2, 6))
  if (begins(0x20, 0x01, 0, 0)) {
    found.push(
      last.map((byte) => byte ^ 0xff),
      bytes.slice(4, 8)
    )
  }
  const isatap = ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
  if (isatap) found.push(last)
  return found.map((parts) => ({ address: parts.join("."), mapped: false }))
}
