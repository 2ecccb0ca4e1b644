import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, Option } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Session from "effect-http-session/Session"
import * as Server from "./support/server.js"
import { untilValue } from "./support/wait.js"

const echo = Server.answers(({ header, method, target }) =>
  Server.response(
    200,
    method === "HEAD" ? "" : `${method} ${target} ${header("x-a") ?? ""} ${header("x-b") ?? ""}`.trim()
  )
)
const limits = { timeout: "15 seconds" } as const

const sessionOf = (options?: Session.LayerOptions) =>
  Effect.map(Layer.build(Session.layer(options)), Context.get(Session.Session))

const defectOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(Option.getOrUndefined(Cause.dieOption(exit.cause))) : "it succeeded"

describe("verbs", () => {
  it.scopedLive("send their methods, as members of the service and as functions of the module", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const session = yield* sessionOf(limits)
      const verbs = [
        ["get", Session.get],
        ["options", Session.options],
        ["post", Session.post],
        ["put", Session.put],
        ["patch", Session.patch],
        ["delete", Session.delete]
      ] as const
      for (const [verb, ofContext] of verbs) {
        const expected = `${verb.toUpperCase()} /x`
        assert.strictEqual(yield* session[verb](`${at.url}/x`).pipe(ClientResponse.text), expected)
        const inContext = ofContext(`${at.url}/x`).pipe(ClientResponse.text)
        assert.strictEqual(yield* Effect.provideService(inContext, Session.Session, session), expected)
      }
      assert.strictEqual(yield* session.head(`${at.url}/x`).pipe(ClientResponse.text), "")
      assert.strictEqual(yield* session.request("PROPFIND", `${at.url}/x`).pipe(ClientResponse.text), "PROPFIND /x")
      assert.strictEqual(yield* session.request("get", `${at.url}/x`).pipe(ClientResponse.text), "GET /x")
      const refused = yield* Effect.flip(session.request("GE T", `${at.url}/x`).pipe(ClientResponse.text))
      assert.strictEqual(refused._tag, "InvalidRequest")
      assert.strictEqual(yield* at.accepted, 1)
    })
  )

  it.scopedLive("are values, so that running one twice sends two requests", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const session = yield* sessionOf(limits)
      const get = session.get(`${at.url}/x`).pipe(ClientResponse.text)
      assert.strictEqual((yield* at.requests).length, 0)
      yield* Effect.replicateEffect(get, 3)
      assert.strictEqual((yield* at.requests).length, 3)
    })
  )
})

describe("baseUrl", () => {
  it.scopedLive("is joined with relative URLs and ignored for absolute ones", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const session = yield* sessionOf({ ...limits, baseUrl: `${at.url}/sub/` })
      const text = (url: string) => session.get(url).pipe(ClientResponse.text)
      assert.strictEqual(yield* text("test?q=1#f"), "GET /sub/test?q=1")
      assert.strictEqual(yield* text("/test"), "GET /test")
      assert.strictEqual(yield* text(`${at.url}/other`), "GET /other")
    })
  )

  it.scopedLive("is required by relative URLs", () =>
    Effect.gen(function* () {
      const session = yield* sessionOf()
      assert.strictEqual((yield* Effect.flip(session.get("/x").pipe(ClientResponse.text)))._tag, "InvalidURL")
    })
  )

  for (const baseUrl of ["/relative", "http://h/sub", "ftp://h/"]) {
    it.effect(`${baseUrl} is a defect, and a ConfigError from Config`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(Session.layer({ baseUrl }))))
        assert.match(defectOf(exit), /baseUrl/)
        const config = yield* Layer.build(Session.layerConfig({ baseUrl: Config.string("BASE") })).pipe(
          Effect.scoped,
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["BASE", baseUrl]]))),
          Effect.exit
        )
        assert.isTrue(Exit.isFailure(config) && config.cause._tag === "Fail")
      })
    )
  }
})

