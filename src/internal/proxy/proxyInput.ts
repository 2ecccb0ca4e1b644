/** Converts the proxy options to values that print without secrets, and finds the proxy of a hop. */
import * as Either from "effect/Either"
import type { Credentials } from "../../Auth.js"
import type { HeadersInput } from "../../ClientRequest.js"
import type { InvalidRequest, InvalidURL } from "../../Errors.js"
import type { Input, Proxy, ProxyOptions, Route } from "../../Proxy.js"
import type { Origin } from "../http/origin.js"
import { withoutZone } from "../http/whatwg.js"
import type { ProxyRoute } from "../transport/transport.js"
import { ignoreRejection, kindOf } from "../userResult.js"
import type { Environment } from "./environment.js"
import { headerPairs, makeRoute, noSettings, optionFault, parseProxyUrl, type Result, toError } from "./proxyRoute.js"

export const proxyTypeId = "~effect-http-session/Proxy"
export const routeTypeId = "~effect-http-session/Proxy/Route"

const textOf = (url: string | URL): string => (typeof url === "string" ? url : url.href)

/** A proxy whose options were validated. An invalid proxy fails the requests that use it. */
export class ProxyValue implements Proxy {
  readonly [proxyTypeId] = proxyTypeId
  readonly url: string
  readonly #route: Result<ProxyRoute>

  constructor(url: string, route: Result<ProxyRoute>) {
    this.url = url
    this.#route = route
  }

  static routeOf(self: ProxyValue): Result<ProxyRoute> {
    return self.#route
  }

  toJSON(): unknown {
    return { _id: "Proxy", url: this.url }
  }
}

/** Implements `Proxy.make`. Reads and validates the options once. */
export const makeProxy = (url: string | URL, options: ProxyOptions): ProxyValue => {
  const address = parseProxyUrl(textOf(url))
  const shown = Either.isRight(address) ? address.right.url : address.left._tag === "Url" ? address.left.url : ""
  return new ProxyValue(
    shown,
    Either.flatMap(address, (place) =>
      Either.flatMap(headerPairs(options.headers, "proxy"), (headers) =>
        makeRoute(place, { auth: options.auth, headers, ssl: options.ssl ?? true, option: "proxy" })
      )
    )
  )
}

/** The value of `Proxy.route`. */
export class RouteValue implements Route {
  readonly [routeTypeId] = routeTypeId
  readonly choose: (target: URL) => string | URL | Proxy | undefined

  constructor(choose: (target: URL) => string | URL | Proxy | undefined) {
    this.choose = choose
  }
}

/**
 * A route that repeats its first result once for the same target, so that a caller can find the proxy before the
 * request and the request uses the same one.
 */
export const repeatOnce = (route: RouteValue): RouteValue => {
  let first: { readonly href: string; readonly choice: string | URL | Proxy | undefined } | undefined
  let calls = 0
  return new RouteValue((target) => {
    const { href } = target
    const repeat = first?.href === href ? first : undefined
    first = undefined
    if (repeat !== undefined) return repeat.choice
    const choice = route.choose(target)
    if (calls++ === 0) first = { href, choice }
    return choice
  })
}

/** Cached results for proxies without settings, the usual case, by their URLs. */
const routesByUrl = new Map<string, Result<ProxyRoute>>()

const maxCachedRoutes = 64

const fromText = (text: string): Result<ProxyRoute> => {
  let result = routesByUrl.get(text)
  if (result === undefined) {
    result = Either.flatMap(parseProxyUrl(text), (address) => makeRoute(address, noSettings))
    if (routesByUrl.size >= maxCachedRoutes) routesByUrl.clear()
    routesByUrl.set(text, result)
  }
  return result
}

const routesByCredentials = new WeakMap<Credentials, { readonly text: string; readonly result: Result<ProxyRoute> }>()

const withSettings = (
  text: string,
  auth: Credentials | undefined,
  headers: HeadersInput | undefined
): Result<ProxyRoute> => {
  if (auth === undefined && headers === undefined) return fromText(text)
  if (auth !== undefined && headers === undefined) {
    const cached = routesByCredentials.get(auth)
    if (cached !== undefined && cached.text === text) return cached.result
  }
  const result = Either.flatMap(parseProxyUrl(text), (address) =>
    Either.flatMap(headerPairs(headers, "proxyHeaders"), (pairs) =>
      makeRoute(address, { auth, headers: pairs, ssl: true, option: auth === undefined ? "proxyHeaders" : "proxyAuth" })
    )
  )
  if (auth !== undefined && headers === undefined) routesByCredentials.set(auth, { text, result })
  return result
}

const rejectExtras = (auth: Credentials | undefined, headers: HeadersInput | undefined): Result<void> =>
  auth !== undefined
    ? optionFault("proxyAuth", "expected a proxy that is a URL; pass `auth` to Proxy.make instead")
    : headers !== undefined
      ? optionFault("proxyHeaders", "expected a proxy that is a URL; pass `headers` to Proxy.make instead")
      : Either.void

const notProxy = (value: unknown): Result<never> =>
  optionFault("proxy", `expected a URL, a value of the Proxy module, or false, got ${kindOf(value)}`)

const fromValue = (value: unknown): Result<ProxyRoute | undefined> => {
  if (value === undefined || value === false) return Either.right(undefined)
  if (typeof value === "string") return fromText(value)
  if (value instanceof URL) return fromText(value.href)
  if (value instanceof ProxyValue) return ProxyValue.routeOf(value)
  ignoreRejection(value)
  return notProxy(value)
}

const fromRoute = (route: RouteValue, url: string): Result<ProxyRoute | undefined> => {
  try {
    const target = new URL(withoutZone(url))
    target.username = ""
    target.password = ""
    return fromValue(route.choose(target))
  } catch (cause) {
    return optionFault("proxy", "expected the function of Proxy.route to return a proxy, but it threw", cause)
  }
}

const resolve = (
  input: Exclude<Input, false>,
  auth: Credentials | undefined,
  headers: HeadersInput | undefined,
  url: string
): Result<ProxyRoute | undefined> => {
  if (typeof input === "string") return withSettings(input, auth, headers)
  if (input instanceof URL) return withSettings(input.href, auth, headers)
  return Either.flatMap(rejectExtras(auth, headers), () =>
    input instanceof RouteValue ? fromRoute(input, url) : fromValue(input)
  )
}

/**
 * Finds the proxy of a hop: `undefined` for a direct connection, or the error with which the request fails. `input`
 * replaces the environment; `false` selects a direct connection. `proxyAuth` applies only to a proxy that is a URL,
 * `proxyHeaders` also to a proxy of the environment. `url` is the URL of the target, with its original scheme, also ws
 * or wss.
 */
export const resolveProxy = (
  input: Input | undefined,
  environment: Environment | undefined,
  proxyAuth: Credentials | undefined,
  proxyHeaders: HeadersInput | undefined,
  origin: Origin,
  url: string
): ProxyRoute | undefined | InvalidURL | InvalidRequest => {
  if (input === false) return undefined
  if (input === undefined) return environment?.proxyFor(origin, url, proxyHeaders)
  const result = resolve(input, proxyAuth, proxyHeaders, url)
  return Either.isRight(result) ? result.right : toError(result.left, origin)
}
