/**
 * The JSON format of a saved cookie jar. Names, values and paths are octets, one character each; times are in
 * milliseconds.
 */
import * as Either from "effect/Either"
import type { ParseError } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { CookieJarError } from "../../Errors.js"
import { invalidPath } from "../effect/schemaErrors.js"
import type { Jar } from "./jar.js"
import { maxPairLength } from "./parse.js"
import type { Removed, Stored } from "./store.js"
import { fromTough, ToughJar } from "./toughCookie.js"

/** Most cookies of a saved jar. */
export const maxEntries = 100_000

/** Most characters of a saved jar. */
export const maxLength = 64 * 1024 * 1024

const Octets = Schema.String.pipe(Schema.pattern(/^[\t\x20-\x7e\x80-\xff]*$/), Schema.maxLength(maxPairLength))
const Name = Octets.pipe(Schema.pattern(/^[^=;]*$/))
const Domain = Schema.String.pipe(Schema.pattern(/^(?!\.)[^\x00-\x20A-Z\x7f-\uffff/?#@\\]*$/), Schema.maxLength(1024))
const Path = Octets.pipe(Schema.pattern(/^\//))
const Time = Schema.Int.pipe(Schema.between(-8.64e15, 8.64e15))

const identity = { name: Name, domain: Domain, hostOnly: Schema.Boolean, path: Path, updated: Time }

const SavedCookie = Schema.Struct({
  ...identity,
  value: Octets,
  secure: Schema.Boolean,
  httpOnly: Schema.Boolean,
  sameSite: Schema.NullOr(Schema.Literal("strict", "lax", "none")),
  partitioned: Schema.Boolean,
  expires: Schema.NullOr(Time),
  created: Time
}).pipe(
  Schema.filter(
    ({ domain, hostOnly, name, value }) =>
      name.length + value.length > 0 && name.length + value.length <= maxPairLength && !(hostOnly && domain === "")
  )
)

const Document = Schema.Struct({
  version: Schema.Literal(1),
  cookies: Schema.Array(SavedCookie),
  removed: Schema.optional(Schema.Array(Schema.Struct(identity)))
})

/** A decoded and validated jar. */
export interface Saved {
  readonly cookies: ReadonlyArray<Stored>
  readonly removed: ReadonlyArray<Removed>
}

const malformed = (description: string) => new CookieJarError({ reason: "Malformed", description })

const tooLarge = (description: string) => new CookieJarError({ reason: "TooLarge", description })

/** Describes an error by the path of the first invalid member, without its value, which may be secret. */
const describe = (error: ParseError): string => {
  const path = invalidPath(error)
  const known = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("")
  return `not a saved cookie jar${known === "" ? "" : `: ${known.slice(1, 100)}`}`
}

const hasTooMany = (json: unknown): boolean =>
  typeof json === "object" &&
  json !== null &&
  Object.values(json).some((value) => Array.isArray(value) && value.length > maxEntries)

const decodeDocument = Schema.decodeUnknownEither(Document)

const decodeTough = Schema.decodeUnknownEither(ToughJar)

const isTough = (json: unknown): boolean =>
  typeof json === "object" &&
  json !== null &&
  "version" in json &&
  typeof json.version === "string" &&
  json.version.startsWith("tough-cookie@")

/** Validates a JSON value of this package or of tough-cookie. Rejects it completely if any part is invalid. */
export const decode = (json: unknown, now: number): Either.Either<Saved, CookieJarError> => {
  try {
    if (hasTooMany(json)) return Either.left(tooLarge(`more than ${maxEntries} cookies`))
    if (isTough(json)) {
      return Either.mapBoth(decodeTough(json), {
        onLeft: (error) => malformed(describe(error)),
        onRight: (jar) => ({ cookies: fromTough(jar, now), removed: [] })
      })
    }
    return Either.mapBoth(decodeDocument(json), {
      onLeft: (error) => malformed(describe(error)),
      onRight: ({ cookies, removed }) => ({
        cookies: cookies.map(({ expires, sameSite, ...rest }) => ({
          ...rest,
          expires: expires ?? Infinity,
          sameSite: sameSite ?? undefined
        })),
        removed: removed ?? []
      })
    })
  } catch {
    // A getter of the value threw.
    return Either.left(malformed("not a saved cookie jar"))
  }
}

/** Parses and validates JSON text. */
export const decodeText = (text: string, now: number): Either.Either<Saved, CookieJarError> => {
  if (text.length > maxLength) return Either.left(tooLarge(`more than ${maxLength} characters`))
  try {
    return decode(JSON.parse(text), now)
  } catch {
    // The message of the SyntaxError would quote the text.
    return Either.left(malformed("not JSON"))
  }
}

/** Converts cookies to a JSON value. */
export const toDocument = (cookies: ReadonlyArray<Stored>): unknown => ({
  version: 1,
  cookies: cookies.map((entry) => ({
    name: entry.name,
    value: entry.value,
    domain: entry.domain,
    hostOnly: entry.hostOnly,
    path: entry.path,
    secure: entry.secure,
    httpOnly: entry.httpOnly,
    sameSite: entry.sameSite ?? null,
    partitioned: entry.partitioned,
    expires: entry.expires === Infinity ? null : Math.trunc(entry.expires),
    created: Math.trunc(entry.created),
    updated: Math.trunc(entry.updated)
  }))
})

/** All cookies that have not expired, as JSON. */
export const encode = (jar: Jar, now: number): unknown => toDocument(jar.entries(now))

/** Like `encode`, as text and with the recorded removals, for jars that share a store. */
export const encodeText = (jar: Jar, now: number): string =>
  JSON.stringify(Object.assign({}, encode(jar, now), { removed: jar.removed() }))
