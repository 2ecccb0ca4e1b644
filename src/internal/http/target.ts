/**
 * From a URL as it is given to where the request goes and what its request line says.
 */
import type { UrlInput } from "../../ClientRequest.js"
import { InvalidURL } from "../../Errors.js"
import { printable, redactUrl } from "../redact.js"
import { canonicalHost } from "./host.js"
import { makeOrigin, type Origin, sameOrigin } from "./origin.js"
import { canonicalPath, canonicalQuery, decodePercent, escapeByte, isIllFormed, removeDotSegments } from "./percent.js"
import { parseUrl } from "./whatwg.js"

/** Name and password out of a URL, decoded. */
export interface Userinfo {
  readonly user: string
  readonly password: string
}

/** Where a request goes. */
export class Target {
  readonly origin: Origin
  /** Path and query as on the wire. */
  readonly target: string
  /** With "#", or empty. */
  readonly fragment: string
  readonly userinfo: Userinfo | undefined
  /** Whether the scheme was ws or wss. */
  readonly websocket: boolean
  private redacted: string | undefined = undefined
  constructor(origin: Origin, target: string, fragment: string, userinfo: Userinfo | undefined, websocket: boolean) {
    this.origin = origin
    this.target = target
    this.fragment = fragment
    this.userinfo = userinfo
    this.websocket = websocket
  }
  /** Without userinfo and fragment. */
  get url(): string {
    return `${this.origin.scheme}://${this.origin.authority}${this.target}`
  }
  /** `url` without what is secret. */
  get shownUrl(): string {
    this.redacted ??= redactUrl(this.url)
    return this.redacted
  }
  /** With the fragment. */
  get realUrl(): string {
    return this.url + this.fragment
  }
  /** The same place for anybody. */
  get withoutUserinfo(): Target {
    return new Target(this.origin, this.target, this.fragment, undefined, this.websocket)
  }
  /** The same place, where a WebSocket is to be opened. */
  get asWebSocket(): Target {
    return new Target(this.origin, this.target, this.fragment, this.userinfo, true)
  }
  /** The same place with another path and query. */
  withTarget(target: string): Target {
    return new Target(this.origin, target, this.fragment, this.userinfo, this.websocket)
  }
}

/** What may be shown of a URL that is refused. */
export const shown = (text: string): string => printable(redactUrl(text).slice(0, 1024))

const invalid = (text: string, reason: InvalidURL["reason"], description: string): InvalidURL =>
  new InvalidURL({ url: shown(text), reason, description })

/** Origins by how they were written, so that a plain URL is split at one slash. */
const written = new Map<string, Origin>()
const writtenCapacity = 256
const writtenLength = 300

/** What the URL standard leaves as it is, apart from "/." in a path. */
const plainTarget = /^\/[A-Za-z0-9\-._~!$'()*,;:@=&+/]*(?:\?[A-Za-z0-9\-._~!$()*,;:@=&+/?%]*)?$/

const controls = /[\0-\x1f\x7f]/

/** White space that the URL standard strips from both ends. */
const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0b)

const trimmed = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

/**
 * Where a URL leads, relative to `base` if it is relative. Path, query and fragment of a string are those of a `URL` with
 * the same text; `encoded` keeps the bytes of the string.
 */
export const parseTarget = (input: UrlInput, encoded: boolean, base?: Target): Target | InvalidURL => {
  if (typeof input !== "string") {
    return input instanceof URL
      ? parseText(String(input.href), true, base)
      : new InvalidURL({ url: "", reason: "Syntax", description: "the URL is neither a string nor a URL" })
  }
  const slash = input.indexOf("/", 8)
  if (slash !== -1) {
    const origin = written.get(input.slice(0, slash))
    if (origin !== undefined) {
      const target = input.slice(slash)
      if (plainTarget.test(target) && (encoded || !target.includes("/."))) {
        return new Target(origin, target, "", undefined, false)
      }
    }
  }
  return parseText(input, encoded, base)
}

const parseText = (given: string, encoded: boolean, base: Target | undefined): Target | InvalidURL => {
  const text = trimmed(given)
  if (controls.test(text) || isIllFormed(text)) {
    return invalid(text, "Syntax", "the URL has control characters or half a surrogate pair")
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]
  if (scheme === undefined) {
    return base === undefined
      ? invalid(text, "Relative", "the URL is relative and there is no baseUrl")
      : parseRelative(text, encoded, base)
  }
  const name = scheme.toLowerCase()
  if (name !== "http" && name !== "https" && name !== "ws" && name !== "wss") {
    return invalid(text, "Scheme", "the scheme is neither http nor https")
  }
  if (!text.startsWith("//", scheme.length + 1)) return invalid(text, "Syntax", 'the scheme is not followed by "//"')
  const secure = name === "https" || name === "wss"
  return parseRest(text, scheme.length + 3, secure ? "https" : "http", name.startsWith("ws"), encoded)
}

