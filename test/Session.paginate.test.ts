import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Layer, Option, Redacted, Stream } from "effect"
import * as Auth from "../src/Auth.js"
import type * as ClientRequest from "../src/ClientRequest.js"
import type { ClientResponse } from "../src/ClientResponse.js"
import * as Connector from "../src/Connector.js"
import * as CookieJar from "../src/CookieJar.js"
import * as Session from "../src/Session.js"
import * as Testing from "../src/Testing.js"

const url = "https://api.example/items"

const over = (handler: Connector.MockHandler, options?: Session.SessionOptions) =>
  Session.layerWithoutDependencies(options).pipe(
    Layer.provideMerge(CookieJar.layer()),
    Layer.provideMerge(Connector.layerMock(handler))
  )

/** Responds with pages by their URLs: the text, and the Link to the next page. */
const pages =
  (all: Readonly<Record<string, readonly [text: string, next?: string]>>): Connector.MockHandler =>
  (request) => {
    const page = all[request.url]
    if (page === undefined) return new Response("no such page", { status: 404 })
    const [text, next] = page
    return new Response(text, next === undefined ? {} : { headers: { link: `<${next}>; rel="next"` } })
  }

const text = (response: ClientResponse) => response.text
const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)
const calls = Effect.flatMap(Connector.MockCalls, (mock) => mock.all)
const asked = Effect.map(calls, (all) => all.map(({ request }) => request.url))
const credentials = Effect.map(calls, (all) =>
  all.map(({ request }) =>
    ["authorization", "cookie", "x-api-key", "x-secret", "x-plain"].flatMap((name) =>
      Option.match(request.header(name), { onNone: () => [], onSome: (value) => [`${name}: ${value}`] })
    )
  )
)

