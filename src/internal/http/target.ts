/** Parses a URL to its origin and its request target (RFC 9112 section 3.2), and resolves redirects. */

import type { UrlInput } from "../../ClientRequest.js"
import { InvalidURL } from "../../Errors.js"
import { printable, redactUrl } from "../redact.js"
import { kindOf } from "../userResult.js"
import { zonedHost } from "./host.js"
import { makeOrigin, type Origin, sameOrigin } from "./origin.js"
import { canonicalPath, canonicalQuery, decodePercent, escapeByte, isIllFormed, removeDotSegments } from "./percent.js"
import { parseUrl, withZoneOf } from "./whatwg.js"

/** The user name and password of a URL, decoded. */
export interface Userinfo {
  readonly user: string
  readonly password: string
}

/** The parsed URL of a request. */
export class Target {
  readonly origin: Origin
  /** Path and query as sent in the request line. */
  readonly target: string
  /** Starts with "#", or is empty. */
  readonly fragment: string
  readonly userinfo: Userinfo | undefined
  /** Whether the scheme is ws or wss. */
  readonly websocket: boolean
  private redacted: string | undefined = undefined
  constructor(origin: Origin, target: string, fragment: string, userinfo: Userinfo | undefined, websocket: boolean) {
    this.origin = origin
    this.target = target
    this.fragment = fragment
    this.userinfo = userinfo
    this.websocket = websocket
  }
  /** The URL without userinfo and fragment. */
  get url(): string {
    return `${this.origin.scheme}://${this.origin.authority}${this.target}`
  }
  /** `url` with secrets redacted. */
  get shownUrl(): string {
    this.redacted ??= redactUrl(this.url)
    return this.redacted
  }
  /** The URL with its fragment. */
  get realUrl(): string {
    return this.url + this.fragment
  }
  /** The same target without credentials. */
  get withoutUserinfo(): Target {
    return new Target(this.origin, this.target, this.fragment, undefined, this.websocket)
  }
  /** The same target for opening a WebSocket. */
  get asWebSocket(): Target {
    return new Target(this.origin, this.target, this.fragment, this.userinfo, true)
  }
  /** The same target with another path and query. */
  withTarget(target: string): Target {
    return new Target(this.origin, target, this.fragment, this.userinfo, this.websocket)
  }
}

/** A rejected URL for an error: redacted and shortened. */
export const shown = (text: string): string => printable(redactUrl(text).slice(0, 1024))

const invalid = (text: string, reason: InvalidURL["reason"], description: string): InvalidURL =>
  new InvalidURL({ url: shown(text), reason, description })

/** Cached origins by their text. To parse a plain URL of a known origin, only its first slash must be found. */
const originsByText = new Map<string, Origin>()
const maxOrigins = 256
const maxOriginLength = 300

/** A path and query that the URL standard leaves unchanged, apart from "/." in the path. */
const plainTarget = /^\/[A-Za-z0-9\-._~!$'()*,;:@=&+/]*(?:\?[A-Za-z0-9\-._~!$()*,;:@=&+/?%]*)?$/

const controls = /[\0-\x1f\x7f]/

/** Whether the URL standard removes a character from both ends of a URL. */
const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0b)

/** Removes this white space in linear time. Text without any, the usual case, stays the same string. */
const trimSpace = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

/**
 * Parses a URL; a relative one is resolved against `base`. Path, query and fragment of a string become those of a `URL`
 * with the same text. The bytes of a `URL`, and of text with `encoded`, stay unchanged.
 */
export const parseTarget = (input: UrlInput, encoded: boolean, base?: Target): Target | InvalidURL => {
  if (typeof input !== "string") {
    return input instanceof URL
      ? parseText(String(input.href), true, base)
      : new InvalidURL({ url: "", reason: "Syntax", description: `expected a string or a URL, got ${kindOf(input)}` })
  }
  const slash = input.indexOf("/", 8)
  if (slash !== -1) {
    const origin = originsByText.get(input.slice(0, slash))
    if (origin !== undefined) {
      const target = input.slice(slash)
      if (plainTarget.test(target) && (encoded || !target.includes("/."))) {
        return new Target(origin, target, "", undefined, false)
      }
    }
  }
  return parseText(input, encoded, base)
}

