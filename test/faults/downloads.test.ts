/**
 * Downloads that break: the requests that `toFile` repeats, their server, and their headers and credentials.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Redacted, Schedule, Stream } from "effect"
import * as Auth from "effect-http-session/Auth"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Errors from "effect-http-session/Errors"
import * as Middleware from "effect-http-session/Middleware"
import * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import * as Certificates from "../support/certificates.js"
import {
  assertFailed,
  assertWhole,
  breaksOnce,
  content,
  cut,
  download,
  etag,
  folder,
  rest,
  site,
  tagOf
} from "../support/downloads.js"
import * as Server from "../support/server.js"
import * as Sites from "../support/sites.js"

const { response } = Server

describe("a download that breaks after a redirect", () => {
  for (const status of [301, 302, 303]) {
    it.scopedLive(`does not repeat the POST before a ${status}`, () =>
      Effect.gen(function* () {
        const a = yield* site((request) =>
          request.method === "POST" ? Sites.redirect(status, "/file") : breaksOnce(request)
        )
        const { session } = yield* Sites.sessionWith()
        const outcome = yield* download(session.post(a.to("a.test", "/jobs"), { text: "job" }))
        assertWhole(outcome)
        assert.deepStrictEqual(Sites.asked(a), ["POST /jobs", "GET /file", "GET /file"])
        assert.deepStrictEqual(Sites.values(a, "range"), [[], [], ["bytes=5-"]])
        assert.deepStrictEqual(Sites.values(a, "if-range"), [[], [], ['"v1"']])
        assert.deepStrictEqual(Sites.values(a, "content-length"), [["3"], [], []])
      })
    )
  }

  it.scopedLive("does not repeat the POST if the file has no validator and is requested from the start", () =>
    Effect.gen(function* () {
      let gets = 0
      const a = yield* site((request) =>
        request.method === "POST" ? Sites.redirect(303, "/file") : gets++ === 0 ? cut(5, []) : response(200, content)
      )
      const { session } = yield* Sites.sessionWith()
      assertWhole(yield* download(session.post(a.to("a.test", "/jobs"))))
      assert.deepStrictEqual(Sites.asked(a), ["POST /jobs", "GET /file", "GET /file"])
      assert.deepStrictEqual(Sites.values(a, "range"), [[], [], []])
    })
  )

  it.scopedLive("does not repeat a POST that a 307 has kept", () =>
    Effect.gen(function* () {
      const a = yield* site((request) =>
        request.target === "/jobs" ? Sites.redirect(307, "/file") : breaksOnce(request)
      )
      const { session } = yield* Sites.sessionWith()
      assertFailed(yield* download(session.post(a.to("a.test", "/jobs"))), "ClientPayloadError")
      assert.deepStrictEqual(Sites.asked(a), ["POST /jobs", "POST /file"])
    })
  )

  it.scopedLive("keeps the history of the first request, and repeats only the last of its GETs", () =>
    Effect.gen(function* () {
      const a = yield* site((request) =>
        request.target === "/1"
          ? Sites.redirect(302, "/2")
          : request.target === "/2"
            ? Sites.redirect(307, "/3")
            : breaksOnce(request)
      )
      const { session } = yield* Sites.sessionWith({ maxBodySize: 20 })
      const outcome = yield* download(session.get(a.to("a.test", "/1")))
      assertWhole(outcome)
      assert.deepStrictEqual(Sites.asked(a), ["GET /1", "GET /2", "GET /3", "GET /3"])
    })
  )

  it.scopedLive("follows a redirect of the repeated request within the remaining redirects", () =>
    Effect.gen(function* () {
      const a = yield* site(({ header, target }) => {
        if (target === "/1") return Sites.redirect(302, "/2")
        if (target === "/2") return header("range") === undefined ? cut(5) : Sites.redirect(302, "/3")
        return rest(5)
      })
      const { session } = yield* Sites.sessionWith()
      assertWhole(yield* download(session.get(a.to("a.test", "/1"), { maxRedirects: 2 })))
      assert.deepStrictEqual(Sites.asked(a), ["GET /1", "GET /2", "GET /2", "GET /3"])
      assert.deepStrictEqual(Sites.values(a, "range"), [[], [], ["bytes=5-"], ["bytes=5-"]])
      assertFailed(yield* download(session.get(a.to("a.test", "/1"), { maxRedirects: 1 })), "TooManyRedirects")
    })
  )

  const credentials: ReadonlyArray<{
    readonly what: string
    readonly header: string
    readonly session?: Session.SessionOptions
    readonly request?: ClientRequest.RequestOptions
  }> = [
    { what: "auth", header: "authorization", request: { auth: Auth.bearer("s3cr3t-t") } },
    { what: "session auth", header: "authorization", session: { auth: Auth.basic("user", "s3cr3t-p") } },
    { what: "an Authorization header", header: "authorization", request: { headers: { Authorization: "s3cr3t-a" } } },
    { what: "cookies", header: "cookie", request: { cookies: { sid: "s3cr3t-c" } } },
    { what: "session cookies", header: "cookie", session: { cookies: { sid: "s3cr3t-c" } } },
    { what: "a redacted header", header: "x-tenant", request: { headers: { "X-Tenant": Redacted.make("s3cr3t-h") } } }
  ]
  for (const { header, what, ...given } of credentials) {
    it.scopedLive(`does not send ${what} again after the redirect dropped it`, () =>
      Effect.gen(function* () {
        const b = yield* site(breaksOnce)
        const a = yield* site(() => Sites.redirect(302, b.to("b.test", "/file")))
        const { session } = yield* Sites.sessionWith(given.session)
        assertWhole(yield* download(session.get(a.to("a.test"), given.request)))
        assert.lengthOf(Sites.values(a, header), 1)
        assert.isNotEmpty(Sites.values(a, header)[0])
        assert.deepStrictEqual(Sites.values(b, header), [[], []])
        assert.deepStrictEqual(Sites.values(b, "range"), [[], ["bytes=5-"]])
      })
    )
  }

  it.scopedLive("sends the cookies of its own site, and those that the broken response set", () =>
    Effect.gen(function* () {
      const b = yield* site((request) =>
        request.header("range") === undefined ? cut(5, [etag, "Set-Cookie: seen=1"]) : rest(5)
      )
      const a = yield* site(() => Sites.redirect(302, b.to("b.test", "/file"), ["Set-Cookie: home=1"]))
      const { session } = yield* Sites.sessionWith()
      assertWhole(yield* download(session.get(a.to("a.test"))))
      assert.deepStrictEqual(Sites.values(b, "cookie"), [[], ["seen=1"]])
    })
  )

  it.scopedLive("repeats plain headers of the request and of the session", () =>
    Effect.gen(function* () {
      const b = yield* site(breaksOnce)
      const a = yield* site(() => Sites.redirect(302, b.to("b.test", "/file")))
      const { session } = yield* Sites.sessionWith({ headers: { "X-Session": "s" } })
      assertWhole(yield* download(session.get(a.to("a.test"), { headers: { "X-Request": "r" }, params: { q: "1" } })))
      assert.deepStrictEqual(Sites.values(b, "x-session"), [["s"], ["s"]])
      assert.deepStrictEqual(Sites.values(b, "x-request"), [["r"], ["r"]])
      assert.deepStrictEqual(Sites.asked(b), ["GET /file", "GET /file"])
    })
  )
})

describe("a download that breaks without a redirect", () => {
  it.scopedLive("requests the remainder of a GET only", () =>
    Effect.gen(function* () {
      for (const method of ["GET", "PUT", "DELETE", "POST", "QUERY"]) {
        const a = yield* site(breaksOnce)
        const { session } = yield* Sites.sessionWith()
        const outcome = yield* download(session.request(method, a.to("a.test", "/file")))
        if (method === "GET") assertWhole(outcome)
        else assertFailed(outcome, "ClientPayloadError")
        assert.deepStrictEqual(Sites.asked(a), method === "GET" ? ["GET /file", "GET /file"] : [`${method} /file`])
      }
    })
  )

  it.scopedLive("does not repeat a request that the effect sent before the download", () =>
    Effect.gen(function* () {
      const a = yield* site((request) => (request.method === "POST" ? response(200, "token") : breaksOnce(request)))
      const { session } = yield* Sites.sessionWith()
      const request = Effect.flatMap(session.post(a.to("a.test", "/token")).pipe(ClientResponse.text), (token) =>
        session.get(a.to("a.test", "/file"), { headers: { "X-Token": token } })
      )
      assertWhole(yield* download(request))
      assert.deepStrictEqual(Sites.asked(a), ["POST /token", "GET /file", "GET /file"])
      assert.deepStrictEqual(Sites.values(a, "range"), [[], [], ["bytes=5-"]])
      assert.deepStrictEqual(Sites.values(a, "x-token"), [[], ["token"], ["token"]])
    })
  )

  it.scopedLive("does not repeat a body that can be read once", () =>
    Effect.gen(function* () {
      const a = yield* site(breaksOnce)
      const { session } = yield* Sites.sessionWith()
      const once = Stream.make(Buffer.from("body"))
      const request = session.get(a.to("a.test", "/file"), { data: ClientRequest.oneShot(once) })
      assertFailed(yield* download(request), "ClientPayloadError")
      assert.deepStrictEqual(Sites.asked(a), ["GET /file"])
    })
  )

  it.scopedLive("passes the repeated request through the middlewares", () =>
    Effect.gen(function* () {
      const a = yield* site(breaksOnce)
      let count = 0
      const { session } = yield* Sites.sessionWith({
        middlewares: [(request, next) => next(ClientRequest.setHeader(request, "X-Count", String(++count)))]
      })
      assertWhole(yield* download(session.get(a.to("a.test", "/file"))))
      assert.deepStrictEqual(Sites.values(a, "x-count"), [["1"], ["2"]])
    })
  )

  it.scopedLive("does not repeat a POST that a middleware sent in place of the GET", () =>
    Effect.gen(function* () {
      const a = yield* site(breaksOnce)
      const { session } = yield* Sites.sessionWith()
      const elsewhere = yield* Middleware.make(() =>
        Effect.map(session.post(a.to("a.test", "/other")), (response) => response)
      )
      const wrapped = session.with({ middlewares: [elsewhere] })
      const outcome = yield* download(wrapped.get(a.to("a.test", "/file")))
      assert.isFalse(Exit.isSuccess(outcome.exit))
      assert.deepStrictEqual(Sites.asked(a), ["POST /other"])
    })
  )

  it.scopedLive("starts over after a 416, also if the session fails at error statuses", () =>
    Effect.gen(function* () {
      let gets = 0
      const a = yield* site(() => [cut(5), response(416), response(200, content)][gets++] ?? response(500))
      const { session } = yield* Sites.sessionWith({ raiseForStatus: true })
      assertWhole(yield* download(session.get(a.to("a.test", "/file"))))
      assert.deepStrictEqual(Sites.values(a, "range"), [[], ["bytes=5-"], []])
    })
  )

  it.scopedLive("starts over after a part with another Last-Modified than the file", () =>
    Effect.gen(function* () {
      const dates = (modified: string) => [`Last-Modified: ${modified}`, "Date: Sun, 06 Nov 1994 08:49:39 GMT"]
      let gets = 0
      const a = yield* site(
        () =>
          [
            cut(5, dates("Sun, 06 Nov 1994 08:49:37 GMT")),
            rest(5, 20, dates("Sun, 06 Nov 1994 08:49:38 GMT")),
            response(200, content)
          ][gets++] ?? response(500)
      )
      const { session } = yield* Sites.sessionWith()
      assertWhole(yield* download(session.get(a.to("a.test", "/file"))))
      assert.deepStrictEqual(Sites.values(a, "range"), [[], ["bytes=5-"], []])
      assert.deepStrictEqual(Sites.values(a, "if-range"), [[], ["Sun, 06 Nov 1994 08:49:37 GMT"], []])
    })
  )

  it.scopedLive("requests no content coding unless the request sets Accept-Encoding", () =>
    Effect.gen(function* () {
      const a = yield* site(breaksOnce)
      const { session } = yield* Sites.sessionWith()
      assertWhole(yield* download(session.get(a.to("a.test", "/file"))))
      assertWhole(yield* download(session.get(a.to("a.test", "/file"), { headers: { "Accept-Encoding": "br" } })))
      assert.deepStrictEqual(Sites.values(a, "accept-encoding"), [["identity"], ["identity"], ["br"], ["br"]])
    })
  )

  it.scopedLive("repeats the current request options", () =>
    Effect.gen(function* () {
      const a = yield* site(breaksOnce)
      const { session } = yield* Sites.sessionWith()
      const outcome = yield* download(session.get(a.to("a.test", "/file"))).pipe(
        Session.withRequestOptions({ headers: { "X-Around": "1" } })
      )
      assertWhole(outcome)
      assert.deepStrictEqual(Sites.values(a, "x-around"), [["1"], ["1"]])
    })
  )
})

describe("a download with credentials of netrc", () => {
  const basicOf = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`

  /** A session with a netrc file that has an entry for b.test. */
  const withNetrc = (options: Session.SessionOptions = {}) =>
    Effect.gen(function* () {
      const netrc = join(yield* folder, "netrc")
      yield* Effect.promise(() => writeFile(netrc, "machine b.test login u password s3cr3t-p\n", { mode: 0o600 }))
      return yield* Sites.sessionWith({ trustEnv: true, ...options }).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["NETRC", netrc]])))
      )
    })

  it.scopedLive("repeats the credentials", () =>
    Effect.gen(function* () {
      const b = yield* site(breaksOnce)
      const { session } = yield* withNetrc()
      assertWhole(yield* download(session.get(b.to("b.test", "/file"))))
      const sent = basicOf("u", "s3cr3t-p")
      assert.deepStrictEqual(Sites.values(b, "authorization"), [[sent], [sent]])
    })
  )

  it.scopedLive("sends no credentials without TLS if a redirect led from https to http", () =>
    Effect.gen(function* () {
      const { authority, ca } = yield* Certificates.standard()
      const tls = yield* authority.issue({ names: ["b.test"] })
      const plain = yield* site(breaksOnce)
      const secure = yield* Sites.site(() => Sites.redirect(302, plain.to("b.test", "/file")), tls)
      const { session } = yield* withNetrc({ ssl: yield* Ssl.context({ ca }) })
      assertWhole(yield* download(session.get(secure.to("b.test"))))
      assert.deepStrictEqual(Sites.values(secure, "authorization"), [[basicOf("u", "s3cr3t-p")]])
      assert.deepStrictEqual(Sites.values(plain, "authorization"), [[], []])
    })
  )
})

