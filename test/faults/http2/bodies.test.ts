/**
 * Windows, uploads and early responses over HTTP/2, between a session and a scripted server.
 */
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Session from "effect-http-session/Session"
import { block } from "../../support/h2Fields.js"
import * as Frames from "../../support/h2Frames.js"
import { Code, data, headers, rstStream, Type, windowUpdate } from "../../support/h2Frames.js"
import { type H2Peer, type H2Play, type H2Server, handshake, respond, response, send } from "../../support/h2Server.js"
import { outcome } from "../../support/itFault.js"
import { itH2Fault, plays } from "../../support/itH2Fault.js"
import { until } from "../../support/wait.js"

const limits = { timeout: "30 seconds" } as const
const kib = 1024
const ok = block(":status", "200")
const ending = { end: true } as const

/** The sum of the client's WINDOW_UPDATE frames for a stream. */
const credited = (peer: H2Peer, stream: number): number =>
  peer.frames
    .filter((frame) => frame.type === Type.WINDOW_UPDATE && frame.stream === stream)
    .reduce((sum, frame) => sum + Frames.numberOf(frame), 0)

/** Sends so many bytes as fast as the windows of the stream and the connection allow. */
const stream = (peer: H2Peer, id: number, size: number, window = 256 * kib): Effect.Effect<void> =>
  Effect.gen(function* () {
    const chunk = Buffer.alloc(16 * kib)
    for (let sent = 0; sent < size; sent += chunk.length) {
      yield* peer.until(() => sent + chunk.length <= window + credited(peer, id))
      yield* peer.send(data(id, chunk))
    }
    yield* peer.send(data(id, "", ending))
  })

const frames = (at: H2Server, type: keyof typeof Type) =>
  at.peers[0].frames.filter((frame) => frame.type === Type[type])

const resets = (at: H2Server) => frames(at, "RST_STREAM").map((frame) => Frames.numberOf(frame))

const lives = (at: H2Server) => assert.strictEqual(at.peers.length, 1)

describe("windows over HTTP/2", () => {
  const size = 2 * kib * kib

  itH2Fault(
    "let other bodies finish while one is not read, and it can be read to its end later",
    plays(handshake(), (peer) =>
      Effect.all(
        Effect.replicate(
          Effect.flatMap(peer.head, (request) =>
            Effect.zipRight(peer.send(headers(request.stream, ok)), stream(peer, request.stream, size))
          ),
          5
        ),
        { concurrency: "unbounded", discard: true }
      )
    ),
    (session, at) =>
      Effect.gen(function* () {
        const unread = yield* session.get(`${at.url}/4`, limits)
        const read = (index: number) => session.get(`${at.url}/${index}`, limits).pipe(ClientResponse.bytes)
        const others = yield* Effect.forEach([0, 1, 2, 3], read, { concurrency: "unbounded" })
        assert.deepStrictEqual(
          others.map((bytes) => bytes.length),
          [size, size, size, size]
        )
        // The server may not send more than the first window ahead of the reader.
        const { streamId = 0 } = unread.connection
        assert.strictEqual(credited(at.peers[0], streamId), 0)
        const rest = yield* unread.bytes
        assert.strictEqual(rest.length, size)
      }).pipe(Effect.scoped)
  )

  itH2Fault(
    "are complete after 300 abandoned bodies",
    plays(handshake(), (peer) =>
      Effect.repeatN(
        Effect.flatMap(peer.head, ({ stream }) =>
          peer.send(Buffer.concat([headers(stream, ok), ...[1, 2, 3].map(() => data(stream, Buffer.alloc(16 * kib)))]))
        ),
        299
      )
    ),
    (session, at) => Effect.repeatN(Effect.scoped(session.get(`${at.url}/`, limits)), 299),
    (exit, at) => {
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(resets(at).filter((code) => code === Code.CANCEL).length, 300)
      lives(at)
      // The window of the connection is refilled, at most a quarter of it later.
      const window = 16 * kib * kib
      const refilled = credited(at.peers[0], 0) - (window - 65_535)
      assert.isAtLeast(refilled, 300 * 3 * 16 * kib - window / 4)
    },
    { settle: 2000 }
  )

  itH2Fault(
    "reset the stream of a server that exceeds one",
    plays(
      handshake(),
      respond((id) =>
        Buffer.concat([headers(id, ok), ...Array.from({ length: 17 }, () => data(id, Buffer.alloc(16 * kib)))])
      )
    ),
    (session, at) =>
      Effect.gen(function* () {
        const response = yield* session.get(`${at.url}/`, limits)
        yield* until(() => resets(at).length > 0)
        return yield* response.bytes
      }).pipe(Effect.scoped),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "ClientPayloadError")
      assert.deepStrictEqual(resets(at), [Code.FLOW_CONTROL_ERROR])
      lives(at)
    }
  )

  itH2Fault(
    "of a reader that stops in the middle are released by RST_STREAM, and the connection stays open",
    plays(
      handshake(),
      respond((id) => Buffer.concat([headers(id, ok), data(id, "hello")]))
    ),
    (session, at) =>
      Effect.gen(function* () {
        const response = yield* session.get(`${at.url}/`, limits)
        const first = yield* response.stream.pipe(Stream.take(1), Stream.runCollect)
        return first.length
      }).pipe(Effect.scoped),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed(1))
      assert.deepStrictEqual(resets(at), [Code.CANCEL])
      lives(at)
    }
  )

  itH2Fault(
    "of a reader that is interrupted are released by RST_STREAM, and late DATA is ignored",
    plays(
      handshake(),
      respond((id) => Buffer.concat([headers(id, ok), data(id, "hello")])),
      (peer) =>
        Effect.flatMap(peer.frame("RST_STREAM"), (frame) =>
          peer.send(data(frame.stream, Buffer.alloc(16 * kib), ending))
        )
    ),
    (session, at) =>
      Effect.gen(function* () {
        const read = yield* Deferred.make<void>()
        const fiber = yield* session.get(`${at.url}/`, limits).pipe(
          Effect.flatMap((response) =>
            response.stream.pipe(Stream.runForEach(() => Deferred.succeed(read, undefined)))
          ),
          Effect.scoped,
          Effect.fork
        )
        yield* Deferred.await(read)
        yield* Fiber.interrupt(fiber)
      }),
    (exit, at) => {
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(resets(at), [Code.CANCEL])
      lives(at)
    }
  )
})

