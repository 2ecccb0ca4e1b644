/** Servers that refuse requests: by GOAWAY, for all above a stream, or by RST_STREAM, for one. */
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Errors from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import * as Tracing from "effect-http-session/Tracing"
import { block } from "../../support/h2Fields.js"
import { Code, data, goaway, headers, rstStream, settings } from "../../support/h2Frames.js"
import { answers, type H2Play, type H2Request, type H2Server, handshake, response } from "../../support/h2Server.js"
import { echoed, gathered, itH2Fault, plays } from "../../support/itH2Fault.js"
import { until, untilValue } from "../../support/wait.js"

/** Requests to /0, /1, ... at once, every second one a POST. */
const all = (session: Session.SessionService, at: H2Server, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    (index) => session.request(index % 2 === 0 ? "GET" : "POST", `${at.url}/${index}`).pipe(ClientResponse.text),
    { concurrency: "unbounded" }
  )

const targets = (count: number) => Array.from({ length: count }, (_, index) => `/${index}`)

/** Refuses the first request. */
const goesAway = (code: number, debug = "") =>
  plays(
    handshake(),
    gathered(1, () => [goaway(0, code, debug)])
  )

const ends: H2Play = (peer) => peer.fin

const closed = (at: H2Server) => until(() => Effect.map(at.connections, (open) => open === 0))

const shown = (requests: ReadonlyArray<H2Request>) =>
  requests.map(({ connection, target }) => `${connection} ${target}`)

const post = { text: "a" }

