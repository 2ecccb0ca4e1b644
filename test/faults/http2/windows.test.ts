/** Large responses over HTTP/2: how the windows of their streams grow, and how far. */
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { block } from "../../support/h2Fields.js"
import * as Frames from "../../support/h2Frames.js"
import { data, headers, Type } from "../../support/h2Frames.js"
import { type H2Peer, handshake, respond } from "../../support/h2Server.js"
import { itH2Fault, plays } from "../../support/itH2Fault.js"
import { turns, until } from "../../support/wait.js"

const kib = 1024
const mib = kib * kib
const firstWindow = 256 * kib
const limits = { timeout: "100 seconds" } as const
const ok = block(":status", "200")
const chunk = Buffer.alloc(16 * kib)

/** Adds up the WINDOW_UPDATEs of each stream, reading each frame once. */
const creditsOf = (peer: H2Peer): ((stream: number) => number) => {
  const credits = new Map<number, number>()
  let read = 0
  return (stream) => {
    for (; read < peer.frames.length; read++) {
      const frame = peer.frames[read]
      if (frame.type !== Type.WINDOW_UPDATE) continue
      credits.set(frame.stream, (credits.get(frame.stream) ?? 0) + Frames.numberOf(frame))
    }
    return credits.get(stream) ?? 0
  }
}

describe("the window of a fast reader", () => {
  const size = 100 * mib
  /** Bytes of each round trip: as many as the window allows. */
  const bursts: Array<number> = []

  itH2Fault(
    "grows to 8 MiB, so that 100 MiB take few round trips",
    plays(handshake(), (peer) =>
      Effect.gen(function* () {
        const credited = creditsOf(peer)
        const { stream } = yield* peer.head
        yield* peer.send(headers(stream, ok))
        let sent = 0
        const room = () => firstWindow + credited(stream) - sent
        while (sent < size) {
          // WINDOW_UPDATEs that arrive meanwhile count for the next round trip.
          const chunks = Math.floor(Math.min(room(), size - sent) / chunk.length)
          yield* peer.send(Buffer.concat(Array.from({ length: chunks }, () => data(stream, chunk))))
          sent += chunks * chunk.length
          bursts.push(chunks * chunk.length)
          if (sent < size) {
            // A round trip: the client answers after it has read all that was sent.
            yield* peer.send(Frames.ping())
            yield* peer.frame("PING")
            yield* turns(3)
            yield* peer.until(() => room() >= chunk.length)
          }
        }
        yield* peer.send(data(stream, "", { end: true }))
      })
    ),
    (session, at) =>
      Effect.gen(function* () {
        let received = 0
        const response = yield* session.get(`${at.url}/`, limits)
        yield* Stream.runForEach(response.stream, (bytes) => Effect.sync(() => (received += bytes.length)))
        assert.strictEqual(received, size)
        assert.isAtLeast(Math.max(...bursts), 4 * mib)
        assert.isAtMost(Math.max(...bursts), 8 * mib)
        // With the first window only it would be 400.
        assert.isAtMost(bursts.length, 40)
        // A line of 1 Gbit/s with 20 ms of latency holds 2.4 MiB.
        const begin = bursts.slice(0, 4)
        assert.isAtLeast(Math.max(...begin), 3 * mib, String(begin))
      }).pipe(Effect.scoped)
  )
})

