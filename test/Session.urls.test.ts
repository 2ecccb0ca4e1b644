/** The request line for each way to pass a URL. */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ClientRequest, ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import * as Server from "./support/server.js"

type Ask = (url: string) => Effect.Effect<unknown, unknown, Session.Session>

const doors: { readonly [name: string]: Ask } = {
  "a string": (url) => ClientResponse.discard(Session.get(url)),
  "a URL": (url) => ClientResponse.discard(Session.get(new URL(url))),
  "a request value": (url) =>
    Effect.flatMap(ClientRequest.make("GET", url), (request) => ClientResponse.discard(Session.execute(request))),
  "the HttpClient layer": (url) =>
    Effect.flatMap(HttpClient.get(new URL(url)), ({ text }) => text).pipe(Effect.provide(Session.layerHttpClient))
}

describe("the request target", () => {
  const places: ReadonlyArray<readonly [place: string, target: string]> = [
    ["/a b?c d", "/a%20b?c%20d"],
    ["/x ", "/x"],
    ["/%7Ea/%30%2f%2F?%7e=%e9&x=%2B+y", "/%7Ea/%30%2f%2F?%7e=%e9&x=%2B+y"],
    ["/%zz?%", "/%zz?%"],
    ["/é?ü=€", "/%C3%A9?%C3%BC=%E2%82%AC"],
    ["/a/../b/./c", "/b/c"],
    ["/k[0]|{1}?q[]='x'|^", new URL("http://h/k[0]|{1}?q[]='x'|^").href.slice("http://h".length)],
    ["/p#frag ment", "/p"],
    ["?only", "/?only"]
  ]
  for (const [place, target] of places) {
    it.scopedLive(`of ${JSON.stringify(place)} is ${target} through every API`, () =>
      Effect.gen(function* () {
        const at = yield* Server.always(Server.answers(() => Server.response(200)))
        for (const [door, ask] of Object.entries(doors)) {
          // HttpClient itself parses the query and serializes it again.
          if (door === "the HttpClient layer" && place.includes("?")) continue
          yield* Effect.provide(ask(at.url + place), Session.layer())
          const requests = yield* at.requests
          assert.strictEqual(requests[requests.length - 1]?.target, target, door)
        }
      })
    )
  }

  it.scopedLive("has params once, with + for a space, after the query of the URL", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.answers(() => Server.response(200)))
      const ask = (place: string, params: ClientRequest.ParamsInput) =>
        ClientResponse.discard(Session.get(at.url + place, { params }))
      yield* Effect.all([ask("/", "?a=1"), ask("/", { a: "b c" }), ask("/?x=y z", "?a=b c")]).pipe(
        Effect.provide(Session.layer())
      )
      assert.deepStrictEqual(
        (yield* at.requests).map(({ target }) => target),
        ["/?a=1", "/?a=b+c", "/?x=y%20z&a=b+c"]
      )
    })
  )
})

describe("cookies", () => {
  const rows: ReadonlyArray<readonly [cookiePath: string, place: string, sent: boolean]> = [
    ["/~a", "/~a/x", true],
    ["/%7Ea", "/%7Ea/x", true],
    ["/~a", "/%7Ea/x", false],
    ["/%7Ea", "/~a/x", false],
    ["/%7ea", "/%7Ea/x", false],
    ["/a%20b", "/a b/x", true],
    ["/caf%C3%A9", "/café/x", true],
    ["/b", "/a/../b/x", true]
  ]
  for (const [cookiePath, place, sent] of rows) {
    it.scopedLive(
      `with path ${cookiePath} ${sent ? "go" : "do not go"} with ${place}, whose path is matched as sent`,
      () =>
        Effect.gen(function* () {
          const at = yield* Server.always(Server.answers(() => Server.response(200)))
          const layer = Session.layerWithoutDependencies().pipe(
            Layer.provideMerge(Layer.merge(Connector.layerTcp(), CookieJar.layer({ unsafe: true })))
          )
          yield* Effect.gen(function* () {
            const jar = yield* CookieJar.CookieJar
            yield* jar.setCookies([`c=1; Path=${cookiePath}`], at.url)
            for (const url of [at.url + place, new URL(at.url + place)]) yield* ClientResponse.discard(Session.get(url))
          }).pipe(Effect.provide(layer))
          const cookie = sent ? "c=1" : undefined
          assert.deepStrictEqual(
            (yield* at.requests).map(({ header }) => header("cookie")),
            [cookie, cookie]
          )
        })
    )
  }
})
