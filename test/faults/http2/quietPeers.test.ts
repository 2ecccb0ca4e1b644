/** Servers that answer nothing any more, and connections that end without a word. */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { heldClock } from "../../support/clock.js"
import { block } from "../../support/h2Fields.js"
import { data, headers, ping, Type } from "../../support/h2Frames.js"
import { answers, type H2Play, handshake } from "../../support/h2Server.js"
import { echoed, gathered, itH2Fault, plays } from "../../support/itH2Fault.js"
import { turns, untilValue } from "../../support/wait.js"

const mode = "prior-knowledge"

const indices = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Answers one request, then nothing, not even PING. */
const falls: H2Play = (peer) =>
  Effect.gen(function* () {
    yield* handshake()(peer)
    yield* gathered(1, ([request]) => [echoed(request)])(peer)
    peer.automatic.ping = false
    yield* peer.until(() => false)
  })

describe("a server that answers nothing", () => {
  itH2Fault(
    "fails each request by its own limit, and later requests use another connection",
    falls,
    (session, at) =>
      Effect.gen(function* () {
        yield* session.get(`${at.url}/warm`).pipe(ClientResponse.text)
        const errors = yield* Effect.forEach(
          indices(10),
          (index) =>
            Effect.flip(
              session
                .get(`${at.url}/a`, { timeout: { headers: `${200 + index * 20} millis` } })
                .pipe(ClientResponse.text)
            ),
          { concurrency: "unbounded" }
        )
        for (const error of errors) assert.deepInclude(error, { _tag: "SocketTimeoutError", timeout: "headers" })
        const [peer] = at.peers
        yield* peer.frame("PING")
        assert.strictEqual(yield* session.post(`${at.url}/nonce?a`).pipe(ClientResponse.text), "a")
        assert.strictEqual(yield* at.accepted, 2)
        yield* untilValue(at.connections, (open) => open === 1)
      }),
    undefined,
    { connector: { http2: { mode, pingTimeout: "1 second" } } }
  )

  itH2Fault(
    "receives requests again after a late answer to PING",
    falls,
    (session, at) =>
      Effect.gen(function* () {
        yield* session.get(`${at.url}/warm`).pipe(ClientResponse.text)
        yield* Effect.flip(session.get(`${at.url}/a`, { timeout: { headers: "100 millis" } }).pipe(ClientResponse.text))
        const [peer] = at.peers
        const { payload } = yield* peer.frame("PING")
        yield* Effect.sleep("200 millis")
        // The client answers the second PING when it has read the answer to its own.
        yield* peer.send(Buffer.concat([ping(payload, true), ping()]))
        yield* peer.frame("PING")
        yield* Effect.forkScoped(Effect.forever(Effect.flatMap(peer.request, (request) => peer.send(echoed(request)))))
        assert.strictEqual(yield* session.post(`${at.url}/nonce?b`).pipe(ClientResponse.text), "b")
        assert.strictEqual(yield* at.accepted, 1)
      }),
    undefined,
    { followUp: false, connector: { http2: { mode, pingTimeout: "20 seconds" } } }
  )

  for (const [method, expected] of [
    ["GET", "ok"],
    ["POST", "ServerDisconnectedError"]
  ] as const) {
    itH2Fault(
      `after a silence of 11 seconds ${method === "GET" ? "has a GET sent again" : "fails a POST"} once PING is not answered`,
      falls,
      (session, at) =>
        Effect.gen(function* () {
          const { advance, clock } = heldClock()
          const send = (target: string) =>
            session.request(method, `${at.url}${target}`).pipe(
              ClientResponse.text,
              Effect.as("ok"),
              Effect.catchAll(({ _tag }) => Effect.succeed(_tag)),
              Effect.withClock(clock)
            )
          assert.strictEqual(yield* send("/a"), "ok")
          advance(11_000)
          const fiber = yield* Effect.fork(send("/nonce?b"))
          const [peer] = at.peers
          yield* peer.frame("PING")
          yield* peer.request
          advance(5_000)
          assert.strictEqual(yield* Fiber.join(fiber), expected)
          assert.strictEqual(yield* at.accepted, method === "GET" ? 2 : 1)
        }),
      undefined,
      { deliveries: 2 }
    )
  }

  itH2Fault(
    "receives a PING every 10 seconds with pingInterval while a request waits, and none when idle",
    plays(handshake(), (peer) => peer.until(() => peer.frames.filter(({ type }) => type === Type.PING).length === 6)),
    (session, at) =>
      Effect.gen(function* () {
        const { advance, clock } = heldClock()
        const pings = () => peer.frames.filter(({ flags, type }) => type === Type.PING && flags === 0).length
        const send = session
          .get(`${at.url}/nonce?a`, { timeout: { total: "2 minutes", headers: "2 minutes" } })
          .pipe(ClientResponse.text, Effect.withClock(clock))
        const fiber = yield* Effect.fork(send)
        const [peer] = yield* untilValue(
          Effect.sync(() => at.peers),
          (peers) => peers.length === 1
        )
        const request = yield* peer.request
        // The acknowledgement: the client has read the server's SETTINGS.
        yield* peer.take(({ flags, type }) => type === Type.SETTINGS && flags === 1)
        for (let expected = 1; expected <= 3; expected++) {
          advance(10_000)
          yield* peer.frame("PING")
          assert.strictEqual(pings(), expected)
          // The client has read the answer once it answers this.
          yield* peer.send(ping("another!"))
          yield* peer.frame("PING")
        }
        yield* peer.send(echoed(request))
        assert.strictEqual(yield* Fiber.join(fiber), "a")
        advance(14_000)
        yield* turns(5)
        assert.strictEqual(pings(), 3)
      }),
    undefined,
    { connector: { http2: { mode, pingInterval: "10 seconds" } } }
  )
})

