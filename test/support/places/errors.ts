/**
 * Errors of requests that fail, beside those that `everyError.ts` makes by hand.
 */
import { Effect } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Middleware from "effect-http-session/Middleware"
import * as Proxy from "effect-http-session/Proxy"
import * as Ssl from "effect-http-session/Ssl"
import { standard } from "../certificates.js"
import * as planted from "../planted.js"
import { proxyServer } from "../proxyServer.js"
import { response } from "../server.js"
import { redirect, sessionWith, site } from "../sites.js"
import { at } from "./fixtures.js"

/** The error of a failed request; dies if it has another tag. */
const failure = <A, E extends { readonly _tag: string }, R>(
  tag: E["_tag"],
  effect: Effect.Effect<A, E, R>
): Effect.Effect<E, A, R> =>
  Effect.flatMap(Effect.flip(effect), (error) =>
    error._tag === tag ? Effect.succeed(error) : Effect.dieMessage(`${error._tag} in place of ${tag}: ${String(error)}`)
  )

export const errors = Effect.gen(function* () {
  const echoed = [planted.secret("proxy-token"), planted.secret("proxy-redacted"), planted.secret("proxy")].join(" ")
  const proxy = yield* proxyServer({
    refuse: {
      status: 403,
      reason: `No ${echoed}`,
      headers: { "X-Echo": echoed, "Set-Cookie": planted.secret("proxy-cookie") },
      body: echoed
    }
  })
  const server = yield* site(({ target }) =>
    target.startsWith("/json")
      ? response(200, `{"token":${planted.secret("json")}}`, ["Content-Type: application/json"])
      : target.startsWith("/head")
        ? `HTTP/1.1 200 OK\r\nX-Auth-Token: ${planted.secret("bad-head")}\0\r\n\r\n`
        : target.startsWith("/loop")
          ? redirect(302, at("/loop"), planted.answerHeaders)
          : response(500, planted.secret("error-body"), planted.answerHeaders)
  )
  const { session } = yield* sessionWith({
    headers: { ...planted.headers, "Proxy-Authorization": [] },
    cookies: planted.cookies,
    proxy: Proxy.route(({ pathname }) =>
      pathname === "/proxied"
        ? Proxy.make(planted.proxyUrl(proxy.url), { headers: planted.proxyHeaders })
        : pathname === "/nowhere"
          ? planted.proxyUrl("http://127.0.0.1:1")
          : undefined
    )
  })
  const to = (path: string, given?: ClientRequest.RequestOptions) =>
    session.get(planted.signed(server.to("a.test", path)), given)
  const decode = (text: string): unknown => JSON.parse(` ${text}`)
  const { good: identity } = yield* standard()
  return {
    "a refused CONNECT": yield* failure(
      "ClientHttpProxyError",
      session.get(at("https://a.test/proxied"), { auth: planted.basic })
    ),
    "a proxy that is not there": yield* failure(
      "ClientProxyConnectionError",
      session.get(planted.signed("https://a.test/nowhere"))
    ),
    "a bad head": yield* failure("BadHttpMessage", to("/head")),
    "a body that is not JSON": yield* failure("JsonDecodeError", to("/json").pipe(ClientResponse.json)),
    "a body that a parser refuses": yield* failure(
      "JsonDecodeError",
      to("/json").pipe(Effect.flatMap((opened) => opened.jsonWith({ parse: decode })))
    ),
    "a status": yield* failure("ClientResponseError", to("/status", { raiseForStatus: true })),
    "too many redirects": yield* failure("TooManyRedirects", to("/loop", { maxRedirects: 1 })),
    "a refused connection": yield* failure("ClientConnectorError", session.get(planted.signed("http://127.0.0.1:1/"))),
    "a bad URL": yield* failure("InvalidURL", session.get(planted.signed("http://"))),
    "credentials twice": yield* failure("InvalidRequest", to("/", { auth: planted.basic })),
    "a middleware that fails": yield* failure(
      "MiddlewareError",
      to("/", { middlewares: [yield* Middleware.make(() => Effect.fail(new Error(`at ${at("https://a.test/")}`)))] })
    ),
    "a WebSocket that is refused": yield* failure(
      "WSServerHandshakeError",
      session.webSocket(planted.signed(server.to("a.test").replace("http", "ws")))
    ),
    "a closed session": yield* Effect.zipRight(session.close, failure("SessionClosedError", to("/"))),
    "a key that cannot be read": yield* failure(
      "SslContextError",
      Ssl.context({ ...identity, key: planted.secret("key"), passphrase: planted.secret("passphrase") })
    )
  }
})
