/**
 * Connections that end while they are idle, or at the moment of their reuse.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, FiberId, Stream, TestClock } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import { failure } from "../support/exits.js"
import { invariants } from "../support/invariants.js"
import { faultySession, itFault, nonce, outcome } from "../support/itFault.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/session.js"
import { turns, untilValue } from "../support/wait.js"

const { answers, fin, head, plays, request, reset, respond, send, stall } = Server

const limits: ClientRequest.RequestOptions = { timeout: "15 seconds" }

const failing = <A, R>(effect: Effect.Effect<A, ClientError, R>): Effect.Effect<ClientError, never, R> =>
  Effect.map(Effect.exit(effect), failure)

/** How often the server has read each request, apart from those to /nonce. */
const delivered = (at: Server.Server): ReadonlyArray<string> =>
  Effect.runSync(at.requests)
    .filter(({ target }) => !target.startsWith("/nonce"))
    .map(({ connection, method, target }) => `${connection} ${method} ${target}`)

const nonceOnce = (session: Session.SessionService, at: Server.Server) =>
  session.get(`${at.url}/nonce?own`, limits).pipe(ClientResponse.text)

const warm = (session: Session.SessionService, at: Server.Server) =>
  session.get(`${at.url}/warm`, limits).pipe(ClientResponse.text)

const bytes = (text: string) => new TextEncoder().encode(text)

/** A body that can be read only once. */
const oneShot = (text: string) =>
  (async function* () {
    yield bytes(text)
  })()