/** What follows "//": authority, path, query, fragment. */
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
  // "//host" says no scheme.
  const absolute = start > 2
  if (absolute && !websocket && parsed.userinfo === undefined && start + authority.length <= writtenLength) {
    if (written.size >= writtenCapacity) written.clear()
    // A copy, so that the key does not hold the whole URL.
    written.set(Buffer.from(text.slice(0, start + authority.length)).toString(), parsed.origin)
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
  if (authority.includes("\\")) return invalid(text, "Host", "there is a backslash in the authority")
  const at = authority.lastIndexOf("@")
  let userinfo: Userinfo | undefined
  if (at !== -1) {
    if (authority.indexOf("@") !== at) return invalid(text, "Credentials", 'there are two "@" in the authority')
    const decoded = parseUserinfo(authority.slice(0, at))
    if (typeof decoded === "string") return invalid(text, "Credentials", decoded)
    userinfo = decoded.user === "" && decoded.password === "" ? undefined : decoded
  }
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/.exec(authority.slice(at + 1))
  if (match === null) return invalid(text, "Host", "the host or the port is malformed")
  const host = canonicalHost(match[1] ?? "")
  if (typeof host === "string") return invalid(text, "Host", host)
  const digits = match[2] ?? ""
  const port = digits === "" ? undefined : Number(digits)
  if (port !== undefined && (port < 1 || port > 65535)) return invalid(text, "Host", "the port is not 1 to 65535")
  return { origin: makeOrigin(scheme, host, port), userinfo }
}

const parseUserinfo = (text: string): Userinfo | string => {
  const colon = text.indexOf(":")
  const user = decodePercent(colon === -1 ? text : text.slice(0, colon))
  const password = decodePercent(colon === -1 ? "" : text.slice(colon + 1))
  if (user === undefined || password === undefined) return "the credentials are not UTF-8"
  if (user.includes(":")) return 'a ":" is not allowed in the user name'
  if (controls.test(user) || controls.test(password)) return "the credentials have control characters"
  return { user, password }
}

const originLength = "http://h".length

/** What follows the origin of a URL at the host "h". */
const placeOf = ({ href }: URL): { readonly target: string; readonly fragment: string } => {
  const mark = href.indexOf("#")
  const end = mark === -1 ? href.length : mark
  return { target: href.slice(originLength, end), fragment: href.slice(end) }
}

/** Path, query and fragment; `place` is empty or begins with "/", "?" or "#". */
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
    : invalid(text, "Syntax", "an encoded URL has white space or characters outside ASCII")
}

const rootedPath = (place: string): string => (place.startsWith("/") ? place : `/${place}`)

const withoutDots = (place: string): string => {
  const path = rootedPath(/^[^?#]*/.exec(place)?.[0] ?? "")
  return removeDotSegments(path) + place.replace(/^[^?#]*/, "")
}

/** RFC 3986 section 5.2.2. */
const parseRelative = (text: string, encoded: boolean, base: Target): Target | InvalidURL => {
  if (/^[/\\]{2}/.test(text) || text.startsWith("\\")) {
    return text.startsWith("//") && !text.startsWith("///")
      ? parseRest(text, 2, base.origin.scheme, base.websocket, encoded)
      : invalid(text, "Syntax", "the relative URL begins with a backslash or an empty authority")
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

/** The host as a reference spells it, if it does so in the usual way. */
export const hostIn = (location: string): string | undefined =>
  /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2}(?:[^/\\?#]*@)?([^/\\?#:@]*)/.exec(location.trim())?.[1]

const asRedirect = (error: InvalidURL): InvalidURL =>
  new InvalidURL({ url: error.url, reason: error.reason, description: error.description, redirect: true })

/** The number of slashes and backslashes before an authority; the URL standard takes any. */
const slashesIn = (location: string): number => /^(?:https?:)?([/\\]*)/i.exec(location)?.[1]?.length ?? 0

/** Whether it names a scheme and slashes that are not the two of an authority, or no scheme and more than two. */
const hasOddSlashes = (location: string): boolean => {
  const slashes = slashesIn(location)
  return /^https?:/i.test(location) ? slashes !== 0 && slashes !== 2 : slashes > 2
}

/**
 * The values of a field that holds references, such as Location, from its octets: those outside ASCII are
 * percent-encoded, whatever their encoding.
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
 * Where a Location leads, as WHATWG resolves it; a host that `parseTarget` refuses is refused here too. Existing escapes
 * stay as they are, unless `requote` asks for aiohttp's canonical form. The fragment is inherited (RFC 9110 section
 * 10.2.2).
 */
export const resolveLocation = (given: string, base: Target, requote: boolean): Target | InvalidURL => {
  const refuse = (reason: InvalidURL["reason"], description: string): InvalidURL =>
    new InvalidURL({ url: shown(given), reason, description, redirect: true })
  if (isIllFormed(given)) return refuse("Syntax", "it is not well-formed")
  const location = trimmed(given)
  const url = parseUrl(location, base.url)
  if (url === undefined) return refuse("Syntax", "it is no URL")
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return refuse("Scheme", "its scheme is neither http nor https")
  }
  if (hasOddSlashes(location)) return refuse("Host", 'expected "//" and a host, got another number of slashes')
  const parsed = parseTarget(url, true)
  if (parsed instanceof InvalidURL) return asRedirect(parsed)
  if (parsed.origin.ip === 4 && !sameOrigin(parsed.origin, base.origin) && hostIn(location) !== parsed.origin.host) {
    return refuse("Host", "its host is not a canonical IPv4 address")
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
