/**
 * A token with the time until which it is good, where that is known.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ExpiringToken } from "../../Middleware.js"
import { reveal } from "../request/authorization.js"

/** Times in milliseconds since the epoch, `Infinity` where nothing says. */
export interface KnownToken {
  readonly token: Redacted.Redacted
  readonly expiresAt: number
  /** From here on another one is fetched. */
  refreshAt: number
}

/** The `exp` of a JSON Web Token (RFC 7519, section 4.1.4), which is read and not verified. */
const expiryClaim = (token: Redacted.Redacted): number | undefined => {
  const text: unknown = reveal(token)
  // A program in JavaScript may redact what is no text.
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

const lifetimeOf = (given: ExpiringToken["expiresIn"]): number | undefined =>
  Option.getOrUndefined(Option.map(Duration.decodeUnknown(given), Duration.toMillis))

const isExpiring = (given: Redacted.Redacted | ExpiringToken): given is ExpiringToken =>
  typeof given === "object" && given !== null && !Redacted.isRedacted(given) && "token" in given

const partsOf = (given: Redacted.Redacted | ExpiringToken) =>
  isExpiring(given)
    ? { token: given.token, lifetime: lifetimeOf(given.expiresIn) }
    : { token: given, lifetime: undefined }

/** What the user's effect gave at `now`; a token that was over before it came is one whose end is not known. */
export const knownToken = (given: Redacted.Redacted | ExpiringToken, now: number, ahead: number): KnownToken => {
  const { lifetime, token } = partsOf(given)
  const claimed = lifetime === undefined && Redacted.isRedacted(token) ? expiryClaim(token) : undefined
  const expiresAt = lifetime === undefined ? (claimed ?? Infinity) : now + lifetime
  if (expiresAt === Infinity || expiresAt <= now) return { token, expiresAt: Infinity, refreshAt: Infinity }
  // A token that is good for less than `ahead` must not be fetched for each request.
  return { token, expiresAt, refreshAt: expiresAt - Math.min(ahead, (expiresAt - now) / 2) }
}
