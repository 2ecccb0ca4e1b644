/**
 * Fields that are ignored in trailers: fields that frame, route or authorize a message or describe its content would be
 * useless or dangerous after the body (RFC 9110, section 6.5.1).
 */
export const neverTrailers: ReadonlySet<string> = new Set([
  "authorization",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "expect",
  "host",
  "keep-alive",
  "location",
  "proxy-authenticate",
  "proxy-authorization",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "www-authenticate"
])
