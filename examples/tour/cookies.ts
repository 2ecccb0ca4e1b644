/** Three jars: the strict one, one for tests against IP addresses, and one that stores nothing. */
import { Effect, Layer, Schema } from "effect"
import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import { fact, section } from "./print.js"
import { World } from "./world.js"

const Cookies = Schema.Struct({ cookies: Schema.Record({ key: Schema.String, value: Schema.String }) })

/** The cookies that a server receives after it set one on the way to `/cookies`. */
const sent = (base: string, options?: Parameters<typeof Session.get>[1]) =>
  Session.get(`${base}/cookies/set?sid=1`, options).pipe(
    ClientResponse.schemaJson(Cookies),
    Effect.map(({ cookies }) => JSON.stringify(cookies))
  )

const withJar = (jar: Layer.Layer<CookieJar.CookieJar>) =>
  Session.layerWithoutDependencies().pipe(Layer.provide([Connector.layerTcp(), jar]))

export const cookies = Effect.gen(function* () {
  yield* section("Cookies: RFC 6265bis, unsafe, dummy")
  const { plain } = yield* World
  const byAddress = `http://127.0.0.1:${plain.port}`

  yield* fact("a name", yield* sent(plain.url))
  const { cookieJar } = yield* Session.Session
  yield* fact(
    "and in the jar",
    (yield* cookieJar.filterCookies(plain.url)).map(({ name, value }) => `${name}=${value}`).join()
  )
  yield* fact("of one request, not stored", yield* sent(plain.url, { cookies: { only: "here" } }))
  yield* fact("an IP address", yield* sent(byAddress))
  yield* fact(
    "an IP address, unsafe jar",
    yield* sent(byAddress).pipe(Effect.provide(withJar(CookieJar.layer({ unsafe: true }))))
  )
  yield* fact("a name, dummy jar", yield* sent(plain.url).pipe(Effect.provide(withJar(CookieJar.layerDummy))))
})
