/**
 * Values of redirects, WebSockets, cookie jars and credentials.
 */
import { KeyValueStore } from "@effect/platform"
import { Context, Effect, Layer, Option } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Proxy from "effect-http-session/Proxy"
import * as Ssl from "effect-http-session/Ssl"
import { standard } from "../certificates.js"
import * as planted from "../planted.js"
import { response } from "../server.js"
import { redirect, sessionWith, site } from "../sites.js"
import { echo, webSocketServer } from "../webSocketServer.js"
import { at } from "./fixtures.js"

export const redirects = Effect.gen(function* () {
  const home = yield* site(({ target }) =>
    target.startsWith("/end") ? response(200) : redirect(302, at("/end"), planted.answerHeaders)
  )
  let seen: ClientRequest.Redirect | undefined
  const { session } = yield* sessionWith({
    headers: planted.headers,
    onRedirect: (redirect) => {
      seen = redirect
      return Effect.succeed(Option.some(redirect.next))
    }
  })
  const opened = yield* session.get(planted.signed(home.to("a.test")))
  return { "a redirect": seen, "the history of a response": opened.history }
})

export const webSockets = Effect.gen(function* () {
  const server = yield* webSocketServer(echo)
  const { session } = yield* sessionWith({ headers: planted.headers, cookies: planted.cookies })
  const socket = yield* session.webSocket(at(server.url.replace("http", "ws")), { auth: planted.bearer })
  yield* socket.send(planted.secret("message"))
  return { "a WebSocket": socket, "the response of a WebSocket": socket.response }
})

export const jars = Effect.gen(function* () {
  const jar = yield* CookieJar.make()
  yield* jar.updateCookies(planted.cookies, "https://a.test/")
  const persisted = yield* Layer.build(CookieJar.layerPersisted().pipe(Layer.provide(KeyValueStore.layerMemory)))
  const kept = Context.get(persisted, CookieJar.CookieJar)
  yield* kept.updateCookies(planted.cookies, "https://a.test/")
  return {
    "a jar": jar,
    "a jar that is persisted": kept,
    "a jar that another one is made of": { ...jar, clear: () => Effect.void }
  }
})

export const credentials = Effect.gen(function* () {
  const { good, ca } = yield* standard()
  const context = yield* Ssl.context({ ...good, ca, passphrase: planted.secret("passphrase") })
  return {
    "Basic credentials": planted.basic,
    "a bearer token": planted.bearer,
    "a TLS context": context,
    "a pin with a TLS context": Ssl.fingerprint("0".repeat(64), { context }),
    "a proxy": Proxy.make(planted.proxyUrl("http://proxy.test:3128"), { headers: planted.proxyHeaders }),
    "a proxy with credentials": Proxy.make("http://proxy.test", { auth: planted.bearer }),
    "a route of proxies": Proxy.route(() => planted.proxyUrl("http://proxy.test:3128")),
    "a session with a key": (yield* sessionWith({ ssl: context })).session
  }
})