describe("a GOAWAY", () => {
  itH2Fault(
    "lets the connection finish its requests, and the next request opens another",
    plays(
      handshake(),
      gathered(2, (requests) => [
        goaway(2 ** 31 - 1, Code.NO_ERROR),
        ...requests.map(echoed),
        goaway(requests[1].stream, Code.NO_ERROR)
      ])
    ),
    (session, at) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* all(session, at, 2), targets(2))
        assert.strictEqual(yield* session.get(`${at.url}/nonce?next`).pipe(ClientResponse.text), "next")
        assert.deepStrictEqual(shown(yield* at.requests), ["0 /0", "0 /1", "1 /nonce?next"])
      })
  )

  itH2Fault(
    "after each response makes the client send the others again until each is served once",
    [
      ...Array.from({ length: 3 }, (_, index) =>
        plays(
          handshake(),
          gathered(4 - index, ([first]) => [goaway(first.stream, Code.NO_ERROR), echoed(first)])
        )
      ),
      answers(echoed)
    ],
    (session, at) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* all(session, at, 4), targets(4))
        const requests = shown(yield* at.requests)
        assert.deepStrictEqual(requests.map((request) => request.split(" ")[0]).join(""), "0000111223")
      }),
    undefined,
    { deliveries: 4 }
  )

  itH2Fault(
    "in the middle of 100 requests makes the client send the others, even POSTs, once on one new connection",
    [
      plays(
        handshake(),
        gathered(100, (requests) => [goaway(requests[49].stream, Code.NO_ERROR), ...requests.slice(0, 50).map(echoed)])
      ),
      answers(echoed)
    ],
    (session, at) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* all(session, at, 100), targets(100))
        const requests = shown(yield* at.requests)
        const first = targets(100).map((target) => `0 ${target}`)
        const again = targets(100).map((target) => `1 ${target}`)
        assert.deepStrictEqual(requests.slice(0, 100), first)
        assert.deepStrictEqual([...requests.slice(100)].sort(), again.slice(50).sort())
      }),
    undefined,
    { deliveries: 2 }
  )

  itH2Fault(
    "does not repeat a request with a body that has begun and can run only once",
    [
      plays(
        handshake(),
        gathered(2, () => [goaway(0, Code.NO_ERROR)])
      ),
      answers((request) => (request.method === "POST" ? response(request.stream, 200, request.body) : echoed(request)))
    ],
    (session, at) =>
      Effect.gen(function* () {
        const bytes = Stream.make(new TextEncoder().encode("body"))
        const once = session.post(`${at.url}/once`, { data: ClientRequest.oneShot(bytes) }).pipe(ClientResponse.text)
        const again = session.post(`${at.url}/again`, { data: bytes }).pipe(ClientResponse.text)
        const [error, text] = yield* Effect.all([Effect.flip(once), again], { concurrency: 2 })
        assert.strictEqual(text, "body")
        assert.deepInclude(error, {
          _tag: "StreamResetError",
          code: "NO_ERROR",
          scope: "Connection",
          unprocessed: true,
          attempt: 1
        })
      }),
    undefined,
    { deliveries: 2 }
  )

  itH2Fault(
    "on every connection fails a request after its second attempt",
    [goesAway(Code.NO_ERROR), goesAway(Code.NO_ERROR)],
    (session, at) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(session.post(`${at.url}/a`, post))
        assert.deepInclude(error, { _tag: "StreamResetError", unprocessed: true, scope: "Connection", attempt: 2 })
        assert.isFalse(Errors.isRetryable(error))
        assert.strictEqual(yield* at.accepted, 2)
      }),
    undefined,
    { deliveries: 2 }
  )

  itH2Fault(
    "with ENHANCE_YOUR_CALM causes no repetition, and its text is kept but not printed",
    goesAway(Code.ENHANCE_YOUR_CALM, "s3cr3t-cookie".repeat(1200)),
    (session, at) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(session.post(`${at.url}/a`, post))
        assert.deepInclude(error, {
          _tag: "StreamResetError",
          code: "ENHANCE_YOUR_CALM",
          unprocessed: true,
          attempt: 1
        })
        assert.isTrue(Errors.isRetryable(error))
        if (error._tag === "StreamResetError") {
          assert.strictEqual(error.debug, "s3cr3t-cookie".repeat(8).slice(0, 100))
        }
        assert.strictEqual(yield* at.accepted, 1)
        // The invariants look for the text in all that is printed of the error.
        return yield* Effect.fail(error)
      }),
    (exit) => assert.strictEqual(exit._tag, "Failure")
  )

  for (const code of ["INTERNAL_ERROR", "PROTOCOL_ERROR"] as const) {
    itH2Fault(
      `with ${code} proves nothing about later requests: only idempotent ones are sent again`,
      [
        plays(
          handshake(),
          gathered(3, ([first]) => [echoed(first), goaway(first.stream, Code[code])]),
          ends
        )
      ],
      (session, at) =>
        Effect.gen(function* () {
          const get = (target: string) => session.get(`${at.url}${target}`).pipe(ClientResponse.text)
          const [first, error, last] = yield* Effect.all(
            [get("/nonce?0"), Effect.flip(session.post(`${at.url}/1`, post)), get("/nonce?2")],
            { concurrency: "unbounded" }
          )
          assert.strictEqual(first, "0")
          assert.strictEqual(last, "2")
          assert.deepInclude(error, { _tag: "StreamResetError", code, scope: "Connection", unprocessed: false })
          assert.isFalse(Errors.isRetryable(error))
          assert.deepStrictEqual(shown(yield* at.requests), ["0 /nonce?0", "0 /1", "0 /nonce?2", "1 /nonce?2"])
        }),
      undefined,
      { deliveries: 2 }
    )
  }

  itH2Fault(
    "with INTERNAL_ERROR fails an accepted request once the connection ends",
    plays(
      handshake(),
      gathered(1, ([{ stream }]) => [goaway(stream, Code.INTERNAL_ERROR)]),
      ends
    ),
    (session, at) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(session.post(`${at.url}/a`, post))
        assert.strictEqual(error._tag, "ServerDisconnectedError")
        assert.strictEqual(yield* at.accepted, 1)
      })
  )

  itH2Fault(
    "closes an idle connection, and the next request opens another",
    plays(
      handshake(),
      gathered(1, ([request]) => [echoed(request)]),
      (peer) =>
        Effect.zipRight(
          peer.until(() => peer.requests.length === 1),
          peer.send(goaway(1, Code.NO_ERROR))
        )
    ),
    (session, at) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* session.get(`${at.url}/a`).pipe(ClientResponse.text), "/a")
        yield* closed(at)
        assert.strictEqual(yield* session.post(`${at.url}/nonce?b`).pipe(ClientResponse.text), "b")
        assert.strictEqual(yield* at.accepted, 2)
      })
  )

  itH2Fault(
    "that arrives in the turn of the next request moves it to another connection, without counting an attempt",
    plays(
      handshake(),
      gathered(1, ([request]) => [Buffer.concat([echoed(request), goaway(request.stream, Code.NO_ERROR)])])
    ),
    (session, at) =>
      Effect.gen(function* () {
        // The next request starts in the same turn as the end of the first.
        const [text, signals] = yield* session
          .get(`${at.url}/a`)
          .pipe(
            ClientResponse.text,
            Effect.zipRight(session.post(`${at.url}/nonce?b`).pipe(ClientResponse.text)),
            Tracing.collect
          )
        assert.strictEqual(text, "b")
        assert.isEmpty(signals.filter(({ _tag }) => _tag === "RequestRetry"))
        assert.deepStrictEqual(shown(yield* at.requests), ["0 /a", "1 /nonce?b"])
      })
  )

  itH2Fault(
    "lets a response in progress continue, while other requests use a new connection",
    plays(
      handshake(),
      gathered(1, ([{ stream }]) => [
        headers(stream, block(":status", "200")),
        data(stream, "event"),
        goaway(stream, Code.NO_ERROR)
      ]),
      (peer) => peer.until(() => false)
    ),
    (session, at) =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const long = yield* session.get(`${at.url}/long`).pipe(
          ClientResponse.use((response) => Effect.zipRight(Deferred.succeed(begun, undefined), response.text)),
          Effect.fork
        )
        yield* Deferred.await(begun)
        assert.strictEqual(yield* session.get(`${at.url}/nonce?b`).pipe(ClientResponse.text), "b")
        assert.strictEqual(yield* at.connections, 2)
        yield* at.peers[0].send(data(1, " end", { end: true }))
        assert.strictEqual(yield* Fiber.join(long), "event end")
        yield* untilValue(at.connections, (open) => open === 1)
      })
  )

  for (const [name, frames] of [
    ["whose last stream grows", [goaway(1, Code.NO_ERROR), goaway(3, Code.NO_ERROR)]],
    ["of 7 bytes", [Buffer.concat([Buffer.from([0, 0, 7, 7, 0, 0, 0, 0, 0]), Buffer.alloc(7)])]],
    ["on stream 1", [Buffer.concat([Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 1]), Buffer.alloc(8)])]]
  ] as const) {
    itH2Fault(
      `${name} is an error of the connection`,
      plays(
        handshake(),
        gathered(1, () => frames)
      ),
      (session, at) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(session.get(`${at.url}/a`))
          assert.deepInclude(error, { _tag: "BadHttpMessage", reason: "Framing" })
        })
    )
  }
})

