/**
 * What printing shows of the values and errors of this package: `places` makes each with a secret in every place that
 * takes one, and `printed` prints it in every way.
 */
import { inspect } from "node:util"
import { Headers } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Layer, Redacted } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"
import { places } from "./support/places.js"
import * as planted from "./support/planted.js"
import { inspected, printed, renderings } from "./support/renderings.js"

describe("the helper printed", () => {
  it("shows the planted secret if nothing hides it", () => {
    // The assertions below are worth something only if these renderings show secrets at all.
    class Careless extends Data.TaggedClass("Careless")<{ readonly inner: { readonly password: string } }> {}
    const shown = printed(new Careless({ inner: { password: planted.secret("careless") } }))
    const blind = Object.keys(shown).filter((how) => planted.found(shown[how] ?? "").length === 0)
    assert.deepStrictEqual(blind, ["string"])
  })
})

const renderer = (place: string, value: unknown) =>
  value instanceof Error ? renderings : place === "data" ? inspected : printed

describe("data of a request, a response or a jar", () => {
  it.effect("gives its values to a program that reads, copies or stores it", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("GET", "https://a.test/", {
        headers: { "X-Api-Key": "a", "X-Tenant": Redacted.make("b") },
        cookies: { sid: "c" }
      })
      const pairs: typeof request.headers = [
        ["X-Api-Key", "a"],
        ["X-Tenant", "b"]
      ]
      assert.deepStrictEqual(request.headers, pairs)
      assert.strictEqual(JSON.stringify(request.headers), JSON.stringify(pairs))
      assert.deepStrictEqual({ ...request.options }.cookies, [["sid", "c"]])
      const jar = yield* CookieJar.make()
      yield* jar.updateCookies({ sid: "c" }, "https://a.test/")
      assert.deepStrictEqual(
        (yield* jar.entries).map(({ name, value }) => [name, value]),
        [["sid", "c"]]
      )
      assert.strictEqual(JSON.parse(JSON.stringify(yield* jar.entries))[0].value, "c")
    })
  )

  it.effect("identifies requests for a program, also after a request was printed", () =>
    Effect.gen(function* () {
      // A redacted JSON would give two users the same key.
      const keyOf = (key: string) =>
        Effect.map(ClientRequest.make("GET", "https://a.test/", { headers: { "X-Api-Key": key } }), (request) => {
          inspect(request.headers)
          return JSON.stringify([request.method, request.url, request.headers])
        })
      assert.notStrictEqual(yield* keyOf("a"), yield* keyOf("b"))
    })
  )

  it.effect("is a record of headers that holds nothing but headers", () =>
    Effect.gen(function* () {
      const mock = Connector.layerMock(() => new Response("x", { headers: { "x-auth-token": "a", "x-open": "b" } }))
      const headers = yield* Session.get("https://a.test/").pipe(
        ClientResponse.use((response) => Effect.succeed(response.headers)),
        Effect.provide(Session.layerWithoutDependencies().pipe(Layer.provide([mock, CookieJar.layer()])))
      )
      const names: Array<string> = []
      for (const name in headers) names.push(name)
      assert.deepStrictEqual(names.sort(), ["content-type", "x-auth-token", "x-open"])
      assert.isTrue(Headers.isHeaders(headers))
      assert.deepStrictEqual(
        { ...headers },
        { "content-type": "text/plain;charset=UTF-8", "x-auth-token": "a", "x-open": "b" }
      )
      assert.strictEqual(Headers.set(headers, "x-auth-token", "c")["x-auth-token"], "c")
      assert.strictEqual(JSON.parse(JSON.stringify(headers))["x-auth-token"], "a")
      assert.include(String(headers), '"x-auth-token": "REDACTED"')
    })
  )
})

describe("a mock of a session", () => {
  it.effect("can be printed and spread although it lacks members", () =>
    Effect.gen(function* () {
      const session = yield* Effect.provide(Session.Session, Session.layerMock({ get: () => Effect.never }))
      assert.include(inspect({ ...session }), "Session/Mock")
      assert.throws(() => session.cookieJar, "cookieJar was not given")
    })
  )
})

describe("printing shows no secret of", () => {
  for (const [name, make] of Object.entries(places)) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const values = Object.entries(yield* make)
        const shown = values.flatMap(([what, value]) => planted.leaks(value, what, renderer(name, value)))
        assert.deepStrictEqual(shown, [])
      })
    )
  }
})
