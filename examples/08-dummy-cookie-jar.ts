/**
 * Dummy cookie jar: it neither stores nor sends cookies of responses.
 *
 * Run it with `npx tsx examples/08-dummy-cookie-jar.ts`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

const WithoutCookies = Session.layerWithoutDependencies().pipe(
  Layer.provide([Connector.layerTcp(), CookieJar.layerDummy])
)

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  yield* Session.get(`${url}/cookies/set?ignored=yes`).pipe(ClientResponse.discard)
  yield* Console.log("kept:     ", yield* Session.get(`${url}/cookies`).pipe(ClientResponse.text))

  // Cookies of a request are still sent.
  const own = { cookies: { own: "1" } }
  yield* Console.log("its own:  ", yield* Session.get(`${url}/cookies`, own).pipe(ClientResponse.text))

  const { cookieJar } = yield* Session.Session
  yield* Console.log("in the jar:", yield* cookieJar.size)
}).pipe(Effect.scoped, Effect.provide(WithoutCookies))

NodeRuntime.runMain(program)
