/**
 * From what a user or the environment calls a proxy to one that can be dialled.
 */
import { createHmac, randomBytes } from "node:crypto"
import * as Either from "effect/Either"
import type { Credentials } from "../../Auth.js"
import { basic } from "../../Auth.js"
import type { HeadersInput, HeaderValue } from "../../ClientRequest.js"
import { InvalidRequest, InvalidURL } from "../../Errors.js"
import type { Ssl } from "../../Ssl.js"
import { isToken } from "../http/headerFields.js"
import { canonicalHost } from "../http/host.js"
import type { Origin } from "../http/origin.js"
import { parseUrl } from "../http/whatwg.js"
import { isIterable, rereadable } from "../iterables.js"
import { authorizationOf, reveal, revealBasic } from "../request/authorization.js"
import type { ProxyRoute } from "../transport/transport.js"

/** Where a proxy stands, and the credentials in its URL. */
export interface ProxyAddress {
  readonly kind: ProxyRoute["kind"]
  readonly host: string
  readonly port: number
  readonly ip: 0 | 4 | 6
  /** Without credentials. */
  readonly url: string
  readonly credentials: Credentials | undefined
}

/** What is wrong with a proxy. A value, so that each request can have an error of its own. */
export type Fault =
  | { readonly _tag: "Url"; readonly url: string; readonly reason: InvalidURL["reason"]; readonly description: string }
  | { readonly _tag: "Option"; readonly option: string; readonly description: string; readonly cause?: unknown }

export type Result<A> = Either.Either<A, Fault>

const urlFault = (url: string, reason: InvalidURL["reason"], description: string): Result<never> =>
  Either.left({ _tag: "Url", url, reason, description })

export const optionFault = (option: string, description: string, cause?: unknown): Result<never> =>
  Either.left({ _tag: "Option", option, description, cause })

/** `target` is where the request was to go. */
export const toError = (fault: Fault, target: Origin): InvalidURL | InvalidRequest =>
  fault._tag === "Url"
    ? new InvalidURL({
        url: fault.url,
        reason: fault.reason,
        description: fault.description,
        proxy: true,
        host: target.host,
        port: target.port
      })
    : new InvalidRequest({ option: fault.option, description: fault.description, cause: fault.cause })

const defaultPorts: { readonly [K in ProxyRoute["kind"]]: number } = {
  http: 80,
  https: 443,
  socks4a: 1080,
  socks5: 1080,
  socks5h: 1080
}

/** What desktop settings and old documents call them; each resolves names by the proxy. */
const aliases: { readonly [scheme: string]: ProxyRoute["kind"] } = { socks: "socks5h", socks4: "socks4a" }

const isKind = (scheme: string): scheme is ProxyRoute["kind"] => Object.hasOwn(defaultPorts, scheme)

/** The host of what is no URL, as far as nobody could take it for a part of a password. */
const plainHost = /^(?:[a-z0-9][a-z0-9.-]*|\[[0-9a-f:.]+\])(?=[:/?#]|$)/i

/** The text may hold a password anywhere before its last "@": its scheme and the host behind that are shown. */
const shownProxy = (scheme: string, text: string): string => {
  const start = Math.max(text.lastIndexOf("@") + 1, scheme.length + 3)
  return `${scheme.slice(0, 20)}://${plainHost.exec(text.slice(start))?.[0] ?? "***"}`
}

const parseAs = (scheme: "http" | "ftp", rest: string): URL | undefined => parseUrl(`${scheme}:${rest}`)

const percentEncoded = /%([0-9a-f]{2})/gi

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Decoded once; a percent sign that begins no code stands for itself. `undefined`: not UTF-8. */
const decode = (text: string): string | undefined => {
  if (!text.includes("%")) return text
  const bytes = Buffer.from(
    text.replace(percentEncoded, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1"
  )
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

const credentialsIn = (url: URL, shown: string): Result<Credentials | undefined> => {
  if (url.username === "" && url.password === "") return Either.right(undefined)
  const user = decode(url.username)
  const password = decode(url.password)
  if (user === undefined || password === undefined) {
    return urlFault(shown, "Credentials", "the credentials in the proxy's URL are not UTF-8")
  }
  return Either.right(basic(user, password))
}

/** Parses a proxy's URL. */
export const parseProxyUrl = (text: string): Result<ProxyAddress> => {
  const trimmed = text.trim()
  const colon = trimmed.indexOf(":")
  const scheme = colon === -1 ? "" : trimmed.slice(0, colon).toLowerCase()
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme) || !trimmed.startsWith("//", colon + 1)) {
    return urlFault("***", "Relative", "a proxy's URL begins with a scheme, such as http://")
  }
  const kind = Object.hasOwn(aliases, scheme) ? aliases[scheme] : scheme
  const refuse = (reason: InvalidURL["reason"], description: string) =>
    urlFault(shownProxy(scheme, trimmed), reason, description)
  if (kind === undefined || !isKind(kind)) {
    const known = "http, https, socks, socks4, socks4a, socks5 or socks5h"
    return refuse("Scheme", `expected the scheme ${known}, got ${scheme.slice(0, 20)}`)
  }
  const rest = trimmed.slice(colon + 1)
  // Only the schemes that the URL standard calls special have their hosts read as names and addresses, and each hides
  // its own default port: the second parse shows it.
  const url = parseAs("http", rest)
  const other = parseAs("ftp", rest)
  // The URL standard drops tabs and line ends, and reads a backslash as a slash: other parsers see another host.
  if (url === undefined || other === undefined || /[\0-\x1f\x7f\\]/.test(trimmed) || url.hostname === "") {
    return refuse("Syntax", "the proxy's URL cannot be parsed")
  }
  const port = Number(url.port || other.port || defaultPorts[kind])
  if (port === 0) return refuse("Host", "the proxy's port is 0")
  const host = canonicalHost(url.hostname)
  if (typeof host === "string") return refuse("Host", `in the proxy's URL, ${host}`)
  const shown = `${kind}://${url.hostname}:${port}`
  return Either.map(credentialsIn(url, shown), (credentials) => ({
    kind,
    host: host.name,
    port,
    ip: host.ip,
    url: shown,
    credentials
  }))
}

const unsendable = /[^\t\u0020-\u007e\u0080-\u00ff]/

/** CONNECT has one Host, no body and no Expect. */
const reserved: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "trailer",
  "expect",
  "upgrade"
])

