/** Implements the CookieJar service. */
import * as Cookies from "@effect/platform/Cookies"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CookiesInput, UrlInput } from "../../ClientRequest.js"
import type { Cookie, CookieInput, CookieJarService } from "../../CookieJar.js"
import { CookieJarError, type InvalidURL } from "../../Errors.js"
import { fromEither } from "../effect/eithers.js"
import { loadSuffixes } from "../http/publicSuffix.js"
import { conceal, inspectable } from "../inspection.js"
import { redacted } from "../redact.js"
import { decode, encode } from "./document.js"
import { toPairs } from "./header.js"
import type { Jar, ProgramCookie } from "./jar.js"
import { register } from "./registry.js"
import { needsSuffixes, rejectionSentences } from "./rules.js"
import type { Entry } from "./store.js"
import { type CookieTarget, canonicalDomain, fromUrl } from "./target.js"
import { fromWire, toWire } from "./wire.js"

const publicCookies = new WeakMap<Entry, Cookie>()

/** Converts an entry to the public type, with text, Options and dates. Cached per entry. */
const toCookie = (entry: Entry): Cookie => {
  const known = publicCookies.get(entry)
  if (known !== undefined) return known
  const { domain, hostOnly, httpOnly, partitioned, secure } = entry
  const cookie: Cookie = {
    name: fromWire(entry.name),
    value: fromWire(entry.value),
    domain,
    hostOnly,
    path: fromWire(entry.path),
    secure,
    httpOnly,
    sameSite: Option.fromNullable(entry.sameSite),
    partitioned,
    expires: entry.expires === Infinity ? Option.none() : Option.some(DateTime.unsafeMake(entry.expires)),
    created: DateTime.unsafeMake(entry.created)
  }
  conceal(cookie, () => ({ ...cookie, value: redacted }))
  publicCookies.set(entry, cookie)
  return cookie
}

const fromPlatformCookie = (cookie: Cookies.Cookie, now: number): ProgramCookie => {
  const { domain, expires, httpOnly, maxAge, partitioned, path, sameSite, secure } = cookie.options ?? {}
  return {
    name: toWire(cookie.name),
    value: toWire(cookie.valueEncoded),
    domain: domain === undefined ? undefined : canonicalDomain(domain),
    path: path === undefined ? undefined : toWire(path),
    secure,
    httpOnly,
    partitioned,
    sameSite,
    expires: maxAge === undefined ? expires?.getTime() : now + Duration.toMillis(maxAge)
  }
}

/** Reads a text, or an Option of text. */
const sameSiteOf = (input: CookieInput["sameSite"]): ProgramCookie["sameSite"] =>
  Option.isOption(input) ? Option.getOrUndefined(input) : input

const expiresOf = (input: CookieInput["expires"]): number | undefined => {
  const time = Option.isOption(input) ? Option.getOrUndefined(input) : input
  return time instanceof Date ? time.getTime() : time?.epochMillis
}

const fromInput = (cookie: CookieInput): ProgramCookie => ({
  name: toWire(cookie.name),
  value: toWire(cookie.value),
  domain: canonicalDomain(cookie.domain),
  hostOnly: cookie.hostOnly,
  path: cookie.path === undefined ? undefined : toWire(cookie.path),
  secure: cookie.secure,
  httpOnly: cookie.httpOnly,
  partitioned: cookie.partitioned,
  sameSite: sameSiteOf(cookie.sameSite),
  expires: expiresOf(cookie.expires)
})

const toProgramCookies = (cookies: CookiesInput | Cookies.Cookies, now: number): ReadonlyArray<ProgramCookie> =>
  isCookies(cookies)
    ? Object.values(cookies.cookies).map((cookie) => fromPlatformCookie(cookie, now))
    : toPairs(cookies).map(([name, value]) => ({ name: toWire(name), value: toWire(value) }))

const isCookies = (input: CookiesInput | Cookies.Cookies): input is Cookies.Cookies => Cookies.isCookies(input)

/** Whether a cookie has a domain, so that storing it needs the Public Suffix List. */
const hasDomain = (cookies: CookiesInput | Cookies.Cookies): boolean =>
  isCookies(cookies) && Object.values(cookies.cookies).some(({ options }) => options?.domain !== undefined)

/**
 * The service of a jar. Each Effect is one synchronous step at the time of the Clock. The first one that needs the
 * Public Suffix List loads it.
 */
export const fromJar = (jar: Jar): CookieJarService => {
  const at = <A>(f: (now: number) => A): Effect.Effect<A> => Effect.map(Clock.currentTimeMillis, f)

  const atUrl = <A>(url: UrlInput, f: (target: CookieTarget, now: number) => A): Effect.Effect<A, InvalidURL> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.map(fromEither(fromUrl(url)), (target) => f(target, now)))

  const fromJson = (json: unknown): Effect.Effect<void, CookieJarError> =>
    Effect.zipRight(
      loadSuffixes,
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.map(fromEither(decode(json, now)), (saved) => jar.restore(saved.cookies, now))
      )
    )

  const service: CookieJarService = {
    ...inspectable("CookieJar", () => ({ cookies: jar.size() })),
    "~effect-http-session/CookieJar": "~effect-http-session/CookieJar",
    setCookies: (lines, url) =>
      Effect.suspend(() => {
        const setCookieLines = Array.from(lines)
        const store = atUrl(url, (target, now) => jar.store(setCookieLines, target, now))
        return needsSuffixes(setCookieLines) ? Effect.zipRight(loadSuffixes, store) : store
      }),
    updateCookies: (cookies, url) => {
      const put = (target: CookieTarget | undefined, now: number): void => {
        for (const cookie of toProgramCookies(cookies, now)) jar.put(cookie, target, now)
      }
      const update = url === undefined ? at((now) => put(undefined, now)) : atUrl(url, put)
      return hasDomain(cookies) ? Effect.zipRight(loadSuffixes, update) : update
    },
    set: (cookie) =>
      Effect.zipRight(
        loadSuffixes,
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const reason = jar.put(fromInput(cookie), undefined, now)
          return reason === undefined
            ? Effect.void
            : new CookieJarError({ reason: "Rejected", description: rejectionSentences[reason] })
        })
      ),
    filterCookies: (url) => atUrl(url, (target, now) => jar.select(target, now).map(toCookie)),
    cookieHeader: (url) =>
      atUrl(url, (target, now) => Option.map(Option.fromNullable(jar.header(target, now)), fromWire)),
    clear: (predicate) =>
      at((now) => {
        const all = jar.entries(now)
        jar.remove(predicate === undefined ? all : all.filter((entry) => predicate(toCookie(entry))), now)
      }),
    clearDomain: (domain) => at((now) => jar.removeDomain(canonicalDomain(domain), now)),
    entries: at((now) => jar.entries(now).map(toCookie)),
    size: at((now) => jar.size(now)),
    toJson: at((now) => encode(jar, now)),
    fromJson
  }
  register(service, jar)
  return service
}
