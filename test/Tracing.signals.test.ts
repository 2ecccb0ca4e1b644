import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Option, Stream } from "effect"
import { ClientResponse, Session, Ssl, Tracing } from "effect-http-session"
import { turn } from "../src/internal/testing/faultServer.js"
import { SignalDelivery } from "../src/internal/tracing/signalDelivery.js"
import { makeHub } from "../src/internal/transport/signalHub.js"
import { standard } from "./support/certificates.js"
import { proxyServer } from "./support/proxyServer.js"
import { server as faultServer, fin, head, plays, respond } from "./support/server.js"
import { flowOf, listenToAll, loopback, tagsOf } from "./support/signals.js"
import { site } from "./support/tracedSite.js"

describe("the signals that aiohttp does not have", () => {
  it.scopedLive(
    "include the tunnel and the handshake of https over a proxy, and CONNECT has no headers of its own",
    () =>
      Effect.gen(function* () {
        const { ca, good } = yield* standard()
        const peer = yield* faultServer([plays(head, respond(200, "safe"), fin)], { tls: good })
        const proxy = yield* proxyServer()
        const ssl = yield* Ssl.context({ ca })
        const [, signals] = yield* Tracing.collect(
          Session.get(`https://localhost:${new URL(peer.url).port}/`, { proxy: proxy.url }).pipe(ClientResponse.text)
        ).pipe(Effect.provide(Session.layer({ connector: { ssl, resolver: loopback } })))
        assert.strictEqual(flowOf(signals), "start ccs cce hs end cr")
        assert.deepStrictEqual(tagsOf(signals).slice(1, 7), [
          "ConnectionCreateStart",
          "ProxyConnectStart",
          "ProxyConnectEnd",
          "TlsHandshakeStart",
          "TlsHandshakeEnd",
          "ConnectionCreateEnd"
        ])
        assert.include(Tracing.waterfall(signals), "t tls")
      })
  )

  it.scopedLive("include informational responses", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([
        plays(head, (to) => to.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), respond(200, "ok"))
      ])
      const [, signals] = yield* Tracing.collect(Session.get(`${peer.url}/`).pipe(ClientResponse.text)).pipe(
        Effect.provide(Session.layer())
      )
      const early = signals.find((signal) => signal._tag === "ResponseInformational")
      assert.strictEqual(early?._tag === "ResponseInformational" ? early.status : 0, 103)
    })
  )

  it.scopedLive("show no secret", () =>
    Effect.gen(function* () {
      const url = yield* site
      const received: Array<Tracing.Signal> = []
      const config = listenToAll((signal) => Effect.sync(() => void received.push(signal)))
      yield* Session.get(`${url.replace("http://", "http://user:s3cr3t-word@")}/cookie?access_token=s3cr3t-token`, {
        headers: { cookie: "a=s3cr3t-a", "x-api-key": "s3cr3t-key" }
      }).pipe(ClientResponse.discard, Effect.provide(Session.layer({ traceConfigs: [config] })))
      const end = received.find((signal) => signal._tag === "RequestEnd")
      const raw =
        end?._tag === "RequestEnd"
          ? Buffer.concat(end.response.rawHeaders.flat().map((part) => Buffer.from(part))).toString()
          : ""
      const info = end?._tag === "RequestEnd" ? JSON.stringify(end.response.requestInfo) : ""
      const all = JSON.stringify(received, (_, value) => (typeof value === "bigint" ? String(value) : value))
      assert.include(all, "REDACTED")
      assert.notInclude(all + raw + info + Tracing.waterfall(received), "s3cr3t")
    })
  )
})