/** Waits for the whole request and says how large its body was. */
const counts: H2Play = (peer) =>
  Effect.flatMap(peer.request, ({ body, stream }) => peer.send(response(stream, 200, String(body.length))))

const post = (
  session: Session.SessionService,
  at: H2Server,
  size: number,
  timeout: ClientRequest.RequestOptions["timeout"] = limits.timeout
) => session.post(`${at.url}/`, { data: new Uint8Array(size), timeout }).pipe(ClientResponse.text)

/** A body whose second part waits. */
const halting = (gate: Deferred.Deferred<void>, onCancel: () => void = () => {}) =>
  ClientRequest.oneShot(
    Stream.concat(
      Stream.make(Buffer.from("first ")),
      Stream.fromEffect(Effect.as(Deferred.await(gate), Buffer.from("second")))
    ).pipe(Stream.ensuring(Effect.sync(onCancel)))
  )

describe("an upload over HTTP/2", () => {
  for (const [name, settings] of [
    ["windows as usual", {}],
    ["a window of 0 that grows", { INITIAL_WINDOW_SIZE: 0 }],
    ["a window of 1 byte that grows", { INITIAL_WINDOW_SIZE: 1 }]
  ] as const) {
    itH2Fault(
      `of 1 MiB arrives with ${name}`,
      plays(
        handshake(settings),
        (peer) => Effect.flatMap(peer.head, ({ stream }) => peer.send(windowUpdate(stream, 70_000))),
        (peer) =>
          Effect.flatMap(
            peer.until(() => peer.requests[0].ended),
            () => {
              const [{ body, stream }] = peer.requests
              return peer.send(response(stream, 200, String(body.length)))
            }
          )
      ),
      (session, at) => post(session, at, kib * kib),
      (exit, at) => {
        assert.deepStrictEqual(exit, Exit.succeed(String(kib * kib)))
        lives(at)
      }
    )
  }

  itH2Fault(
    "without a window times out in the phase send",
    plays(handshake({ INITIAL_WINDOW_SIZE: 0 }), (peer) => Effect.asVoid(peer.frame("RST_STREAM"))),
    (session, at) =>
      Effect.zipRight(
        // SETTINGS are there before the upload begins.
        Effect.ignore(session.get(`${at.url}/first`, { timeout: { headers: 100 } })),
        post(session, at, 10, { send: 300, total: "30 seconds" })
      ),
    (exit) => {
      assert.strictEqual(outcome(exit), "SocketTimeoutError")
      if (Exit.isFailure(exit) && exit.cause._tag === "Fail" && exit.cause.error._tag === "SocketTimeoutError") {
        assert.strictEqual(exit.cause.error.phase, "send")
      }
    },
    { settle: 2000, followUp: false }
  )

  itH2Fault(
    "never exceeds a window, even if it becomes negative",
    plays((peer) =>
      Effect.gen(function* () {
        peer.automatic.windows = false
        yield* handshake()(peer)
        const { stream } = yield* peer.head
        yield* peer.until(() => peer.requests[0].body.length === 65_535)
        yield* peer.send(Buffer.concat([Frames.settings({ INITIAL_WINDOW_SIZE: 10 }), windowUpdate(0, 100_000)]))
        yield* peer.send(windowUpdate(stream, 65_530))
        yield* peer.until(() => peer.requests[0].body.length === 65_540)
        yield* peer.send(Buffer.concat([Frames.ping()]))
        yield* peer.take((frame) => frame.type === Type.PING)
        assert.strictEqual(peer.requests[0].body.length, 65_540)
        yield* peer.send(windowUpdate(stream, 100_000))
        yield* peer.until(() => peer.requests[0].ended)
        yield* peer.send(response(stream, 200, String(peer.requests[0].body.length)))
        peer.automatic.windows = true
      })
    ),
    (session, at) => post(session, at, 80_000),
    (exit) => assert.deepStrictEqual(exit, Exit.succeed("80000"))
  )

  for (const [name, frame] of [
    ["WINDOW_UPDATE of 0", (id: number) => [windowUpdate(id, 0)]],
    ["a window above 2^31-1", (id: number) => [windowUpdate(id, 2 ** 31 - 1), windowUpdate(id, 2 ** 31 - 1)]]
  ] as const) {
    itH2Fault(
      `is reset after ${name} on its stream, and the connection goes on`,
      plays(
        handshake({ INITIAL_WINDOW_SIZE: 0 }),
        respond((id) => Buffer.concat(frame(id)))
      ),
      (session, at) => post(session, at, 10),
      (exit, at) => {
        assert.strictEqual(outcome(exit), "BadHttpMessage")
        assert.lengthOf(resets(at), 1)
        lives(at)
      }
    )
  }

  itH2Fault(
    "of several bodies at once arrives whole",
    plays(handshake(), (peer) => Effect.repeatN(counts(peer), 9)),
    (session, at) =>
      Effect.forEach(
        Array.from({ length: 10 }, (_, index) => index * 30_000 + 1),
        (size) => post(session, at, size),
        { concurrency: "unbounded" }
      ),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed(Array.from({ length: 10 }, (_, index) => String(index * 30_000 + 1))))
      lives(at)
    },
    { deliveries: 10 }
  )
})

