/** The limit of streams of a connection, and requests beyond it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Session from "effect-http-session/Session"
import { heldClock } from "../../support/clock.js"
import { Code, rstStream, settings } from "../../support/h2Frames.js"
import { type H2Play, type H2Server, h2Always, handshake } from "../../support/h2Server.js"
import { echoed, h2Session, itH2Fault, plays } from "../../support/itH2Fault.js"
import { untilValue } from "../../support/wait.js"

const mode = "prior-knowledge"

const indices = (count: number) => Array.from({ length: count }, (_, index) => index)

const get = (session: Session.SessionService, at: H2Server, index: number) =>
  session.get(`${at.url}/${index}`, { timeout: "20 seconds" }).pipe(ClientResponse.text)

/** Starts requests one after the other, so that their order is known. */
const start = (session: Session.SessionService, at: H2Server, count: number) =>
  Effect.forEach(indices(count), (index) => Effect.fork(get(session, at, index)))

/** Answers each request once `most` are open, or all that are left; records how many were open. */
const gate =
  (allowed: number, seen: Array<number>): H2Play =>
  (peer) =>
    Effect.gen(function* () {
      yield* handshake({ MAX_CONCURRENT_STREAMS: allowed })(peer)
      let answered = 0
      for (;;) {
        const request = yield* peer.request
        // A turn, in which a client that exceeds its limit would send more.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        seen.push(peer.requests.length - answered)
        answered++
        yield* peer.send(echoed(request))
      }
    })

describe("a connection", () => {
  const seenOne: Array<number> = []
  itH2Fault(
    "with one stream and no other connection carries 50 requests in order, one at a time",
    gate(1, seenOne),
    (session, at) =>
      Effect.gen(function* () {
        const fibers = yield* start(session, at, 50)
        assert.deepStrictEqual(
          yield* Effect.forEach(fibers, Fiber.join),
          indices(50).map((index) => `/${index}`)
        )
        assert.deepStrictEqual(
          (yield* at.requests).map(({ target }) => target),
          indices(50).map((index) => `/${index}`)
        )
        assert.deepStrictEqual([...new Set(seenOne)], [1])
        assert.strictEqual(yield* at.accepted, 1)
      }),
    undefined,
    { connector: { http2: { mode }, limitPerHost: 1 } }
  )
})

/** Holds all requests until `release`. */
const holding =
  (allowed: number | undefined): H2Play =>
  (peer) =>
    handshake(allowed === undefined ? {} : { MAX_CONCURRENT_STREAMS: allowed })(peer)

const whole = (at: H2Server) => at.peers.map(({ requests }) => requests.filter(({ ended }) => ended).length)

const firstPeer = (at: H2Server) =>
  Effect.map(
    untilValue(
      Effect.sync(() => at.peers),
      (peers) => peers.length > 0
    ),
    ([first]) => first
  )

const stay: H2Play = (peer) => peer.until(() => false)