describe("a connection that ends during its second request", () => {
  const ends = [
    ["FIN", fin],
    ["RST", reset]
  ] as const
  const resent: ReadonlyArray<readonly [string, string, ClientRequest.RequestOptions, string]> = [
    ["GET", "GET", {}, ""],
    ["HEAD", "HEAD", {}, ""],
    ["OPTIONS", "OPTIONS", {}, ""],
    ["DELETE", "DELETE", {}, ""],
    ["PUT of bytes", "PUT", { text: "all of it" }, "all of it"],
    ["PUT of a stream", "PUT", { data: Stream.make(bytes("all "), bytes("of it")) }, "all of it"]
  ]
  for (const [how, end] of ends) {
    for (const [name, method, options, body] of resent) {
      itFault(
        `by ${how} causes ${name} to be sent once more on a new connection`,
        [
          plays(request, respond(200, "warm"), request, end),
          plays(request, respond(200, method === "HEAD" ? "" : "ok"))
        ],
        (session, at) =>
          Effect.zipRight(
            warm(session, at),
            session.request(method, `${at.url}/own`, { ...limits, ...options }).pipe(ClientResponse.discard)
          ),
        (exit, at) => {
          assert.strictEqual(outcome(exit), "Success")
          assert.deepStrictEqual(delivered(at), ["0 GET /warm", `0 ${method} /own`, `1 ${method} /own`])
          assert.deepStrictEqual(
            Effect.runSync(at.requests)
              .filter(({ target }) => target === "/own")
              .map((logged) => logged.body),
            [body, body]
          )
        }
      )
    }

    const refused: ReadonlyArray<readonly [string, string, () => ClientRequest.RequestOptions]> = [
      ["POST", "POST", () => ({ text: "x" })],
      ["POST without a body", "POST", () => ({})],
      ["PATCH", "PATCH", () => ({ text: "x" })],
      ["a custom method", "BREW", () => ({})],
      ["PUT of a body that can be had once", "PUT", () => ({ data: HttpBody.raw(oneShot("x")) })]
    ]
    for (const [name, method, options] of refused) {
      itFault(
        `by ${how} fails ${name}, which is delivered once`,
        plays(request, respond(200, "warm"), request, end),
        (session, at) =>
          Effect.zipRight(
            warm(session, at),
            Effect.suspend(() => session.request(method, `${at.url}/own`, { ...limits, ...options() })).pipe(
              ClientResponse.discard
            )
          ),
        (exit, at) => {
          const error = failure(exit)
          assert.strictEqual(error._tag, how === "FIN" ? "ServerDisconnectedError" : "ClientOSError")
          if (error._tag === "ServerDisconnectedError") assert.isTrue(error.reused)
          assert.strictEqual(error.attempt, 1)
          assert.deepStrictEqual(delivered(at), ["0 GET /warm", `0 ${method} /own`])
        }
      )
    }

    itFault(
      `by ${how} causes no third attempt`,
      [plays(request, respond(200, "warm"), request, end), plays(request, end)],
      (session, at) =>
        Effect.zipRight(warm(session, at), session.get(`${at.url}/own`, limits).pipe(ClientResponse.text)),
      (exit, at) => {
        assert.strictEqual(failure(exit).attempt, 2)
        assert.deepStrictEqual(delivered(at), ["0 GET /warm", "0 GET /own", "1 GET /own"])
      }
    )

    itFault(
      `by ${how} is not followed by an attempt on another idle connection, which may have ended too`,
      // Each response waits for the other request, so that two connections are open.
      (() => {
        let heads = 0
        const both: Server.Play = () =>
          untilValue(
            Effect.sync(() => heads),
            (seen) => seen >= 2
          )
        const twice = plays(request, () => Effect.sync(() => void heads++), both, respond(200, "warm"), request, end)
        return [twice, twice, plays(request, respond(200, "own"))]
      })(),
      (session, at) =>
        Effect.zipRight(
          Effect.all([warm(session, at), warm(session, at)], { concurrency: 2 }),
          session.get(`${at.url}/own`, limits).pipe(ClientResponse.text)
        ),
      (exit, at) => {
        assert.deepStrictEqual(exit, Exit.succeed("own"))
        assert.strictEqual(delivered(at).filter((line) => line.includes("/own")).length, 2)
        assert.include(delivered(at), "2 GET /own")
      }
    )

    itFault(
      `by ${how}: a new connection that ends without a byte is followed by a second attempt`,
      [plays(request, end), plays(request, respond(200, "ok"))],
      (session, at) => Effect.flatMap(session.get(`${at.url}/own`, limits), (response) => response.text),
      (exit, at) => {
        assert.deepStrictEqual(exit, Exit.succeed("ok"))
        assert.deepStrictEqual(delivered(at), ["0 GET /own", "1 GET /own"])
      }
    )

    itFault(
      `by ${how}: two new connections that end without a byte fail the request`,
      [plays(request, end), plays(request, end)],
      (session, at) => session.get(`${at.url}/own`, limits).pipe(ClientResponse.text),
      (exit, at) => {
        const error = failure(exit)
        assert.strictEqual(error._tag, how === "FIN" ? "ServerDisconnectedError" : "ClientOSError")
        if (error._tag === "ServerDisconnectedError") assert.isFalse(error.reused)
        assert.strictEqual(error.attempt, 2)
        assert.deepStrictEqual(delivered(at), ["0 GET /own", "1 GET /own"])
      }
    )

    itFault(
      `by ${how}: a new connection that ends within a head fails the request`,
      plays(request, send("HTTP/1.1 2"), end),
      (session, at) => session.get(`${at.url}/own`, limits).pipe(ClientResponse.text),
      (exit, at) => {
        assert.strictEqual(failure(exit).attempt, 1)
        assert.deepStrictEqual(delivered(at), ["0 GET /own"])
      }
    )

    for (const [name, method, options] of refused) {
      itFault(
        `by ${how}: a new connection that ends during ${name} fails the request`,
        plays(request, end),
        (session, at) =>
          Effect.suspend(() => session.request(method, `${at.url}/own`, { ...limits, ...options() })).pipe(
            ClientResponse.discard
          ),
        (exit, at) => {
          assert.strictEqual(failure(exit).attempt, 1)
          assert.deepStrictEqual(delivered(at), [`0 ${method} /own`])
        }
      )
    }

    for (const [name, bytes] of [
      ["a part of the status line", "HTT"],
      ["one line end", "\r\n"],
      ["an informational response", "HTTP/1.1 103 Early Hints\r\n\r\n"]
    ] as const) {
      itFault(
        `by ${how} causes no second attempt after ${name}`,
        plays(request, respond(200, "warm"), request, send(bytes), end),
        (session, at) =>
          Effect.zipRight(warm(session, at), session.get(`${at.url}/own`, limits).pipe(ClientResponse.text)),
        (exit, at) => {
          assert.include(["ServerDisconnectedError", "ClientOSError"], failure(exit)._tag)
          assert.deepStrictEqual(delivered(at), ["0 GET /warm", "0 GET /own"])
        }
      )
    }
  }

  itFault(
    "lets 20 of 20 GETs succeed although each connection ends as it is reused",
    Array.from({ length: 25 }, () => plays(request, respond(200, "ok"), head, fin)),
    (session, at) =>
      Effect.map(Effect.replicateEffect(session.get(`${at.url}/own`, limits).pipe(ClientResponse.text), 20), (texts) =>
        assert.deepStrictEqual(
          texts,
          Array.from({ length: 20 }, () => "ok")
        )
      ),
    undefined,
    { followUp: false }
  )
})