const refused =
  (times: number, code: number = Code.REFUSED_STREAM): H2Play =>
  (peer) =>
    Effect.zipRight(
      handshake()(peer),
      Effect.repeatN(
        Effect.flatMap(peer.request, ({ stream }) => peer.send(rstStream(stream, code))),
        times - 1
      )
    )

describe("a refused stream", () => {
  itH2Fault(
    "is sent again once on the same connection, even for a POST",
    plays(refused(1), (peer) => Effect.flatMap(peer.request, (request) => peer.send(echoed(request)))),
    (session, at) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* session.post(`${at.url}/a`, post).pipe(ClientResponse.text), "/a")
        assert.deepStrictEqual(shown(yield* at.requests), ["0 /a", "0 /a"])
      }),
    undefined,
    { deliveries: 2 }
  )

  itH2Fault(
    "fails after the second refusal",
    refused(2),
    (session, at) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(session.post(`${at.url}/a`, post))
        assert.deepInclude(error, {
          _tag: "StreamResetError",
          code: "REFUSED_STREAM",
          scope: "Stream",
          unprocessed: true,
          attempt: 2
        })
        assert.strictEqual((yield* at.requests).length, 2)
      }),
    undefined,
    { deliveries: 2 }
  )

  for (const [name, bodyOf, again] of [
    ["bytes", () => new Uint8Array(200_000), true],
    ["a stream that can run again", () => Stream.make(new Uint8Array(200_000)), true],
    ["a stream that can run once", () => ClientRequest.oneShot(Stream.make(new Uint8Array(200_000))), false]
  ] as const) {
    itH2Fault(
      `in the middle of an upload of ${name} is ${again ? "" : "not "}sent again`,
      plays((peer) =>
        Effect.gen(function* () {
          // More is not credited, so the upload stands still.
          peer.automatic.windows = false
          yield* handshake()(peer)
          const first = yield* peer.head
          yield* peer.frame("DATA", first.stream)
          yield* peer.send(rstStream(first.stream, Code.REFUSED_STREAM))
          peer.automatic.windows = true
          if (again) {
            yield* peer.send(Buffer.concat([settings({ INITIAL_WINDOW_SIZE: 1_000_000 }), windows]))
            const { body, stream } = yield* peer.request
            yield* peer.send(response(stream, 200, String(body.length)))
          }
        })
      ),
      (session, at) =>
        Effect.gen(function* () {
          const sent = session.post(`${at.url}/a`, { data: bodyOf() }).pipe(ClientResponse.text)
          if (again) assert.strictEqual(yield* sent, "200000")
          else assert.deepInclude(yield* Effect.flip(sent), { _tag: "StreamResetError", unprocessed: true, attempt: 1 })
        }),
      undefined,
      { deliveries: 2 }
    )
  }

  itH2Fault(
    "after the head of its response truncates the body",
    plays(
      handshake(),
      gathered(1, ([{ stream }]) => [
        headers(stream, block(":status", "200")),
        data(stream, "half"),
        rstStream(stream, Code.REFUSED_STREAM)
      ])
    ),
    (session, at) =>
      Effect.gen(function* () {
        const error = yield* session.get(`${at.url}/a`).pipe(ClientResponse.text, Effect.flip)
        assert.deepInclude(error, {
          _tag: "ClientPayloadError",
          reason: "Incomplete",
          code: "REFUSED_STREAM",
          received: 4
        })
      })
  )

  itH2Fault(
    "after an attempt that the server may have processed is not reported as unprocessed",
    [
      plays(
        handshake(),
        gathered(1, ([request]) => [echoed(request)]),
        (peer) => Effect.zipRight(peer.request, peer.fin)
      ),
      refused(1)
    ],
    (session, at) =>
      Effect.gen(function* () {
        yield* session.get(`${at.url}/a`).pipe(ClientResponse.text)
        const error = yield* Effect.flip(session.get(`${at.url}/b`))
        assert.deepInclude(error, { _tag: "StreamResetError", code: "REFUSED_STREAM", unprocessed: false, attempt: 2 })
      })
  )
})

const windows = Buffer.from([0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0x40, 0, 0])
