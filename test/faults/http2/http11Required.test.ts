/** Servers that want a request over HTTP/1.1, and statuses about connections. */
import { constants } from "node:http2"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import * as Tracing from "effect-http-session/Tracing"
import { standard } from "../../support/certificates.js"
import { type EitherOptions, type EitherSite, eitherSite } from "../../support/eitherSite.js"
import { invariants } from "../../support/invariants.js"
import { sessionOn } from "../../support/session.js"
import { untilValue } from "../../support/wait.js"

/** Ends requests over HTTP/2 with HTTP_1_1_REQUIRED, except targets that begin with /slow or /well. */
const unwilling: EitherOptions["answer"] = (request, response) => {
  request.resume()
  request.on("end", () => {
    if (request.httpVersionMajor === 1) response.end(`1.1 ${request.url}`)
    else if (request.url.startsWith("/well")) response.end("2.0")
    else if (request.url.startsWith("/misdirected")) response.writeHead(421).end()
    else if (!request.url.startsWith("/slow")) request.stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED)
    else slow.push(() => response.end("2.0 slow"))
  })
}

const slow: Array<() => void> = []

const withSite = <E>(
  name: string,
  test: (session: Session.SessionService, site: EitherSite) => Effect.Effect<void, E, Scope.Scope>,
  deliveries = 1
) =>
  it.scopedLive(name, () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const site = yield* eitherSite({ ...set.good, answer: unwilling })
      const { connector, session } = yield* sessionOn({ http2: true, ssl: yield* Ssl.context({ ca: set.ca }) })
      const exit = yield* invariants(test(session, site), { connector, servers: [site], deliveries })
      if (Exit.isFailure(exit)) assert.fail(String(exit.cause))
    })
  )

describe("HTTP_1_1_REQUIRED", () => {
  withSite("has a GET sent again over HTTP/1.1, which is remembered", (session, site) =>
    Effect.gen(function* () {
      const [text, signals] = yield* session.get(`${site.url}/a`).pipe(ClientResponse.text, Tracing.collect)
      assert.strictEqual(text, "1.1 /a")
      const retries = signals.flatMap((signal) => (signal._tag === "RequestRetry" ? [signal.reason] : []))
      assert.deepStrictEqual(retries, ["Http11Required"])
      const opened = signals.flatMap((signal) => (signal._tag === "ConnectionCreateEnd" ? [signal.protocol] : []))
      assert.deepStrictEqual(opened, ["h2", "http/1.1"])
      assert.strictEqual(yield* session.post(`${site.url}/b`, { text: "b" }).pipe(ClientResponse.text), "1.1 /b")
      assert.deepStrictEqual(site.asked, ["2.0 /a", "1.1 /a", "1.1 /b"])
      assert.deepStrictEqual(site.spoken, ["h2", "http/1.1"])
    })
  )

  withSite("fails a POST, and the next goes over HTTP/1.1", (session, site) =>
    Effect.gen(function* () {
      const post = (target: string) => session.post(`${site.url}${target}`, { text: "a" }).pipe(ClientResponse.text)
      const error = yield* Effect.flip(post("/a"))
      assert.deepInclude(error, { _tag: "StreamResetError", code: "HTTP_1_1_REQUIRED", unprocessed: false, attempt: 1 })
      assert.strictEqual(yield* post("/b"), "1.1 /b")
      assert.deepStrictEqual(site.asked, ["2.0 /a", "1.1 /b"])
    })
  )

  withSite("leaves the other requests of the connection", (session, site) =>
    Effect.gen(function* () {
      slow.length = 0
      const fiber = yield* Effect.fork(session.get(`${site.url}/slow`).pipe(ClientResponse.text))
      yield* untilValue(
        Effect.sync(() => slow),
        (waiting) => waiting.length === 1
      )
      assert.strictEqual(yield* session.get(`${site.url}/a`).pipe(ClientResponse.text), "1.1 /a")
      slow[0]()
      assert.strictEqual(yield* Fiber.join(fiber), "2.0 slow")
    })
  )

  it.scopedLive("fails a request that must use HTTP/2", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const site = yield* eitherSite({ ...set.good, answer: unwilling })
      const { session } = yield* sessionOn({ ssl: yield* Ssl.context({ ca: set.ca }) }, { version: "2" })
      const error = yield* Effect.flip(session.get(`${site.url}/a`).pipe(ClientResponse.text))
      assert.deepInclude(error, { _tag: "StreamResetError", code: "HTTP_1_1_REQUIRED" })
      assert.deepStrictEqual([...new Set(site.spoken)], ["h2"])
      assert.strictEqual(yield* session.get(`${site.url}/well`).pipe(ClientResponse.text), "2.0")
    })
  )
})

describe("a 421 response", () => {
  withSite("is a response like others", (session, site) =>
    Effect.gen(function* () {
      const status = session
        .post(`${site.url}/misdirected`)
        .pipe(ClientResponse.use((response) => Effect.succeed(response.status)))
      assert.strictEqual(yield* status, 421)
      assert.deepStrictEqual(site.asked, ["2.0 /misdirected"])
    })
  )
})
