/**
 * URLs and host names by Node's parser, within bounds: IDNA takes the square of the length of a host, which may be
 * megabytes.
 */
import { domainToASCII } from "node:url"

/** Code units. A host name has at most 253 characters, and IDNA makes none shorter. */
export const maxHostLength = 1024

/** What the parser removes before it looks for anything. */
const ignored = /[\t\n\r]/g

const leading = /^[\x00-\x20]*(?:[A-Za-z][A-Za-z0-9+.-]*:)?[\\/]*/

/** Whether what could be the host of a reference is longer than any host. */
const hasLongHost = (text: string): boolean => {
  if (text.length <= maxHostLength) return false
  const clean = text.replace(ignored, "")
  const start = leading.exec(clean)?.[0]
  // Without a scheme and without two slashes the reference has a path only.
  if (start === undefined || !/:|[\\/]{2}/.test(start)) return false
  const rest = clean.slice(start.length)
  const end = rest.search(/[\\/?#]/)
  const authority = end === -1 ? rest : rest.slice(0, end)
  return authority.length - authority.lastIndexOf("@") - 1 > maxHostLength
}

const zoned = /^([a-z]+:\/\/\[[0-9a-f:.]+)(%25[^\]/?#]*)\]/

/** A canonical URL without the zone of its IPv6 address, which the URL standard does not have. */
export const withoutZone = (url: string): string => url.replace(zoned, "$1]")

/** A URL that was resolved against `base`: with the zone of `base` where it leads to the same address. */
export const withZoneOf = (base: string, url: string): string => {
  const parts = zoned.exec(base)
  if (parts === null) return url
  const [, start = "", zone = ""] = parts
  const address = start.slice(start.indexOf("["))
  return url.replace(/^([a-z]+:\/\/)(\[[0-9a-f:.]+)\]/, (all, scheme: string, found: string) =>
    found === address ? `${scheme}${found}${zone}]` : all
  )
}

/** The URL of a reference; `undefined` for one that cannot be parsed, or whose host is too long. */
export const parseUrl = (text: string, base?: string): URL | undefined => {
  if (hasLongHost(text)) return undefined
  try {
    return new URL(text, base === undefined ? undefined : withoutZone(base))
  } catch {
    // Its error holds the input, which may hold a password.
    return undefined
  }
}

/** A host name in A-labels; "" for one that has none, or is too long. */
export const asciiName = (name: string): string => (name.length > maxHostLength ? "" : domainToASCII(name))