const parseText = (input: string, encoded: boolean, base: Target | undefined): Target | InvalidURL => {
  const text = trimSpace(input)
  if (controls.test(text) || isIllFormed(text)) {
    return invalid(text, "Syntax", "expected a URL without control characters or unpaired surrogates")
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]
  if (scheme === undefined) {
    return base === undefined
      ? invalid(text, "Relative", "the URL is relative; set baseUrl or pass an absolute URL")
      : parseRelative(text, encoded, base)
  }
  const name = scheme.toLowerCase()
  if (name !== "http" && name !== "https" && name !== "ws" && name !== "wss") {
    return invalid(text, "Scheme", "expected the scheme http or https")
  }
  if (!text.startsWith("//", scheme.length + 1)) return invalid(text, "Syntax", 'expected "//" after the scheme')
  const secure = name === "https" || name === "wss"
  return parseRest(text, scheme.length + 3, secure ? "https" : "http", name.startsWith("ws"), encoded)
}

/** Parses the part after "//": authority, path, query and fragment. */
const parseRest = (
  text: string,
  start: number,
  scheme: "http" | "https",
  websocket: boolean,
  encoded: boolean
): Target | InvalidURL => {
  const rest = text.slice(start)
  const length = rest.search(/[/?#]/)
  const authority = length === -1 ? rest : rest.slice(0, length)
  const parsed = parseAuthority(text, authority, scheme)
  if (parsed instanceof InvalidURL) return parsed
  // Only a URL with a scheme is cached, not a reference such as "//host".
  const absolute = start > 2
  if (absolute && !websocket && parsed.userinfo === undefined && start + authority.length <= maxOriginLength) {
    if (originsByText.size >= maxOrigins) originsByText.clear()
    // Copies the text, because a slice would retain the whole URL.
    originsByText.set(Buffer.from(text.slice(0, start + authority.length)).toString(), parsed.origin)
  }
  const place = parsePlace(text, length === -1 ? "" : rest.slice(length), encoded)
  if (place instanceof InvalidURL) return place
  return new Target(parsed.origin, place.target, place.fragment, parsed.userinfo, websocket)
}

const parseAuthority = (
  text: string,
  authority: string,
  scheme: "http" | "https"
): { readonly origin: Origin; readonly userinfo: Userinfo | undefined } | InvalidURL => {
  if (authority.includes("\\")) return invalid(text, "Host", "expected an authority without a backslash")
  const at = authority.lastIndexOf("@")
  let userinfo: Userinfo | undefined
  if (at !== -1) {
    if (authority.indexOf("@") !== at)
      return invalid(text, "Credentials", 'expected at most one "@" in the authority; encode others as %40')
    const decoded = parseUserinfo(authority.slice(0, at))
    if (typeof decoded === "string") return invalid(text, "Credentials", decoded)
    userinfo = decoded.user === "" && decoded.password === "" ? undefined : decoded
  }
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/.exec(authority.slice(at + 1))
  if (match === null) return invalid(text, "Host", "expected a host, optionally with a port number")
  const host = zonedHost(match[1] ?? "")
  if (typeof host === "string") return invalid(text, "Host", host)
  const digits = match[2] ?? ""
  const port = digits === "" ? undefined : Number(digits)
  if (port !== undefined && (port < 1 || port > 65535)) return invalid(text, "Host", "expected a port from 1 to 65535")
  return { origin: makeOrigin(scheme, host, port), userinfo }
}

const parseUserinfo = (text: string): Userinfo | string => {
  const colon = text.indexOf(":")
  const user = decodePercent(colon === -1 ? text : text.slice(0, colon))
  const password = decodePercent(colon === -1 ? "" : text.slice(colon + 1))
  if (user === undefined || password === undefined) return "expected credentials in UTF-8"
  if (user.includes(":")) return 'expected a user name without ":"'
  if (controls.test(user) || controls.test(password)) return "expected credentials without control characters"
  return { user, password }
}

const originLength = "http://h".length

/** Splits the part after the origin of a URL whose host is "h", a placeholder. */
const placeOf = ({ href }: URL): { readonly target: string; readonly fragment: string } => {
  const mark = href.indexOf("#")
  const end = mark === -1 ? href.length : mark
  return { target: href.slice(originLength, end), fragment: href.slice(end) }
}

/** Parses path, query and fragment. `place` is empty or begins with "/", "?" or "#". */
const parsePlace = (
  text: string,
  place: string,
  encoded: boolean
): { readonly target: string; readonly fragment: string } | InvalidURL => {
  if (!encoded) return placeOf(new URL(`http://h${place}`))
  const hash = place.indexOf("#")
  const fragment = hash === -1 ? "" : place.slice(hash)
  const rooted = rootedPath(hash === -1 ? place : place.slice(0, hash))
  return /^[\x21-\x7e]*$/.test(rooted)
    ? { target: rooted, fragment }
    : invalid(text, "Syntax", "expected an encoded URL in ASCII without white space")
}

const rootedPath = (place: string): string => (place.startsWith("/") ? place : `/${place}`)

const withoutDots = (place: string): string => {
  const path = rootedPath(/^[^?#]*/.exec(place)?.[0] ?? "")
  return removeDotSegments(path) + place.replace(/^[^?#]*/, "")
}

/** Resolves a relative reference (RFC 3986 section 5.2.2). */
const parseRelative = (text: string, encoded: boolean, base: Target): Target | InvalidURL => {
  if (/^[/\\]{2}/.test(text) || text.startsWith("\\")) {
    return text.startsWith("//") && !text.startsWith("///")
      ? parseRest(text, 2, base.origin.scheme, base.websocket, encoded)
      : invalid(text, "Syntax", "expected a relative URL that begins with neither a backslash nor an empty authority")
  }
  if (!encoded) {
    const { fragment, target } = placeOf(new URL(text, `http://h${base.target}`))
    return new Target(base.origin, target, fragment, base.userinfo, base.websocket)
  }
  const mark = base.target.indexOf("?")
  const basePath = mark === -1 ? base.target : base.target.slice(0, mark)
  const merged =
    text === "" || text.startsWith("#")
      ? base.target + text
      : text.startsWith("?")
        ? basePath + text
        : text.startsWith("/")
          ? text
          : basePath.slice(0, basePath.lastIndexOf("/") + 1) + text
  const place = parsePlace(text, withoutDots(merged), true)
  if (place instanceof InvalidURL) return place
  return new Target(base.origin, place.target, place.fragment, base.userinfo, base.websocket)
}

/** The text of the host in a URL reference, if the reference has the usual form. */
export const hostIn = (location: string): string | undefined =>
  /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2}(?:[^/\\?#]*@)?([^/\\?#:@]*)/.exec(location.trim())?.[1]

const asRedirect = (error: InvalidURL): InvalidURL =>
  new InvalidURL({ url: error.url, reason: error.reason, description: error.description, redirect: true })

/** The number of slashes and backslashes before an authority. The URL standard accepts any. */
const slashesIn = (location: string): number => /^(?:https?:)?([/\\]*)/i.exec(location)?.[1]?.length ?? 0

/**
 * Whether a reference has an unusual number of slashes: one or more than two after a scheme, or more than two without.
 */
const hasOddSlashes = (location: string): boolean => {
  const slashes = slashesIn(location)
  return /^https?:/i.test(location) ? slashes !== 0 && slashes !== 2 : slashes > 2
}

/**
 * The values of a field of URL references, such as Location, from raw octets. Percent-encodes each octet outside ASCII,
 * because its charset is unknown.
 */
export const referencesIn = (
  rawHeaders: ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]>,
  name: string
): ReadonlyArray<string> =>
  rawHeaders.flatMap(([raw, value]) =>
    Buffer.from(raw).toString("latin1").toLowerCase() === name
      ? [
          Buffer.from(value)
            .toString("latin1")
            .replace(/[\x80-\xff]/g, escapeByte)
        ]
      : []
  )

/**
 * Resolves a Location like WHATWG, but rejects every host that `parseTarget` rejects. Keeps percent-encoding as it is;
 * `requote` converts it to aiohttp's canonical form. A Location without a fragment inherits that of `base` (RFC 9110
 * section 10.2.2).
 */
export const resolveLocation = (input: string, base: Target, requote: boolean): Target | InvalidURL => {
  const refuse = (reason: InvalidURL["reason"], description: string): InvalidURL =>
    new InvalidURL({ url: shown(input), reason, description, redirect: true })
  if (isIllFormed(input)) return refuse("Syntax", "expected a URL without an unpaired surrogate")
  const location = trimSpace(input)
  const url = parseUrl(location, base.url)
  if (url === undefined) return refuse("Syntax", "expected a valid URL")
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return refuse("Scheme", "expected the scheme http or https")
  }
  if (hasOddSlashes(location)) return refuse("Host", 'expected "//" and a host, got another number of slashes')
  const parsed = parseTarget(withZoneOf(base.url, url.href), true)
  if (parsed instanceof InvalidURL) return asRedirect(parsed)
  if (parsed.origin.ip === 4 && !sameOrigin(parsed.origin, base.origin) && hostIn(location) !== parsed.origin.host) {
    return refuse("Host", "the host is not a canonical IPv4 address")
  }
  const fragment = location.includes("#") ? parsed.fragment : base.fragment
  const target = requote ? requoted(parsed.target) : parsed.target
  return new Target(parsed.origin, target, fragment, parsed.userinfo, base.websocket)
}

const requoted = (target: string): string => {
  const mark = target.indexOf("?")
  return mark === -1
    ? canonicalPath(target)
    : `${canonicalPath(target.slice(0, mark))}?${canonicalQuery(target.slice(mark + 1))}`
}
