/**
 * Request bodies that are refused, unread, cut or invalid: the server never gets a part as the whole, and the source of
 * the body is released.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FiberId, type Scope, Stream, TestClock } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"
import { expiring, heldClock, onStillClock } from "../support/clock.js"
import { failure } from "../support/exits.js"
import { itFault, outcome } from "../support/itFault.js"
import { least } from "../support/memory.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/session.js"
import { cpuTime } from "../support/time.js"
import { turns, untilValue } from "../support/wait.js"

const { body, fin, head, pauseRead, plays, request, reset, respond, resumeRead, send, stall } = Server

const limits: ClientRequest.RequestOptions = { timeout: "15 seconds" }
const expecting: ClientRequest.RequestOptions = { ...limits, expect100: true, text: "the body" }

const post = (session: Session.SessionService, at: Server.Server, options: ClientRequest.RequestOptions) =>
  session.post(`${at.url}/own`, { ...limits, ...options })

const accepted = (at: Server.Server): number => Effect.runSync(at.accepted)

/** The bytes after the head on the first connection. */
const afterHead = (at: Server.Server): string => {
  const all = Buffer.from(Effect.runSync(at.received)[0] ?? []).toString("latin1")
  return all.slice(all.indexOf("\r\n\r\n") + 4)
}

/** A body that counts its reads, and records whether it was released. */
const source = (chunk: number, chunks: number, pause = 0) => {
  const state = { taken: 0, finalised: 0 }
  const stream = Stream.range(1, chunks).pipe(
    Stream.rechunk(1),
    Stream.mapEffect(() =>
      Effect.as(
        Effect.zipRight(
          pause === 0 ? Effect.void : Effect.sleep(pause),
          Effect.sync(() => {
            state.taken += chunk
          })
        ),
        new Uint8Array(chunk).fill(0x78)
      )
    ),
    Stream.ensuring(Effect.sync(() => state.finalised++))
  )
  return { state, stream }
}

/** Waits until the source is released. */
const letGo = (state: { readonly finalised: number }) =>
  untilValue(
    Effect.sync(() => state.finalised),
    (count) => count > 0
  )

