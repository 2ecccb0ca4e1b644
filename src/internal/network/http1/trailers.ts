/**
 * Fields that mean nothing after a body, or that nobody must take from there: those that frame, route, authorise, or
 * say how the body is to be read (RFC 9110, section 6.5.1). They are neither sent nor handed out as trailers.
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
