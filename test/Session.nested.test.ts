/** Requests that the callbacks of a request make themselves. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Scope } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import type * as Middleware from "effect-http-session/Middleware"
import * as Session from "effect-http-session/Session"

/** So many calls mean infinite recursion. */
const many = 20

/** A session on a mock that responds with the path and the header "x-chain". */
const sessionOf = (options: Session.SessionOptions = {}) =>
  Effect.flatMap(
    Layer.build(
      Layer.merge(
        Connector.layerMock((request) => {
          const { pathname } = new URL(request.url)
          return pathname === "/moved"
            ? new Response(null, { status: 302, headers: { location: "/" } })
            : new Response(`${pathname} ${request.headers.get("x-chain") ?? "none"}`)
        }),
        CookieJar.layer()
      )
    ),
    (context) => Effect.provide(Session.make(options), context)
  )

const url = "http://a.test/"

/** Adds its name to the header "x-chain". */
const named =
  (name: string): Middleware.Middleware =>
  (request, next) =>
    next(ClientRequest.setHeader(request, "x-chain", [...Option.toArray(request.header("x-chain")), name].join("+")))

/** Counts its calls, and dies after too many of them, which only infinite recursion makes. */
const counted = (f: Middleware.Middleware) => {
  let calls = 0
  const middleware: Middleware.Middleware = (request, next) =>
    Effect.suspend(() => (++calls > many ? Effect.dieMessage("it calls itself") : f(request, next)))
  return { middleware, calls: () => calls }
}

/** A middleware that sends each request through another session. */
const through = (other: Session.SessionService) =>
  Effect.map(Effect.scope, (scope) => counted((request) => Scope.extend(other.execute(request), scope)))

describe("a middleware that sends the request through another session", () => {
  it.scoped("gets the response of the other session's chain if it is a middleware of a session", () =>
    Effect.gen(function* () {
      const other = yield* sessionOf({ middlewares: [named("other")] })
      const { calls, middleware } = yield* through(other)
      const session = yield* sessionOf({ middlewares: [named("outer"), middleware, named("inner")] })
      assert.strictEqual(yield* ClientResponse.text(session.get(url)), "/ outer+other")
      assert.strictEqual(calls(), 1)
    })
  )

  it.scoped("gets the response of the other session's chain if it is a middleware of a request", () =>
    Effect.gen(function* () {
      const other = yield* sessionOf({ middlewares: [named("other")] })
      const { calls, middleware } = yield* through(other)
      const session = yield* sessionOf({ middlewares: [named("session")] })
      const get = session.get(url, { middlewares: [middleware] })
      assert.strictEqual(yield* ClientResponse.text(get), "/ other")
      assert.strictEqual(calls(), 1)
    })
  )

  it.scoped("gets the response of the other session's chain if it is a middleware of the current options", () =>
    Effect.gen(function* () {
      const other = yield* sessionOf({ middlewares: [named("other")] })
      const { calls, middleware } = yield* through(other)
      const session = yield* sessionOf()
      const get = Session.withRequestOptions(session.get(url), { middlewares: [middleware] })
      assert.strictEqual(yield* ClientResponse.text(get), "/ other")
      assert.strictEqual(calls(), 1)
    })
  )

  it.scoped("can send it through a derived session without middlewares", () =>
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const session: Session.SessionService = yield* sessionOf({
        middlewares: [
          counted((request) => Scope.extend(session.with({ middlewares: [] }).execute(request), scope)).middleware
        ]
      })
      assert.strictEqual(yield* ClientResponse.text(session.get(url)), "/ none")
    })
  )

  it.scoped("keeps an edit of the request and the request's own middlewares", () =>
    Effect.gen(function* () {
      const other = yield* sessionOf({ middlewares: [named("other")] })
      const scope = yield* Effect.scope
      const session = yield* sessionOf({
        middlewares: [
          (request) =>
            Scope.extend(
              other.execute(ClientRequest.setUrl(request, "/edited"), { middlewares: [named("given")] }),
              scope
            )
        ]
      })
      assert.strictEqual(yield* ClientResponse.text(session.get(url)), "/edited given")
    })
  )
})

describe("a request of ClientRequest.make", () => {
  it.scoped("keeps the middlewares that it was made with", () =>
    Effect.gen(function* () {
      const session = yield* sessionOf({ middlewares: [named("session")] })
      const request = yield* ClientRequest.make("GET", url, { middlewares: [named("own")] })
      assert.strictEqual(yield* ClientResponse.text(session.execute(request)), "/ own")
    })
  )
})

describe("a callback of the current options that makes a request", () => {
  const rows: Readonly<
    Record<string, (ask: () => Effect.Effect<void>) => Parameters<Session.SessionService["post"]>[1]>
  > = {
    middlewares: (ask) => ({ middlewares: [(request, next) => Effect.zipRight(ask(), next(request))] }),
    raiseForStatus: (ask) => ({ raiseForStatus: () => ask() }),
    onRedirect: (ask) => ({ onRedirect: ({ next }) => Effect.as(ask(), Option.some(next)) }),
    onProgress: (ask) => ({ onProgress: () => ask() })
  }
  for (const [name, options] of Object.entries(rows)) {
    it.scoped(`is not called for that request: ${name}`, () =>
      Effect.gen(function* () {
        const other = yield* sessionOf()
        const session = yield* sessionOf()
        let calls = 0
        const ask = () =>
          Effect.suspend(() =>
            ++calls > many
              ? Effect.dieMessage("it calls itself")
              : Effect.orDie(Effect.asVoid(ClientResponse.text(other.post(`${url}moved`, { text: "a" }))))
          )
        const text = ClientResponse.text(session.post(`${url}moved`, { text: "a" }))
        assert.strictEqual(yield* Session.withRequestOptions(text, options(ask) ?? {}), "/ none")
        assert.isAbove(calls, 0)
        assert.isAtMost(calls, 4)
      })
    )
  }
})
