import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Ref, Schedule, Stream, TestClock } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import type { ClientError } from "effect-http-session/Errors"
import * as Session from "effect-http-session/Session"
import type * as Timeouts from "effect-http-session/Timeouts"
import { invariants } from "./support/invariants.js"
import * as Server from "./support/server.js"
import { phases, type Stage, sessionOn, stages, turns, until } from "./support/stages.js"
import { timed } from "./support/time.js"

type Limit = Timeouts.Name

const connecting: ReadonlyArray<Timeouts.Phase> = ["queue", "dns", "connect", "proxy", "tls"]

/** The limits that apply in each phase. */
const limitsOf = (phase: Timeouts.Phase): ReadonlyArray<Limit> => {
  const own: { readonly [P in Timeouts.Phase]: Limit } = {
    queue: "poolWait",
    dns: "dns",
    connect: "socketConnect",
    proxy: "proxy",
    tls: "tls",
    send: "send",
    headers: "headers",
    body: "body"
  }
  return [own[phase], ...(connecting.includes(phase) ? (["connect"] as const) : []), "total"]
}

const tagOf = (limit: Limit): "TotalTimeoutError" | "SocketTimeoutError" | "ConnectionTimeoutError" => {
  if (limit === "total") return "TotalTimeoutError"
  return limit === "send" || limit === "headers" || limit === "body" ? "SocketTimeoutError" : "ConnectionTimeoutError"
}

/** Advances the Clock, checks that the fiber has not ended yet, and advances the Clock by one more millisecond. */
const waitsFor = (millis: number, fiber: Fiber.RuntimeFiber<unknown, unknown>) =>
  Effect.gen(function* () {
    yield* TestClock.adjust(millis)
    yield* turns(5)
    assert.strictEqual(fiber.unsafePoll(), null)
    yield* TestClock.adjust(1)
  })

/** The fields of a timeout's error. */
const timeoutOf = (exit: Exit.Exit<unknown, ClientError>) => {
  if (Exit.isSuccess(exit)) return "Success"
  if (exit.cause._tag !== "Fail") return Cause.pretty(exit.cause)
  const error = exit.cause.error
  switch (error._tag) {
    case "TotalTimeoutError":
    case "ConnectionTimeoutError":
    case "SocketTimeoutError":
      return {
        tag: error._tag,
        phase: error.phase,
        timeout: error.timeout,
        limit: Duration.toMillis(error.limit)
      }
    default:
      return error._tag
  }
}

const free = (stage: Stage) =>
  Effect.gen(function* () {
    yield* stage.thaw
    yield* until(() => {
      const { acquired, connecting: dialling, waiting } = Effect.runSync(stage.connector.stats)
      return acquired + dialling + waiting === 0
    })
    for (const server of stage.servers) yield* until(() => Effect.runSync(server.connections) === 0)
  })

describe("each limit, on the TestClock", () => {
  for (const phase of phases) {
    for (const limit of limitsOf(phase)) {
      it.scoped(`${limit} ends a request in phase ${phase} to the millisecond`, () =>
        Effect.gen(function* () {
          const stage = yield* stages[phase]()
          const fiber = yield* Effect.fork(stage.request({ total: Infinity, [limit]: 10_000 }))
          yield* stage.waiting
          yield* waitsFor(9_999, fiber)
          const exit = yield* Fiber.await(fiber)
          assert.deepStrictEqual(timeoutOf(exit), { tag: tagOf(limit), phase, timeout: limit, limit: 10_000 })
          yield* free(stage)
        })
      )
    }
  }
})

describe("each phase without limits of its own", () => {
  const fallback = 5 * 60_000
  const covered: { readonly [P in Timeouts.Phase]: Limit } = {
    queue: "connect",
    dns: "connect",
    connect: "connect",
    proxy: "connect",
    tls: "connect",
    send: "send",
    headers: "headers",
    body: "body"
  }
  for (const phase of phases) {
    it.scoped(`ends after 5 minutes in ${phase} if total is off`, () =>
      Effect.gen(function* () {
        const stage = yield* stages[phase]()
        const fiber = yield* Effect.fork(stage.request({ total: Infinity, socketConnect: Infinity }))
        yield* stage.waiting
        yield* waitsFor(fallback - 1, fiber)
        const limit = covered[phase]
        assert.deepStrictEqual(timeoutOf(yield* Fiber.await(fiber)), {
          tag: tagOf(limit),
          phase,
          timeout: limit,
          limit: fallback
        })
        yield* free(stage)
      })
    )

    // The stage of the body streams it, so that the default total does not apply.
    const ending: Limit = phase === "body" ? "body" : "total"
    it.scoped(`ends with ${ending} after 5 minutes in ${phase} by default`, () =>
      Effect.gen(function* () {
        const stage = yield* stages[phase]()
        const fiber = yield* Effect.fork(stage.request({ socketConnect: Infinity }))
        yield* stage.waiting
        yield* TestClock.adjust(fallback)
        assert.deepStrictEqual(timeoutOf(yield* Fiber.await(fiber)), {
          tag: tagOf(ending),
          phase,
          timeout: ending,
          limit: fallback
        })
        yield* free(stage)
      })
    )
  }
})

