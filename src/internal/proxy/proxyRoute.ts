/** Parses and validates the URL, the credentials and the headers of a proxy, and makes the route for the dialer. */
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

/** The parts of a proxy's URL. */
export interface ProxyAddress {
  readonly kind: ProxyRoute["kind"]
  readonly host: string
  readonly port: number
  readonly ip: 0 | 4 | 6
  /** The URL without credentials. */
  readonly url: string
  readonly credentials: Credentials | undefined
}

/** Why a proxy is invalid. Each request that uses the proxy makes its own error from it. */
export type ProxyFault =
  | { readonly _tag: "Url"; readonly url: string; readonly reason: InvalidURL["reason"]; readonly description: string }
  | { readonly _tag: "Option"; readonly option: string; readonly description: string; readonly cause?: unknown }

export type Result<A> = Either.Either<A, ProxyFault>

const urlFault = (url: string, reason: InvalidURL["reason"], description: string): Result<never> =>
  Either.left({ _tag: "Url", url, reason, description })

export const optionFault = (option: string, description: string, cause?: unknown): Result<never> =>
  Either.left({ _tag: "Option", option, description, cause })

/** Converts a fault to an error of the request to `target`. */
export const toError = (fault: ProxyFault, target: Origin): InvalidURL | InvalidRequest =>
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

/** Other names of schemes, in desktop settings and old documents. With both, the proxy resolves names. */
const aliases: { readonly [scheme: string]: ProxyRoute["kind"] } = { socks: "socks5h", socks4: "socks4a" }

const isKind = (scheme: string): scheme is ProxyRoute["kind"] => Object.hasOwn(defaultPorts, scheme)

/** Text with only the characters of a host, which is unlikely to be a part of a password. */
const plainHost = /^(?:[a-z0-9][a-z0-9.-]*|\[[0-9a-f:.]+\])(?=[:/?#]|$)/i

/** Redacts a malformed URL. A password may be anywhere before the last "@", so only scheme and host are shown. */
const redactedUrl = (scheme: string, text: string): string => {
  const start = Math.max(text.lastIndexOf("@") + 1, scheme.length + 3)
  return `${scheme.slice(0, 20)}://${plainHost.exec(text.slice(start))?.[0] ?? "***"}`
}

const parseAs = (scheme: "http" | "ftp", rest: string): URL | undefined => parseUrl(`${scheme}:${rest}`)

const percentEncoded = /%([0-9a-f]{2})/gi

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Decodes percent-encoding once. Other percent signs stay. `undefined` if the result is not UTF-8. */
const decodePercent = (text: string): string | undefined => {
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
  const user = decodePercent(url.username)
  const password = decodePercent(url.password)
  if (user === undefined || password === undefined) {
    return urlFault(shown, "Credentials", "expected credentials in UTF-8 in the proxy's URL")
  }
  return Either.right(basic(user, password))
}

/** Parses and checks a proxy's URL. */
export const parseProxyUrl = (text: string): Result<ProxyAddress> => {
  const trimmed = text.trim()
  const colon = trimmed.indexOf(":")
  const scheme = colon === -1 ? "" : trimmed.slice(0, colon).toLowerCase()
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme) || !trimmed.startsWith("//", colon + 1)) {
    return urlFault("***", "Relative", "expected a proxy's URL that begins with a scheme, such as http://")
  }
  const kind = Object.hasOwn(aliases, scheme) ? aliases[scheme] : scheme
  const fail = (reason: InvalidURL["reason"], description: string) =>
    urlFault(redactedUrl(scheme, trimmed), reason, description)
  if (kind === undefined || !isKind(kind)) {
    const known = "http, https, socks, socks4, socks4a, socks5 or socks5h"
    return fail("Scheme", `expected the scheme ${known}, got ${scheme.slice(0, 20)}`)
  }
  const rest = trimmed.slice(colon + 1)
  // Parses the URL as http, because `URL` checks hosts only for special schemes. As it drops the default port of a
  // scheme, parses it again as ftp to find a port of 80.
  const url = parseAs("http", rest)
  const asFtp = parseAs("ftp", rest)
  // Rejects tabs, line ends and backslashes. `URL` drops them or reads them as slashes, but other parsers may find
  // another host.
  if (url === undefined || asFtp === undefined || /[\0-\x1f\x7f\\]/.test(trimmed) || url.hostname === "") {
    return fail("Syntax", "expected a valid proxy URL, such as http://proxy:3128")
  }
  const port = Number(url.port || asFtp.port || defaultPorts[kind])
  if (port === 0) return fail("Host", "expected a port from 1 to 65535, got 0")
  const host = canonicalHost(url.hostname)
  if (typeof host === "string") return fail("Host", `expected a valid host in the proxy's URL, but ${host}`)
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

/** Headers that the client sets itself on CONNECT, or that do not apply to a request without a body. */
const reservedNames: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "trailer",
  "expect",
  "upgrade"
])

