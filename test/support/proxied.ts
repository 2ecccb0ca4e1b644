/**
 * Origins behind proxies, and sessions that trust the tests' authority.
 */
import * as Http from "node:http"
import * as Https from "node:https"
import { inspect } from "node:util"
import { assert } from "@effect/vitest"
import { Effect, Either, type Scope } from "effect"
import { type ClientRequest, ClientResponse, type Connector, Session, Ssl } from "effect-http-session"
import { standard } from "./certificates.js"
import type { ProxyServer } from "./proxyServer.js"

export interface Origin {
  readonly port: number
  /** Each request as one text: method, target and headers. */
  readonly seen: Array<string>
  readonly connections: () => number
}

export type Answer = (request: Http.IncomingMessage, response: Http.ServerResponse) => void

/** A server that answers with its own name; with `tls`, an https one. */
export const originServer = (
  name: string,
  options: { readonly tls?: { readonly cert: string; readonly key: string }; readonly answer?: Answer } = {}
): Effect.Effect<Origin, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<{ readonly server: Http.Server; readonly origin: Origin }>((resume) => {
      const seen: Array<string> = []
      let connections = 0
      const listener: Answer = (request, response) => {
        seen.push(`${request.method} ${request.url}\n${request.rawHeaders.join("\n")}`)
        if (options.answer !== undefined) options.answer(request, response)
        else response.end(name)
      }
      const server =
        options.tls === undefined ? Http.createServer(listener) : Https.createServer({ ...options.tls }, listener)
      server.on("connection", () => connections++)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ server, origin: { port, seen, connections: () => connections } }))
      })
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map(({ origin }) => origin))

export const trusting = Effect.flatMap(standard(), ({ ca }) => Effect.orDie(Ssl.context({ ca })))

/** Runs an effect with a session that trusts the tests' authority, for origins only. */
export const withSession = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: Session.SessionOptions & { readonly connector?: Connector.TcpOptions } = {}
) =>
  Effect.flatMap(trusting, (ssl) =>
    Effect.provide(effect, Session.layer({ ...options, connector: { ssl, ...options.connector } }))
  )

export const text = (url: string, options?: ClientRequest.RequestOptions) =>
  Session.get(url, options).pipe(ClientResponse.text)

export const withCredentials = (proxy: ProxyServer, userinfo = "us3r:s3cr3t") =>
  proxy.url.replace("://", `://${userinfo}@`)

export const basic = `Basic ${Buffer.from("us3r:s3cr3t").toString("base64")}`

export const valueOf = (proxy: ProxyServer, name: string, index = 0) =>
  proxy.seen[index]?.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)

export const failure = <A, E>(effect: Effect.Effect<A, E, Session.Session>, options?: Session.SessionOptions) =>
  Effect.flatMap(withSession(Effect.either(effect), options), (result) =>
    Either.isLeft(result) ? Effect.succeed(result.left) : Effect.dieMessage("it did not fail")
  )

export const assertNoSecret = (error: unknown) => {
  const shown = `${String(error)} ${JSON.stringify(error)} ${inspect(error, { depth: 9, showHidden: true })}`
  assert.notInclude(shown, "s3cr3t")
  assert.notInclude(shown, basic.slice(6))
}

export const tlsOrigin = Effect.flatMap(standard(), ({ good }) => originServer("secure", { tls: good }))