/** The exit of a request, its duration, and whether it reached the stage. */
const measured = (stage: Stage, timeout: Timeouts.Input) =>
  Effect.gen(function* () {
    let reached = false
    const waiting = yield* Effect.fork(
      Effect.zipRight(
        stage.waiting,
        Effect.sync(() => {
          reached = true
        })
      )
    )
    const { active, millis, value: exit } = yield* timed(Effect.exit(stage.request(timeout)))
    yield* Fiber.interrupt(waiting)
    yield* stage.thaw
    return { active, exit, millis, reached }
  })

describe("each limit, on the default Clock", () => {
  for (const phase of phases) {
    for (const limit of limitsOf(phase)) {
      it.scopedLive(`${limit} in phase ${phase} never fires early, and is less than 50 ms late`, () =>
        Effect.gen(function* () {
          const attempt = (millis: number) =>
            Effect.scoped(
              Effect.gen(function* () {
                const stage = yield* stages[phase]()
                const seen = yield* measured(stage, { total: Infinity, [limit]: millis })
                assert.isAtLeast(seen.millis, millis)
                if (seen.reached) {
                  assert.deepStrictEqual(timeoutOf(seen.exit), {
                    tag: tagOf(limit),
                    phase,
                    timeout: limit,
                    limit: millis
                  })
                }
                return seen.reached ? seen.active - millis : Infinity
              })
            )
          // The measured time includes the work before the phase begins.
          const spare = limit === "total" || limit === "connect" ? 0 : 50
          let late = Infinity
          // If the machine is so busy that the limit expires before the phase begins, the next attempt has a longer limit.
          for (let millis = 60.5; late > 50 + spare && millis < 2000; millis *= 2) late = yield* attempt(millis)
          assert.isAtMost(late, 50 + spare)
        })
      )
    }
  }
})

const endless = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"

describe("limits", () => {
  it.scopedLive("beyond 2^31 ms do not expire at once", () =>
    Effect.gen(function* () {
      const at = yield* Server.server([])
      const days = Duration.days(40)
      const { connector, session } = yield* sessionOn({}, { timeout: days })
      const timeout: Timeouts.Timeouts = {
        connect: days,
        poolWait: days,
        dns: days,
        socketConnect: days,
        proxy: days,
        tls: days,
        send: days,
        headers: days,
        body: Number.MAX_SAFE_INTEGER
      }
      const exit = yield* invariants(session.get(`${at.url}/nonce?far`, { timeout }).pipe(ClientResponse.text), {
        connector,
        servers: [at]
      })
      assert.deepStrictEqual(exit, Exit.succeed("far"))
    })
  )

  it.scoped("of a request replace the session's field by field", () =>
    Effect.gen(function* () {
      const stage = yield* stages.headers({ session: { timeout: { total: 30_000, headers: 5_000, body: 1_000 } } })
      const first = yield* Effect.fork(stage.request())
      yield* stage.waiting
      yield* TestClock.adjust(5_000)
      assert.deepStrictEqual(timeoutOf(yield* Fiber.await(first)), {
        tag: "SocketTimeoutError",
        phase: "headers",
        timeout: "headers",
        limit: 5_000
      })
      const second = yield* Effect.fork(stage.request({ headers: Infinity }))
      yield* until(() => Effect.runSync(stage.connector.stats).acquired === 1)
      yield* turns(5)
      yield* TestClock.adjust(30_000)
      assert.deepStrictEqual(timeoutOf(yield* Fiber.await(second)), {
        tag: "TotalTimeoutError",
        phase: "headers",
        timeout: "total",
        limit: 30_000
      })
      // A single duration is `total`; the other limits of the session still apply.
      const third = yield* Effect.fork(stage.request("4 seconds"))
      yield* until(() => Effect.runSync(stage.connector.stats).acquired === 1)
      yield* turns(5)
      yield* TestClock.adjust(4_000)
      assert.deepStrictEqual(timeoutOf(yield* Fiber.await(third)), {
        tag: "TotalTimeoutError",
        phase: "headers",
        timeout: "total",
        limit: 4_000
      })
    })
  )

  it.scoped("of 0 end a request at once with a typed error", () =>
    Effect.gen(function* () {
      const stage = yield* stages.headers()
      const fiber = yield* Effect.fork(stage.request(0))
      yield* TestClock.adjust(1)
      const seen = timeoutOf(yield* Fiber.await(fiber))
      assert.strictEqual(typeof seen === "object" ? seen.tag : seen, "TotalTimeoutError")
      yield* free(stage)
    })
  )
})