describe("Expect: 100-continue", () => {
  /** Runs on a TestClock, on which the second of waiting for the server never passes. */
  const patient = onStillClock

  itFault(
    "sends the body when the server allows it",
    plays(
      head,
      () => turns(30),
      (peer) =>
        Effect.sync(() => {
          const received = Buffer.from(peer.inbox.received()).toString()
          assert.match(received, /\r\nExpect: 100-continue\r\n/)
          assert.match(received, /\r\n\r\n$/)
        }),
      send("HTTP/1.1 100 Continue\r\n\r\n"),
      body,
      respond(200, "ok")
    ),
    (session, at) =>
      Effect.map(patient(post(session, at, expecting).pipe(ClientResponse.text)), (text) =>
        assert.strictEqual(text, "ok")
      ),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.strictEqual(Effect.runSync(at.requests)[0]?.body, "the body")
      assert.strictEqual(accepted(at), 1)
    }
  )

  itFault(
    "does not send the body for another informational response",
    plays(
      head,
      send("HTTP/1.1 103 Early Hints\r\n\r\n"),
      () => turns(30),
      (peer) => Effect.sync(() => assert.match(Buffer.from(peer.inbox.received()).toString(), /\r\n\r\n$/)),
      send("HTTP/1.1 100 Continue\r\n\r\n"),
      body,
      respond(200, "ok")
    ),
    (session, at) => patient(post(session, at, expecting).pipe(ClientResponse.text)),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed("ok"))
      assert.strictEqual(Effect.runSync(at.requests)[0]?.body, "the body")
    }
  )

  for (const status of [401, 413, 302, 200]) {
    itFault(
      `takes a final ${status} as the response and does not send the body`,
      plays(head, respond(status, "no"), stall),
      (session, at) =>
        Effect.map(patient(post(session, at, { ...expecting, allowRedirects: false })), (response) => response.status),
      (exit, at) => {
        assert.deepStrictEqual(exit, Exit.succeed(status))
        assert.strictEqual(afterHead(at), "")
        // The server may wait for the body: the connection cannot serve another request.
        assert.strictEqual(accepted(at), 2)
      }
    )
  }

  it.scoped("sends the body after a second without an answer", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(plays(request, respond(200, "ok"), stall))
      const connector = yield* Connector.tcp()
      const session = yield* Session.make().pipe(
        Effect.provideService(Connector.Connector, connector),
        Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
      )
      const fiber = yield* Effect.fork(post(session, at, expecting).pipe(ClientResponse.text))
      yield* untilValue(at.requests, (all) => all.length === 1)
      yield* TestClock.adjust("999 millis")
      yield* turns(20)
      assert.strictEqual(afterHead(at), "")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
      assert.strictEqual(afterHead(at), "the body")
    })
  )

  itFault("does not start a stream before the server allows it", plays(head, respond(413), stall), (session, at) => {
    const { state, stream } = source(10, 10)
    return Effect.map(patient(post(session, at, { ...limits, expect100: true, data: stream })), (response) => {
      assert.strictEqual(response.status, 413)
      assert.strictEqual(state.taken, 0)
    })
  })

  describe("that is answered by 417", () => {
    const refusal = respond(417, "no")
    const bodies: ReadonlyArray<readonly [string, () => ClientRequest.RequestOptions]> = [
      ["of bytes", () => ({ text: "the body" })],
      ["of a stream", () => ({ data: Stream.make(new TextEncoder().encode("the body")) })],
      [
        "that gives its bytes once",
        () => ({ data: ClientRequest.oneShot(Stream.make(new TextEncoder().encode("the body"))) })
      ]
    ]
    for (const [name, options] of bodies) {
      itFault(
        `is sent once more without it, with the same body ${name}`,
        [plays(head, refusal, stall), plays(request, respond(200, "ok"))],
        (session, at) =>
          Effect.flatMap(patient(post(session, at, { expect100: true, ...options() })), (response) =>
            Effect.map(response.text, (text) => assert.deepStrictEqual([response.status, text], [200, "ok"]))
          ),
        (exit, at) => {
          assert.strictEqual(outcome(exit), "Success")
          assert.strictEqual(afterHead(at), "")
          const [first, second] = Effect.runSync(at.requests)
          assert.strictEqual(first?.header("expect"), "100-continue")
          assert.isUndefined(second?.header("expect"))
          assert.strictEqual(second?.body, "the body")
          assert.strictEqual(second?.header("content-length"), first?.header("content-length"))
        },
        { deliveries: 2 }
      )
    }

    itFault(
      "by a header is sent once more without the header",
      [plays(head, refusal, stall), plays(request, respond(200, "ok"))],
      (session, at) => patient(post(session, at, { text: "the body", headers: { expect: "100-continue" } })),
      (exit, at) => {
        assert.strictEqual(outcome(exit), "Success")
        assert.deepStrictEqual(
          Effect.runSync(at.requests)
            .map((sent) => [sent.header("expect"), sent.body])
            .slice(0, 2),
          [
            ["100-continue", ""],
            [undefined, "the body"]
          ]
        )
      },
      { deliveries: 2 }
    )

    itFault(
      "to the second attempt is the response",
      [plays(head, refusal, stall), plays(request, respond(417, "still no"))],
      (session, at) =>
        Effect.map(patient(post(session, at, expecting).pipe(ClientResponse.text)), (text) =>
          assert.strictEqual(text, "still no")
        ),
      undefined,
      { deliveries: 2 }
    )

    itFault("to a request without Expect is the response", plays(request, respond(417, "no")), (session, at) =>
      Effect.map(post(session, at, { text: "the body" }).pipe(ClientResponse.text), (text) =>
        assert.strictEqual(text, "no")
      )
    )

    it.scoped("after the beginning of a body that can be read once is the response", () =>
      Effect.gen(function* () {
        const at = yield* Server.always(plays(request, refusal, stall))
        const { session } = yield* sessionOn()
        const data = ClientRequest.oneShot(Stream.make(new TextEncoder().encode("the body")))
        const fiber = yield* Effect.fork(post(session, at, { expect100: true, data }))
        yield* untilValue(at.requests, (all) => all.length === 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(fiber)).status, 417)
        assert.strictEqual(afterHead(at), "8\r\nthe body\r\n0\r\n\r\n")
        assert.strictEqual(accepted(at), 1)
      })
    )

    it.scopedLive("causes a RequestRetry, and the next request is the second attempt", () =>
      Effect.gen(function* () {
        const at = yield* Server.server([plays(head, refusal, stall), plays(request, respond(200, "ok"))])
        const { session } = yield* sessionOn()
        const seen: Array<readonly [string, number]> = []
        yield* Effect.forkScoped(
          Stream.runForEach(session.signals, (signal) =>
            Effect.sync(() => {
              if (signal._tag === "RequestRetry") seen.push([signal.reason, signal.attempt])
              if (signal._tag === "RequestEnd") seen.push([String(signal.response.status), signal.attempt])
            })
          )
        )
        yield* turns(2)
        yield* patient(post(session, at, expecting).pipe(ClientResponse.text))
        yield* untilValue(
          Effect.sync(() => seen.length),
          (count) => count === 2
        )
        assert.deepStrictEqual(seen, [
          ["ExpectationFailed", 1],
          ["200", 2]
        ])
      })
    )
  })

  itFault(
    "fails if the connection ends before any response",
    plays(head, fin),
    (session, at) => patient(post(session, at, expecting)),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "ServerDisconnectedError")
      assert.strictEqual(afterHead(at), "")
    }
  )
})

