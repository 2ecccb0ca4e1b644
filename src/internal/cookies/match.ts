/** Matches the hosts and paths of requests with cookies (RFC 6265bis sections 5.1.3 and 5.1.4). */

/** Whether `host`, a name and not an IP address, equals `domain` or is a subdomain of it. */
export const domainMatches = (host: string, domain: string): boolean =>
  host.length === domain.length
    ? host === domain
    : host.length > domain.length && host.endsWith(domain) && host.charCodeAt(host.length - domain.length - 1) === 0x2e

/** Whether `path` is within `cookiePath`. Does not decode them. */
export const pathMatches = (path: string, cookiePath: string): boolean => {
  const length = cookiePath.length
  if (path.length < length || !path.startsWith(cookiePath)) return false
  return path.length === length || cookiePath.charCodeAt(length - 1) === 0x2f || path.charCodeAt(length) === 0x2f
}

/** The path of a cookie without a Path attribute: the path of the request up to its last "/". */
export const defaultPath = (path: string): string => {
  const last = path.lastIndexOf("/")
  return last <= 0 || path.charCodeAt(0) !== 0x2f ? "/" : path.slice(0, last)
}