describe("a response over HTTP/2 during an upload", () => {
  for (const [name, after] of [
    ["and RST_STREAM with NO_ERROR", (id: number) => [rstStream(id, Code.NO_ERROR)]],
    ["without RST_STREAM", () => []]
  ] as const) {
    itH2Fault(
      `of 413 ${name} is read, and stops the upload`,
      plays(
        handshake(),
        respond((id) =>
          Buffer.concat([headers(id, block(":status", "413")), data(id, "too large", ending), ...after(id)])
        )
      ),
      (session, at) =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          let cancelled = 0
          const sent = { ...limits, data: halting(gate, () => cancelled++) }
          const text = yield* session.post(`${at.url}/`, sent).pipe(ClientResponse.text)
          yield* until(() => cancelled === 1)
          return text
        }),
      (exit, at) => {
        assert.deepStrictEqual(exit, Exit.succeed("too large"))
        assert.isFalse(at.peers[0].requests[0].ended)
        lives(at)
      }
    )
  }

  itH2Fault(
    "of 403 is read to its end, and the upload is never ended",
    plays(handshake(), (peer) =>
      Effect.gen(function* () {
        const { stream } = yield* peer.head
        yield* peer.send(Buffer.concat([headers(stream, block(":status", "403")), data(stream, "for")]))
        yield* peer.send(Frames.ping())
        yield* peer.take((frame) => frame.type === Type.PING)
        yield* peer.send(data(stream, "bidden", ending))
      })
    ),
    (session, at) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        return yield* session.post(`${at.url}/`, { ...limits, data: halting(gate) }).pipe(ClientResponse.text)
      }),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed("forbidden"))
      assert.isFalse(at.peers[0].requests[0].ended)
      assert.deepStrictEqual(resets(at), [Code.CANCEL])
      lives(at)
    }
  )

  itH2Fault(
    "of 200 continues together with it, in both directions",
    plays(handshake(), (peer) =>
      Effect.gen(function* () {
        const { stream } = yield* peer.head
        yield* peer.send(headers(stream, ok))
        yield* peer.until(() => peer.requests[0].body === "first ")
        yield* peer.send(data(stream, "echo of first, "))
        yield* peer.ended(peer.requests[0])
        yield* peer.send(data(stream, `echo of ${peer.requests[0].body}`, ending))
      })
    ),
    (session, at) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const response = yield* session.post(`${at.url}/`, { ...limits, data: halting(gate) })
        const parts: Array<string> = []
        yield* response.stream.pipe(
          Stream.runForEach((bytes) => {
            parts.push(Buffer.from(bytes).toString("latin1"))
            return Deferred.succeed(gate, undefined)
          })
        )
        return parts.join("")
      }).pipe(Effect.scoped),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed("echo of first, echo of first second"))
      assert.deepStrictEqual(resets(at), [])
      lives(at)
    }
  )

  const expecting = { ...limits, expect100: true, data: Buffer.from("body") }

  itH2Fault(
    "of 100 starts the body",
    plays(
      handshake(),
      (peer) => Effect.flatMap(peer.head, ({ stream }) => peer.send(headers(stream, block(":status", "100")))),
      (peer) =>
        Effect.flatMap(
          peer.until(() => peer.requests[0].ended),
          () => peer.send(response(peer.requests[0].stream, 200, peer.requests[0].body))
        )
    ),
    (session, at) => session.post(`${at.url}/`, expecting).pipe(ClientResponse.text),
    (exit) => assert.deepStrictEqual(exit, Exit.succeed("body"))
  )

  itH2Fault(
    "of 403 leaves a body unsent that waits for 100",
    plays(
      handshake(),
      respond((id) => response(id, 403, "no"))
    ),
    (session, at) => session.post(`${at.url}/`, expecting).pipe(ClientResponse.text),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed("no"))
      assert.deepStrictEqual(frames(at, "DATA"), [])
      lives(at)
    }
  )

  itH2Fault(
    "that does not arrive starts a body that waits for 100 after a second",
    plays(handshake(), counts),
    (session, at) => session.post(`${at.url}/`, expecting).pipe(ClientResponse.text),
    (exit) => assert.deepStrictEqual(exit, Exit.succeed("4"))
  )
})

