/** The snapshots of `session.activity`. */

import { Headers } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Deferred, Effect, Fiber, Option, Queue, Stream, TestClock } from "effect"
import { ClientResponse, type Connector, Middleware, Session, Testing, type Tracing } from "effect-http-session"
import { activityOf } from "../src/internal/tracing/activity.js"
import { makeHub } from "../src/internal/transport/signalHub.js"
import { turns } from "./support/wait.js"

const url = "http://a.test/"

/** Runs the stream in a fiber, and returns a queue of its snapshots that has delivered the first one. */
const watching = (options?: Tracing.ActivityOptions) =>
  Effect.gen(function* () {
    const session = yield* Session.Session
    const snapshots = yield* Queue.unbounded<Tracing.Activity>()
    const fiber = yield* Effect.fork(
      Stream.runForEach(session.activity(options), (snapshot) => Queue.offer(snapshots, snapshot))
    )
    const first = yield* Queue.take(snapshots)
    return { session, snapshots, fiber, first }
  })

/** A response with a body that the test sends. */
const stepwise = Effect.gen(function* () {
  const first = yield* Deferred.make<void>()
  const second = yield* Deferred.make<void>()
  const chunk = new Uint8Array(10)
  const body = Stream.fromEffect(Deferred.await(first)).pipe(
    Stream.as(chunk),
    Stream.concat(Stream.as(Stream.fromEffect(Deferred.await(second)), chunk))
  )
  const handler: Connector.MockHandler = () =>
    new Response(Stream.toReadableStream(body), { headers: { "content-length": "20" } })
  return { handler, first, second }
})

const none = { acquired: 0, idle: 0, connecting: 0, waiting: 0, streams: 0 }

