/**
 * The registered phrases of status codes (RFC 9110 section 15), for responses without one: those of HTTP/2, mocks and
 * servers that leave it out.
 */

/** Loads node:http on first use, because it loads the web globals of Node 24, which an import must not do. */
export const statusPhrase = (status: number): string | undefined =>
  process.getBuiltinModule("node:http").STATUS_CODES[status]