describe("a request that fails behind a redirect", () => {
  it.scopedLive("is retried without the POST before the redirect", () =>
    Effect.gen(function* () {
      let gets = 0
      const a = yield* site((request) =>
        request.method === "POST" ? Sites.redirect(303, "/file") : gets++ === 0 ? response(503) : response(200, content)
      )
      const { session } = yield* Sites.sessionWith({
        middlewares: [Middleware.retry({ schedule: Schedule.recurs(1) })]
      })
      const text = yield* session.post(a.to("a.test", "/jobs"), { text: "job" }).pipe(ClientResponse.text)
      assert.strictEqual(text, content)
      assert.deepStrictEqual(Sites.asked(a), ["POST /jobs", "GET /file", "GET /file"])
    })
  )

  it.scopedLive("is not retryable by isRetryable if it began with a POST", () =>
    Effect.gen(function* () {
      const a = yield* site((request) => (request.method === "POST" ? Sites.redirect(303, "/file") : cut(5)))
      const { session } = yield* Sites.sessionWith()
      const exit = yield* session
        .post(a.to("a.test", "/jobs"), { text: "job" })
        .pipe(ClientResponse.text, Effect.retry({ while: Errors.isRetryable, times: 3 }), Effect.exit)
      assert.strictEqual(tagOf(exit), "ClientPayloadError")
      assert.deepStrictEqual(Sites.asked(a), ["POST /jobs", "GET /file"])
    })
  )
})
