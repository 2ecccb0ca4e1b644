/**
 * Reads proxies and netrc credentials from the environment through Config, once per session with `trustEnv`. Each hop
 * then looks up its proxy and credentials.
 */
import * as Path from "node:path"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Basic } from "../../Auth.js"
import type { HeadersInput } from "../../ClientRequest.js"
import type { InvalidRequest, InvalidURL } from "../../Errors.js"
import { variable } from "../effect/configErrors.js"
import type { Origin } from "../http/origin.js"
import { revealBasic } from "../request/authorization.js"
import type { ProxyRoute } from "../transport/transport.js"
import * as Netrc from "./netrc.js"
import * as NoProxy from "./noProxy.js"
import {
  headerPairs,
  makeRoute,
  noSettings,
  type ProxyAddress,
  type ProxyFault,
  type ProxySettings,
  parseProxyUrl,
  type Result,
  toError
} from "./proxyRoute.js"

/** The settings of the environment that `trustEnv` enables. */
export interface Environment {
  /**
   * The proxy for a target; `undefined` for a direct connection. `url` is the URL of the target, with its original
   * scheme, also ws or wss. `headers` are for the proxy.
   */
  readonly proxyFor: (
    origin: Origin,
    url: string,
    headers?: HeadersInput
  ) => ProxyRoute | undefined | InvalidURL | InvalidRequest
  /** The netrc credentials of a host. With a `login`, of a URL without a password, only those of this login. */
  readonly netrc: (host: string, login?: string) => Basic | undefined
}

type Scheme = "http" | "https" | "ws" | "wss"

/** Reads a variable in lower or upper case. The one in lower case wins, even if it is empty. */
const variableInEitherCase = (name: string): Effect.Effect<string | undefined, ConfigError> =>
  Effect.flatMap(variable(name.toLowerCase()), (lower) =>
    lower === undefined ? variable(name) : Effect.succeed(lower)
  )

const isPresent = (value: string | undefined): value is string => value !== undefined && value.trim() !== ""

/** Adds http:// to a proxy without a scheme, like curl, Go and Python's requests. */
const withScheme = (text: string): string => (text.includes("://") ? text.trim() : `http://${text.trim()}`)

const withVariableName = (fault: ProxyFault, name: string): ProxyFault => ({
  ...fault,
  description: `${fault.description} (${name}, from the environment)`
})

/** The user name in a proxy's URL without a password. */
const loginOf = ({ credentials }: ProxyAddress): string | undefined => {
  const pair = credentials?._tag === "Basic" ? Either.getOrUndefined(revealBasic(credentials)) : undefined
  return pair === undefined || pair.user === "" || pair.password !== "" ? undefined : pair.user
}

/** Adds the credentials of netrc to a proxy without credentials, or the password to one with only a user name. */
const withNetrc = (address: ProxyAddress, netrc: Netrc.Netrc): ProxyAddress => {
  const login = loginOf(address)
  const found = address.credentials === undefined || login !== undefined ? netrc(address.host, login) : undefined
  return found === undefined ? address : { ...address, credentials: found }
}

/** The proxy of an environment variable: its route without headers, and the route with the headers of a request. */
interface ProxyVariable {
  readonly route: Result<ProxyRoute>
  readonly withHeaders: (headers: HeadersInput) => Result<ProxyRoute>
}

const readProxyVariable = (name: string, text: string, netrc: Netrc.Netrc): ProxyVariable => {
  const address = Either.map(parseProxyUrl(withScheme(text)), (found) => withNetrc(found, netrc))
  const make = (settings: ProxySettings) =>
    Either.mapLeft(
      Either.flatMap(address, (found) => makeRoute(found, settings)),
      (fault) => withVariableName(fault, name)
    )
  return {
    route: make(noSettings),
    withHeaders: (input) =>
      Either.flatMap(headerPairs(input, "proxyHeaders"), (headers) =>
        make({ ...noSettings, headers, option: "proxyHeaders" })
      )
  }
}

const readNetrc: Effect.Effect<Netrc.Netrc, ConfigError> = Effect.gen(function* () {
  const path = yield* variable("NETRC")
  if (isPresent(path)) return yield* Netrc.read(path, false)
  const windows = process.platform === "win32"
  const home = yield* variable(windows ? "USERPROFILE" : "HOME")
  return isPresent(home) ? yield* Netrc.read(Path.join(home, windows ? "_netrc" : ".netrc"), true) : () => undefined
})

/**
 * Reads HTTP_PROXY, HTTPS_PROXY, WS_PROXY, WSS_PROXY, ALL_PROXY and NO_PROXY in either case, NETRC, and HOME for
 * ~/.netrc. All are optional. An invalid proxy fails only the requests that would use it.
 */
export const readEnvironment: Effect.Effect<Environment, ConfigError> = Effect.gen(function* () {
  // In a CGI program, HTTP_PROXY is the Proxy header of a client ("httpoxy"), so only the lower-case variable counts.
  const cgi = isPresent(yield* variable("REQUEST_METHOD"))
  const values = {
    http: cgi ? yield* variable("http_proxy") : yield* variableInEitherCase("HTTP_PROXY"),
    https: yield* variableInEitherCase("HTTPS_PROXY"),
    ws: yield* variableInEitherCase("WS_PROXY"),
    wss: yield* variableInEitherCase("WSS_PROXY"),
    all: yield* variableInEitherCase("ALL_PROXY")
  }
  const bypassesProxy = NoProxy.compile((yield* variableInEitherCase("NO_PROXY")) ?? "")
  const netrc = yield* readNetrc

  const firstPresent = (...names: ReadonlyArray<keyof typeof values>): ProxyVariable | undefined => {
    for (const name of names) {
      const text = values[name]
      if (isPresent(text)) return readProxyVariable(`${name.toUpperCase()}_PROXY`, text, netrc)
    }
    return undefined
  }
  const proxies: { readonly [K in Scheme]: ProxyVariable | undefined } = {
    http: firstPresent("http", "all"),
    https: firstPresent("https", "all"),
    ws: firstPresent("ws", "http", "all"),
    wss: firstPresent("wss", "https", "all")
  }
  return {
    proxyFor: (origin, url, headers) => {
      const secure = origin.scheme === "https"
      const found = proxies[/^wss?:/i.test(url) ? (secure ? "wss" : "ws") : origin.scheme]
      if (found === undefined || bypassesProxy(origin)) return undefined
      const route = headers === undefined ? found.route : found.withHeaders(headers)
      return Either.isRight(route) ? route.right : toError(route.left, origin)
    },
    netrc
  }
})