type Pairs = ReadonlyArray<readonly [name: string, value: string]>

const isOne = (value: HeaderValue | ReadonlyArray<HeaderValue>): value is HeaderValue => !Array.isArray(value)

/** Reads header input once and checks it. */
export const headerPairs = (input: HeadersInput | undefined, option: string): Result<Pairs> => {
  if (input === undefined) return Either.right([])
  const pairs: Array<readonly [string, string]> = []
  for (const [name, values] of isIterable(input) ? rereadable(input) : Object.entries(input)) {
    if (values === undefined) continue
    if (!isToken(name)) return optionFault(option, "a header's name is no token")
    if (reserved.has(name.toLowerCase())) return optionFault(option, `${name} cannot be set on a CONNECT request`)
    for (const given of isOne(values) ? [values] : values) {
      const value = typeof given === "string" ? given : reveal(given)
      if (value === undefined) return optionFault(option, `the value of ${name} was wiped`)
      if (unsendable.test(value))
        return optionFault(option, `the value of ${name} holds a character that cannot be sent`)
      pairs.push([name, value.trim()])
    }
  }
  return Either.right(pairs)
}

/** A salt of this process, for keys are shown and must not give a weak password away. */
const salt = randomBytes(32)

const sslIds = new WeakMap<object, number>()
let sslCount = 0

const sslId = (ssl: Ssl): string => {
  if (typeof ssl !== "object" || ssl === null) return ssl === false ? "off" : "on"
  let id = sslIds.get(ssl)
  if (id === undefined) {
    id = ++sslCount
    sslIds.set(ssl, id)
  }
  return String(id)
}

const keyOf = (route: Omit<ProxyRoute, "key">): string => {
  const ssl = route.kind === "https" ? sslId(route.ssl) : "on"
  if (route.authorization === undefined && route.user === undefined && route.headers.length === 0 && ssl === "on") {
    return route.url
  }
  const secrets = JSON.stringify([route.authorization, route.user, route.password, route.headers, ssl])
  return `${route.url}#${createHmac("sha256", salt).update(secrets).digest("hex").slice(0, 32)}`
}

/** What goes with a proxy's URL. */
export interface ProxySettings {
  readonly auth: Credentials | undefined
  readonly headers: Pairs
  readonly ssl: Ssl
  /** The option that `auth` came from. */
  readonly option: string
}

export const noSettings: ProxySettings = { auth: undefined, headers: [], ssl: true, option: "proxy" }

const isSocks = (kind: ProxyRoute["kind"]): boolean => kind !== "http" && kind !== "https"

interface Secrets {
  readonly authorization: string | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  readonly headers: Pairs
}

const httpSecrets = (credentials: Credentials | undefined, headers: Pairs): Either.Either<Secrets, string> => {
  const isAuthorization = ([name]: Pairs[number]) => name.toLowerCase() === "proxy-authorization"
  const given = headers.filter(isAuthorization)
  const secrets = (authorization: string | undefined): Secrets => ({
    authorization,
    user: undefined,
    password: undefined,
    headers: given.length === 0 ? headers : headers.filter((pair) => !isAuthorization(pair))
  })
  if (credentials === undefined) {
    return given.length > 1
      ? Either.left("there are two Proxy-Authorization headers")
      : Either.right(secrets(given[0]?.[1]))
  }
  if (given.length > 0) return Either.left("there are credentials and a Proxy-Authorization header")
  return Either.map(authorizationOf(credentials), secrets)
}

const socksSecrets = (
  kind: ProxyRoute["kind"],
  credentials: Credentials | undefined
): Either.Either<Secrets, string> => {
  if (credentials === undefined) {
    return Either.right({ authorization: undefined, user: undefined, password: undefined, headers: [] })
  }
  if (credentials._tag === "Bearer") return Either.left("a SOCKS proxy takes a name and a password, not a token")
  return Either.flatMap(revealBasic(credentials), ({ password, user }) => {
    // RFC 1929: one byte of length each. SOCKS4a has a name only.
    if (kind !== "socks4a" && (Buffer.byteLength(user) > 255 || Buffer.byteLength(password) > 255)) {
      return Either.left("the name or the password is longer than the 255 bytes of SOCKS5")
    }
    return Either.right({ authorization: undefined, user, password, headers: [] })
  })
}

/** Puts an address and its settings together. */
export const makeRoute = (address: ProxyAddress, settings: ProxySettings): Result<ProxyRoute> => {
  const { credentials, ...place } = address
  if (credentials !== undefined && settings.auth !== undefined) {
    return optionFault(settings.option, "the proxy's URL holds credentials as well")
  }
  const used = settings.auth ?? credentials
  const secrets = isSocks(address.kind) ? socksSecrets(address.kind, used) : httpSecrets(used, settings.headers)
  if (Either.isLeft(secrets)) {
    return credentials === undefined
      ? optionFault(settings.option, secrets.left)
      : urlFault(address.url, "Credentials", secrets.left)
  }
  const { kind, ...rest } = place
  const route = { kind, ...rest, ...secrets.right, ssl: settings.ssl }
  return Either.right({ ...route, key: keyOf(route) })
}
