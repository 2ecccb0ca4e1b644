/**
 * Parses URLs and host names with Node's parser, but bounds the length of a host first: IDNA takes quadratic time, and
 * a host may be megabytes long.
 */
import { domainToASCII } from "node:url"

/** In code units. A host name has at most 253 characters, and IDNA never shortens one. */
export const maxHostLength = 1024

/** Characters that the URL parser removes first. */
const ignored = /[\t\n\r]/g

const leading = /^[\x00-\x20]*(?:[A-Za-z][A-Za-z0-9+.-]*:)?[\\/]*/

/** Whether the possible host of a reference is longer than any valid host. */
const hasLongHost = (text: string): boolean => {
  if (text.length <= maxHostLength) return false
  const clean = text.replace(ignored, "")
  const start = leading.exec(clean)?.[0]
  // Without a scheme and two slashes, a reference only has a path.
  if (start === undefined || !/:|[\\/]{2}/.test(start)) return false
  const rest = clean.slice(start.length)
  const end = rest.search(/[\\/?#]/)
  const authority = end === -1 ? rest : rest.slice(0, end)
  return authority.length - authority.lastIndexOf("@") - 1 > maxHostLength
}

const zoned = /^([a-z]+:\/\/\[[0-9a-f:.]+)(%25[^\]/?#]*)\]/

/** Removes the zone of an IPv6 address from a canonical URL; the URL standard does not have zones. */
export const withoutZone = (url: string): string => url.replace(zoned, "$1]")

/** Adds the zone of `base` to a URL that was resolved against it, if both have the same address. */
export const withZoneOf = (base: string, url: string): string => {
  const parts = zoned.exec(base)
  if (parts === null) return url
  const [, start = "", zone = ""] = parts
  const address = start.slice(start.indexOf("["))
  return url.replace(/^([a-z]+:\/\/)(\[[0-9a-f:.]+)\]/, (all, scheme: string, found: string) =>
    found === address ? `${scheme}${found}${zone}]` : all
  )
}

/** Parses a reference; returns `undefined` if it is invalid or its host is too long. */
export const parseUrl = (text: string, base?: string): URL | undefined => {
  if (hasLongHost(text)) return undefined
  try {
    return new URL(text, base === undefined ? undefined : withoutZone(base))
  } catch {
    // The error is dropped because it holds the input, which may contain a password.
    return undefined
  }
}

/** A host name in A-labels, or "" if it is invalid or too long. */
export const asciiName = (name: string): string => (name.length > maxHostLength ? "" : domainToASCII(name))
