/**
 * Which hosts and paths a cookie is for: RFC 6265bis sections 5.1.3 and 5.1.4, and public suffixes.
 */
import { getPublicSuffix } from "tldts"

/** Whether `host`, which is a name and no IP address, is `domain` or below it. */
export const domainMatches = (host: string, domain: string): boolean =>
  host.length === domain.length
    ? host === domain
    : host.length > domain.length && host.endsWith(domain) && host.charCodeAt(host.length - domain.length - 1) === 0x2e

const unreserved = /%(?:2[de]|3\d|[46][1-9a-f]|[57][0-9a]|5f|7e)/gi

/** A request's path with letters, digits and -._~ as themselves: the same path by RFC 3986 section 6.2.2.2. */
export const withUnreserved = (path: string): string =>
  path.includes("%")
    ? path.replace(unreserved, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)))
    : path

/** Whether `path` is within `cookiePath`. Nothing is decoded. */
export const pathMatches = (path: string, cookiePath: string): boolean => {
  const length = cookiePath.length
  if (path.length < length || !path.startsWith(cookiePath)) return false
  return path.length === length || cookiePath.charCodeAt(length - 1) === 0x2f || path.charCodeAt(length) === 0x2f
}

/** The path of a cookie that names none: the request's up to its last "/". */
export const defaultPath = (path: string): string => {
  const last = path.lastIndexOf("/")
  return last <= 0 || path.charCodeAt(0) !== 0x2f ? "/" : path.slice(0, last)
}

const suffixOptions = {
  allowIcannDomains: true,
  allowPrivateDomains: true,
  detectIp: false,
  extractHostname: false,
  mixedInputs: false,
  validateHostname: false
}

/**
 * Whether nobody owns `domain` alone: "com", "co.uk", "github.io", and each single label that no list knows. A final
 * dot makes no difference.
 */
export const isPublicSuffix = (domain: string): boolean => {
  let end = domain.length
  while (end > 0 && domain.charCodeAt(end - 1) === 0x2e) end--
  const name = end === domain.length ? domain : domain.slice(0, end)
  return !name.includes(".") || getPublicSuffix(name, suffixOptions) === name
}