describe("paginate", () => {
  it.effect("follows relative and absolute Link headers to the last page", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* collect(Session.paginate(url, text)), ["1", "2", "3"])
    }).pipe(
      Effect.provide(
        over(
          pages({
            [url]: ["1", "?page=2"],
            [`${url}?page=2`]: ["2", `${url}?page=3`],
            [`${url}?page=3`]: ["3"]
          })
        )
      )
    )
  )

  it.effect("reports an invalid next URL, and does not blame a redirect", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(collect(Session.paginate(url, text, { next: () => Option.some("http://a b/") })))
      assert.strictEqual(error._tag, "InvalidURL")
      assert.notMatch(error.message, /redirect|Location/)
    }).pipe(Effect.provide(over(pages({ [url]: ["1"] }))))
  )

  it.effect("follows a function of page and head", () =>
    Effect.gen(function* () {
      const values = yield* collect(
        Session.paginate(url, (response) => response.json, {
          params: { size: 2 },
          next: (page, head) => {
            assert.strictEqual(head.status, 200)
            const { cursor } = page as { readonly cursor: string | null }
            return Option.map(Option.fromNullable(cursor), (at) => `?cursor=${at}`)
          }
        })
      )
      assert.deepStrictEqual(values, [{ cursor: "a" }, { cursor: "b" }, { cursor: null }])
      assert.deepStrictEqual(yield* asked, [`${url}?size=2`, `${url}?cursor=a`, `${url}?cursor=b`])
    }).pipe(
      Effect.provide(
        over((request) => {
          const cursor = new URL(request.url).searchParams.get("cursor")
          return Response.json({ cursor: cursor === null ? "a" : cursor === "a" ? "b" : null })
        })
      )
    )
  )

  it.effect("requests the next page only when it is needed", () =>
    Effect.gen(function* () {
      yield* Session.paginate(url, text).pipe(Stream.take(2), Stream.runDrain)
      assert.strictEqual((yield* asked).length, 2)
    }).pipe(
      Effect.provide(
        over((request) => {
          const page = Number(new URL(request.url).searchParams.get("page") ?? 0)
          return new Response(String(page), { headers: { link: `<?page=${page + 1}>; rel="next"` } })
        })
      )
    )
  )

  it.effect("releases each page before the next one, and closes its Scope", () =>
    Effect.gen(function* () {
      const session = yield* Session.Session
      const log: Array<string> = []
      yield* Session.paginate(url, (response) =>
        Effect.gen(function* () {
          yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`closed ${response.url}`)))
          yield* Effect.yieldNow()
          const { acquired } = yield* session.connector.stats
          log.push(`open ${acquired}`)
          return response.status
        })
      ).pipe(Stream.runDrain)
      assert.deepStrictEqual(log, ["open 1", `closed ${url}`, "open 1", `closed ${url}?2`])
      yield* Effect.yieldNow()
      assert.strictEqual((yield* session.connector.stats).acquired, 0)
    }).pipe(
      Effect.provide(
        over(
          (request) =>
            // A body that never ends, which the session must abandon.
            new Response(new ReadableStream(), request.url.endsWith("2") ? {} : { headers: { link: "<?2>; rel=next" } })
        )
      )
    )
  )

  for (const [name, first, second] of [
    ["itself", url, undefined],
    ["itself with another fragment", `${url}#again`, undefined],
    ["an earlier page", `${url}?2`, url]
  ] as const) {
    it.effect(`ends at a page that leads to ${name}`, () =>
      Effect.gen(function* () {
        const values = yield* collect(Session.paginate(url, text))
        assert.strictEqual(values.length, second === undefined ? 1 : 2)
      }).pipe(
        Effect.provide(over(pages({ [url]: ["1", first], [`${url}?2`]: second === undefined ? ["2"] : ["2", second] })))
      )
    )
  }

  it.effect("starts at the first page in a second run", () =>
    Effect.gen(function* () {
      const stream = Session.paginate(url, text)
      assert.deepStrictEqual(yield* collect(stream), ["1", "2"])
      assert.deepStrictEqual(yield* collect(stream), ["1", "2"])
    }).pipe(Effect.provide(over(pages({ [url]: ["1", "?2"], [`${url}?2`]: ["2"] }))))
  )

  it.effect("fails if the request, the page or the next URL fails", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(collect(Session.paginate("https://down.example/", text)))
      assert.strictEqual(refused._tag, "ClientConnectorError")
      const own = yield* Effect.flip(collect(Session.paginate(url, () => Effect.fail("mine" as const))))
      assert.strictEqual(own, "mine")
      for (const next of ["http://[", "ftp://host/", "javascript:0"]) {
        const seen: Array<string> = []
        const error = yield* Session.paginate(url, text, { next: () => Option.some(next) }).pipe(
          Stream.runForEach((value) => Effect.sync(() => seen.push(value))),
          Effect.flip
        )
        assert.deepStrictEqual([seen, error._tag], [["page"], "InvalidURL"])
      }
    }).pipe(
      Effect.provide(over((request) => (request.url.includes("down") ? Testing.faults.refused : new Response("page"))))
    )
  )

  it.effect("allows each page as many redirects as the first", () =>
    Effect.gen(function* () {
      const values = yield* collect(Session.paginate(url, text, { maxRedirects: 1 }))
      assert.strictEqual(values.length, 15)
    }).pipe(
      Effect.provide(
        over((request) => {
          const at = new URL(request.url)
          const page = Number(at.searchParams.get("page") ?? 1)
          if (!at.searchParams.has("moved")) {
            return new Response(null, { status: 302, headers: { location: `?page=${page}&moved=1` } })
          }
          return new Response("", page === 15 ? {} : { headers: { link: `<?page=${page + 1}>; rel="next"` } })
        })
      )
    )
  )
})

