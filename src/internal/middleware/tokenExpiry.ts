/** Determines when a token expires. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ExpiringToken } from "../../Middleware.js"
import { decodeDuration } from "../effect/durations.js"
import { reveal } from "../request/authorization.js"

/** A token and its times, in milliseconds since the epoch; `Infinity` if they are unknown. */
export interface KnownToken {
  readonly token: Redacted.Redacted
  readonly expiresAt: number
  /** When to fetch the next token. */
  refreshAt: number
}

/** The `exp` of a JSON Web Token (RFC 7519 section 4.1.4), read without verification. */
const expiryClaim = (token: Redacted.Redacted): number | undefined => {
  const text: unknown = reveal(token)
  // JavaScript programs may redact values other than strings.
  const parts = typeof text === "string" ? text.split(".") : []
  if (parts.length !== 3) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString("utf8"))
    const exp = typeof claims === "object" && claims !== null && "exp" in claims ? claims.exp : undefined
    return typeof exp === "number" ? exp * 1000 : undefined
  } catch {
    return undefined
  }
}

const lifetimeOf = (input: ExpiringToken["expiresIn"]): number | undefined =>
  Option.getOrUndefined(Option.map(decodeDuration(input), Duration.toMillis))

const isExpiring = (input: Redacted.Redacted | ExpiringToken): input is ExpiringToken =>
  typeof input === "object" && input !== null && !Redacted.isRedacted(input) && "token" in input

const partsOf = (input: Redacted.Redacted | ExpiringToken) =>
  isExpiring(input)
    ? { token: input.token, lifetime: lifetimeOf(input.expiresIn) }
    : { token: input, lifetime: undefined }

/** Converts a token of the caller. An expiry in the past counts as unknown. */
export const knownToken = (input: Redacted.Redacted | ExpiringToken, now: number, ahead: number): KnownToken => {
  const { lifetime, token } = partsOf(input)
  const claimed = lifetime === undefined && Redacted.isRedacted(token) ? expiryClaim(token) : undefined
  const expiresAt = lifetime === undefined ? (claimed ?? Infinity) : now + lifetime
  if (expiresAt === Infinity || expiresAt <= now) return { token, expiresAt: Infinity, refreshAt: Infinity }
  // At most half of the lifetime, so that a token with a lifetime below `ahead` is not fetched for each request.
  return { token, expiresAt, refreshAt: expiresAt - Math.min(ahead, (expiresAt - now) / 2) }
}
