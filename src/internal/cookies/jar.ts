/** A cookie jar (RFC 6265bis) as synchronous data. The caller passes the current time. */

import { isIP } from "node:net"
import type { CookieRejection } from "../../CookieJar.js"
import { isPublicSuffix } from "../http/publicSuffix.js"
import { quote } from "./header.js"
import { defaultPath, domainMatches, pathMatches } from "./match.js"
import { maxPairLength, parseSetCookie, rejectedLine, type SetCookie } from "./parse.js"
import {
  hasHostPrefix,
  hasSecurePrefix,
  isLoopbackHost,
  keepsPrefixes,
  type Rejection,
  resolveScope,
  scopeOfProgram
} from "./rules.js"
import { type Entry, type Removed, Store, type Stored, sendingOrder } from "./store.js"
import type { CookieTarget } from "./target.js"
import { fromWire, toWire } from "./wire.js"

/** The complete settings of a jar. */
export interface JarSettings {
  readonly unsafe: boolean
  readonly quoteCookie: boolean
  readonly nameless: boolean
  /** The http origins, as "host:port", that count as secure. */
  readonly secureOrigins: ReadonlySet<string>
  readonly maxCookies: number
  readonly maxCookiesPerDomain: number
}

export const defaultSettings: JarSettings = {
  unsafe: false,
  quoteCookie: false,
  nameless: false,
  secureOrigins: new Set(),
  maxCookies: 3000,
  maxCookiesPerDomain: 180
}

/** Most Set-Cookie lines that a response may set, as in curl. Later ones are ignored. */
const maxLines = 50

/** Most octets of a Cookie header line, because servers reject longer ones (Apache's LimitRequestFieldSize). */
const maxHeaderLength = 8190

/** Longest lifetime of a cookie, 400 days (RFC 6265bis section 5.5). */
const maxAge = 400 * 24 * 60 * 60 * 1000

/** A cookie that the program itself adds, as octets. */
export interface ProgramCookie {
  readonly name: string
  readonly value: string
  readonly domain?: string | undefined
  /** Whether subdomains do not get the cookie. Only without a target. Default `false`. */
  readonly hostOnly?: boolean | undefined
  readonly path?: string | undefined
  readonly secure?: boolean | undefined
  readonly httpOnly?: boolean | undefined
  readonly partitioned?: boolean | undefined
  readonly sameSite?: Stored["sameSite"]
  /** Milliseconds since the epoch. */
  readonly expires?: number | undefined
}

const controls = /[\x00-\x1f\x7f]/

const expiry = (cookie: SetCookie, now: number): number => {
  if (cookie.maxAge !== undefined) return now + Math.min(cookie.maxAge * 1000, maxAge)
  return cookie.expires === undefined ? Infinity : Math.min(cookie.expires, now + maxAge)
}

/** Decides which cookies a response may set and which cookies a request sends. */
export class Jar {
  readonly settings: JarSettings
  readonly #store: Store