describe("the limit headers", () => {
  it.scoped("covers the complete head, also if its bytes keep arriving", () =>
    Effect.gen(function* () {
      const went = yield* Ref.make(0)
      const at = yield* Server.always((peer) =>
        Effect.zipRight(
          peer.head,
          Effect.forEach(["HTTP/1.1 200 OK\r\n", "X-A: 1\r\n", "X-B: 2\r\n", "X-C: 3\r\n", "\r\n"], (line) =>
            Effect.zipRight(
              peer.send(line),
              Effect.zipRight(
                Ref.update(went, (n) => n + 1),
                Effect.sleep(400)
              )
            )
          )
        ).pipe(Effect.asVoid)
      )
      const { session } = yield* sessionOn()
      const fiber = yield* Effect.fork(session.get(at.url, { timeout: { headers: 1_000 } }).pipe(ClientResponse.text))
      for (const count of [1, 2, 3]) {
        while ((yield* Ref.get(went)) < count) yield* turns(1)
        yield* turns(5)
        if (count < 3) yield* TestClock.adjust(400)
      }
      yield* waitsFor(199, fiber)
      assert.deepStrictEqual(timeoutOf(yield* Fiber.await(fiber)), {
        tag: "SocketTimeoutError",
        phase: "headers",
        timeout: "headers",
        limit: 1_000
      })
    })
  )
})

describe("the limit body", () => {
  it.scoped("covers the time between chunks and not the whole body", () =>
    Effect.gen(function* () {
      const at = yield* Server.always((peer) =>
        peer.head.pipe(
          Effect.zipRight(peer.send(endless)),
          Effect.zipRight(Effect.repeat(Effect.zipRight(Effect.sleep(900), peer.send("chunk")), Schedule.recurs(3))),
          Effect.zipRight(Server.stall(peer))
        )
      )
      const { session } = yield* sessionOn()
      let chunks = 0
      const fiber = yield* Effect.fork(
        Stream.runDrain(
          Stream.tap(ClientResponse.stream(session.get(at.url, { timeout: { body: 1_000 } })), () =>
            Effect.sync(() => {
              chunks++
            })
          )
        )
      )
      yield* until(() => Effect.runSync(at.requests).length === 1)
      yield* turns(10)
      for (let count = 1; count <= 4; count++) {
        yield* TestClock.adjust(900)
        yield* until(() => chunks === count)
        yield* turns(3)
      }
      yield* waitsFor(999, fiber)
      assert.deepStrictEqual(timeoutOf(yield* Fiber.await(fiber)), {
        tag: "SocketTimeoutError",
        phase: "body",
        timeout: "body",
        limit: 1_000
      })
    })
  )

  it.scoped("pauses while the consumer does not read", () =>
    Effect.gen(function* () {
      const size = 4 * 1024 * 1024
      const at = yield* Server.always((peer) =>
        peer.head.pipe(
          Effect.zipRight(peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)),
          Effect.zipRight(peer.send(new Uint8Array(size))),
          Effect.zipRight(Server.stall(peer))
        )
      )
      const { session } = yield* sessionOn()
      const reading = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        ClientResponse.stream(session.get(at.url, { timeout: { body: 1_000 } })).pipe(
          Stream.tap(() => Effect.zipRight(Deferred.succeed(reading, undefined), Deferred.await(goOn))),
          Stream.runFold(0, (sum, chunk) => sum + chunk.length)
        )
      )
      yield* Deferred.await(reading)
      // Until the buffers of both sockets are full.
      yield* turns(50)
      yield* TestClock.adjust(60_000)
      yield* turns(5)
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* Deferred.succeed(goOn, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), size)
    })
  )
})