describe("defaults", () => {
  it.scopedLive("are overridden by the nearer source: session, `with`, context, request", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const session = yield* sessionOf({ ...limits, headers: { "X-A": "session", "X-B": "session" } })
      const text = (on: Session.SessionService, headers?: Record<string, string>) =>
        on.get(at.url, headers === undefined ? {} : { headers }).pipe(ClientResponse.text)
      assert.strictEqual(yield* text(session), "GET / session session")
      const derived = session.with({ headers: { "x-a": "derived" } })
      assert.strictEqual(yield* text(derived), "GET / derived session")
      assert.strictEqual(yield* text(session), "GET / session session")
      const inside = Session.withRequestOptions(text(derived), { headers: { "x-a": "context" } })
      assert.strictEqual(yield* inside, "GET / context session")
      const nearest = Session.withRequestOptions(text(derived, { "x-a": "request" }), { headers: { "x-a": "context" } })
      assert.strictEqual(yield* nearest, "GET / request session")
      // Both sessions share the pool and close together.
      assert.strictEqual(yield* at.accepted, 1)
    })
  )
})

describe("the close of a session", () => {
  it.scopedLive("happens once, closes its sockets, and refuses later requests", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const session = yield* sessionOf(limits)
      const derived = session.with({})
      yield* session.get(at.url).pipe(ClientResponse.text)
      yield* session.close
      yield* session.close
      yield* untilValue(at.connections, (open) => open === 0)
      for (const one of [session, derived]) {
        const error = yield* Effect.flip(one.get(at.url).pipe(ClientResponse.text))
        assert.strictEqual(error._tag, "SessionClosedError")
        if (error._tag === "SessionClosedError") assert.strictEqual(error.subject, "Session")
      }
      assert.strictEqual((yield* at.requests).length, 1)
    })
  )

  it.scopedLive("lets requests in flight finish, and fails waiting ones", () =>
    Effect.gen(function* () {
      let answer: () => void = () => {}
      const answered = new Promise<void>((resolve) => {
        answer = resolve
      })
      const at = yield* Server.always(
        Server.plays(Server.request, () => Effect.promise(() => answered), Server.respond(200, "late"), Server.stall)
      )
      const session = yield* sessionOf({ ...limits, connector: { limit: 1 } })
      const busy = yield* Effect.fork(session.get(at.url).pipe(ClientResponse.text))
      yield* untilValue(at.requests, (all) => all.length === 1)
      const waits = yield* Effect.fork(Effect.flip(session.get(at.url).pipe(ClientResponse.text)))
      yield* untilValue(session.connector.stats, (stats) => stats.waiting === 1)
      const closing = yield* Effect.fork(session.close)
      assert.strictEqual((yield* Fiber.join(waits))._tag, "SessionClosedError")
      answer()
      assert.strictEqual(yield* Fiber.join(busy), "late")
      yield* Fiber.join(closing)
      yield* untilValue(at.connections, (open) => open === 0)
    })
  )

  it.scopedLive("cuts requests that exceed gracefulShutdownTimeout", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.plays(Server.request, Server.stall))
      const session = yield* sessionOf({ ...limits, connector: { gracefulShutdownTimeout: "50 millis" } })
      const busy = yield* Effect.fork(Effect.flip(session.get(at.url).pipe(ClientResponse.text)))
      yield* untilValue(at.requests, (all) => all.length === 1)
      yield* session.close
      assert.strictEqual((yield* Fiber.join(busy))._tag, "SessionClosedError")
      yield* untilValue(at.connections, (open) => open === 0)
    })
  )
})

describe("layerMock", () => {
  it.effect("falls back on request, and dies with the name of a missing member", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const layer = Session.layerMock({
        request: (method, url) =>
          Effect.suspend(() => {
            seen.push(`${method} ${String(url)}`)
            return Effect.never
          })
      })
      yield* Session.put("http://h/").pipe(
        ClientResponse.text,
        Effect.provide(layer),
        Effect.timeoutOption(0),
        Effect.fork
      )
      yield* Effect.yieldNow()
      yield* Effect.yieldNow()
      const exit = yield* Session.get("http://h/").pipe(
        ClientResponse.text,
        Effect.provide(Session.layerMock({})),
        Effect.exit
      )
      assert.match(defectOf(exit), /request was not given/)
      assert.deepStrictEqual(seen, ["PUT http://h/"])
    })
  )
})
