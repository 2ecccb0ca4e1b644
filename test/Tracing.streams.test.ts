/**
 * The streams of signals: when they end, the cost of a slow reader, and no cost without readers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Layer, Option, Stream } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Tracing } from "effect-http-session"
import { turn } from "../src/internal/testing/faultServer.js"
import { SignalDelivery } from "../src/internal/tracing/signalDelivery.js"
import { makeHub } from "../src/internal/transport/signalHub.js"
import { always, server as faultServer, head, plays, request, respond, stall } from "./support/server.js"
import { tagsOf } from "./support/signals.js"
import { sessionOn } from "./support/stages.js"
import { watchedTracer } from "./support/tracers.js"

/** Reads a stream to its end in a fiber, which has started to read when the effect ends. */
const reading = (stream: Stream.Stream<Tracing.Signal>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Stream.runCollect(stream))
    for (let i = 0; i < 3; i++) yield* turn
    return fiber
  })

const mock = Layer.mergeAll(
  Connector.layerMock(() => new Response("ok")),
  CookieJar.layer()
)

describe("the times of signals", () => {
  it.scopedLive("never decrease, and are equal for signals of one read", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([])
      const { session } = yield* sessionOn()
      const fiber = yield* reading(session.signals)
      const get = session.get(`${peer.url}/nonce?1`).pipe(ClientResponse.text)
      yield* get
      yield* get
      yield* session.close
      const signals = Chunk.toReadonlyArray(yield* Fiber.join(fiber))
      const second = signals.filter(({ requestId }) => requestId === 2)
      const timeOf = (tag: Tracing.Signal["_tag"]) => second.find(({ _tag }) => _tag === tag)?.time
      const came = timeOf("RequestEnd")
      assert.isDefined(came)
      const together = ["ResponseChunkReceived", "ConnectionReleased", "ResponseEnd"] as const
      assert.deepStrictEqual(together.map(timeOf), [came, came, came])
      assert.isBelow(timeOf("RequestHeadersSent") ?? Infinity, came ?? 0)
      const order = ["RequestStart", "ConnectionReuseconn", "RequestHeadersSent", "RequestEnd"] as const
      const times = order.map((tag) => timeOf(tag) ?? Number.NaN)
      assert.deepStrictEqual(
        times,
        [...times].sort((a, b) => a - b)
      )
    })
  )
})