describe("session.activity", () => {
  it.effect("emits a snapshot at once, after each interval, and when the session is closed", () =>
    Effect.gen(function* () {
      const { fiber, first, session, snapshots } = yield* watching({ interval: "1 second" })
      assert.deepStrictEqual(first, {
        elapsed: 0,
        active: 0,
        answered: 0,
        failed: 0,
        retries: 0,
        redirects: 0,
        sent: 0,
        received: 0,
        sentPerSecond: 0,
        receivedPerSecond: 0,
        connections: none,
        transfers: []
      })
      yield* TestClock.adjust("999 millis")
      assert.isTrue(Option.isNone(yield* Queue.poll(snapshots)))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Queue.take(snapshots)).elapsed, 1000)
      yield* session.post(url, { text: "abc" }).pipe(ClientResponse.text)
      yield* session.close
      yield* Fiber.join(fiber)
      const [last, ...more] = Chunk.toReadonlyArray(yield* Queue.takeAll(snapshots))
      assert.isEmpty(more)
      assert.deepInclude(last, { elapsed: 1000, active: 0, answered: 1, failed: 0, sent: 3, received: 2 })
    }).pipe(Effect.provide(Testing.layer(() => new Response("ok"))))
  )

  it.effect("takes one snapshot every 200 milliseconds by default", () =>
    Effect.gen(function* () {
      const { snapshots } = yield* watching()
      yield* TestClock.adjust("200 millis")
      assert.strictEqual((yield* Queue.take(snapshots)).elapsed, 200)
    }).pipe(Effect.provide(Testing.layer(() => new Response("ok"))))
  )

  it.effect("shows a body in transfer with its rate, and counts the request as active until the body ends", () =>
    Effect.gen(function* () {
      const steps = yield* stepwise
      yield* Effect.gen(function* () {
        const { session, snapshots } = yield* watching({ interval: "1 second" })
        const next = Effect.zipRight(TestClock.adjust("1 second"), Queue.take(snapshots))
        const reading = yield* Effect.fork(session.get(`${url}file?token=s3cret`).pipe(ClientResponse.bytes))
        yield* turns(5)
        assert.deepInclude(yield* next, { active: 1, answered: 1, transfers: [] })
        yield* Deferred.succeed(steps.first, undefined)
        yield* turns(5)
        const during = yield* next
        assert.deepInclude(during, { active: 1, answered: 1, received: 10, receivedPerSecond: 5 })
        assert.deepStrictEqual(during.transfers, [
          {
            requestId: 1,
            method: "GET",
            url: `${url}file?token=REDACTED`,
            direction: "download",
            transferred: 10,
            total: Option.some(20)
          }
        ])
        yield* Deferred.succeed(steps.second, undefined)
        assert.lengthOf(yield* Fiber.join(reading), 20)
        assert.deepInclude(yield* next, { active: 0, received: 20, transfers: [] })
        const idle = yield* Effect.replicateEffect(next, 3)
        assert.deepStrictEqual(
          idle.map(({ receivedPerSecond }) => receivedPerSecond),
          [20 / 3, 10 / 3, 0]
        )
      }).pipe(Effect.provide(Testing.layer(steps.handler)))
    })
  )

  it.effect("shows an upload until the response arrives", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<void>()
      const layer = Testing.layer((request) =>
        Effect.zipRight(
          Effect.promise(() => request.text()),
          Effect.as(Deferred.await(answer), new Response("ok"))
        )
      )
      yield* Effect.gen(function* () {
        const { session, snapshots } = yield* watching({ interval: 100 })
        const sending = yield* Effect.fork(session.put(url, { data: new Uint8Array(7) }).pipe(ClientResponse.discard))
        yield* turns(5)
        yield* TestClock.adjust(100)
        const { active, sent, transfers } = yield* Queue.take(snapshots)
        assert.deepStrictEqual([active, sent], [1, 7])
        assert.deepInclude(transfers[0], { direction: "upload", transferred: 7, total: Option.some(7) })
        yield* Deferred.succeed(answer, undefined)
        yield* Fiber.join(sending)
        yield* TestClock.adjust(100)
        assert.deepInclude(yield* Queue.take(snapshots), { active: 0, answered: 1, transfers: [] })
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("counts redirects, retries, failures and interruptions", () =>
    Effect.gen(function* () {
      const retry = Middleware.retry({ times: 1 })
      const layer = Testing.layer(
        ({ url: target }) => {
          if (target.endsWith("/moved")) return new Response(null, { status: 302, headers: { location: "/" } })
          if (target.endsWith("/busy")) return new Response("", { status: 503, headers: { "retry-after": "0" } })
          if (target.endsWith("/refused")) return Testing.faults.refused
          return target.endsWith("/stall") ? Testing.faults.stall : new Response("ok")
        },
        { middlewares: [retry] }
      )
      yield* Effect.gen(function* () {
        const { session, snapshots } = yield* watching({ interval: "1 minute" })
        const get = (path: string) => session.get(`${url}${path}`).pipe(ClientResponse.discard, Effect.ignore)
        yield* get("moved")
        const others = yield* Effect.fork(Effect.all([get("busy"), get("refused")]))
        const stalled = yield* Effect.fork(get("stall"))
        yield* TestClock.adjust("30 seconds")
        yield* Fiber.join(others)
        yield* Fiber.interrupt(stalled)
        yield* TestClock.adjust("30 seconds")
        assert.deepInclude(yield* Queue.take(snapshots), {
          active: 0,
          answered: 2,
          failed: 2,
          redirects: 1,
          retries: 2,
          transfers: []
        })
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("counts more signals than a reader of signals may buffer, and emits the totals at the end", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const begun = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const reading = yield* activityOf(hub, Effect.succeed({ ...none, perKey: new Map() }), undefined).pipe(
        Stream.tap(() => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(go))),
        Stream.runCollect,
        Effect.fork
      )
      yield* Deferred.await(begun)
      const base = { time: 0, sessionId: "", attempt: 1, hop: 0, method: "GET", url }
      for (let requestId = 1; requestId <= 3000; requestId++) {
        hub.deliver({ ...base, requestId, _tag: "RequestStart", headers: Headers.empty })
        hub.deliver({ ...base, requestId, _tag: "RequestException", cause: Cause.empty })
      }
      hub.end()
      yield* Deferred.succeed(go, undefined)
      const snapshots = Chunk.toReadonlyArray(yield* Fiber.join(reading))
      assert.lengthOf(snapshots, 2)
      assert.deepInclude(snapshots[1], { failed: 3000, active: 0 })
    })
  )

  it.effect("does not count a complete response of a middleware as active", () =>
    Effect.gen(function* () {
      const own: Middleware.Middleware = (request) =>
        Effect.sync(() => ClientResponse.make(request, { status: 200, body: "own" }))
      yield* Effect.gen(function* () {
        const { session, snapshots } = yield* watching()
        assert.strictEqual(yield* session.get(url).pipe(ClientResponse.text), "own")
        yield* TestClock.adjust("200 millis")
        assert.deepInclude(yield* Queue.take(snapshots), { active: 0, answered: 1, received: 0, transfers: [] })
      }).pipe(Effect.provide(Testing.layer(() => new Response("ok"), { middlewares: [own] })))
    })
  )

  it.effect("ends with one snapshot if the session is already closed", () =>
    Effect.gen(function* () {
      const session = yield* Session.Session
      yield* session.close
      assert.strictEqual(yield* Stream.runCount(session.activity()), 1)
    }).pipe(Effect.provide(Testing.layer(() => new Response("ok"))))
  )

  it.effect("ignores requests that started before it", () =>
    Effect.gen(function* () {
      const steps = yield* stepwise
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        yield* Effect.fork(Stream.runDrain(session.signals))
        yield* turns(3)
        const reading = yield* Effect.fork(session.get(url).pipe(ClientResponse.bytes))
        yield* turns(5)
        const { snapshots } = yield* watching()
        yield* Deferred.succeed(steps.first, undefined)
        yield* Deferred.succeed(steps.second, undefined)
        yield* Fiber.join(reading)
        yield* TestClock.adjust("200 millis")
        assert.deepInclude(yield* Queue.take(snapshots), { active: 0, answered: 0, received: 0, transfers: [] })
      }).pipe(Effect.provide(Testing.layer(steps.handler)))
    })
  )

  for (const interval of [0, -1, Number.NaN]) {
    it.effect(`dies for an interval of ${interval}`, () =>
      Effect.gen(function* () {
        const session = yield* Session.Session
        const exit = yield* Effect.exit(Stream.runDrain(session.activity({ interval })))
        assert.isTrue(exit._tag === "Failure" && exit.cause._tag === "Die")
      }).pipe(Effect.provide(Testing.layer(() => new Response("ok"))))
    )
  }
})