describe("a response before the end of the upload", () => {
  const size = 64 * 1024
  const refusal = Server.response(413, "too much")
  const rows: ReadonlyArray<readonly [string, ReadonlyArray<Server.Play>]> = [
    ["the server goes on reading", [head, send(refusal), stall]],
    ["the server ends its half", [head, send(refusal), fin, stall]],
    ["RST after the client has read it", [head, send(refusal), () => turns(50), reset]],
    [
      "the server reads no more",
      [pauseRead, (peer) => Effect.zipRight(turns(20), peer.send(refusal)), () => turns(200), resumeRead, stall]
    ],
    [
      "the body of the response comes later",
      [head, send(refusal.slice(0, -4)), () => turns(20), send(refusal.slice(-4)), stall]
    ]
  ]
  for (const [name, steps] of rows) {
    for (const length of [1600 * size, undefined]) {
      itFault(
        `with 413 stops the upload, ${name}: ${length === undefined ? "chunks" : "a length"}`,
        plays(...steps),
        (session, at) => {
          const { state, stream } = source(size, 1600, 1)
          return Effect.gen(function* () {
            const response = yield* post(session, at, { data: HttpBody.stream(stream, undefined, length) })
            assert.strictEqual(response.status, 413)
            assert.strictEqual(yield* response.text, "too much")
            yield* letGo(state)
            assert.isBelow(state.taken, 400 * size)
            const { taken } = state
            yield* turns(20)
            assert.strictEqual(state.taken, taken)
          })
        },
        (exit, at) => {
          assert.strictEqual(outcome(exit), "Success")
          assert.notMatch(afterHead(at), /\r\n0\r\n\r\n$/)
          assert.strictEqual(accepted(at), 2)
        },
        { settle: 500 }
      )
    }
  }

  itFault(
    "with 413 stops bytes that are in memory",
    plays(pauseRead, send(refusal), () => turns(100), resumeRead, stall),
    (session, at) =>
      Effect.map(post(session, at, { data: new Uint8Array(20_000_000) }).pipe(ClientResponse.text), (text) =>
        assert.strictEqual(text, "too much")
      ),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.isBelow(afterHead(at).length, 20_000_000)
    },
    { settle: 2000 }
  )

  itFault(
    "with a complete 200 stops the upload",
    plays(head, respond(200, "enough"), stall),
    (session, at) => {
      const { state, stream } = source(1000, 1_000_000, 1)
      return Effect.gen(function* () {
        assert.strictEqual(yield* post(session, at, { data: stream }).pipe(ClientResponse.text), "enough")
        yield* letGo(state)
      })
    },
    (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.strictEqual(accepted(at), 2)
    }
  )

  itFault(
    "with a 200 that continues does not stop the upload",
    plays(
      head,
      send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"),
      body,
      send("4\r\nlast\r\n0\r\n\r\n")
    ),
    (session, at) =>
      Effect.map(post(session, at, { data: source(1000, 50, 1).stream }).pipe(ClientResponse.text), (text) =>
        assert.strictEqual(text, "firstlast")
      ),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.strictEqual(Effect.runSync(at.requests)[0]?.body.length, 50_000)
      assert.strictEqual(accepted(at), 1)
    }
  )

  itFault(
    "followed by RST is delivered, or the request fails with a typed error",
    plays(head, (peer) => Effect.sync(() => void peer.raw.write(refusal, () => peer.raw.resetAndDestroy()))),
    (session, at) => post(session, at, { data: source(size, 1600, 1).stream }).pipe(ClientResponse.text),
    (exit) => {
      if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, "too much")
      else assert.include(["ClientOSError", "ServerDisconnectedError"], failure(exit)._tag)
    }
  )

  itFault(
    "that is lost to a RST fails the request with a typed error",
    plays(head, () => turns(5), reset),
    (session, at) => {
      const { state, stream } = source(size, 1600, 1)
      return Effect.ensuring(post(session, at, { data: stream }).pipe(ClientResponse.text), letGo(state))
    },
    (exit) => assert.strictEqual(failure(exit)._tag, "ClientOSError")
  )
})