type Pairs = ReadonlyArray<readonly [name: string, value: string]>

const isOne = (value: HeaderValue | ReadonlyArray<HeaderValue>): value is HeaderValue => !Array.isArray(value)

/** Reads and validates headers. Reads the input once. */
export const headerPairs = (input: HeadersInput | undefined, option: string): Result<Pairs> => {
  if (input === undefined) return Either.right([])
  const pairs: Array<readonly [string, string]> = []
  for (const [name, values] of isIterable(input) ? rereadable(input) : Object.entries(input)) {
    if (values === undefined) continue
    if (!isToken(name)) return optionFault(option, "expected header names that are tokens (RFC 9110, section 5.6.2)")
    if (reservedNames.has(name.toLowerCase())) {
      return optionFault(option, `expected headers that can be set on a CONNECT request, got ${name}; remove it`)
    }
    for (const each of isOne(values) ? [values] : values) {
      const value = typeof each === "string" ? each : reveal(each)
      if (value === undefined) return optionFault(option, `expected a value of ${name}, got a wiped Redacted`)
      if (unsendable.test(value)) {
        return optionFault(option, `expected a value of ${name} without control characters or characters above U+00FF`)
      }
      pairs.push([name, value.trim()])
    }
  }
  return Either.right(pairs)
}

/** A salt per process for keys, which statistics show. Without it, a weak password could be found by its hash. */
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

/** The settings of a proxy in addition to its URL. */
export interface ProxySettings {
  readonly auth: Credentials | undefined
  readonly headers: Pairs
  readonly ssl: Ssl
  /** The name of the option with the credentials, for errors. */
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
  const found = headers.filter(isAuthorization)
  const secrets = (authorization: string | undefined): Secrets => ({
    authorization,
    user: undefined,
    password: undefined,
    headers: found.length === 0 ? headers : headers.filter((pair) => !isAuthorization(pair))
  })
  if (credentials === undefined) {
    return found.length > 1
      ? Either.left(`expected one Proxy-Authorization header, got ${found.length}`)
      : Either.right(secrets(found[0]?.[1]))
  }
  if (found.length > 0) return Either.left("expected credentials or a Proxy-Authorization header, got both")
  return Either.map(authorizationOf(credentials), secrets)
}

const socksSecrets = (
  kind: ProxyRoute["kind"],
  credentials: Credentials | undefined
): Either.Either<Secrets, string> => {
  if (credentials === undefined) {
    return Either.right({ authorization: undefined, user: undefined, password: undefined, headers: [] })
  }
  if (credentials._tag === "Bearer") return Either.left("expected Auth.basic for a SOCKS proxy, got Auth.bearer")
  return Either.flatMap(revealBasic(credentials), ({ password, user }) => {
    // RFC 1929 has one byte for each length. SOCKS4a has only a user name.
    if (kind !== "socks4a" && (Buffer.byteLength(user) > 255 || Buffer.byteLength(password) > 255)) {
      return Either.left("expected a name and a password of at most 255 bytes each, the limit of SOCKS5")
    }
    return Either.right({ authorization: undefined, user, password, headers: [] })
  })
}

/** Combines an address and its settings into a route. */
export const makeRoute = (address: ProxyAddress, settings: ProxySettings): Result<ProxyRoute> => {
  const { credentials, ...place } = address
  if (credentials !== undefined && settings.auth !== undefined) {
    return optionFault(settings.option, "expected credentials in the option or in the proxy's URL, got both")
  }
  const auth = settings.auth ?? credentials
  const secrets = isSocks(address.kind) ? socksSecrets(address.kind, auth) : httpSecrets(auth, settings.headers)
  if (Either.isLeft(secrets)) {
    return credentials === undefined
      ? optionFault(settings.option, secrets.left)
      : urlFault(address.url, "Credentials", secrets.left)
  }
  const { kind, ...rest } = place
  const route = { kind, ...rest, ...secrets.right, ssl: settings.ssl }
  return Either.right({ ...route, key: keyOf(route) })
}