describe("settings over HTTP/2", () => {
  for (const size of [0, 100, 2 ** 32 - 1]) {
    itH2Fault(
      `of a server with HEADER_TABLE_SIZE ${size} limit the table of requests`,
      plays(handshake({ HEADER_TABLE_SIZE: size }), (peer) =>
        Effect.repeatN(
          Effect.flatMap(peer.request, ({ stream, target }) => peer.send(response(stream, 200, target))),
          19
        )
      ),
      (session, at) =>
        Effect.forEach(
          Array.from({ length: 20 }, (_, index) => index),
          (index) =>
            session
              .get(`${at.url}/${index}`, { ...limits, headers: { accept: `x/${index % 3}`, "x-same": "y".repeat(60) } })
              .pipe(ClientResponse.text)
        ),
      (exit, at) => {
        assert.deepStrictEqual(exit, Exit.succeed(Array.from({ length: 20 }, (_, index) => `/${index}`)))
        lives(at)
      }
    )
  }

  itH2Fault(
    "that arrive late delay all requests but one",
    (peer) =>
      Effect.gen(function* () {
        yield* peer.until(() => peer.requests.length === 1)
        yield* send(Frames.settings({ MAX_CONCURRENT_STREAMS: 2 }))(peer)
        for (let index = 0; index < 3; index++) yield* counts(peer)
      }),
    (session, at) =>
      Effect.forEach([1, 2, 3], () => session.get(`${at.url}/`, limits).pipe(ClientResponse.text), {
        concurrency: "unbounded"
      }),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed(["0", "0", "0"]))
      lives(at)
    }
  )
})
