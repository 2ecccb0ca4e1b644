import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, ManagedRuntime, Schema, Scope, TestClock } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import type { ClientError } from "effect-http-session/Errors"
import * as Session from "effect-http-session/Session"
import { standard } from "../support/certificates.js"
import { outputOf, program } from "../support/child.js"
import { invariants } from "../support/invariants.js"
import * as Server from "../support/server.js"
import { phases, sessionOn, stages, turns, until } from "../support/stages.js"
import { promptly } from "../support/steps.js"
import { timed } from "../support/time.js"

/** The tag of a failed exit, and whether the session or the connector was closed. */
const tagAndSubject = (exit: Exit.Exit<unknown, ClientError>): string => {
  if (Exit.isSuccess(exit)) return "Success"
  if (exit.cause._tag !== "Fail") return Cause.pretty(exit.cause)
  const error = exit.cause.error
  return error._tag === "SessionClosedError" ? `${error._tag} ${error.subject}` : error._tag
}

const unanswered = ["queue", "dns", "connect", "proxy", "tls"]

describe("a close in each phase", () => {
  for (const phase of phases) {
    for (const subject of ["Session", "Connector"] as const) {
      const waits = !unanswered.includes(phase)
      it.scopedLive(
        `of the ${subject} in ${phase} fails the request with a typed error ${waits ? "after the graceful time" : "at once"}`,
        () =>
          Effect.gen(function* () {
            // The request that holds the slot has a connection, and gets the graceful time.
            const graceful = waits || phase === "queue" ? 150 : 10_000
            const stage = yield* stages[phase]({ connector: { gracefulShutdownTimeout: graceful } })
            const run = Effect.gen(function* () {
              const fiber = yield* Effect.forkDaemon(stage.request(Infinity))
              yield* stage.waiting
              const closing = yield* Effect.forkDaemon(
                timed(subject === "Session" ? stage.session.close : stage.connector.close)
              )
              const exit = yield* promptly(Fiber.await(fiber), "the request")
              yield* stage.thaw
              const { active, millis } = yield* promptly(Fiber.join(closing), "the close")
              assert.strictEqual(tagAndSubject(exit), `SessionClosedError ${subject}`)
              assert.isBelow(active, 2000)
              if (waits) assert.isAtLeast(millis, graceful)
              assert.strictEqual(
                tagAndSubject(yield* Effect.exit(stage.request())),
                `SessionClosedError ${subject}`,
                "a new request"
              )
            })
            const exit = yield* invariants(run, {
              connector: stage.connector,
              servers: stage.servers,
              settle: 1000
            })
            assert.isTrue(Exit.isSuccess(exit), String(exit))
          })
      )
    }
  }
})

/** A server that responds when the test allows it. */
const held = Effect.gen(function* () {
  const answer = yield* Deferred.make<void>()
  const at = yield* Server.always((peer) =>
    Effect.forever(
      Effect.zipRight(
        peer.request,
        Effect.zipRight(Deferred.await(answer), peer.send(Server.response(200, "answered")))
      )
    )
  )
  return { at, answer: Deferred.succeed(answer, undefined) }
})

const acquired = (connector: Connector.ConnectorService, count: number) =>
  until(() => Effect.runSync(connector.stats).acquired === count)

