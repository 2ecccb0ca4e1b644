import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { ClientResponse, Session, Tracing } from "effect-http-session"
import { turn } from "../src/internal/testing/faultServer.js"
import { server as faultServer } from "./support/server.js"
import { listenToAll, tagsOf } from "./support/signals.js"
import { site } from "./support/tracedSite.js"

describe("traceConfig", () => {
  it.scopedLive(
    "passes the session, a context of the request, and the signal to its listeners, in order of the configs",
    () =>
      Effect.gen(function* () {
        const url = yield* site
        const lines: Array<string> = []
        const say = (line: string) => Effect.sync(() => void lines.push(line))
        const config = (name: string) =>
          Tracing.traceConfig({
            ctx: (given) => ({ name, given, seen: 0 }),
            onRequestStart: (session, ctx, signal) =>
              say(`${name} start ${Session.TypeId in session} ${String(ctx.given)} ${++ctx.seen} ${signal.requestId}`),
            onRequestRedirect: (_session, ctx, signal) => say(`${name} redirect ${++ctx.seen} ${signal.location}`),
            onRequestEnd: (_session, ctx, signal) => say(`${name} end ${++ctx.seen} ${signal.response.status}`)
          })
        yield* Session.get(`${url}/302`, { traceRequestCtx: "ctx" }).pipe(
          ClientResponse.text,
          Effect.provide(Session.layer({ traceConfigs: [config("a"), config("b")] }))
        )
        assert.deepStrictEqual(lines, [
          "a start true ctx 1 1",
          "b start true ctx 1 1",
          "a redirect 2 /echo",
          "b redirect 2 /echo",
          "a end 3 200",
          "b end 3 200"
        ])
      })
  )

  it.scopedLive("uses traceRequestCtx as the context if ctx is not set", () =>
    Effect.gen(function* () {
      const url = yield* site
      let seen: unknown
      const config = Tracing.traceConfig({
        onRequestStart: (_session, ctx) =>
          Effect.sync(() => {
            seen = ctx.traceRequestCtx
          })
      })
      yield* Session.get(`${url}/echo`, { traceRequestCtx: { foo: "bar" } }).pipe(
        ClientResponse.discard,
        Effect.provide(Session.layer({ traceConfigs: [config] }))
      )
      assert.deepStrictEqual(seen, { foo: "bar" })
    })
  )

  it.scopedLive("awaits each listener before the request continues, so that no header is written before", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([])
      const reached = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const config = Tracing.traceConfig({
        onRequestHeadersSent: () => Effect.zipRight(Deferred.succeed(reached, undefined), Deferred.await(go))
      })
      const fiber = yield* Session.get(`${peer.url}/nonce?1`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ traceConfigs: [config] })),
        Effect.fork
      )
      yield* Deferred.await(reached)
      for (let i = 0; i < 20; i++) yield* turn
      assert.lengthOf(yield* peer.requests, 0)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "1")
    })
  )

  it.scopedLive("can change the headers of every hop in onRequestStart", () =>
    Effect.gen(function* () {
      const url = yield* site
      const config = Tracing.traceConfig({
        onRequestStart: (_session, _ctx, _signal, headers) =>
          Effect.zipRight(headers.set("x-added", "1"), headers.remove("x-gone"))
      })
      const body = yield* Session.get(`${url}/302`, { headers: { "x-gone": "1", "x-kept": "1" } }).pipe(
        ClientResponse.json,
        Effect.provide(Session.layer({ traceConfigs: [config] }))
      )
      assert.deepInclude(body, { "x-added": "1", "x-kept": "1" })
      assert.notProperty(body, "x-gone")
    })
  )

  it.scopedLive("fails the request if onRequestStart sets an invalid header", () =>
    Effect.gen(function* () {
      const url = yield* site
      const config = Tracing.traceConfig({
        onRequestStart: (_session, _ctx, _signal, headers) => headers.set("x-bad", "a\r\nb")
      })
      const exit = yield* Session.get(`${url}/echo`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ traceConfigs: [config] })),
        Effect.exit
      )
      assert.include(String(exit), "InvalidRequest")
    })
  )

  const points = [
    "onRequestStart",
    "onConnectionCreateStart",
    "onConnectionCreateEnd",
    "onRequestHeadersSent",
    "onRequestChunkSent",
    "onRequestEnd",
    "onResponseChunkReceived",
    "onResponseEnd"
  ] as const
  for (const point of points) {
    it.scopedLive(`fails only its own request if ${point} dies, and releases everything`, () =>
      Effect.gen(function* () {
        const url = yield* site
        const outcomes: Array<string> = []
        const config = Tracing.traceConfig({
          ctx: (given) => given,
          [point]: (_session: unknown, ctx: unknown) => (ctx === "die" ? Effect.die("boom") : Effect.void),
          onRequestException: (_session, _ctx, signal) =>
            Effect.sync(() => void outcomes.push(Cause.isDie(signal.cause) ? "defect" : "other"))
        })
        yield* Effect.gen(function* () {
          const session = yield* Session.Session
          const post = (traceRequestCtx: string) =>
            session.post(`${url}/echo`, { data: "abc", traceRequestCtx }).pipe(ClientResponse.text, Effect.exit)
          const [bad, good] = yield* Effect.all([post("die"), post("live")], { concurrency: 2 })
          assert.isTrue(Exit.isFailure(bad) && Cause.isDie(bad.cause), String(bad))
          assert.isTrue(Exit.isSuccess(good), String(good))
          const ended = point === "onRequestEnd" || point.startsWith("onResponse")
          assert.deepStrictEqual(outcomes, ended ? [] : ["defect"])
          const { acquired, connecting, waiting } = yield* session.connector.stats
          assert.deepStrictEqual({ acquired, connecting, waiting }, { acquired: 0, connecting: 0, waiting: 0 })
        }).pipe(Effect.provide(Session.layer({ traceConfigs: [config] })))
      })
    )
  }

  it.scopedLive("cannot exceed the total timeout with a listener that hangs", () =>
    Effect.gen(function* () {
      const url = yield* site
      const config = Tracing.traceConfig({ onRequestHeadersSent: () => Effect.never })
      const exit = yield* Session.get(`${url}/echo`, { timeout: 40 }).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ traceConfigs: [config] })),
        Effect.exit
      )
      assert.include(String(exit), "TotalTimeoutError")
    })
  )

  it.scopedLive("emits signals of an unread body and of released connections", () =>
    Effect.gen(function* () {
      const url = yield* site
      const received: Array<Tracing.Signal> = []
      const config = listenToAll((signal) => Effect.sync(() => void received.push(signal)))
      yield* Effect.scoped(Session.get(`${url}/echo`)).pipe(Effect.provide(Session.layer({ traceConfigs: [config] })))
      const tags = tagsOf(received)
      assert.deepStrictEqual(tags.slice(0, 4), [
        "RequestStart",
        "ConnectionCreateStart",
        "ConnectionCreateEnd",
        "RequestHeadersSent"
      ])
      assert.includeMembers([...tags], ["RequestEnd", "ResponseEnd"])
      assert.isTrue(tags.includes("ConnectionReleased") || tags.includes("ConnectionClosed"))
    })
  )

  it("refuses an invalid config", () => {
    const exit = Effect.runSyncExit(
      Effect.scoped(
        Effect.provide(Session.Session, Session.layer({ traceConfigs: [{} as unknown as Tracing.TraceConfig] }))
      )
    )
    assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
  })
})