describe("requests beyond the streams of a connection", () => {
  itH2Fault(
    "open as many connections as the limit allows, and then wait",
    indices(3).map(() => plays(holding(10), stay)),
    (session, at) =>
      Effect.gen(function* () {
        const fibers = yield* start(session, at, 50)
        yield* untilValue(
          Effect.sync(() => whole(at)),
          (counts) => counts.join() === "10,10,10"
        )
        const { acquired, streams, waiting } = yield* session.connector.stats
        assert.deepStrictEqual({ acquired, streams, waiting }, { acquired: 3, streams: 30, waiting: 20 })
        for (const peer of at.peers)
          yield* Effect.forkScoped(
            Effect.forever(Effect.flatMap(peer.request, (request) => peer.send(echoed(request))))
          )
        const texts = yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(
          texts,
          indices(50).map((index) => `/${index}`)
        )
        assert.strictEqual(yield* at.accepted, 3)
      }),
    undefined,
    { followUp: false, connector: { http2: { mode }, limit: 3 } }
  )

  itH2Fault(
    "stay in order when 30 of 50 are interrupted",
    plays(holding(1), stay),
    (session, at) =>
      Effect.gen(function* () {
        const fibers = yield* start(session, at, 51)
        yield* untilValue(session.connector.stats, ({ waiting }) => waiting === 50)
        const gone = new Set(indices(51).filter((index) => index > 0 && index % 5 > 1))
        assert.strictEqual(gone.size, 30)
        yield* Fiber.interruptAll(fibers.filter((_, index) => gone.has(index)))
        assert.strictEqual((yield* session.connector.stats).waiting, 20)
        const peer = yield* firstPeer(at)
        yield* Effect.forkScoped(Effect.forever(Effect.flatMap(peer.request, (request) => peer.send(echoed(request)))))
        const left = indices(51).filter((index) => !gone.has(index))
        assert.deepStrictEqual(
          yield* Effect.forEach(left, (index) => Fiber.join(fibers[index])),
          left.map((index) => `/${index}`)
        )
        assert.deepStrictEqual(
          (yield* at.requests).map(({ target }) => target),
          left.map((index) => `/${index}`)
        )
      }),
    undefined,
    { followUp: false, connector: { http2: { mode }, limit: 1 } }
  )

  itH2Fault(
    "fail beyond maxQueue",
    plays(holding(1), stay),
    (session, at) =>
      Effect.gen(function* () {
        const first = yield* Effect.fork(get(session, at, 0))
        yield* untilValue(
          Effect.sync(() => whole(at)),
          (counts) => counts.join() === "1"
        )
        const fibers = yield* start(session, at, 10)
        yield* untilValue(session.connector.stats, ({ waiting }) => waiting === 10)
        const error = yield* Effect.flip(get(session, at, 11))
        assert.deepInclude(error, { _tag: "PoolSaturatedError", waiting: 10, maxQueue: 10 })
        yield* Fiber.interruptAll([first, ...fibers])
      }),
    undefined,
    // A silent server confirms no reset, so a stream keeps its place for a second.
    { followUp: false, settle: 2000, connector: { http2: { mode }, limit: 1, maxQueue: 10 } }
  )

  itH2Fault(
    "are sent as soon as the server allows more streams",
    plays(holding(1), stay),
    (session, at) =>
      Effect.gen(function* () {
        const fibers = yield* start(session, at, 50)
        yield* untilValue(session.connector.stats, ({ waiting }) => waiting === 49)
        const peer = yield* firstPeer(at)
        yield* peer.send(settings({ MAX_CONCURRENT_STREAMS: 100 }))
        yield* peer.until(() => peer.requests.length === 50)
        yield* Effect.forkScoped(Effect.forever(Effect.flatMap(peer.request, (request) => peer.send(echoed(request)))))
        yield* Effect.forEach(fibers, Fiber.join)
        assert.strictEqual(yield* at.accepted, 1)
      }),
    undefined,
    { followUp: false, connector: { http2: { mode }, limit: 1 } }
  )

  itH2Fault(
    "wait until enough have ended if the server lowers the limit below those in flight",
    plays(holding(100), stay),
    (session, at) =>
      Effect.gen(function* () {
        const fibers = yield* start(session, at, 50)
        const peer = yield* firstPeer(at)
        yield* peer.until(() => peer.requests.length === 50)
        yield* peer.send(settings({ MAX_CONCURRENT_STREAMS: 2 }))
        // The acknowledgement of the second SETTINGS: the client knows the limit.
        yield* peer.frame("SETTINGS")
        yield* peer.frame("SETTINGS")
        yield* peer.frame("SETTINGS")
        const next = yield* Effect.fork(get(session, at, 50))
        yield* untilValue(session.connector.stats, ({ waiting }) => waiting === 1)
        for (let left = 50; left > 2; left--) {
          yield* peer.send(echoed(yield* peer.request))
          yield* untilValue(session.connector.stats, ({ streams }) => streams === left - 1)
          assert.strictEqual(peer.requests.length, 50)
        }
        yield* peer.send(echoed(yield* peer.request))
        yield* peer.until(() => peer.requests.length === 51)
        yield* peer.send(echoed(yield* peer.request))
        yield* peer.send(echoed(yield* peer.request))
        assert.strictEqual(yield* Fiber.join(next), "/50")
        yield* Effect.forEach(fibers, Fiber.join)
      }),
    undefined,
    { followUp: false, connector: { http2: { mode }, limit: 1 } }
  )
})

/** Refuses the request that comes before SETTINGS, which allow no stream. */
const answersNothing: H2Play = (peer) =>
  Effect.gen(function* () {
    yield* handshake({ MAX_CONCURRENT_STREAMS: 0 })(peer)
    const { stream } = yield* peer.head
    yield* peer.send(rstStream(stream, Code.REFUSED_STREAM))
  })

