/**
 * Which hosts and paths a cookie is for: RFC 6265bis sections 5.1.3 and 5.1.4.
 */

/** Whether `host`, which is a name and no IP address, is `domain` or below it. */
export const domainMatches = (host: string, domain: string): boolean =>
  host.length === domain.length
    ? host === domain
    : host.length > domain.length && host.endsWith(domain) && host.charCodeAt(host.length - domain.length - 1) === 0x2e

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
