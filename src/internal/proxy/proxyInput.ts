/**
 * What the `proxy` options take, as values that keep their secrets to themselves.
 */
import * as Either from "effect/Either"
import type { Credentials } from "../../Auth.js"
import type { HeadersInput } from "../../ClientRequest.js"
import type { InvalidRequest, InvalidURL } from "../../Errors.js"
import type { Input, Proxy, ProxyOptions, Route } from "../../Proxy.js"
import type { Origin } from "../http/origin.js"
import { withoutZone } from "../http/whatwg.js"
import type { ProxyRoute } from "../transport/transport.js"
import { ignoreRejection } from "../userResult.js"
import type { Environment } from "./environment.js"
import { headerPairs, makeRoute, noSettings, optionFault, parseProxyUrl, type Result, toError } from "./proxyRoute.js"

export const proxyTypeId = "~effect-http-session/Proxy"
export const routeTypeId = "~effect-http-session/Proxy/Route"

const textOf = (url: string | URL): string => (typeof url === "string" ? url : url.href)

/** A proxy that has been read; what is wrong with it fails the requests. */
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

/** `Proxy.make`: everything is read and checked once. */
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

/** `Proxy.route`. */
export class RouteValue implements Route {
  readonly [routeTypeId] = routeTypeId
  readonly choose: (target: URL) => string | URL | Proxy | undefined

  constructor(choose: (target: URL) => string | URL | Proxy | undefined) {
    this.choose = choose
  }
}

/**
 * The same route, whose first answer is repeated once for the same target: the function is called to learn the proxy,
 * and the request that follows goes through that one.
 */
export const repeatedOnce = (route: RouteValue): RouteValue => {
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

/** URLs without settings, which is what the environment and most programs have. */
const plain = new Map<string, Result<ProxyRoute>>()

const plainSize = 64

const fromText = (text: string): Result<ProxyRoute> => {
  let result = plain.get(text)
  if (result === undefined) {
    result = Either.flatMap(parseProxyUrl(text), (address) => makeRoute(address, noSettings))
    if (plain.size >= plainSize) plain.clear()
    plain.set(text, result)
  }
  return result
}

const authorized = new WeakMap<Credentials, { readonly text: string; readonly result: Result<ProxyRoute> }>()

const withSettings = (
  text: string,
  auth: Credentials | undefined,
  headers: HeadersInput | undefined
): Result<ProxyRoute> => {
  if (auth === undefined && headers === undefined) return fromText(text)
  if (auth !== undefined && headers === undefined) {
    const known = authorized.get(auth)
    if (known !== undefined && known.text === text) return known.result
  }
  const result = Either.flatMap(parseProxyUrl(text), (address) =>
    Either.flatMap(headerPairs(headers, "proxyHeaders"), (pairs) =>
      makeRoute(address, { auth, headers: pairs, ssl: true, option: auth === undefined ? "proxyHeaders" : "proxyAuth" })
    )
  )
  if (auth !== undefined && headers === undefined) authorized.set(auth, { text, result })
  return result
}

const noExtras = (auth: Credentials | undefined, headers: HeadersInput | undefined): Result<void> =>
  auth !== undefined
    ? optionFault("proxyAuth", "it goes with a proxy given as a URL; Proxy.make takes `auth`")
    : headers !== undefined
      ? optionFault("proxyHeaders", "they go with a proxy given as a URL; Proxy.make takes `headers`")
      : Either.void

const unknownInput = optionFault("proxy", "it is no URL, nothing of the Proxy module, and not false")

const fromValue = (value: unknown): Result<ProxyRoute | undefined> => {
  if (value === undefined || value === false) return Either.right(undefined)
  if (typeof value === "string") return fromText(value)
  if (value instanceof URL) return fromText(value.href)
  if (value instanceof ProxyValue) return ProxyValue.routeOf(value)
  ignoreRejection(value)
  return unknownInput
}

const fromRoute = (route: RouteValue, url: string): Result<ProxyRoute | undefined> => {
  try {
    const target = new URL(withoutZone(url))
    target.username = ""
    target.password = ""
    return fromValue(route.choose(target))
  } catch (cause) {
    return optionFault("proxy", "the function given to Proxy.route threw", cause)
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
  return Either.flatMap(noExtras(auth, headers), () =>
    input instanceof RouteValue ? fromRoute(input, url) : fromValue(input)
  )
}

/**
 * The proxy for one hop; `undefined` is a direct connection, an error is what the request fails with. `input` comes
 * before the environment, and `false` is direct whatever that says. `proxyAuth` belongs to a proxy that is given as a
 * URL, never to one of the environment's; `proxyHeaders` are for both. `url` is the target's, with its ws or wss scheme.
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