describe("a server that ends connections at random", () => {
  /** A fixed sequence of numbers below 1. */
  const chance = (seed: number) => {
    let state = seed
    return () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return state / 0x80000000
    }
  }

  for (const [name, end] of [
    ["FIN", fin],
    ["RST", reset]
  ] as const) {
    it.scopedLive(`by ${name} lets each GET succeed, and each POST that was delivered`, () =>
      Effect.gen(function* () {
        const random = chance(20261122)
        const at = yield* Server.always((peer) => {
          const rounds = 1 + Math.floor(random() * 3)
          const round = Effect.flatMap(peer.request, ({ target }) => peer.send(Server.response(200, target)))
          return Effect.repeatN(round, rounds - 1).pipe(
            Effect.zipRight(Effect.sleep(random() < 0.5 ? 0 : random() * 4)),
            Effect.zipRight(end(peer))
          )
        })
        const { session } = yield* sessionOn({ limit: 20 })
        const exit = yield* invariants(
          Effect.forEach(
            Array.from({ length: 400 }, (_, index) => index),
            (index) => {
              const method = index % 5 === 0 ? "POST" : "GET"
              return Effect.sleep(random() * 5).pipe(
                Effect.zipRight(session.request(method, `${at.url}/${index}`, limits).pipe(ClientResponse.text)),
                Effect.exit,
                Effect.map((result) => ({ index, method, result }))
              )
            },
            { concurrency: 20 }
          ),
          { connector: session.connector, servers: [at] }
        )
        assert.isTrue(Exit.isSuccess(exit))
        if (!Exit.isSuccess(exit)) return
        let posts = 0
        for (const { index, method, result } of exit.value) {
          if (Exit.isSuccess(result)) {
            assert.strictEqual(result.value, `/${index}`)
            if (method === "POST") posts++
          } else {
            assert.strictEqual(method, "POST", Cause.pretty(result.cause))
            assert.include(["ServerDisconnectedError", "ClientOSError"], failure(result)._tag)
          }
        }
        const arrived = (yield* at.requests).filter((logged) => logged.method === "POST").length
        assert.strictEqual(arrived, posts)
      })
    )
  }

  it.scopedLive("leaves 50 ended connections in the pool, which delay no request", () =>
    Effect.gen(function* () {
      let accepted = 0
      let restart: () => void = () => {}
      const restarted = new Promise<void>((resolve) => {
        restart = resolve
      })
      const old: Server.Play = plays(
        request,
        () => Effect.sync(() => void accepted++),
        () =>
          untilValue(
            Effect.sync(() => accepted),
            (count) => count >= 50
          ),
        respond(200, "old"),
        () => Effect.promise(() => restarted),
        fin
      )
      const at = yield* Server.server([
        ...Array.from({ length: 50 }, () => old),
        ...Array.from({ length: 50 }, () => answers(({ target }) => Server.response(200, target)))
      ])
      const { session } = yield* sessionOn()
      const exit = yield* invariants(
        Effect.gen(function* () {
          yield* Effect.all(
            Array.from({ length: 50 }, () => warm(session, at)),
            { concurrency: "unbounded" }
          )
          assert.strictEqual((yield* session.connector.stats).idle, 50)
          restart()
          yield* untilValue(session.connector.stats, (stats) => stats.idle === 0)
          const texts = yield* Effect.forEach(
            Array.from({ length: 50 }, (_, index) => index),
            (index) => session.post(`${at.url}/${index}`, { ...limits, text: "x" }).pipe(ClientResponse.text),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            texts,
            Array.from({ length: 50 }, (_, index) => `/${index}`)
          )
        }),
        { connector: session.connector, servers: [at] }
      )
      assert.isTrue(Exit.isSuccess(exit))
    })
  )
})