describe("the limit total", () => {
  const redirect: Server.Play = (peer) =>
    Effect.forever(
      Effect.flatMap(peer.request, (request) =>
        Effect.zipRight(
          Effect.sleep(400),
          peer.send(Server.response(302, "", [`Location: /${Number(request.target.slice(1)) + 1}`]))
        )
      )
    )

  it.scoped("continues over redirects", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(redirect)
      const { session } = yield* sessionOn()
      const fiber = yield* Effect.fork(session.get(`${at.url}/0`, { timeout: 1_000 }).pipe(ClientResponse.text))
      for (const count of [1, 2, 3]) {
        yield* until(() => Effect.runSync(at.requests).length === count)
        yield* turns(5)
        if (count < 3) yield* TestClock.adjust(400)
      }
      yield* waitsFor(199, fiber)
      assert.deepStrictEqual(timeoutOf(yield* Fiber.await(fiber)), {
        tag: "TotalTimeoutError",
        phase: "headers",
        timeout: "total",
        limit: 1_000
      })
    })
  )

  it.scoped("continues over the retries of a middleware and while it sleeps", () =>
    Effect.gen(function* () {
      const at = yield* Server.always((peer) =>
        Effect.forever(Effect.zipRight(peer.request, peer.send(Server.response(503, "later"))))
      )
      const { session } = yield* sessionOn(
        {},
        {
          middlewares: [
            (request, next) => {
              const again: ReturnType<typeof next> = Effect.flatMap(next(request), (response) =>
                response.status === 503 ? Effect.zipRight(Effect.sleep(600), again) : Effect.succeed(response)
              )
              return again
            }
          ]
        }
      )
      const fiber = yield* Effect.fork(session.get(at.url, { timeout: 1_000 }).pipe(ClientResponse.text))
      yield* until(() => Effect.runSync(at.requests).length === 1)
      yield* turns(10)
      yield* TestClock.adjust(600)
      yield* until(() => Effect.runSync(at.requests).length === 2)
      yield* turns(10)
      yield* waitsFor(399, fiber)
      const seen = timeoutOf(yield* Fiber.await(fiber))
      assert.strictEqual(typeof seen === "object" ? seen.tag : seen, "TotalTimeoutError")
    })
  )

  it.scoped("applies to a body that is read later within its Scope", () =>
    Effect.gen(function* () {
      const at = yield* Server.always((peer) =>
        Effect.zipRight(peer.head, Effect.zipRight(peer.send(`${endless}begin`), Server.stall(peer)))
      )
      const { session } = yield* sessionOn()
      const response = yield* session.get(at.url, { timeout: 1_000 })
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(timeoutOf(yield* Effect.exit(response.text)), {
        tag: "TotalTimeoutError",
        phase: "body",
        timeout: "total",
        limit: 1_000
      })
    })
  )

  it.scoped("applies if a jar of the program does not answer", () =>
    Effect.gen(function* () {
      const at = yield* Server.server([])
      const asked = yield* Deferred.make<void>()
      const { connector } = yield* sessionOn()
      const own = yield* CookieJar.make()
      const session = yield* Session.make().pipe(
        Effect.provideService(Connector.Connector, connector),
        Effect.provideService(CookieJar.CookieJar, {
          ...own,
          cookieHeader: () => Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never)
        })
      )
      const fiber = yield* Effect.fork(session.get(at.url, { timeout: 1_000 }).pipe(ClientResponse.text))
      yield* Deferred.await(asked)
      yield* TestClock.adjust(1_000)
      const seen = timeoutOf(yield* Fiber.await(fiber))
      assert.strictEqual(typeof seen === "object" ? seen.tag : seen, "TotalTimeoutError")
    })
  )
})

describe("an idle connection", () => {
  it.scoped("is never closed by a limit of the previous request", () =>
    Effect.gen(function* () {
      const at = yield* Server.server([Server.answerNonces])
      const { connector, session } = yield* sessionOn({ keepaliveTimeout: "1 hour" })
      const limits: Timeouts.Timeouts = { total: 1_000, connect: 1_000, send: 1_000, headers: 1_000, body: 1_000 }
      const get = (name: string, timeout: Timeouts.Timeouts) =>
        session.get(`${at.url}/nonce?${name}`, { timeout }).pipe(ClientResponse.text)
      assert.strictEqual(yield* get("a", limits), "a")
      yield* TestClock.adjust(10_000)
      yield* turns(5)
      assert.strictEqual((yield* connector.stats).idle, 1)
      // The next request waits longer than the limit of the first one.
      const fiber = yield* Effect.fork(get("b", { ...limits, total: 60_000, headers: 60_000 }))
      assert.strictEqual(yield* Fiber.join(fiber), "b")
      assert.strictEqual(yield* at.accepted, 1)
      assert.strictEqual((yield* connector.stats).idle, 1)
    })
  )
})
