import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Chunk, Effect, Layer, Option, Stream } from "effect"
import { Auth, ClientResponse, Connector, CookieJar, Middleware, Session } from "effect-http-session"
import { freePort, start } from "./peer.js"

class Httpbin extends Effect.Tag("Httpbin")<Httpbin, { readonly url: string }>() {
  static readonly layer = Layer.scoped(
    Httpbin,
    Effect.gen(function* () {
      const port = yield* freePort
      yield* start(
        "/usr/bin/gunicorn",
        ["-b", `127.0.0.1:${port}`, "-k", "gthread", "--threads", "4", "httpbin:app", "--keep-alive", "5"],
        [port]
      )
      return { url: `http://127.0.0.1:${port}` }
    })
  )
}

const session = Session.layerWithoutDependencies({ timeout: "20 seconds" }).pipe(
  Layer.provide([Connector.layerTcp(), CookieJar.layer({ unsafe: true })])
)

interface Echo {
  readonly args: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly data: string
  readonly form: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly json: unknown
  readonly cookies: Readonly<Record<string, string>>
  readonly method: string
}

const echoed = (value: unknown): Echo => value as Echo

const at = (path: string) => Effect.map(Httpbin, ({ url }) => url + path)

layer(Layer.merge(Httpbin.layer, session), { timeout: "60 seconds", excludeTestServices: true })("httpbin", (it) => {
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    it.effect(`${method} is what it says`, () =>
      Effect.gen(function* () {
        const body = method === "GET" ? {} : { json: { a: [1, "b"] } }
        const url = yield* at("/anything?q=%C3%A9&r=1")
        const echo = echoed(
          yield* Session.request(method, url, { ...body, params: [["r", "2"]] }).pipe(ClientResponse.json)
        )
        assert.deepStrictEqual(echo.args, { q: "é", r: ["1", "2"] })
        if (method !== "GET") assert.deepStrictEqual(echo.json, { a: [1, "b"] })
      })
    )
  }

  it.effect("forms and files arrive", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("name", "värde")
      form.append("file", new Blob(["content"], { type: "text/plain" }), 'naïve "name".txt')
      const multipart = echoed(yield* Session.post(yield* at("/post"), { data: form }).pipe(ClientResponse.json))
      assert.deepStrictEqual(multipart.form, { name: "värde" })
      assert.deepStrictEqual(multipart.files, { file: "content" })
      const urlencoded = echoed(
        yield* Session.post(yield* at("/post"), { data: { a: "b c", é: "ü" } }).pipe(ClientResponse.json)
      )
      assert.deepStrictEqual(urlencoded.form, { a: "b c", é: "ü" })
    })
  )

  for (const coding of ["gzip", "deflate", "brotli"]) {
    it.effect(`${coding} is decoded`, () =>
      Effect.gen(function* () {
        const value = yield* Session.get(yield* at(`/${coding}`)).pipe(ClientResponse.json)
        assert.property(value, coding === "gzip" ? "gzipped" : coding === "deflate" ? "deflated" : "brotli")
      })
    )
  }

  it.effect("lines stream as they come", () =>
    Effect.gen(function* () {
      const url = yield* at("/stream/20")
      const lines = yield* Session.get(url).pipe(ClientResponse.use((response) => Stream.runCollect(response.lines)))
      assert.strictEqual(Chunk.size(lines), 20)
    })
  )

  it.effect("a range is a range", () =>
    Effect.gen(function* () {
      const url = yield* at("/range/1024")
      const part = yield* Session.get(url, { headers: { range: "bytes=10-19" } }).pipe(
        ClientResponse.use((response) => Effect.map(response.text, (text) => [response.status, text] as const))
      )
      assert.deepStrictEqual(part, [206, "klmnopqrst"])
    })
  )

  it.effect("a delay runs into its limit", () =>
    Effect.gen(function* () {
      const url = yield* at("/delay/3")
      const error = yield* Effect.flip(Session.get(url, { timeout: "200 millis" }).pipe(ClientResponse.text))
      assert.strictEqual(error._tag, "TotalTimeoutError")
    })
  )

  it.effect("a large body arrives whole", () =>
    Effect.gen(function* () {
      const bytes = yield* Session.get(yield* at("/bytes/100000?seed=1")).pipe(ClientResponse.bytes)
      const again = yield* Session.get(yield* at("/stream-bytes/100000?seed=1")).pipe(ClientResponse.bytes)
      const digest = (value: Uint8Array) => createHash("sha256").update(value).digest("hex")
      assert.strictEqual(bytes.length, 100000)
      assert.strictEqual(digest(bytes), digest(again))
    })
  )

  it.effect("cookies are set, kept and forgotten", () =>
    Effect.gen(function* () {
      yield* Session.get(yield* at("/cookies/set?flavour=oat&size=2")).pipe(ClientResponse.discard)
      const set = echoed(yield* Session.get(yield* at("/cookies")).pipe(ClientResponse.json))
      assert.deepStrictEqual(set.cookies, { flavour: "oat", size: "2" })
      yield* Session.get(yield* at("/cookies/delete?flavour")).pipe(ClientResponse.discard)
      const left = echoed(yield* Session.get(yield* at("/cookies")).pipe(ClientResponse.json))
      assert.deepStrictEqual(left.cookies, { size: "2" })
    })
  )

  for (const path of ["/redirect/3", "/relative-redirect/3", "/absolute-redirect/3"]) {
    it.effect(`${path} is followed`, () =>
      Effect.gen(function* () {
        const url = yield* at(path)
        const [status, hops] = yield* Session.get(url).pipe(
          ClientResponse.use((response) => Effect.succeed([response.status, response.history.length] as const))
        )
        assert.deepStrictEqual([status, hops], [200, 3])
      })
    )
  }

  it.effect("a 307 keeps method and body, a 302 does not", () =>
    Effect.gen(function* () {
      const { url } = yield* Httpbin
      const to = (status: number) => `${url}/redirect-to?url=${encodeURIComponent("/anything")}&status_code=${status}`
      const kept = yield* Session.post(to(307), { json: { a: 1 } }).pipe(ClientResponse.json)
      assert.deepStrictEqual(echoed(kept).json, { a: 1 })
      const changed = yield* Session.post(to(302), { json: { a: 1 } }).pipe(ClientResponse.json)
      assert.strictEqual(echoed(changed).method, "GET")
      assert.strictEqual(echoed(changed).json, null)
    })
  )

  it.effect("basic credentials open the door", () =>
    Effect.gen(function* () {
      const { url } = yield* Httpbin
      const open = url.replace("http://", "http://me:secret@")
      const answer = yield* Session.get(`${open}/basic-auth/me/secret`).pipe(ClientResponse.json)
      assert.deepStrictEqual(answer, { authenticated: true, user: "me" })
    })
  )

  for (const algorithm of ["MD5", "SHA-256", "SHA-512"]) {
    for (const qop of ["auth", "auth-int"]) {
      it.effect(`digest ${algorithm} ${qop}`, () =>
        Effect.gen(function* () {
          const digest = yield* Middleware.digest(Auth.basic("me", "secret"))
          const url = yield* at(`/digest-auth/${qop}/me/secret/${algorithm}`)
          const status = yield* Session.get(url, { middlewares: [digest] }).pipe(
            ClientResponse.use((response) => Effect.succeed(response.status))
          )
          assert.strictEqual(status, 200)
        })
      )
    }
  }

  it.effect("statuses and headers come through", () =>
    Effect.gen(function* () {
      const url = yield* at("/response-headers?X-One=1&X-One=2")
      const [all, first] = yield* Session.get(url).pipe(
        ClientResponse.use((response) =>
          Effect.succeed([response.headerValues("x-one"), response.header("X-ONE")] as const)
        )
      )
      assert.deepStrictEqual(all, ["1", "2"])
      assert.deepStrictEqual(first, Option.some("1"))
      const teapot = yield* Effect.flip(
        Session.get(yield* at("/status/418"), { raiseForStatus: true }).pipe(ClientResponse.text)
      )
      assert.strictEqual(teapot._tag, "ClientResponseError")
    })
  )

  it.effect("etag and If-None-Match give 304 on a connection that stays", () =>
    Effect.gen(function* () {
      const url = yield* at("/etag/abc")
      const current = yield* Session.Session
      const status = yield* Session.get(url, { headers: { "if-none-match": "abc" } }).pipe(
        ClientResponse.use((response) => Effect.succeed(response.status))
      )
      assert.strictEqual(status, 304)
      const stats = yield* current.connector.stats
      assert.strictEqual(stats.acquired, 0)
    })
  )
})
