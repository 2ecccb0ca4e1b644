/**
 * Servers with names, for redirects from one to another, and a session that resolves the names.
 */
import { Effect, type Scope } from "effect"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Resolver from "effect-http-session/Resolver"
import * as Session from "effect-http-session/Session"
import * as Server from "./server.js"

/** A server, and its URLs by any name. */
export interface Site extends Server.Server {
  readonly to: (name: string, path?: string) => string
}

/** A server that answers each request with the response that `f` returns. */
export const site = (
  f: (request: Server.LoggedRequest) => string,
  tls?: { readonly cert: string; readonly key: string }
): Effect.Effect<Site, never, Scope.Scope> =>
  Effect.map(Server.always(Server.answers(f), { tls }), (at) => ({
    ...at,
    to: (name, path = "/") => `${tls === undefined ? "http" : "https"}://${name}:${at.port}${path}`
  }))

/** A redirect. */
export const redirect = (status: number, location: string, headers: ReadonlyArray<string> = [], body = ""): string =>
  Server.response(status, body, [`Location: ${location}`, ...headers])

/** Resolves all names under .test to the loopback. */
export const everyTest: Resolver.ResolverService = {
  resolve: (host, options) =>
    host.endsWith(".test") || host === "test"
      ? Effect.succeed([{ address: "127.0.0.1", family: 4 }])
      : Resolver.system.resolve(host, options)
}

/** The values of a header in each request that a site received. */
export const values = (at: Server.Server, name: string): ReadonlyArray<ReadonlyArray<string>> =>
  Effect.runSync(at.requests).map((request) =>
    request.headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  )

/** Method and target of each request that a site received. */
export const asked = (at: Server.Server): ReadonlyArray<string> =>
  Effect.runSync(at.requests).map(({ method, target }) => `${method} ${target}`)

export interface SessionParts {
  readonly session: Session.SessionService
  readonly connector: Connector.ConnectorService
  readonly jar: CookieJar.CookieJarService
}

/** A session that resolves every name under .test. */
export const sessionWith = (
  options: Session.SessionOptions = {},
  parts: { readonly connector?: Connector.TcpOptions; readonly jar?: CookieJar.CookieJarService } = {}
): Effect.Effect<SessionParts, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connector = yield* Connector.tcp({ resolver: everyTest, ...parts.connector })
    const jar = parts.jar ?? (yield* CookieJar.make())
    const session = yield* Session.make({ timeout: "15 seconds", ...options }).pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideService(CookieJar.CookieJar, jar)
    )
    return { session, connector, jar }
  })