describe("requests in flight", () => {
  it.scopedLive("finish, and the close waits until they have", () =>
    Effect.gen(function* () {
      const { answer, at } = yield* held
      const { connector, session } = yield* sessionOn({ gracefulShutdownTimeout: "10 seconds" })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(session.get(at.url).pipe(ClientResponse.text)))
      yield* acquired(connector, 3)
      const closing = yield* Effect.fork(Effect.zipRight(session.close, connector.close))
      yield* turns(5)
      assert.strictEqual(closing.unsafePoll(), null)
      yield* answer
      assert.deepStrictEqual(yield* Fiber.join(Fiber.all(fibers)), ["answered", "answered", "answered"])
      const { active } = yield* timed(promptly(Fiber.join(closing), "the close"))
      assert.isBelow(active, 1000)
      yield* until(() => Effect.runSync(at.connections) === 0)
    })
  )

  it.scoped("get the graceful time on the TestClock", () =>
    Effect.gen(function* () {
      const stage = yield* stages.headers({ connector: { gracefulShutdownTimeout: "30 seconds" } })
      const fiber = yield* Effect.fork(stage.request(Infinity))
      yield* stage.waiting
      const closing = yield* Effect.fork(stage.session.close)
      yield* TestClock.adjust("29999 millis")
      yield* turns(5)
      assert.strictEqual(fiber.unsafePoll(), null)
      assert.strictEqual(closing.unsafePoll(), null)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(tagAndSubject(yield* Fiber.await(fiber)), "SessionClosedError Session")
      yield* Fiber.join(closing)
    })
  )

  it.scoped("do not block a close forever if the TestClock does not advance", () =>
    Effect.gen(function* () {
      const stage = yield* stages.body({ connector: { gracefulShutdownTimeout: 200 } })
      const fiber = yield* Effect.fork(stage.request(Infinity))
      yield* stage.waiting
      yield* stage.session.close
      assert.strictEqual(tagAndSubject(yield* Fiber.await(fiber)), "SessionClosedError Session")
    })
  )

  it.scopedLive("are cut after the graceful time, even if the closing fiber holds their response", () =>
    Effect.gen(function* () {
      const at = yield* Server.always((peer) =>
        Effect.zipRight(
          peer.head,
          Effect.zipRight(peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nbegin"), Server.stall(peer))
        )
      )
      const { session } = yield* sessionOn({ gracefulShutdownTimeout: 100 })
      const outside = yield* timed(
        Effect.scoped(
          Effect.zipRight(
            Effect.addFinalizer(() => session.close),
            session.get(at.url)
          )
        )
      )
      assert.isBelow(outside.active, 1500)
      // A finalizer of the request's own Scope runs before the response is released.
      const other = yield* sessionOn({ gracefulShutdownTimeout: 100 })
      const within = yield* timed(
        Effect.scoped(
          Effect.zipRight(
            other.session.get(at.url),
            Effect.addFinalizer(() => other.session.close)
          )
        )
      )
      assert.isBelow(within.active, 1500)
    })
  )
})

describe("a close", () => {
  it.scoped("takes no time if no request is in flight, on any Clock", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const at = yield* Server.always(Server.answerNonces, { tls: good })
      const { connector, session } = yield* sessionOn({ ssl: false })
      assert.strictEqual(yield* session.get(`${at.url}/nonce?a`).pipe(ClientResponse.text), "a")
      yield* session.close
      assert.strictEqual((yield* connector.stats).idle, 1)
      yield* connector.close
      assert.strictEqual((yield* connector.stats).idle, 0)
      yield* until(() => Effect.runSync(at.connections) === 0)
    })
  )

  it.scopedLive("waits for a close in progress, and returns at once after a completed one", () =>
    Effect.gen(function* () {
      const { answer, at } = yield* held
      const { connector, session } = yield* sessionOn({ gracefulShutdownTimeout: "10 seconds" })
      const fiber = yield* Effect.fork(session.get(at.url).pipe(ClientResponse.text))
      yield* acquired(connector, 1)
      for (const close of [session.close, connector.close]) yield* Effect.forkDaemon(close)
      const second = yield* Effect.fork(Effect.zipRight(session.close, connector.close))
      yield* turns(5)
      assert.strictEqual(second.unsafePoll(), null)
      yield* answer
      assert.strictEqual(yield* Fiber.join(fiber), "answered")
      yield* promptly(Fiber.join(second), "the second close")
      yield* session.close
      yield* connector.close
    })
  )

  it.scopedLive("is completed if it is interrupted", () =>
    Effect.gen(function* () {
      const stage = yield* stages.headers({ connector: { gracefulShutdownTimeout: 100 } })
      const fiber = yield* Effect.fork(stage.request(Infinity))
      yield* stage.waiting
      const first = yield* Effect.fork(stage.session.close)
      yield* turns(1)
      yield* Fiber.interruptFork(first)
      yield* promptly(stage.session.close, "the second close")
      assert.strictEqual(tagAndSubject(yield* Fiber.await(fiber)), "SessionClosedError Session")
    })
  )

  it.scopedLive("sends close_notify to TLS peers", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const ended: Array<string> = []
      const at = yield* Server.always(
        (peer) =>
          Effect.zipRight(
            Effect.sync(() => {
              // "end" of a TLS socket is the alert; a connection that is cut ends without it.
              peer.socket.on("end", () => ended.push("close_notify"))
            }),
            Server.answerNonces(peer)
          ),
        { tls: good }
      )
      const { connector, session } = yield* sessionOn({ ssl: false })
      yield* session.get(`${at.url}/nonce?a`).pipe(ClientResponse.text)
      yield* connector.close
      yield* until(() => Effect.runSync(at.connections) === 0)
      assert.deepStrictEqual(ended, ["close_notify"])
    })
  )

  it.scopedLive("of a session leaves a shared connector and its other sessions open", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.answerNonces)
      const connector = yield* Connector.tcp()
      const make = Session.make().pipe(
        Effect.provideService(Connector.Connector, connector),
        Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
      )
      const [a, b] = yield* Effect.all([make, make])
      const get = (session: Session.SessionService) => session.get(`${at.url}/nonce?x`).pipe(ClientResponse.text)
      assert.strictEqual(yield* get(a), "x")
      yield* a.close
      assert.strictEqual(tagAndSubject(yield* Effect.exit(get(a))), "SessionClosedError Session")
      assert.strictEqual(yield* get(b), "x")
      assert.strictEqual(yield* at.accepted, 1)
      yield* connector.close
      assert.strictEqual(tagAndSubject(yield* Effect.exit(get(b))), "SessionClosedError Connector")
      yield* until(() => Effect.runSync(at.connections) === 0)
    })
  )

  it.scopedLive("by the end of the Scope fails a lookup with SessionClosedError, not as an unknown name", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const { session } = yield* Scope.extend(
        sessionOn({ resolver: { resolve: () => Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never) } }),
        scope
      )
      const fibers = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkDaemon(session.get("http://a.test/", { timeout: Infinity }).pipe(ClientResponse.text))
      )
      yield* Deferred.await(asked)
      yield* turns(3)
      yield* promptly(Scope.close(scope, Exit.void), "the close")
      for (const fiber of fibers)
        assert.strictEqual(tagAndSubject(yield* Fiber.await(fiber)), "SessionClosedError Session")
    })
  )

  it.scopedLive("follows the Scope of a layer and a ManagedRuntime", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.answerNonces)
      const get = Session.get(`${at.url}/nonce?x`).pipe(ClientResponse.text)
      const exit = yield* invariants(
        Effect.gen(function* () {
          assert.strictEqual(yield* Effect.provide(get, Layer.fresh(Session.layer())), "x")
          yield* until(() => Effect.runSync(at.connections) === 0)
          const runtime = ManagedRuntime.make(Session.layer())
          assert.strictEqual(yield* Effect.promise(() => runtime.runPromise(get)), "x")
          yield* Effect.promise(() => runtime.dispose())
          yield* until(() => Effect.runSync(at.connections) === 0)
        }),
        { servers: [at] }
      )
      assert.isTrue(Exit.isSuccess(exit), String(exit))
    })
  )
})

