/** Reads the JSON format of the tough-cookie package. */
import * as Schema from "effect/Schema"
import { maxPairLength } from "./parse.js"
import { scopeOfProgram } from "./rules.js"
import type { Stored } from "./store.js"
import { canonicalDomain } from "./target.js"
import { toWire } from "./wire.js"

const Text = Schema.String.pipe(Schema.pattern(/^[^\x00-\x08\x0a-\x1f\x7f;]*$/), Schema.maxLength(maxPairLength))

const Domain = Schema.String.pipe(
  Schema.filter(
    (domain) => typeof scopeOfProgram(canonicalDomain(domain), false) === "object" && canonicalDomain(domain) !== ""
  )
)

const Time = Schema.String.pipe(Schema.filter((text) => !Number.isNaN(Date.parse(text))))

const Seconds = Schema.Union(Schema.Number, Schema.Literal("Infinity", "-Infinity"))

/** A cookie. tough-cookie omits members with default values. */
const ToughCookie = Schema.Struct({
  key: Schema.optional(Text.pipe(Schema.pattern(/^[^=]*$/))),
  value: Schema.optional(Text),
  domain: Domain,
  path: Schema.optional(Schema.NullOr(Text)),
  hostOnly: Schema.optional(Schema.NullOr(Schema.Boolean)),
  secure: Schema.optional(Schema.Boolean),
  httpOnly: Schema.optional(Schema.Boolean),
  sameSite: Schema.optional(Schema.NullOr(Schema.String)),
  expires: Schema.optional(Schema.NullOr(Schema.Union(Schema.Literal("Infinity"), Time))),
  maxAge: Schema.optional(Schema.NullOr(Seconds)),
  creation: Schema.optional(Schema.NullOr(Schema.Union(Schema.Literal("Infinity"), Time))),
  lastAccessed: Schema.optional(Schema.NullOr(Schema.Union(Schema.Literal("Infinity"), Time)))
}).pipe(Schema.filter(({ key = "", value = "" }) => key.length + value.length > 0))

/** A serialized jar of tough-cookie. */
export const ToughJar = Schema.Struct({
  version: Schema.String.pipe(Schema.startsWith("tough-cookie@")),
  cookies: Schema.Array(ToughCookie)
})

type ToughCookieData = Schema.Schema.Type<typeof ToughCookie>

const timeOf = (text: string | null | undefined): number | undefined =>
  text === null || text === undefined || text === "Infinity" ? undefined : Date.parse(text)

/** The expiry of a cookie. As in tough-cookie, Max-Age wins over Expires and counts from the last use. */
const expiresOf = (cookie: ToughCookieData, now: number): number => {
  const { maxAge } = cookie
  if (maxAge === undefined || maxAge === null) return timeOf(cookie.expires) ?? Infinity
  const from = timeOf(cookie.lastAccessed) ?? timeOf(cookie.creation) ?? now
  return Math.trunc(from + Number(maxAge) * 1000)
}

const sameSiteOf = (text: string | null | undefined): Stored["sameSite"] => {
  const lower = text?.toLowerCase()
  return lower === "strict" || lower === "lax" || lower === "none" ? lower : undefined
}

/** Converts the cookies of tough-cookie. */
export const fromTough = ({ cookies }: Schema.Schema.Type<typeof ToughJar>, now: number): ReadonlyArray<Stored> =>
  cookies.flatMap((cookie): ReadonlyArray<Stored> => {
    const scope = scopeOfProgram(canonicalDomain(cookie.domain), cookie.hostOnly === true)
    if (typeof scope === "string") return []
    const created = timeOf(cookie.creation) ?? now
    return [
      {
        name: toWire(cookie.key ?? ""),
        value: toWire(cookie.value ?? ""),
        ...scope,
        path: cookie.path?.startsWith("/") === true ? toWire(cookie.path) : "/",
        secure: cookie.secure ?? false,
        httpOnly: cookie.httpOnly ?? false,
        sameSite: sameSiteOf(cookie.sameSite),
        partitioned: false,
        expires: expiresOf(cookie, now),
        created,
        updated: Math.max(created, timeOf(cookie.lastAccessed) ?? created)
      }
    ]
  })