describe("idle connections on the Clock", () => {
  const echo = answers(({ target }) => Server.response(200, target))

  it.scoped("are closed after keepaliveTimeout without any traffic, and used until then", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const { session } = yield* sessionOn({ keepaliveTimeout: "10 seconds" })
      yield* warm(session, at)
      yield* TestClock.adjust("9999 millis")
      yield* warm(session, at)
      assert.strictEqual(yield* at.accepted, 1)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual((yield* session.connector.stats).idle, 1)
      yield* TestClock.adjust("1 millis")
      yield* untilValue(at.connections, (open) => open === 0)
      assert.strictEqual((yield* session.connector.stats).idle, 0)
      yield* warm(session, at)
      assert.strictEqual(yield* at.accepted, 2)
    })
  )

  it.scoped("are closed half a second before their server would close them", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(answers(() => Server.response(200, "x", ["Keep-Alive: timeout=2"])))
      const { session } = yield* sessionOn()
      yield* warm(session, at)
      yield* TestClock.adjust("1499 millis")
      assert.strictEqual((yield* session.connector.stats).idle, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* session.connector.stats).idle, 0)
    })
  )

  it.scoped("are not closed by limits of the previous request", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const { session } = yield* sessionOn()
      yield* session
        .get(`${at.url}/1`, { timeout: { total: "1 second", headers: "1 second", body: "1 second", send: "1 second" } })
        .pipe(ClientResponse.text)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* warm(session, at), "/warm")
      assert.strictEqual(yield* at.accepted, 1)
    })
  )
})

describe("a body that arrived completely", () => {
  const echo = answers(({ target }) => Server.response(200, target))

  itFault(
    "releases its connection before it is read",
    echo,
    (session, at) =>
      Effect.gen(function* () {
        const first = yield* session.get(`${at.url}/first`, limits)
        yield* untilValue(session.connector.stats, (stats) => stats.idle === 1)
        assert.strictEqual((yield* session.connector.stats).acquired, 0)
        const second = yield* session.get(`${at.url}/second`, limits)
        assert.strictEqual(second.connection.id, first.connection.id)
        assert.isTrue(second.connection.reused)
        assert.isFalse(first.connection.reused)
        assert.deepStrictEqual([yield* second.text, yield* first.text], ["/second", "/first"])
      }),
    undefined,
    { followUp: false }
  )

  itFault(
    "leaves one connection after 200 unread responses",
    echo,
    (session, at) =>
      Effect.forEach(Array.from({ length: 200 }), () => Effect.scoped(session.get(`${at.url}/x`, limits)), {
        discard: true
      }),
    (_exit, at) => assert.strictEqual(Effect.runSync(at.accepted), 1),
    { followUp: false }
  )
})