describe("the end of a stream", () => {
  it.scopedLive("follows the close of the session, also for the stream of a connector that the session owns", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([])
      const [own, connectors] = yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* Session.Session
          const own = yield* reading(session.signals)
          const connectors = yield* reading(session.connector.signals)
          yield* session.get(`${peer.url}/nonce?1`).pipe(ClientResponse.text)
          yield* session.close
          return [yield* Fiber.join(own), yield* Fiber.join(connectors)] as const
        }).pipe(Effect.provide(Session.layer()))
      )
      assert.strictEqual(tagsOf(own)[0], "RequestStart")
      assert.deepInclude(Chunk.unsafeLast(own), { _tag: "ConnectionClosed", reason: "Shutdown" })
      assert.deepStrictEqual(tagsOf(connectors), tagsOf(own))
    })
  )

  it.scopedLive("follows the end of the session's Scope", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.flatMap(Session.Session, (session) => reading(session.signals)).pipe(
        Effect.provide(Session.layer())
      )
      assert.lengthOf(yield* Fiber.join(fiber), 0)
    })
  )

  it.scopedLive("does not follow the close of a session for a connector that it does not own", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([])
      const { connector, session } = yield* sessionOn()
      const other = yield* Session.make().pipe(
        Effect.provideService(Connector.Connector, connector),
        Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
      )
      const own = yield* reading(session.signals)
      const others = yield* reading(other.signals)
      const connectors = yield* reading(connector.signals)
      yield* session.close
      assert.lengthOf(yield* Fiber.join(own), 0)
      yield* other.get(`${peer.url}/nonce?1`).pipe(ClientResponse.text)
      assert.isTrue(Option.isNone(yield* Fiber.poll(others)))
      assert.isTrue(Option.isNone(yield* Fiber.poll(connectors)))
      yield* connector.close
      assert.include(tagsOf(yield* Fiber.join(connectors)), "RequestEnd")
      yield* other.close
      assert.include(tagsOf(yield* Fiber.join(others)), "RequestEnd")
    })
  )

  it.scopedLive("reaches a reader at once that starts after the close", () =>
    Effect.gen(function* () {
      const { connector, session } = yield* sessionOn()
      yield* session.close
      yield* connector.close
      assert.lengthOf(yield* Stream.runCollect(session.signals), 0)
      assert.lengthOf(yield* Stream.runCollect(connector.signals), 0)
    })
  )

  it.effect("follows the close of a mock", () =>
    Effect.gen(function* () {
      const connector = yield* Connector.Connector
      const fiber = yield* Effect.fork(Stream.runCollect(connector.signals))
      yield* Effect.yieldNow()
      yield* connector.close
      assert.lengthOf(yield* Fiber.join(fiber), 0)
    }).pipe(Effect.provide(mock))
  )

  it.scopedLive("follows the signals of requests that the close ends", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([plays(head, stall)])
      const session = yield* Session.Session
      const fiber = yield* reading(session.signals)
      const busy = yield* Effect.fork(Effect.exit(session.get(`${peer.url}/`).pipe(ClientResponse.text)))
      while ((yield* session.connector.stats).acquired === 0) yield* turn
      yield* session.close
      assert.include(String(yield* Fiber.join(busy)), "SessionClosedError")
      const tags = tagsOf(yield* Fiber.join(fiber))
      assert.strictEqual(tags.filter((tag) => tag === "RequestStart").length, 1)
      assert.strictEqual(tags.filter((tag) => tag === "RequestException").length, 1)
      assert.include(tags, "ConnectionClosed")
    }).pipe(Effect.provide(Session.layer({ connector: { gracefulShutdownTimeout: 20 } })))
  )

  it.effect("follows unread signals and the count of lost ones", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const first = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const fiber = yield* hub.stream.pipe(
        Stream.tap(() => Effect.zipRight(Deferred.succeed(first, undefined), Deferred.await(go))),
        Stream.runCollect,
        Effect.fork
      )
      while (!hub.reading()) yield* Effect.yieldNow()
      hub.offer({ _tag: "DnsCacheMiss", host: "first" })
      yield* Deferred.await(first)
      for (let i = 0; i < 4098; i++) hub.offer({ _tag: "DnsCacheMiss", host: `host-${i}` })
      hub.end()
      yield* Deferred.succeed(go, undefined)
      const all = Chunk.toReadonlyArray(yield* Fiber.join(fiber))
      assert.lengthOf(all, 1 + 1 + 4096)
      assert.deepInclude(all[1], { _tag: "SignalsLost", count: 2 })
      assert.deepInclude(all.at(-1), { host: "host-4097" })
      assert.isFalse(hub.reading())
    })
  )
})

