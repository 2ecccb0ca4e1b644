/**
 * Proxies and netrc as the environment has them, read through Config once and matched for every hop.
 */
import * as Path from "node:path"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Basic } from "../../Auth.js"
import type { HeadersInput } from "../../ClientRequest.js"
import type { InvalidRequest, InvalidURL } from "../../Errors.js"
import type { Origin } from "../http/origin.js"
import { revealBasic } from "../request/authorization.js"
import type { ProxyRoute } from "../transport/transport.js"
import * as Netrc from "./netrc.js"
import * as NoProxy from "./noProxy.js"
import {
  type Fault,
  headerPairs,
  makeRoute,
  noSettings,
  type ProxyAddress,
  type ProxySettings,
  parseProxyUrl,
  type Result,
  toError
} from "./proxyRoute.js"

/** What `trustEnv` brings. */
export interface Environment {
  /**
   * The proxy for a target; `undefined` is a direct connection. `url` is the target's, with its ws or wss scheme;
   * `headers` are for CONNECT.
   */
  readonly proxyFor: (
    origin: Origin,
    url: string,
    headers?: HeadersInput
  ) => ProxyRoute | undefined | InvalidURL | InvalidRequest
  /** netrc's credentials for a host and no other; for that login alone where the URL has a name without a password. */
  readonly netrc: (host: string, login?: string) => Basic | undefined
}

type Scheme = "http" | "https" | "ws" | "wss"

const variable = (name: string): Effect.Effect<string | undefined, ConfigError> =>
  Effect.map(Config.option(Config.string(name)), Option.getOrUndefined)

/** Of the two the lower-case one counts, also where it is empty. */
const either = (name: string): Effect.Effect<string | undefined, ConfigError> =>
  Effect.flatMap(variable(name.toLowerCase()), (lower) =>
    lower === undefined ? variable(name) : Effect.succeed(lower)
  )

const present = (value: string | undefined): value is string => value !== undefined && value.trim() !== ""

/** As curl, Go and Python's requests read it: a proxy without a scheme is an http one. */
const withScheme = (text: string): string => (text.includes("://") ? text.trim() : `http://${text.trim()}`)

const named = (fault: Fault, name: string): Fault => ({
  ...fault,
  description: `${fault.description} (${name}, from the environment)`
})

/** The name in a proxy's URL, where no password is with it. */
const loginOf = ({ credentials }: ProxyAddress): string | undefined => {
  const given = credentials?._tag === "Basic" ? Either.getOrUndefined(revealBasic(credentials)) : undefined
  return given === undefined || given.user === "" || given.password !== "" ? undefined : given.user
}

/** With netrc's credentials for the proxy's host, where its URL has none, or only a name: that one's password. */
const withNetrc = (address: ProxyAddress, netrc: Netrc.Netrc): ProxyAddress => {
  const login = loginOf(address)
  const found = address.credentials === undefined || login !== undefined ? netrc(address.host, login) : undefined
  return found === undefined ? address : { ...address, credentials: found }
}

/** A proxy of the environment: as it is, and with headers of a request. */
interface Variable {
  readonly route: Result<ProxyRoute>
  readonly withHeaders: (headers: HeadersInput) => Result<ProxyRoute>
}

const read = (name: string, text: string, netrc: Netrc.Netrc): Variable => {
  const address = Either.map(parseProxyUrl(withScheme(text)), (found) => withNetrc(found, netrc))
  const make = (settings: ProxySettings) =>
    Either.mapLeft(
      Either.flatMap(address, (found) => makeRoute(found, settings)),
      (fault) => named(fault, name)
    )
  return {
    route: make(noSettings),
    withHeaders: (given) =>
      Either.flatMap(headerPairs(given, "proxyHeaders"), (headers) =>
        make({ ...noSettings, headers, option: "proxyHeaders" })
      )
  }
}

const readNetrc: Effect.Effect<Netrc.Netrc, ConfigError> = Effect.gen(function* () {
  const given = yield* variable("NETRC")
  if (present(given)) return yield* Netrc.read(given, false)
  const windows = process.platform === "win32"
  const home = yield* variable(windows ? "USERPROFILE" : "HOME")
  return present(home) ? yield* Netrc.read(Path.join(home, windows ? "_netrc" : ".netrc"), true) : () => undefined
})

/**
 * Reads HTTP_PROXY, HTTPS_PROXY, WS_PROXY, WSS_PROXY, ALL_PROXY, NO_PROXY in either case, NETRC, and HOME for
 * ~/.netrc. What is missing is no error, and a proxy that cannot be used fails the requests that would go through it.
 */
export const readEnvironment: Effect.Effect<Environment, ConfigError> = Effect.gen(function* () {
  // A CGI program gets the client's Proxy header as HTTP_PROXY ("httpoxy").
  const cgi = present(yield* variable("REQUEST_METHOD"))
  const given = {
    http: cgi ? yield* variable("http_proxy") : yield* either("HTTP_PROXY"),
    https: yield* either("HTTPS_PROXY"),
    ws: yield* either("WS_PROXY"),
    wss: yield* either("WSS_PROXY"),
    all: yield* either("ALL_PROXY")
  }
  const direct = NoProxy.compile((yield* either("NO_PROXY")) ?? "")
  const netrc = yield* readNetrc

  const first = (...names: ReadonlyArray<keyof typeof given>): Variable | undefined => {
    for (const name of names) {
      const text = given[name]
      if (present(text)) return read(`${name.toUpperCase()}_PROXY`, text, netrc)
    }
    return undefined
  }
  const proxies: { readonly [K in Scheme]: Variable | undefined } = {
    http: first("http", "all"),
    https: first("https", "all"),
    ws: first("ws", "http", "all"),
    wss: first("wss", "https", "all")
  }
  return {
    proxyFor: (origin, url, headers) => {
      const secure = origin.scheme === "https"
      const found = proxies[/^wss?:/i.test(url) ? (secure ? "wss" : "ws") : origin.scheme]
      if (found === undefined || direct(origin)) return undefined
      const route = headers === undefined ? found.route : found.withHeaders(headers)
      return Either.isRight(route) ? route.right : toError(route.left, origin)
    },
    netrc
  }
})