  constructor(settings: JarSettings = defaultSettings) {
    this.settings = settings
    this.#store = new Store({
      maxCookies: settings.maxCookies,
      maxCookiesPerDomain: settings.maxCookiesPerDomain,
      toSent: settings.quoteCookie ? (value) => toWire(quote(fromWire(value))) : (value) => value
    })
  }

  /** Whether the jar has no cookies. Most requests need no other check. */
  get isEmpty(): boolean {
    return this.#store.count === 0
  }

  /** Changes with every modification. */
  get revision(): number {
    return this.#store.revision
  }

  /** Called synchronously after each modification. It must not use the jar. */
  set onChange(listener: (() => void) | undefined) {
    this.#store.onChange = listener
  }

  /** Starts to record removals, which `merge` needs. */
  startJournal(): void {
    this.#store.startJournal()
  }

  /** Stores the Set-Cookie lines of one response, given as text. */
  store(lines: ReadonlyArray<string>, target: CookieTarget, now: number): void {
    this.storeWire(lines.length > maxLines ? lines.slice(0, maxLines).map(toWire) : lines.map(toWire), target, now)
  }

  /** Like `store`, with lines given as octets (see `setCookieLines`). Calls `onRejected` for each rejected cookie. */
  storeWire(
    lines: ReadonlyArray<string>,
    target: CookieTarget,
    now: number,
    onRejected?: (rejection: Rejection) => void
  ): void {
    if (this.settings.maxCookies === 0) return
    for (let index = 0; index < lines.length && (index < maxLines || onRejected !== undefined); index++) {
      const line = lines[index] ?? ""
      const parsed = parseSetCookie(line)
      if (parsed === undefined) {
        onRejected?.({ ...rejectedLine(line), domain: target.host })
        continue
      }
      const reason = index < maxLines ? this.#receive(parsed, target, now) : "TooMany"
      if (reason !== undefined) onRejected?.({ name: parsed.name, domain: parsed.domain ?? target.host, reason })
    }
  }

  /**
   * Stores a cookie of the program for the host of `target`; without a target, for the domain of the cookie or, without
   * one, for every host. Returns the reason if the jar rejects the cookie.
   */
  put(cookie: ProgramCookie, target: CookieTarget | undefined, now: number): CookieRejection | undefined {
    if (this.settings.maxCookies === 0) return undefined
    if (target !== undefined && this.#rejectsAddress(target)) return "Address"
    const unsendable = this.#unsendableReason(cookie)
    if (unsendable !== undefined) return unsendable
    const scope =
      target === undefined
        ? scopeOfProgram(cookie.domain, cookie.hostOnly === true)
        : resolveScope(cookie.domain, target)
    if (typeof scope === "string") return scope
    if (!this.settings.unsafe && isIP(scope.domain) !== 0) return "Address"
    const prefixRequiresSecure = hasHostPrefix(cookie.name) || hasSecurePrefix(cookie.name)
    // An invalid Date is ignored.
    const expires = cookie.expires === undefined || Number.isNaN(cookie.expires) ? Infinity : cookie.expires
    return this.#commit(
      {
        name: cookie.name,
        value: cookie.value,
        ...scope,
        path: cookie.path?.startsWith("/") === true ? cookie.path : "/",
        secure: cookie.secure ?? (prefixRequiresSecure && (target === undefined || this.#isSecure(target))),
        httpOnly: cookie.httpOnly ?? false,
        sameSite: cookie.sameSite,
        partitioned: cookie.partitioned ?? false,
        expires: expires === Infinity ? Infinity : Math.min(expires, now + maxAge)
      },
      now
    )
  }

  /** The cookies for a request, in sending order. Marks them as used. */
  select(target: CookieTarget, now: number): ReadonlyArray<Entry> {
    const selected = this.#store.count === 0 ? [] : this.#matching(target, now)
    let length = "Cookie: ".length - 2
    for (let index = 0; index < selected.length; index++) {
      const entry = selected[index]
      if (entry === undefined) break
      length += entry.name.length + entry.sent.length + (entry.name === "" ? 2 : 3)
      if (length > maxHeaderLength) return selected.slice(0, index)
      this.#store.touch(entry)
    }
    return selected
  }

  /** The value of the Cookie header, as octets; `undefined` if no cookie matches. */
  header(target: CookieTarget, now: number): string | undefined {
    if (this.#store.count === 0) return undefined
    let out = ""
    for (const entry of this.select(target, now)) {
      if (out !== "") out += "; "
      out += entry.name === "" ? entry.sent : `${entry.name}=${entry.sent}`
    }
    return out === "" ? undefined : out
  }

  /** All cookies that have not expired, oldest first. */
  entries(now: number): ReadonlyArray<Entry> {
    this.#store.expire(now)
    return this.#store.all()
  }

  removed(): ReadonlyArray<Removed> {
    return this.#store.removed()
  }

  /** The number of cookies. Without a time, it includes expired cookies that were not removed yet. */
  size(now = -Infinity): number {
    this.#store.expire(now)
    return this.#store.count
  }

  remove(cookies: Iterable<Stored>, now: number): void {
    for (const cookie of cookies) this.#store.remove(cookie, this.#store.stamp(cookie, now))
  }

  /** Removes the cookies of a canonical domain and its subdomains. "" removes the cookies for every host. */
  removeDomain(domain: string, now: number): void {
    this.remove(
      this.entries(now).filter((entry) =>
        domain === "" || isIP(domain) !== 0 ? entry.domain === domain : domainMatches(entry.domain, domain)
      ),
      now
    )
  }

  /** Adds saved cookies, which replace existing ones. Skips cookies that violate the rules of this jar. */
  restore(cookies: ReadonlyArray<Stored>, now: number): void {
    for (const cookie of cookies) {
      const updated = this.#store.journaled ? this.#store.stamp(cookie, now) : cookie.updated
      this.#restoreOne({ ...cookie, updated }, now)
    }
  }

  /**
   * Applies newer changes of other jars that share a store. Merging is commutative: jars that merge each other's state
   * become equal, in whatever order they merge.
   */
  merge(cookies: ReadonlyArray<Stored>, removed: ReadonlyArray<Removed>, now: number): void {
    for (const cookie of cookies) {
      const current = this.#store.find(cookie)
      const known = Math.max(current?.updated ?? -1, this.#store.removalOf(cookie)?.updated ?? -1)
      const winsTie = cookie.updated === known && current !== undefined && cookie.value > current.value
      if (cookie.updated > known || winsTie) this.#restoreOne(cookie, now)
    }
    for (const removal of removed) {
      const known = Math.max(
        this.#store.find(removal)?.updated ?? -1,
        (this.#store.removalOf(removal)?.updated ?? -2) + 1
      )
      if (removal.updated >= known) this.#store.remove(removal, removal.updated)
    }
  }

  #restoreOne(cookie: Stored, now: number): void {
    if (this.settings.maxCookies === 0 || cookie.expires <= now) return
    if (cookie.name === "" && !this.settings.nameless) return
    const ip = isIP(cookie.domain) !== 0
    if (ip && (!this.settings.unsafe || !cookie.hostOnly)) return
    if (!cookie.hostOnly && cookie.domain !== "" && !ip && isPublicSuffix(cookie.domain)) return
    if (!keepsPrefixes(cookie)) return
    const expires = cookie.expires === Infinity ? Infinity : Math.min(cookie.expires, now + maxAge)
    this.#store.put({ ...cookie, expires, created: Math.min(cookie.created, now) }, now, true)
  }

  #isSecure(target: CookieTarget): boolean {
    return (
      target.scheme === "https" ||
      isLoopbackHost(target) ||
      (this.settings.secureOrigins.size > 0 && this.settings.secureOrigins.has(`${target.host}:${target.port}`))
    )
  }

  #rejectsAddress(target: CookieTarget): boolean {
    return target.ip !== 0 && !this.settings.unsafe
  }

  #unsendableReason({ name, path, value }: ProgramCookie): CookieRejection | undefined {
    if (name.length + value.length > maxPairLength) return "TooLarge"
    if (name === "" && !this.settings.nameless) return "Nameless"
    if ((name === "" && value === "") || controls.test(name) || /[=;]|^ | $/.test(name) || controls.test(path ?? ""))
      return "Malformed"
    return !this.settings.quoteCookie && (controls.test(value) || value.includes(";")) ? "Malformed" : undefined
  }

  /** Stores the cookie of a Set-Cookie line (RFC 6265bis section 5.7). Returns the reason if the jar rejects it. */
  #receive(parsed: SetCookie, target: CookieTarget, now: number): CookieRejection | undefined {
    if (this.#rejectsAddress(target)) return "Address"
    if (parsed.name === "" && !this.settings.nameless) return "Nameless"
    const scope = resolveScope(parsed.domain, target)
    if (typeof scope === "string") return scope
    const path = parsed.path?.startsWith("/") === true ? parsed.path : defaultPath(target.path)
    const { httpOnly, name, partitioned, sameSite, secure, value } = parsed
    if (secure && !this.#isSecure(target)) return "Insecure"
    if (!secure && sameSite === "none") return "SameSite"
    if (!secure && !this.#isSecure(target) && this.#shadowsSecure(name, scope.domain, path, now)) return "Shadow"
    const expires = expiry(parsed, now)
    // The prefix requires the attribute `Path=/`. An empty Path does not satisfy it.
    if (hasHostPrefix(name) && parsed.path !== "/") return "Prefix"
    return this.#commit({ name, value, ...scope, path, secure, httpOnly, sameSite, partitioned, expires }, now)
  }

  #commit(cookie: Omit<Stored, "created" | "updated">, now: number): CookieRejection | undefined {
    if (!keepsPrefixes(cookie)) return "Prefix"
    const old = this.#store.find(cookie)
    const alive = old !== undefined && old.expires > now
    const updated = this.#store.stamp(cookie, now, old)
    if (cookie.expires <= now) this.#store.remove(cookie, updated)
    else this.#store.put({ ...cookie, created: alive ? old.created : now, updated }, now, false, old)
    return undefined
  }

  /** Whether an insecure cookie would overlay a secure one ("leave secure cookies alone", section 5.7, step 16). */
  #shadowsSecure(name: string, domain: string, path: string, now: number): boolean {
    for (const other of this.#store.secureOfName(name)) {
      if (
        other.expires > now &&
        (domainMatches(domain, other.domain) || domainMatches(other.domain, domain)) &&
        pathMatches(path, other.path)
      ) {
        return true
      }
    }
    return false
  }

  #matching(target: CookieTarget, now: number): ReadonlyArray<Entry> {
    const out: Array<Entry> = []
    const secure = this.#isSecure(target)
    const { path } = target
    let sources = 0
    const add = (domain: string, exact: boolean): void => {
      const before = out.length
      for (const entry of this.#store.ofDomain(domain)) {
        if (entry.hostOnly && !exact) continue
        if (entry.secure && !secure) continue
        if (entry.expires <= now) continue
        if (pathMatches(path, entry.path)) out.push(entry)
      }
      if (out.length > before) sources++
    }
    add("", true)
    if (target.ip === 0) {
      add(target.host, true)
      for (let dot = target.host.indexOf("."); dot >= 0; dot = target.host.indexOf(".", dot + 1)) {
        if (dot + 1 < target.host.length) add(target.host.slice(dot + 1), false)
      }
    } else if (this.settings.unsafe) {
      add(target.host, true)
    }
    return sources > 1 ? out.sort(sendingOrder) : out
  }
}
