/**
 * The history of redirects, errors after them, and the hook onRedirect.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as Errors from "effect-http-session/Errors"
import { failure, final, once, text } from "./support/redirects.js"
import * as Server from "./support/server.js"
import { asked, redirect, sessionWith, site, values } from "./support/sites.js"

const { response } = Server

describe("the history", () => {
  it.scopedLive("holds each hop's status, headers, cookies and URL in order", () =>
    Effect.gen(function* () {
      const at = yield* site((request) =>
        request.target === "/3"
          ? response(200, "end", ["Set-Cookie: last=1"])
          : redirect(
              request.target === "/1" ? 301 : 307,
              `/${Number(request.target.slice(1)) + 1}#f${request.target.slice(1)}`,
              [`X-Hop: ${request.target}`, `Set-Cookie: c${request.target.slice(1)}=1`]
            )
      )
      const { session } = yield* sessionWith()
      const last = yield* final(session.get(at.to("a.test", "/1")))
      assert.deepStrictEqual(
        last.history.map((hop) => ({
          status: hop.status,
          url: hop.url,
          realUrl: hop.realUrl,
          hop: Option.getOrUndefined(hop.header("x-hop")),
          cookies: Object.keys(hop.cookies.cookies),
          method: hop.requestInfo.method
        })),
        [
          {
            status: 301,
            url: at.to("a.test", "/1"),
            realUrl: at.to("a.test", "/1"),
            hop: "/1",
            cookies: ["c1"],
            method: "GET"
          },
          {
            status: 307,
            url: at.to("a.test", "/2"),
            realUrl: at.to("a.test", "/2#f1"),
            hop: "/2",
            cookies: ["c2"],
            method: "GET"
          }
        ]
      )
      assert.strictEqual(last.realUrl, at.to("a.test", "/3#f2"))
      assert.deepStrictEqual(Object.keys(last.cookies.cookies), ["last"])
    })
  )

  it.scopedLive("is in ClientResponseError, by raiseForStatus of the session, of the request and of the response", () =>
    Effect.gen(function* () {
      const at = yield* site((request) =>
        request.target === "/end" ? response(503, "later") : redirect(302, "/end", ["X-Hop: 1"])
      )
      const ways: ReadonlyArray<Effect.Effect<unknown, Errors.ClientError, never>> = [
        Effect.scoped(
          Effect.flatMap(sessionWith({ raiseForStatus: true }), ({ session }) => text(session, "GET", at.to("a.test")))
        ),
        Effect.scoped(
          Effect.flatMap(sessionWith(), ({ session }) =>
            text(session, "GET", at.to("a.test"), { raiseForStatus: true })
          )
        ),
        Effect.scoped(
          Effect.flatMap(sessionWith(), ({ session }) =>
            Effect.flatMap(session.get(at.to("a.test")), (last) => last.raiseForStatus)
          )
        ),
        Effect.scoped(
          Effect.flatMap(sessionWith(), ({ session }) =>
            text(session, "GET", at.to("a.test"), {
              raiseForStatus: (last) => (last.status === 503 ? Effect.asVoid(last.raiseForStatus) : Effect.void)
            })
          )
        )
      ]
      for (const way of ways) {
        const error = failure(yield* Effect.exit(way), "ClientResponseError")
        assert.strictEqual(error.status, 503)
        assert.strictEqual(error.body, "later")
        assert.deepStrictEqual(
          error.history.map((hop) => [hop.status, hop.url, Option.getOrUndefined(hop.header("x-hop"))]),
          [[302, at.to("a.test"), "1"]]
        )
      }
    })
  )

  it.scopedLive("is kept by each form of raiseForStatus, all of which release the connection", () =>
    Effect.gen(function* () {
      const at = yield* site((request) => (request.target === "/end" ? response(404, "gone") : redirect(302, "/end")))
      const { connector, session } = yield* sessionWith({ raiseForStatus: true })
      for (let i = 0; i < 3; i++) {
        failure(yield* Effect.exit(text(session, "GET", at.to("a.test"))), "ClientResponseError")
        failure(yield* Effect.exit(Effect.scoped(session.get(at.to("a.test")))), "ClientResponseError")
      }
      assert.strictEqual(yield* text(session, "GET", at.to("a.test"), { raiseForStatus: false }), "gone")
      assert.deepInclude(yield* connector.stats, { acquired: 0, idle: 1 })
      assert.strictEqual(yield* at.accepted, 1)
    })
  )
})

describe("errors after a redirect", () => {
  it.scopedLive("name the original method, so that retry does not repeat a POST that became a GET", () =>
    Effect.gen(function* () {
      const cut: Server.Play = (peer) =>
        Effect.flatMap(peer.request, (request) =>
          request.target === "/end" ? peer.fin : Effect.zipRight(peer.send(redirect(303, "/end")), cut(peer))
        )
      const at = yield* Server.always(cut)
      const { session } = yield* sessionWith()
      const url = `http://a.test:${at.port}/`
      const error = failure(yield* Effect.exit(text(session, "POST", url, { text: "x" })), "ServerDisconnectedError")
      assert.strictEqual(error.method, "POST")
      assert.strictEqual(error.url, `${url}end`)
      assert.isFalse(Errors.isRetryable(error))
      const other = failure(yield* Effect.exit(text(session, "PUT", url, { text: "x" })), "ServerDisconnectedError")
      assert.strictEqual(other.method, "PUT")
      assert.isTrue(Errors.isRetryable(other))
    })
  )

  it.scopedLive("are not retryable for a POST if the connection of the next hop is refused", () =>
    Effect.gen(function* () {
      // Unlike on a port that was just closed, no other test can listen on port 1.
      const at = yield* once(307, "http://a.test:1/")
      const { session } = yield* sessionWith()
      const post = yield* Effect.exit(text(session, "POST", at.to("a.test"), { text: "x" }))
      assert.isFalse(Errors.isRetryable(failure(post, "ClientConnectorError")))
      const get = yield* Effect.exit(text(session, "GET", at.to("a.test")))
      assert.isTrue(Errors.isRetryable(failure(get, "ClientConnectorError")))
    })
  )

  it.scopedLive("are not retryable for a POST if a status or a broken body caused them", () =>
    Effect.gen(function* () {
      const at = yield* site((request) => (request.target === "/end" ? response(503, "{") : redirect(302, "/end")))
      const { session } = yield* sessionWith()
      const url = at.to("a.test")
      const status = yield* Effect.exit(text(session, "POST", url, { text: "x", raiseForStatus: true }))
      assert.strictEqual(failure(status, "ClientResponseError").method, "POST")
      assert.isFalse(Errors.isRetryable(failure(status, "ClientResponseError")))
      const timeout = yield* site((request) =>
        request.target === "/end" ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc" : redirect(302, "/end")
      )
      const late = yield* Effect.exit(
        text(session, "POST", timeout.to("a.test"), { text: "x", timeout: { body: "50 millis" } })
      )
      assert.strictEqual(failure(late, "SocketTimeoutError").method, "POST")
    })
  )
})

describe("onRedirect", () => {
  const chain = Effect.gen(function* () {
    const b = yield* site((request) => response(200, `b ${request.method} ${request.header("x-hook") ?? ""}`))
    const a = yield* site((request) =>
      request.target === "/home" ? redirect(302, b.to("b.test", "/away")) : redirect(302, "/home", [], "here")
    )
    return { a, b }
  })

  it.scopedLive("is called for each hop, and returns None to make the redirect the final response", () =>
    Effect.gen(function* () {
      const { a, b } = yield* chain
      const { session } = yield* sessionWith({ headers: { "X-Api-Key": "k", "X-Plain": "p" } })
      const redirects: Array<ClientRequest.Redirect> = []
      const last = yield* session
        .get(a.to("a.test"), {
          onRedirect: (hop) => {
            redirects.push(hop)
            return Effect.succeed(hop.crossOrigin ? Option.none() : Option.some(hop.next))
          }
        })
        .pipe(final)
      assert.strictEqual(last.status, 302)
      assert.strictEqual(last.url, a.to("a.test", "/home"))
      assert.strictEqual(last.history.length, 1)
      assert.deepStrictEqual(asked(b), [])
      assert.deepStrictEqual(
        redirects.map(({ crossOrigin, next, response: { status } }) => [status, next.url, next.hop, crossOrigin]),
        [
          [302, a.to("a.test", "/home"), 1, false],
          [302, b.to("b.test", "/away"), 2, true]
        ]
      )
      assert.deepStrictEqual(
        redirects.map(({ next }) => [next.header("x-api-key"), next.header("x-plain")]),
        [
          [Option.some("k"), Option.some("p")],
          [Option.none(), Option.some("p")]
        ]
      )
    })
  )

  it.scopedLive("can refuse a redirect; its body is then readable, and raiseForStatus applies", () =>
    Effect.gen(function* () {
      const { a } = yield* chain
      const { session } = yield* sessionWith({ onRedirect: () => Effect.succeedNone })
      assert.strictEqual(yield* text(session, "GET", a.to("a.test")), "here")
      const seen: Array<number> = []
      yield* text(session, "GET", a.to("a.test"), {
        raiseForStatus: ({ status }) => Effect.sync(() => void seen.push(status))
      })
      assert.deepStrictEqual(seen, [302])
    })
  )

  it.scopedLive("can change the request", () =>
    Effect.gen(function* () {
      const { a } = yield* chain
      const { session } = yield* sessionWith()
      const body = yield* text(session, "GET", a.to("a.test"), {
        onRedirect: ({ next }) => Effect.succeedSome(ClientRequest.setHeader(next, "X-Hook", String(next.hop)))
      })
      assert.strictEqual(body, "b GET 2")
    })
  )

  it.scopedLive("can return another request, which counts as a hop", () =>
    Effect.gen(function* () {
      const at = yield* site(() => redirect(302, "/"))
      const { session } = yield* sessionWith()
      const own = yield* ClientRequest.make("GET", at.to("a.test", "/own"))
      const exit = yield* Effect.exit(
        text(session, "GET", at.to("a.test"), { maxRedirects: 3, onRedirect: () => Effect.succeedSome(own) })
      )
      failure(exit, "TooManyRedirects")
      assert.deepStrictEqual(asked(at), ["GET /", "GET /own", "GET /own", "GET /own"])
    })
  )

  it.scopedLive("leaves nothing acquired if it fails, dies or is interrupted", () =>
    Effect.gen(function* () {
      const { a } = yield* chain
      const { connector, session } = yield* sessionWith()
      const failed = yield* Effect.exit(
        text(session, "GET", a.to("a.test"), {
          onRedirect: () => Effect.asSome(ClientRequest.make("GET", "no:where"))
        })
      )
      failure(failed, "InvalidURL")
      const died = yield* Effect.exit(
        text(session, "GET", a.to("a.test"), { onRedirect: () => Effect.die("broken hook") })
      )
      assert.isTrue(Exit.isFailure(died) && Cause.isDie(died.cause))
      const late = yield* Effect.exit(
        text(session, "GET", a.to("a.test"), { onRedirect: () => Effect.never, timeout: "50 millis" })
      )
      failure(late, "TotalTimeoutError")
      assert.deepInclude(yield* connector.stats, { acquired: 0, waiting: 0 })
    })
  )
})

describe("a middleware that sends a request elsewhere", () => {
  it.scopedLive("makes a relative Location relative to the responding URL", () =>
    Effect.gen(function* () {
      const b = yield* site((request) => (request.target === "/end" ? response(200, "b") : redirect(302, "/end")))
      const a = yield* site(() => response(200, "a"))
      const { session } = yield* sessionWith({
        headers: { Authorization: "Bearer s3cr3t-a" },
        middlewares: [
          (request, next) => next(request.hop === 0 ? ClientRequest.setUrl(request, b.to("b.test", "/start")) : request)
        ]
      })
      assert.strictEqual(yield* text(session, "GET", a.to("a.test")), "b")
      assert.deepStrictEqual(values(b, "authorization"), [[], []])
      assert.deepStrictEqual(asked(a), [])
    })
  )
})