const rounds = process.env.FULL_FAULTS === undefined ? 3 : 20
const Closings = Schema.parseJson(
  Schema.Array(
    Schema.Struct({ millis: Schema.Number, active: Schema.Number, ended: Schema.Number, sockets: Schema.Number })
  )
)

describe("the close of 1000 requests in flight", () => {
  it.scopedLive(
    `ends within the graceful time, leaves nothing open and lets the process exit, ${rounds} times`,
    () =>
      Effect.gen(function* () {
        const at = yield* Server.always((peer) => Effect.zipRight(peer.head, Server.stall(peer)))
        const written = yield* outputOf("closing", [at.url, "1000", `${rounds}`, "2000"])
        const closings = yield* Schema.decode(Closings)(written)
        assert.strictEqual(closings.length, rounds)
        for (const { active, ended, millis, sockets } of closings) {
          assert.deepStrictEqual({ ended, sockets }, { ended: 1000, sockets: 0 })
          assert.isAtLeast(millis, 1999)
          assert.isAtMost(active, 2250)
        }
        yield* until(() => Effect.runSync(at.connections) === 0)
      }),
    120_000
  )
})

describe("SIGTERM", () => {
  it.scopedLive(
    "under NodeRuntime.runMain lets a program exit by itself, with its requests finished or failed",
    () =>
      Effect.gen(function* () {
        const closing = yield* Deferred.make<void>()
        const at = yield* Server.always((peer) =>
          Effect.flatMap(peer.head, ({ target }) =>
            target === "/slow"
              ? Effect.zipRight(
                  Deferred.await(closing),
                  peer.send(Server.response(200, "answered", ["Connection: close"]))
                )
              : Server.stall(peer)
          )
        )
        const running = yield* program("sigterm", [at.url], {
          // A close ends the queue first.
          onOutput: (text) => {
            if (text.includes("queued")) Deferred.unsafeDone(closing, Effect.void)
          }
        })
        yield* until(() => Effect.runSync(at.requests).length === 2)
        yield* Effect.sync(() => running.process.kill("SIGTERM"))
        const output = yield* running.ended
        const code = running.process.exitCode
        assert.deepStrictEqual(output.trim().split("\n").sort(), [
          "left 0",
          "never SessionClosedError",
          "queued SessionClosedError",
          "slow answered"
        ])
        // 128 plus the number of the signal, or the exit code of Effect for an interruption.
        assert.include([0, 130, 143], code)
      }),
    30_000
  )
})
