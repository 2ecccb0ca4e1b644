/**
 * Parses URLs and host names with Node's parser. Limits the length of hosts, because IDNA takes quadratic time and a
 * peer may send a host of megabytes.
 */
import { domainToASCII } from "node:url"

/** Most code units of a host. A valid name has at most 253 characters, and IDNA never shortens a name. */
export const maxHostLength = 1024

/** Characters that the URL parser removes first. */
const ignored = /[\t\n\r]/g

const leading = /^[\x00-\x20]*(?:[A-Za-z][A-Za-z0-9+.-]*:)?[\\/]*/

/** Whether the text where a reference may have its host is longer than any valid host. */
const hasLongHost = (text: string): boolean => {
  if (text.length <= maxHostLength) return false
  const clean = text.replace(ignored, "")
  const start = leading.exec(clean)?.[0]
  // A reference without a scheme or two slashes has only a path.
  if (start === undefined || !/:|[\\/]{2}/.test(start)) return false
  const rest = clean.slice(start.length)
  const end = rest.search(/[\\/?#]/)
  const authority = end === -1 ? rest : rest.slice(0, end)
  return authority.length - authority.lastIndexOf("@") - 1 > maxHostLength
}

const zoned = /^([a-z]+:\/\/\[[0-9a-f:.]+)(%25[^\]/?#]*)\]/

/** Removes the zone of an IPv6 address from a canonical URL, because the URL standard does not allow zones. */
export const withoutZone = (url: string): string => url.replace(zoned, "$1]")

/** Adds the zone of `base` to a URL that was resolved against it, if the address is the same. */
export const withZoneOf = (base: string, url: string): string => {
  const parts = zoned.exec(base)
  if (parts === null) return url
  const [, start = "", zone = ""] = parts
  const address = start.slice(start.indexOf("["))
  return url.replace(/^([a-z]+:\/\/)(\[[0-9a-f:.]+)\]/, (all, scheme: string, found: string) =>
    found === address ? `${scheme}${found}${zone}]` : all
  )
}

/** Parses a reference. `undefined` if it is invalid or its host is too long. */
export const parseUrl = (text: string, base?: string): URL | undefined => {
  if (hasLongHost(text)) return undefined
  try {
    return new URL(text, base === undefined ? undefined : withoutZone(base))
  } catch {
    // Drops the error, because it holds the input, which may contain a password.
    return undefined
  }
}

/** A host name in A-labels, or "" if it is invalid or too long. */
export const asciiName = (name: string): string => (name.length > maxHostLength ? "" : domainToASCII(name))