describe("a server that allows no streams", () => {
  itH2Fault(
    "lets requests wait until their limit, without another connection",
    plays(answersNothing, stay),
    (session, at) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          session.get(`${at.url}/a`, { timeout: { connect: "300 millis" } }).pipe(ClientResponse.text)
        )
        assert.deepInclude(error, { _tag: "ConnectionTimeoutError", timeout: "connect", phase: "queue" })
        assert.strictEqual(yield* at.accepted, 1)
      }),
    undefined,
    { followUp: false, connector: { http2: { mode } } }
  )

  itH2Fault(
    "lets at most maxQueue requests wait",
    plays(answersNothing, stay),
    (session, at) =>
      Effect.gen(function* () {
        const fibers = yield* start(session, at, 3)
        yield* untilValue(session.connector.stats, ({ waiting }) => waiting === 3)
        assert.strictEqual((yield* Effect.flip(get(session, at, 3)))._tag, "PoolSaturatedError")
        yield* Fiber.interruptAll(fibers)
      }),
    undefined,
    { followUp: false, connector: { http2: { mode }, maxQueue: 3 } }
  )

  itH2Fault(
    "receives them once it allows some",
    plays(answersNothing, (peer) =>
      Effect.gen(function* () {
        yield* Effect.sleep("300 millis")
        yield* peer.send(settings({ MAX_CONCURRENT_STREAMS: 5 }))
      })
    ),
    (session, at) =>
      Effect.gen(function* () {
        const texts = yield* Effect.forEach(
          indices(20),
          (index) => session.post(`${at.url}/nonce?${index}`).pipe(ClientResponse.text),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(texts, indices(20).map(String))
      }),
    undefined,
    { deliveries: 2, connector: { http2: { mode }, limit: 1 } }
  )
})

describe("a request that waits", () => {
  for (const [what, connector, phase] of [
    ["for a stream", { limit: 1 }, "queue"],
    ["for the SETTINGS of a connection that another request has opened", {}, "queue"]
  ] as const) {
    itH2Fault(
      `${what} fails when poolWait is over`,
      (peer) => Effect.zipRight(what === "for a stream" ? holding(1)(peer) : Effect.void, stay(peer)),
      (session, at) =>
        Effect.gen(function* () {
          const { advance, clock } = heldClock()
          const first = yield* Effect.fork(Effect.withClock(get(session, at, 0), clock))
          yield* untilValue(
            Effect.sync(() => whole(at)),
            (counts) => counts.join() === "1"
          )
          const second = yield* session
            .get(`${at.url}/1`, { timeout: { poolWait: "2 seconds" } })
            .pipe(ClientResponse.text, Effect.flip, Effect.withClock(clock), Effect.fork)
          yield* untilValue(session.connector.stats, ({ waiting }) => waiting === 1)
          advance(2_000)
          const error = yield* Fiber.join(second)
          assert.deepInclude(error, { _tag: "ConnectionTimeoutError", timeout: "poolWait", phase })
          assert.strictEqual((yield* session.connector.stats).waiting, 0)
          yield* Fiber.interrupt(first)
          // A silent server confirms no reset, so the stream keeps its place for a second.
          advance(1_000)
        }),
      undefined,
      { followUp: false, connector: { http2: { mode }, ...connector } }
    )
  }
})

describe("an idle connection that a waiting request takes", () => {
  it.scopedLive("serves the other waiting requests of its server too", () =>
    Effect.gen(function* () {
      const answersOthers: H2Play = (peer) =>
        Effect.zipRight(
          handshake()(peer),
          Effect.forever(
            Effect.flatMap(peer.request, (request) =>
              request.target === "/held" ? Effect.void : peer.send(echoed(request))
            )
          )
        )
      const [idle, busy] = [yield* h2Always(answersOthers), yield* h2Always(answersOthers)]
      const { connector, session } = yield* h2Session({ connector: { http2: { mode }, limit: 1 } })
      assert.strictEqual(yield* get(session, idle, 1), "/1")
      const held = (at: H2Server) => Effect.fork(session.get(`${at.url}/held`).pipe(ClientResponse.text))
      const long = yield* held(busy)
      yield* untilValue(
        Effect.sync(() => busy.peers[0]?.requests.length),
        (count) => count === 1
      )
      // The first one that gets the connection is never answered.
      const first = yield* held(idle)
      yield* untilValue(connector.stats, ({ waiting }) => waiting === 1)
      const others = yield* start(session, idle, 3)
      yield* untilValue(connector.stats, ({ waiting }) => waiting === 4)
      yield* busy.peers[0].send(echoed({ stream: 1, target: "/held" }))
      assert.strictEqual(yield* Fiber.join(long), "/held")
      assert.deepStrictEqual(yield* Effect.forEach(others, Fiber.join), ["/0", "/1", "/2"])
      assert.lengthOf(idle.peers, 1)
      yield* Fiber.interrupt(first)
    })
  )
})