describe("paginate to another origin", () => {
  const other = "https://other.example/items"
  const options: ClientRequest.RequestOptions = {
    headers: { "x-api-key": "k", "x-secret": Redacted.make("s"), "x-plain": "p" },
    auth: Auth.bearer("t"),
    cookies: { c: "1" }
  }
  const all = ["authorization: Bearer t", "cookie: c=1", "x-api-key: k", "x-secret: s", "x-plain: p"]

  const rows: ReadonlyArray<readonly [string, Record<string, readonly [string, string?]>, ReadonlyArray<object>]> = [
    ["none, at the same one", { [url]: ["1", "?2"], [`${url}?2`]: ["2"] }, [all, all]],
    ["no credentials", { [url]: ["1", other], [other]: ["2"] }, [all, ["x-plain: p"]]],
    [
      "nor when it leads back",
      { [url]: ["1", other], [other]: ["2", `${url}?3`], [`${url}?3`]: ["3"] },
      [all, ["x-plain: p"], ["x-plain: p"]]
    ],
    [
      "another port is another origin",
      { [url]: ["1", "https://api.example:8443/"], "https://api.example:8443/": ["2"] },
      [all, ["x-plain: p"]]
    ],
    ["and so is http", { [url]: ["1", "http://api.example/"], "http://api.example/": ["2"] }, [all, ["x-plain: p"]]]
  ]
  for (const [name, site, expected] of rows) {
    it.effect(name, () =>
      Effect.gen(function* () {
        yield* collect(Session.paginate(url, text, options))
        assert.deepStrictEqual(yield* credentials, expected)
      }).pipe(Effect.provide(over(pages(site))))
    )
  }

  it.effect("does not send an Authorization header of the request", () =>
    Effect.gen(function* () {
      yield* collect(Session.paginate(url, text, { headers: { authorization: "Basic x" } }))
      assert.deepStrictEqual(yield* credentials, [["authorization: Basic x"], []])
    }).pipe(Effect.provide(over(pages({ [url]: ["1", other], [other]: ["2"] }))))
  )

  it.effect("does not send the session's credentials and cookies", () =>
    Effect.gen(function* () {
      yield* collect(Session.paginate(url, text))
      assert.deepStrictEqual(yield* credentials, [["authorization: Bearer session", "cookie: s=1"], []])
    }).pipe(
      Effect.provide(
        over(pages({ [url]: ["1", other], [other]: ["2"] }), { auth: Auth.bearer("session"), cookies: { s: "1" } })
      )
    )
  )

  it.effect("sends the cookies that the jar holds for it", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.CookieJar
      yield* jar.setCookies(["o=1"], other)
      yield* collect(Session.paginate(url, text, options))
      assert.deepStrictEqual((yield* credentials)[1], ["cookie: o=1", "x-plain: p"])
    }).pipe(Effect.provide(over(pages({ [url]: ["1", other], [other]: ["2"] }))))
  )

  it.effect("continues at the origin that a page was redirected to", () =>
    Effect.gen(function* () {
      yield* collect(Session.paginate(url, text, options))
      assert.deepStrictEqual(yield* asked, [url, other, `${url}?2`])
      assert.deepStrictEqual(yield* credentials, [all, ["x-plain: p"], ["x-plain: p"]])
    }).pipe(
      Effect.provide(
        over((request) => {
          switch (request.url) {
            case url:
              return new Response(null, { status: 302, headers: { location: other } })
            case other:
              return new Response("1", { headers: { link: `<${url}?2>; rel="next"` } })
            default:
              return new Response("2")
          }
        })
      )
    )
  )
})

describe("paginate over a session of one function", () => {
  it.scoped("requests page by page, without credentials to other origins", () =>
    Effect.gen(function* () {
      const other = "https://other.example/"
      const real = over(pages({ [url]: ["1", "?2"], [`${url}?2`]: ["2", other], [other]: ["3"] }))
      const { request } = yield* Effect.map(Layer.build(real), (context) => Context.get(context, Session.Session))
      const given: Array<readonly [string, boolean]> = []
      const stub = Session.layerMock({
        request: (method, at, options) => {
          given.push([String(at), options?.auth !== undefined])
          return request(method, at, options)
        }
      })
      const values = yield* collect(Session.paginate(url, text, { auth: Auth.bearer("t") })).pipe(Effect.provide(stub))
      assert.deepStrictEqual(values, ["1", "2", "3"])
      assert.deepStrictEqual(given, [
        [url, true],
        [`${url}?2`, true],
        [other, false]
      ])
    })
  )
})
