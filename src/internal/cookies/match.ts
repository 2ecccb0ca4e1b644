/**
 * Which hosts and paths a cookie is for: RFC 6265bis sections 5.1.3 and 5.1.4.
 */

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