describe("a server that does not read", () => {
  const readSome =
    (size: number): Server.Play =>
    ({ raw }) => {
      const before = raw.bytesRead
      return Effect.asVoid(
        untilValue(
          Effect.sync(() => raw.bytesRead),
          (count) => count >= before + size
        )
      )
    }
  /** Does not read before the request has ended. */
  const blocked = () => {
    const over = Deferred.unsafeMake<void>(FiberId.none)
    return {
      play: plays(pauseRead, () => Deferred.await(over), resumeRead, stall),
      until: <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
        Effect.ensuring(effect, Deferred.succeed(over, undefined))
    }
  }
  const streamed = blocked()
  const whole = blocked()

  itFault(
    "stops the reading of a stream, and the request fails with its send limit",
    streamed.play,
    (session, at) => {
      const { state, stream } = source(64 * 1024, 1_000_000)
      return Effect.ensuring(
        streamed.until(post(session, at, { data: stream, timeout: { total: "10 seconds", send: "300 millis" } })),
        Effect.zipRight(
          letGo(state),
          // As much as the buffers of the system and one piece.
          Effect.sync(() => assert.isBelow(state.taken, 16 * 1024 * 1024))
        )
      )
    },
    (exit) => {
      const error = failure(exit)
      assert.strictEqual(error._tag, "SocketTimeoutError")
      if (error._tag === "SocketTimeoutError") assert.deepStrictEqual([error.phase, error.timeout], ["send", "send"])
    },
    { settle: 1000 }
  )

  itFault(
    "fails an upload of 32 MiB of bytes with the total limit",
    whole.play,
    (session, at) =>
      whole.until(
        expiring(
          post(session, at, { data: new Uint8Array(32 * 1024 * 1024), timeout: "1 minute" }),
          Effect.zipRight(
            untilValue(at.accepted, (count) => count === 1),
            turns(20)
          ),
          60_000
        )
      ),
    (exit) => {
      const error = failure(exit)
      assert.strictEqual(error._tag, "TotalTimeoutError")
      if (error._tag === "TotalTimeoutError") assert.strictEqual(error.phase, "send")
    },
    { within: 2000, settle: 1000 }
  )

  const { advance, clock } = heldClock()
  const slowly: ReadonlyArray<Server.Play> = [
    pauseRead,
    () => turns(20),
    () => Effect.sync(() => advance(1700)),
    resumeRead,
    readSome(2 * 1024 * 1024)
  ]
  itFault(
    "gets the time that it needs if it reads slowly",
    plays(...Array.from({ length: 4 }, () => slowly).flat(), request, respond(200, "ok")),
    (session, at) =>
      post(session, at, {
        data: new Uint8Array(64 * 1024 * 1024),
        timeout: { total: "15 seconds", send: "1800 millis" }
      }).pipe(ClientResponse.text, Effect.withClock(clock)),
    (exit) => assert.deepStrictEqual(exit, Exit.succeed("ok"))
  )

  itFault(
    "causes no CPU load if it has ended its side during an endless body",
    plays(head, fin, stall),
    (session, at) =>
      Effect.gen(function* () {
        const { state, stream } = source(10, 1_000_000, 20)
        const exit = yield* Effect.exit(post(session, at, { data: stream }))
        yield* letGo(state)
        const spent = Effect.suspend(() => {
          const cpu = cpuTime()
          return Effect.map(Effect.sleep(500), cpu)
        })
        assert.isBelow(yield* least(spent, 250), 250)
        return yield* exit
      }),
    (exit) => assert.strictEqual(outcome(exit), "ServerDisconnectedError")
  )
})

