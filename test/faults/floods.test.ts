/**
 * Peers that send or receive without a pause: the work that one of them causes between two turns of the event loop is
 * bounded, so that timers and other sockets have their turn.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Multipart, type Session, Sse } from "effect-http-session"
import * as SessionModule from "effect-http-session/Session"
import { type Count, perTurn } from "../support/perTurn.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/stages.js"
import * as Peer from "../support/webSocketServer.js"

/** Much more than a turn may process, but within the content of the system's buffers. */
const frames = 60_000

const repeated = (bytes: Uint8Array | string, times: number): Buffer => {
  const one = Buffer.from(bytes)
  return Buffer.alloc(one.length * times, one)
}

const session = Effect.map(sessionOn({}, { timeout: "1 minute" }), (made) => made.session)

/** Writes all at once and closes; echoes the received bytes. */
const webSocketOf = (bytes: Uint8Array) =>
  Effect.gen(function* () {
    const server = yield* Peer.webSocketServer((peer) =>
      Effect.zipRight(
        Effect.sync(() => peer.write(Buffer.concat([bytes, Peer.close(1000)]))),
        Effect.zipRight(peer.receiveClose, peer.fin)
      )
    )
    return yield* (yield* session).webSocket(server.webSocketUrl())
  })

/** A response with a body that is written at once. */
const responseOf = (type: string, body: Uint8Array) =>
  Effect.gen(function* () {
    const server = yield* Server.always((peer) =>
      Effect.gen(function* () {
        yield* peer.head
        peer.socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nConnection: close\r\n\r\n`)
        yield* peer.send(body)
      })
    )
    return yield* (yield* session).get(server.url)
  })

describe("a flood of messages", () => {
  const takers = {
    messages: (count: Count) =>
      Effect.flatMap(webSocketOf(repeated(Peer.text(""), frames)), (socket) =>
        Stream.runForEachChunk(socket.messages, (chunk) => Effect.sync(() => count(chunk.length)))
      ),
    receive: (count: Count) =>
      Effect.flatMap(webSocketOf(repeated(Peer.text(""), frames)), (socket) =>
        Effect.ignore(Effect.forever(Effect.map(socket.receive, () => count())))
      )
  }
  for (const [name, take] of Object.entries(takers)) {
    it.scopedLive(`delivers a bounded number in one turn to ${name}`, () =>
      Effect.gen(function* () {
        const { all, most } = yield* perTurn(take)
        assert.strictEqual(all, frames)
        assert.isAtMost(most, 1024)
      })
    )
  }
})

describe("a sender that never waits", () => {
  const senders = {
    send: (session: Session.SessionService, url: string, count: Count) =>
      Effect.flatMap(session.webSocket(url, { closeTimeout: 1 }), (socket) =>
        Effect.repeatN(
          Effect.map(socket.send("hello"), () => count()),
          9999
        )
      ),
    ping: (session: Session.SessionService, url: string, count: Count) =>
      Effect.flatMap(session.webSocket(url, { closeTimeout: 1 }), (socket) =>
        Effect.repeatN(
          Effect.map(socket.ping(), () => count()),
          9999
        )
      )
  }
  for (const [name, sending] of Object.entries(senders)) {
    it.scopedLive(`sends a bounded number of frames in one turn: ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer((peer) => peer.ended)
        const made = yield* session
        const { all, most } = yield* perTurn((count) => sending(made, server.webSocketUrl(), count))
        assert.strictEqual(all, 10_000)
        assert.isAtMost(most, 256)
      })
    )
  }
})

describe("a flood of a body", () => {
  const size = 2 * 1024 * 1024

  it.scopedLive("delivers a bounded number of lines in one turn if all lines are empty", () =>
    Effect.gen(function* () {
      const response = yield* responseOf("text/plain", Buffer.alloc(size, "\n"))
      const { all, most } = yield* perTurn((count) =>
        Stream.runForEachChunk(response.lines, (chunk) => Effect.sync(() => count(chunk.length)))
      )
      assert.strictEqual(all, size)
      assert.isAtMost(most, 16 * 1024)
    })
  )

  it.scopedLive("delivers a bounded number of events in one turn", () =>
    Effect.gen(function* () {
      const response = yield* responseOf("text/event-stream", repeated("data\n\n", 200_000))
      const { all, most } = yield* perTurn((count) =>
        Stream.runForEachChunk(response.events, (chunk) => Effect.sync(() => count(chunk.length)))
      )
      assert.strictEqual(all, 200_000)
      assert.isAtMost(most, 16 * 1024)
    })
  )

  it.scopedLive("delivers a bounded number of events of Sse.connect in one turn", () =>
    Effect.gen(function* () {
      const server = yield* Server.always((peer) =>
        Effect.zipRight(
          peer.head,
          peer.send(
            Buffer.concat([
              Buffer.from("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"),
              repeated("data\n\n", 200_000)
            ])
          )
        )
      )
      const events = Sse.connect(server.url, { reconnect: false })
      const made = yield* session
      const { all, most } = yield* perTurn((count) =>
        Stream.runForEachChunk(events, (chunk) => Effect.sync(() => count(chunk.length))).pipe(
          Effect.provideService(SessionModule.Session, made)
        )
      )
      assert.strictEqual(all, 200_000)
      assert.isAtMost(most, 16 * 1024)
    })
  )

  it.scopedLive("delivers a bounded number of parts in one turn", () =>
    Effect.gen(function* () {
      const part = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
      const body = Buffer.concat([repeated(part, 30_000), Buffer.from("--b--\r\n")])
      const response = yield* responseOf("multipart/form-data; boundary=b", body)
      const { all, most } = yield* perTurn((count) =>
        Stream.runForEachChunk(Multipart.parts(response), (chunk) => Effect.sync(() => count(chunk.length)))
      )
      assert.strictEqual(all, 30_000)
      assert.isAtMost(most, 8 * 1024)
    })
  )
})

describe("an upload", () => {
  it.scopedLive("of tiny chunks that are available at once writes a bounded number of them in one turn", () =>
    Effect.gen(function* () {
      const chunks = 10_000
      const server = yield* Server.always((peer) =>
        Effect.zipRight(peer.request, peer.send(Server.response(200, "taken")))
      )
      const made = yield* session
      const one = Uint8Array.of(97)
      const { all, most } = yield* perTurn((count) => {
        const data = Stream.take(
          Stream.repeatEffect(
            Effect.sync(() => {
              count()
              return one
            })
          ),
          chunks
        )
        return made.post(server.url, { data })
      })
      assert.strictEqual(all, chunks)
      assert.isAtMost(most, 512)
    })
  )
})