describe("a body that is never read", () => {
  const big = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`
  const open = (session: Session.SessionService, at: Server.Server) =>
    Effect.asVoid(Effect.scoped(session.get(`${at.url}/own`, limits)))
  /** The client reads the head in these turns. */
  const rows: ReadonlyArray<readonly [string, ReadonlyArray<Server.Play>, 1 | 2]> = [
    ["a small rest is drained", [request, send(big(6000)), () => turns(5), send("x".repeat(6000))], 1],
    [
      "a rest in chunks is drained",
      [
        request,
        send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
        () => turns(5),
        send("0\r\n\r\n")
      ],
      1
    ],
    ["a large rest closes", [request, send(big(200_000)), send("x".repeat(100_000)), stall], 2],
    ["a rest that does not come closes", [request, send(big(10)), stall], 2],
    [
      "chunks without end close",
      [
        request,
        send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Server.repeat(`1000\r\n${"x".repeat(4096)}\r\n`)
      ],
      2
    ],
    ["a body without length closes", [request, send("HTTP/1.1 200 OK\r\n\r\nabc"), stall], 2]
  ]
  for (const [name, steps, connections] of rows) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const attempt = Effect.scoped(
          Effect.gen(function* () {
            const { at, connector, session } = yield* faultySession([plays(...steps)])
            const exit = yield* invariants(open(session, at), {
              connector,
              servers: [at],
              followUp: nonce(session, at),
              within: 250
            })
            assert.strictEqual(outcome(exit), "Success")
            return yield* at.accepted
          })
        )
        // A drain ends after 25 or 200 ms of real time, by which time the rest may not have arrived on a busy machine.
        const accepted = yield* Effect.repeat(attempt, {
          times: connections === 1 ? 9 : 0,
          until: (count) => count === connections
        })
        assert.strictEqual(accepted, connections)
      })
    )
  }

  it.scopedLive("leaves nothing open after 200 requests", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(plays(request, send(big(1_000_000)), send("x".repeat(300_000)), stall))
      const { session } = yield* sessionOn({ limit: 5 })
      const exit = yield* invariants(
        Effect.forEach(Array.from({ length: 200 }), () => open(session, at), { concurrency: 10, discard: true }),
        { connector: session.connector, servers: [at] }
      )
      assert.isTrue(Exit.isSuccess(exit))
    })
  )

  itFault(
    "holds only its connection until it is released",
    plays(request, send(big(1_000_000)), stall),
    (session, at) =>
      Effect.gen(function* () {
        const response = yield* session.get(`${at.url}/own`, limits)
        assert.strictEqual((yield* session.connector.stats).acquired, 1)
        assert.strictEqual(yield* nonceOnce(session, at), "own")
        yield* response.release
        assert.strictEqual((yield* session.connector.stats).acquired, 0)
        yield* response.release
        const read = yield* failing(response.text)
        assert.strictEqual(read._tag === "ClientPayloadError" ? read.reason : read._tag, "Released")
      })
  )

  itFault("is released after its Scope", plays(request, send(big(10)), stall), (session, at) =>
    Effect.gen(function* () {
      const response = yield* Effect.scoped(session.get(`${at.url}/own`, limits))
      const read = yield* failing(Stream.runDrain(response.stream))
      assert.strictEqual(read._tag === "ClientPayloadError" ? read.reason : read._tag, "Released")
    })
  )

  for (const [how, read] of Object.entries({
    text: (response: ClientResponse.ClientResponse) => response.text,
    json: (response: ClientResponse.ClientResponse) => response.jsonWith({ contentType: false }),
    stream: (response: ClientResponse.ClientResponse) => Stream.runDrain(response.stream),
    trailers: (response: ClientResponse.ClientResponse) => response.trailers
  })) {
    itFault(
      `is released after its Scope although it has arrived completely: ${how}`,
      Server.answerNonces,
      (session, at) =>
        Effect.gen(function* () {
          const response = yield* Effect.scoped(session.get(`${at.url}/nonce?own`, limits))
          const error = yield* failing(read(response))
          assert.strictEqual(error._tag === "ClientPayloadError" ? error.reason : error._tag, "Released")
        })
    )
  }

  itFault("is kept if it was read in its Scope", Server.answerNonces, (session, at) =>
    Effect.gen(function* () {
      const response = yield* Effect.scoped(
        Effect.tap(session.get(`${at.url}/nonce?own`, limits), (opened) => opened.text)
      )
      assert.strictEqual(yield* response.text, "own")
    })
  )

  const refused = Deferred.unsafeMake<void>(FiberId.none)
  itFault(
    "is read by one stream only",
    plays(request, send(big(4)), send("ab"), () => Deferred.await(refused), send("cd")),
    (session, at) =>
      Effect.gen(function* () {
        const response = yield* session.get(`${at.url}/own`, limits)
        const first = yield* Effect.fork(Stream.mkString(Stream.decodeText(response.stream)))
        yield* Effect.yieldNow()
        const second = yield* failing(Stream.runDrain(response.stream))
        yield* Deferred.succeed(refused, undefined)
        assert.strictEqual(second._tag === "ClientPayloadError" ? second.reason : second._tag, "Consumed")
        assert.strictEqual(yield* Fiber.join(first), "abcd")
      })
  )

  itFault(
    "is kept for several decoders",
    plays(request, send(big(4)), send("ab"), () => turns(10), send("cd")),
    (session, at) =>
      Effect.gen(function* () {
        const response = yield* session.get(`${at.url}/own`, limits)
        assert.deepStrictEqual(yield* Effect.all([response.text, response.text, response.bytes], { concurrency: 3 }), [
          "abcd",
          "abcd",
          new Uint8Array(Buffer.from("abcd"))
        ])
      })
  )
})