describe("an invalid body", () => {
  class Broken {
    readonly _tag = "Broken"
  }
  const bytes = (text: string) => new TextEncoder().encode(text)
  const breaks = Stream.concat(Stream.make(bytes("abc")), Stream.fail(new Broken()))
  const dies = Stream.concat(Stream.make(bytes("abc")), Stream.die(new Error("a defect")))
  const lengthOf = (stream: Stream.Stream<Uint8Array, unknown>, length: number) =>
    HttpBody.stream(stream, undefined, length)

  const rows: ReadonlyArray<readonly [string, () => ClientRequest.Data, "Source" | "Length", string]> = [
    ["a chunked stream that fails", () => breaks, "Source", "3\r\nabc\r\n"],
    ["a chunked stream that dies", () => dies, "Source", "3\r\nabc\r\n"],
    ["a stream with a length that fails", () => lengthOf(breaks, 10), "Source", "abc"],
    ["shorter than its length", () => lengthOf(Stream.make(bytes("abc")), 10), "Length", "abc"],
    ["longer than its length", () => lengthOf(Stream.make(bytes("abc"), bytes("defgh")), 4), "Length", "abc"],
    ["longer than its length in one piece", () => lengthOf(Stream.make(bytes("abcdefgh")), 4), "Length", ""]
  ]
  for (const [name, data, reason, arrived] of rows) {
    itFault(
      `never reaches the server as a complete one: ${name}`,
      plays(head, stall),
      (session, at) => Effect.suspend(() => post(session, at, { data: data() })),
      (exit, at) => {
        const error = failure(exit)
        assert.strictEqual(error._tag, "RequestBodyError")
        if (error._tag !== "RequestBodyError") return
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(error.phase, "send")
        if (name.includes("fail")) assert.instanceOf(error.cause, Broken)
        // Bytes before the end may still be in transit when the connection is cut.
        assert.isTrue(arrived.startsWith(afterHead(at)), afterHead(at))
        assert.strictEqual(accepted(at), 2)
      }
    )
  }

  itFault(
    "does not end at an empty piece",
    plays(request, respond(200, "ok")),
    (session, at) =>
      post(session, at, { data: Stream.make(bytes("a"), new Uint8Array(0), bytes("b")) }).pipe(ClientResponse.text),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed("ok"))
      assert.strictEqual(afterHead(at).split("POST")[0]?.split("GET")[0], "1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
    }
  )

  itFault(
    "is read once if it can be read only once",
    plays(request, respond(200, "ok"), request, respond(200, "ok")),
    (session, at) => {
      const data = ClientRequest.oneShot(Stream.make(bytes("once")))
      return Effect.zipRight(
        post(session, at, { data }).pipe(ClientResponse.text),
        post(session, at, { data }).pipe(ClientResponse.text)
      )
    },
    (exit, at) => {
      const error = failure(exit)
      assert.strictEqual(error._tag === "RequestBodyError" ? error.reason : error._tag, "NotReplayable")
      assert.strictEqual(Effect.runSync(at.requests)[0]?.body, "once")
    },
    { deliveries: 2 }
  )

  itFault(
    "is released after an interruption, and the server sees the cut",
    plays(head, stall),
    (session, at) =>
      Effect.gen(function* () {
        const { state, stream } = source(100, 1_000_000, 1)
        const fiber = yield* Effect.fork(post(session, at, { data: stream }).pipe(ClientResponse.text))
        yield* untilValue(
          Effect.sync(() => state.taken),
          (taken) => taken > 500
        )
        yield* Fiber.interrupt(fiber)
        yield* letGo(state)
        assert.strictEqual((yield* session.connector.stats).acquired, 0)
        yield* untilValue(at.connections, (open) => open === 0)
      }),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.notMatch(afterHead(at), /\r\n0\r\n\r\n$/)
    }
  )
})
