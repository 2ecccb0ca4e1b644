/** Properties of methods and status codes (RFC 9110 sections 9.2 and 15). */

/** Methods that ask for no change of state (RFC 9110 section 9.2.1). */
export const isSafe = (method: string): boolean => safe.has(method)

const safe: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"])

/** Methods whose requests have the same effect when they are sent twice (RFC 9110 section 9.2.2). */
export const isIdempotent = (method: string): boolean => safe.has(method) || method === "PUT" || method === "DELETE"

/** Statuses of a redirect that a client follows (RFC 9110 section 15.4). */
export const isRedirect = (status: number): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308