describe("signals as a stream", () => {
  it.scopedLive("reach the readers of their session and of its connector, and no reader of another session", () =>
    Effect.gen(function* () {
      const url = yield* site
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        const read = (stream: Stream.Stream<Tracing.Signal>) =>
          Effect.fork(Stream.runCollect(Stream.takeUntil(stream, ({ _tag }) => _tag === "ResponseEnd")))
        const own = yield* read(session.signals)
        const connectors = yield* read(session.connector.signals)
        yield* turn
        yield* session.get(`${url}/echo`).pipe(ClientResponse.text)
        const seen = yield* Fiber.join(own)
        assert.strictEqual(flowOf(seen), "start ccs cce hs end cr")
        assert.deepStrictEqual(tagsOf(yield* Fiber.join(connectors)), tagsOf(seen))
        const ids = new Set(Chunk.map(seen, ({ requestId, sessionId }) => `${sessionId} ${requestId}`))
        assert.strictEqual(ids.size, 1)
        const times = Chunk.toReadonlyArray(Chunk.map(seen, ({ time }) => time))
        assert.isTrue(times.every((time) => time >= (times[0] ?? Infinity)))
      }).pipe(Effect.provide(Session.layer()))
    })
  )

  it.scopedLive("include idle connections that close", () =>
    Effect.gen(function* () {
      const url = yield* site
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        yield* session.get(`${url}/echo`).pipe(ClientResponse.text)
        const closed = yield* Effect.fork(Stream.runHead(session.signals))
        yield* turn
        yield* session.connector.closeIdle
        const signal = Option.getOrThrow(yield* Fiber.join(closed))
        assert.deepInclude(signal, { _tag: "ConnectionClosed", requestId: undefined, reason: "Shutdown", requests: 1 })
      }).pipe(Effect.provide(Session.layer()))
    })
  )

  it.effect("are dropped from the oldest for a slow reader, which receives their number", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const first = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const fiber = yield* Stream.runFoldEffect(
        Stream.take(hub.stream, 4098),
        [] as Array<Tracing.Signal>,
        (all, signal) => {
          all.push(signal)
          return all.length === 1
            ? Effect.as(Effect.zipRight(Deferred.succeed(first, undefined), Deferred.await(go)), all)
            : Effect.succeed(all)
        }
      ).pipe(Effect.fork)
      while (!hub.reading()) yield* Effect.yieldNow()
      const offer = (host: string) => hub.offer({ _tag: "DnsCacheMiss", host })
      offer("first")
      yield* Deferred.await(first)
      for (let i = 0; i < 5000; i++) offer(`host-${i}`)
      yield* Deferred.succeed(go, undefined)
      const all = yield* Fiber.join(fiber)
      assert.deepInclude(all[1], { _tag: "SignalsLost", count: 5000 - 4096 })
      assert.deepInclude(all[2], { _tag: "DnsCacheMiss", host: `host-${5000 - 4096}` })
      assert.deepInclude(all.at(-1), { _tag: "DnsCacheMiss", host: "host-4999" })
      assert.isFalse(hub.reading())
    })
  )

  it.scopedLive("are not built if there are no readers", () =>
    Effect.gen(function* () {
      const url = yield* site
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        let built = 0
        const { build } = SignalDelivery.prototype
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            SignalDelivery.prototype.build = function (...args) {
              built++
              return build.apply(this, args)
            }
          }),
          () =>
            Effect.sync(() => {
              SignalDelivery.prototype.build = build
            })
        )
        yield* session.get(`${url}/302`).pipe(ClientResponse.text)
        assert.strictEqual(built, 0)
        yield* Tracing.collect(session.get(`${url}/302`).pipe(ClientResponse.text))
        assert.isAbove(built, 0)
      }).pipe(Effect.provide(Session.layer()))
    })
  )
})

describe("collect", () => {
  it.scopedLive("returns the signals of the requests within the effect, of any session, and of no others", () =>
    Effect.gen(function* () {
      const url = yield* site
      const get = (path: string) => Session.get(`${url}${path}`).pipe(ClientResponse.text)
      const starts = (signals: ReadonlyArray<Tracing.Signal>) =>
        signals.flatMap((signal) => (signal._tag === "RequestStart" ? [signal.url.slice(url.length)] : []))
      yield* Effect.gen(function* () {
        const outside = yield* Effect.fork(get("/outside"))
        const [[, inner], outer] = yield* Tracing.collect(
          Effect.zipLeft(
            Tracing.collect(Effect.all([get("/1"), Effect.provide(get("/2"), Session.layer())], { concurrency: 2 })),
            get("/3")
          )
        )
        yield* Fiber.join(outside)
        assert.sameMembers(starts(inner), ["/1", "/2"])
        assert.sameMembers(starts(outer), ["/1", "/2", "/3"])
      }).pipe(Effect.provide(Session.layer()))
    })
  )
})
