/** The parts of a URL against which cookies are matched. */

import { isIP, isIPv6 } from "node:net"
import * as Either from "effect/Either"
import type { UrlInput } from "../../ClientRequest.js"
import { InvalidURL } from "../../Errors.js"
import { canonicalHost } from "../http/host.js"
import { parseUrl } from "../http/whatwg.js"
import { redactUrl } from "../redact.js"

/** The target of a request or the source of a response. */
export interface CookieTarget {
  readonly scheme: "http" | "https"
  /** In canonical form: lower-case A-labels or an IP address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** 0 for a name. */
  readonly ip: 0 | 4 | 6
  /** The path as it is sent, without the query; not decoded. */
  readonly path: string
}

const invalid = (url: string, reason: InvalidURL["reason"], description: string): Either.Either<never, InvalidURL> =>
  Either.left(new InvalidURL({ url: redactUrl(url), reason, description }))

const toScheme = (protocol: string): CookieTarget["scheme"] | undefined => {
  switch (protocol) {
    case "http:":
    case "ws:":
      return "http"
    case "https:":
    case "wss:":
      return "https"
    default:
      return undefined
  }
}

const toIp = (host: string): CookieTarget["ip"] => {
  const version = isIP(host)
  return version === 4 || version === 6 ? version : 0
}

/** Parses a URL. ws counts as http, wss as https. */
export const fromUrl = (input: UrlInput): Either.Either<CookieTarget, InvalidURL> => {
  const text = String(input)
  const url = parseUrl(text)
  if (url === undefined) {
    return /^[a-z][a-z0-9+.-]*:/i.test(text)
      ? invalid(text, "Syntax", "expected a URL")
      : invalid(text, "Relative", "expected an absolute URL")
  }
  const scheme = toScheme(url.protocol)
  if (scheme === undefined) return invalid(text, "Scheme", "expected scheme http, https, ws or wss")
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port)
  return Either.right({ scheme, host, port, ip: toIp(host), path: url.pathname })
}

/** Normalizes a domain like a host: in lower-case A-labels, without a leading dot. */
export const canonicalDomain = (domain: string): string => {
  const name = domain.startsWith(".") ? domain.slice(1) : domain
  if (name === "") return ""
  const host = canonicalHost(isIPv6(name) ? `[${name}]` : name)
  return typeof host === "string" ? name.toLowerCase() : host.name
}
