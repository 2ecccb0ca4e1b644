import { HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { ClientRequest, ClientResponse, Connector, CookieJar, Session } from "effect-http-session"

const layer = Session.layerWithoutDependencies({ headers: { "x-from": "session" } }).pipe(
  Layer.provide(CookieJar.layer()),
  Layer.provideMerge(Connector.layerMock(() => new Response("ok")))
)

const sent = Effect.map(
  Effect.flatMap(Connector.MockCalls, (calls) => calls.all),
  (calls) => calls.at(-1)?.request
)

describe("execute", () => {
  it.effect(
    "gives settings of a platform request priority over current options, and given options priority over both",
    () =>
      Effect.gen(function* () {
        const request = HttpClientRequest.post("http://a.test/p").pipe(
          HttpClientRequest.setHeader("x-from", "value"),
          HttpClientRequest.setHeader("x-other", "value"),
          HttpClientRequest.bodyUnsafeJson({ a: 1 }),
          HttpClientRequest.setUrlParam("q", "1")
        )
        yield* Session.execute(request, { headers: { "x-other": "given" } }).pipe(
          ClientResponse.discard,
          Session.withRequestOptions({ headers: { "x-from": "current", "x-current": "current" } })
        )
        const made = yield* sent
        const header = (name: string) => Option.getOrUndefined(made?.header(name) ?? Option.none())
        assert.strictEqual(made?.method, "POST")
        assert.strictEqual(made?.url, "http://a.test/p?q=1")
        assert.deepStrictEqual(
          [header("x-from"), header("x-other"), header("x-current")],
          ["value", "given", "current"]
        )
      }).pipe(Effect.provide(layer))
  )

  it.effect(
    "gives settings of a ClientRequest priority over current options, and given options priority over both",
    () =>
      Effect.gen(function* () {
        const request = (yield* ClientRequest.make("PUT", "http://a.test/p", {
          headers: { "x-from": "value" },
          json: { a: 1 },
          params: { q: "1" }
        })).pipe(ClientRequest.setHeader("x-other", "value"))
        yield* Session.execute(request, { headers: { "x-other": "given" } }).pipe(
          ClientResponse.discard,
          Session.withRequestOptions({ headers: { "x-from": "current", "x-current": "current" } })
        )
        const made = yield* sent
        const header = (name: string) => Option.getOrUndefined(made?.header(name) ?? Option.none())
        assert.strictEqual(made?.method, "PUT")
        assert.strictEqual(made?.url, "http://a.test/p?q=1")
        assert.deepStrictEqual(
          [header("x-from"), header("x-other"), header("x-current")],
          ["value", "given", "current"]
        )
        assert.strictEqual(made?.body._tag, "Uint8Array")
      }).pipe(Effect.provide(layer))
  )
})