describe("a connection that ends without a response", () => {
  for (const [method, expected] of [
    ["GET", "/b"],
    ["POST", "ServerDisconnectedError"]
  ] as const) {
    itH2Fault(
      `as a ${method} goes out on it ${method === "GET" ? "has it sent again" : "fails it"}`,
      [
        plays(
          handshake(),
          gathered(1, ([request]) => [echoed(request)]),
          (peer) => Effect.zipRight(peer.request, peer.fin)
        ),
        answers(echoed)
      ],
      (session, at) =>
        Effect.gen(function* () {
          yield* session.get(`${at.url}/a`).pipe(ClientResponse.text)
          const result = yield* session.request(method, `${at.url}/b`).pipe(
            ClientResponse.text,
            Effect.catchAll(({ _tag }) => Effect.succeed(_tag))
          )
          assert.strictEqual(result, expected)
        })
    )
  }

  itH2Fault(
    "fails even a GET if bytes of another stream have arrived",
    [
      plays(
        handshake(),
        gathered(1, ([request]) => [echoed(request)]),
        (peer) =>
          Effect.gen(function* () {
            const first = yield* peer.request
            yield* peer.send(headers(first.stream, block(":status", "200")))
            const second = yield* peer.request
            assert.notStrictEqual(second.stream, first.stream)
            yield* peer.send(data(first.stream, "some"))
            yield* peer.fin
          })
      )
    ],
    (session, at) =>
      Effect.gen(function* () {
        yield* session.get(`${at.url}/a`).pipe(ClientResponse.text)
        const body = yield* Effect.fork(Effect.flip(session.get(`${at.url}/b`).pipe(ClientResponse.text)))
        yield* untilValue(session.connector.stats, ({ streams }) => streams === 1)
        const error = yield* Effect.flip(session.get(`${at.url}/c`).pipe(ClientResponse.text))
        assert.strictEqual(error._tag, "ServerDisconnectedError")
        assert.deepInclude(yield* Fiber.join(body), { _tag: "ClientPayloadError", reason: "Incomplete" })
        assert.strictEqual(yield* at.accepted, 1)
      })
  )
})

describe("an answer to a PING that was not sent", () => {
  itH2Fault(
    "is ignored",
    plays(handshake(), (peer) => peer.send(Buffer.concat([ping("unasked!", true), ping("12345678", true)]))),
    (session, at) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* session.get(`${at.url}/nonce?a`).pipe(ClientResponse.text), "a")
        assert.strictEqual(yield* at.accepted, 1)
      })
  )
})