describe("the windows of 20 fast readers that then stop", () => {
  const count = 20
  let held = 0

  itH2Fault(
    "hold at most 32 MiB more than they began with",
    plays(handshake(), (peer) =>
      Effect.gen(function* () {
        const credited = creditsOf(peer)
        const requests = yield* Effect.all(Effect.replicate(peer.head, count))
        const sent = new Map<number, number>()
        const room = (stream: number) => firstWindow + credited(stream) - (sent.get(stream) ?? 0)
        for (const { stream } of requests) yield* peer.send(headers(stream, ok))
        const fill = Effect.gen(function* () {
          let some = false
          for (const { stream } of requests) {
            const chunks = Math.floor(room(stream) / chunk.length)
            if (chunks === 0) continue
            some = true
            yield* peer.send(Buffer.concat(Array.from({ length: chunks }, () => data(stream, chunk))))
            sent.set(stream, (sent.get(stream) ?? 0) + chunks * chunk.length)
          }
          return some
        })
        const settled = Effect.gen(function* () {
          for (let round = 0; round < 3; round++) {
            yield* peer.send(Frames.ping())
            yield* peer.frame("PING")
            yield* turns(3)
          }
        })
        // The readers read until they are stopped, and then all windows fill up.
        while (yield* Effect.zipLeft(fill, settled));
        held = requests.reduce((sum, { stream }) => sum + (sent.get(stream) ?? 0), 0)
        yield* peer.until(() => false)
      })
    ),
    (session, at) =>
      Effect.gen(function* () {
        let received = 0
        const stopped = yield* Deferred.make<void>()
        const fibers = yield* Effect.forEach(Array.from({ length: count }), () =>
          session.get(`${at.url}/`, limits).pipe(
            Effect.flatMap((response) => {
              let own = 0
              return Stream.runForEach(response.stream, (bytes) => {
                received += bytes.length
                own += bytes.length
                return own > 6 * mib ? Deferred.await(stopped) : Effect.void
              })
            }),
            Effect.scoped,
            Effect.fork
          )
        )
        yield* until(() => held > 0)
        assert.isAtLeast(received, count * 6 * mib)
        assert.isAtMost(held - received, count * firstWindow + 32 * mib)
        // They did grow.
        assert.isAtLeast(held - received, 16 * mib)
        yield* Fiber.interruptAll(fibers)
      }),
    (exit) => {
      if (Exit.isFailure(exit)) assert.fail(String(exit.cause))
    },
    { followUp: false, settle: 4000 }
  )
})

describe("padding", () => {
  const size = 8 * mib
  itH2Fault(
    "is given back like the bytes of the body",
    plays(
      handshake(),
      respond((id) => headers(id, ok)),
      (peer) =>
        Effect.gen(function* () {
          const credited = creditsOf(peer)
          const { stream } = peer.requests[0]
          const frame = data(stream, Buffer.alloc(16 * kib - 300, 0x61), { padding: 255 })
          const payload = frame.length - 9
          let sent = 0
          while (sent < size) {
            yield* peer.until(() => sent + payload <= firstWindow + credited(stream))
            yield* peer.send(frame)
            sent += payload
          }
          yield* peer.send(data(stream, "", { end: true }))
        })
    ),
    (session, at) =>
      Effect.gen(function* () {
        const bytes = yield* session.get(`${at.url}/`, limits).pipe(ClientResponse.bytes)
        const frames = Math.ceil(size / (16 * kib - 300 + 256))
        assert.strictEqual(bytes.length, frames * (16 * kib - 300))
      })
  )

  itH2Fault(
    "of a GiB is a flood",
    plays(
      handshake(),
      respond((id) => headers(id, ok)),
      (peer) =>
        Effect.gen(function* () {
          const { stream } = peer.requests[0]
          const many = Buffer.concat(Array.from({ length: 256 }, () => data(stream, "", { padding: 255 })))
          for (let sent = 0; sent < 1024 * mib && peer.socket.writable; sent += many.length) {
            yield* peer.send(many)
            yield* turns(1)
          }
        })
    ),
    (session, at) => session.get(`${at.url}/`, limits).pipe(ClientResponse.bytes, Effect.flip),
    (exit, at) => {
      if (Exit.isFailure(exit)) return assert.fail(String(exit.cause))
      assert.deepInclude(exit.value, { _tag: "ClientPayloadError", reason: "Framing" })
      assert.lengthOf(at.peers, 2)
    },
    { settle: 2000 }
  )
})