describe("a slow reader", () => {
  it.effect("delays no request, and its read and lost signals add up to those of a fast reader", () =>
    Effect.gen(function* () {
      const session = yield* Session.make()
      const stuck = yield* Deferred.make<void>()
      let read = 0
      let lost = 0
      const slow = yield* session.signals.pipe(
        Stream.runForEach((signal) => {
          if (signal._tag === "SignalsLost") lost += signal.count
          else read++
          return Deferred.await(stuck)
        }),
        Effect.fork
      )
      let all = 0
      const fast = yield* session.signals.pipe(
        Stream.runForEach((signal) =>
          Effect.sync(() => {
            assert.notStrictEqual(signal._tag, "SignalsLost")
            all++
          })
        ),
        Effect.fork
      )
      for (let i = 0; i < 3; i++) yield* turn
      // The requests together emit more signals than the buffer of a reader holds.
      for (let i = 0; i < 1200; i++) {
        assert.strictEqual(yield* session.get("http://mock.test/").pipe(ClientResponse.text), "ok")
        if (i % 100 === 99) yield* turn
      }
      assert.isAtMost(read, 1)
      yield* Deferred.succeed(stuck, undefined)
      yield* session.close
      yield* Fiber.join(fast)
      yield* Fiber.join(slow)
      assert.isAbove(lost, 0)
      assert.strictEqual(read + lost, all)
    }).pipe(Effect.scoped, Effect.provide(mock))
  )

  it.scopedLive("does not affect other readers if it dies or stops", () =>
    Effect.gen(function* () {
      const peer = yield* always(plays(...Array.from({ length: 4 }, () => plays(request, respond(200, "ok")))))
      const { connector, session } = yield* sessionOn()
      const dying = yield* Effect.fork(Stream.runForEach(session.signals, () => Effect.die("boom")))
      const stopping = yield* Effect.fork(Stream.runHead(session.signals))
      const whole = yield* reading(session.signals)
      for (let i = 0; i < 2; i++) assert.strictEqual(yield* session.get(peer.url).pipe(ClientResponse.text), "ok")
      assert.isTrue(Exit.isFailure(yield* Fiber.await(dying)))
      assert.isTrue(Option.isSome(yield* Fiber.join(stopping)))
      yield* session.close
      const tags = tagsOf(yield* Fiber.join(whole))
      assert.lengthOf(
        tags.filter((tag) => tag === "RequestEnd"),
        2
      )
      yield* connector.close
    })
  )
})

describe("a session without subscribers", () => {
  /** The number of signals that are built while an effect runs. */
  const counted = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
    Effect.scoped(
      Effect.gen(function* () {
        let built = 0
        const { build, deliver } = SignalDelivery.prototype
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            SignalDelivery.prototype.build = function (...args) {
              built++
              return build.apply(this, args)
            }
            SignalDelivery.prototype.deliver = function (...args) {
              built++
              return deliver.apply(this, args)
            }
          }),
          () =>
            Effect.sync(() => {
              SignalDelivery.prototype.build = build
              SignalDelivery.prototype.deliver = deliver
            })
        )
        yield* effect
        return built
      })
    )

  const native = Effect.map(Effect.tracer, (tracer) =>
    // A tracer other than the native one, for which the session makes spans.
    watchedTracer(tracer, () => {})
  )

  const rows: ReadonlyArray<
    readonly [
      name: string,
      options: Session.SessionOptions,
      wrap: (effect: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>,
      builds: boolean
    ]
  > = [
    ["nothing at all", {}, (effect) => effect, false],
    ["metrics alone", { traceConfigs: [Tracing.metrics()] }, (effect) => effect, false],
    ["a traceConfig without listeners", { traceConfigs: [Tracing.traceConfig({})] }, (effect) => effect, false],
    ["spans alone", {}, (effect) => Effect.flatMap(native, (tracer) => Effect.withTracer(effect, tracer)), false],
    ["a collector", {}, (effect) => Tracing.collect(effect), true]
  ]
  for (const [name, options, wrap, builds] of rows) {
    it.effect(`with ${name}: ${builds ? "builds signals" : "builds no signal"}`, () =>
      Effect.gen(function* () {
        const session = yield* Session.make(options)
        const post = session.post("http://mock.test/", { data: "abc" }).pipe(ClientResponse.text)
        const built = yield* counted(wrap(post))
        assert.strictEqual(built > 0, builds, `${built} signals`)
      }).pipe(Effect.scoped, Effect.provide(mock))
    )
  }

  it.effect("builds no signal after the last reader has ended", () =>
    Effect.gen(function* () {
      const session = yield* Session.make()
      const get = session.get("http://mock.test/").pipe(ClientResponse.text)
      const fiber = yield* Effect.fork(Stream.runDrain(session.signals))
      for (let i = 0; i < 3; i++) yield* turn
      assert.isAbove(yield* counted(get), 0)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* counted(get), 0)
    }).pipe(Effect.scoped, Effect.provide(mock))
  )
})
