import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, FiberId, Layer, Queue, Runtime, Scope, Stream } from "effect"
import type { RequestOptions } from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Connector from "effect-http-session/Connector"
import { ClientConnectorDNSError, type ClientError, MiddlewareError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import { turn } from "../../src/internal/testing/faultServer.js"
import { standard } from "../support/certificates.js"
import { heldClock } from "../support/clock.js"
import { invariants } from "../support/invariants.js"
import { nonce } from "../support/itFault.js"
import { proxyServer } from "../support/proxyServer.js"
import * as Server from "../support/server.js"
import { phases, sessionOn, stages, turns, until } from "../support/stages.js"
import { Steps } from "../support/stepScheduler.js"
import { atEveryStep, promptly, stride } from "../support/steps.js"
import { stopwatch, timed } from "../support/time.js"

const zipped = gzipSync("what was asked for".repeat(50))

/** Redirects once, then responds with a compressed body in chunks. */
const answers: Server.Play = (peer) =>
  Effect.forever(
    Effect.flatMap(peer.request, ({ target }) => {
      if (target.startsWith("/nonce?")) return peer.send(Server.response(200, target.slice(7)))
      if (target.startsWith("/from")) return peer.send(Server.response(302, "moved", ["Location: /to"]))
      const head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
      const half = zipped.length >> 1
      const chunk = (bytes: Uint8Array) =>
        Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])
      return peer
        .send(Buffer.concat([Buffer.from(head), chunk(zipped.subarray(0, half))]))
        .pipe(
          Effect.zipRight(turn),
          Effect.zipRight(peer.send(Buffer.concat([chunk(zipped.subarray(half)), Buffer.from("0\r\n\r\n")])))
        )
    })
  )

interface World {
  readonly at: Server.Server
  readonly session: Session.SessionService
  readonly connector: Connector.ConnectorService
  /** One of two requests that compete for one slot, through all stages. */
  readonly program: Effect.Effect<unknown, ClientError>
}

/** Runs the request beside another that has the slot; returns the exits of both. */
const beside = ({ program }: World, steps: Steps, onFiber: (fiber: Fiber.RuntimeFiber<unknown, ClientError>) => void) =>
  Effect.gen(function* () {
    const holder = yield* Effect.forkDaemon(program)
    const runtime = yield* Effect.runtime<never>()
    const fiber = Runtime.runFork(runtime)(program, { scheduler: steps })
    onFiber(fiber)
    return [yield* Fiber.await(fiber), yield* Fiber.await(holder)] as const
  })

const resolver: Connector.TcpOptions["resolver"] = {
  resolve: () => Effect.zipRight(turn, Effect.succeed([{ address: "127.0.0.1", family: 4 }] as const))
}

const world = (
  way: "direct" | "proxy" | "stream" | "middlewares",
  options: { readonly graceful?: number } = {}
): Effect.Effect<World, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { good } = yield* standard()
    const at = yield* Server.always(answers, { tls: good })
    const proxy = way === "proxy" ? yield* proxyServer() : undefined
    const { connector, session } = yield* sessionOn(
      { limit: 1, resolver, ssl: false, gracefulShutdownTimeout: options.graceful ?? 0, useDnsCache: false },
      way === "middlewares"
        ? { middlewares: [(request, next) => Effect.zipLeft(next(request), Effect.yieldNow())] }
        : {}
    )
    const get = session.get(`https://localhost:${at.port}/from`, proxy === undefined ? {} : { proxy: proxy.url })
    const one = way === "stream" ? Stream.runDrain(ClientResponse.stream(get)) : ClientResponse.text(get)
    return { at, session, connector, program: one }
  })

const interrupt = (fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined) =>
  fiber?.unsafeInterruptAsFork(FiberId.none)

const failureTags = (exit: Exit.Exit<unknown, ClientError>): ReadonlyArray<string> =>
  Exit.isSuccess(exit) ? [] : [...Cause.failures(exit.cause)].map((error) => error._tag)

describe("a request that is interrupted at any step", () => {
  for (const way of ["direct", "proxy", "stream", "middlewares"] as const) {
    it.scopedLive(
      `leaves nothing open: ${way}`,
      () =>
        Effect.gen(function* () {
          const made = yield* world(way)
          const { at, connector, session } = made
          const last = yield* atEveryStep((step) => {
            let fiber: Fiber.RuntimeFiber<unknown, ClientError> | undefined
            const steps = new Steps(step, () => interrupt(fiber))
            const run = Effect.map(
              beside(made, steps, (begun) => {
                fiber = begun
              }),
              // The holder of the slot is not affected.
              ([, holder]) => assert.isTrue(Exit.isSuccess(holder), `step ${step}: ${String(holder)}`)
            )
            return Effect.gen(function* () {
              const exit = yield* promptly(
                invariants(run, {
                  connector,
                  servers: way === "proxy" ? undefined : [at],
                  followUp: nonce(session, at),
                  settle: 1000
                }),
                `step ${step}`
              ).pipe(Effect.mapError((broken) => new Error(`step ${step}: ${broken.message}`, { cause: broken })))
              assert.isTrue(Exit.isSuccess(exit), String(exit))
              yield* connector.closeIdle
              return steps.count >= step
            })
          })
          assert.isAbove(last, 50)
        }),
      stride === 1 ? 600_000 : 60_000
    )
  }
})

describe("a session that closes at any step of a request", () => {
  for (const way of ["direct", "middlewares"] as const) {
    for (const what of ["session", "connector"] as const) {
      it.scopedLive(
        `leaves nothing open and fails it with a typed error: ${what}, ${way}`,
        () =>
          Effect.gen(function* () {
            const last = yield* atEveryStep(
              (step) =>
                Effect.scoped(
                  Effect.gen(function* () {
                    const made = yield* world(way)
                    const { at, connector, session } = made
                    const closed = yield* Deferred.make<void>()
                    const steps = new Steps(step, () => {
                      Effect.runFork(Effect.intoDeferred(what === "session" ? session.close : connector.close, closed))
                    })
                    const exits = yield* promptly(
                      beside(made, steps, () => {}),
                      `step ${step}`
                    )
                    for (const exit of exits) {
                      for (const tag of failureTags(exit)) assert.strictEqual(tag, "SessionClosedError", `step ${step}`)
                      assert.isTrue(
                        Exit.isSuccess(exit) || (Cause.isFailure(exit.cause) && !Cause.isInterrupted(exit.cause)),
                        String(exit)
                      )
                    }
                    const reached = steps.count >= step
                    if (reached) yield* promptly(Deferred.await(closed), `close at step ${step}`)
                    if (reached && what === "connector") {
                      const { acquired, connecting, idle, waiting } = yield* connector.stats
                      assert.deepStrictEqual(
                        { step, acquired, connecting, idle, waiting },
                        {
                          step,
                          acquired: 0,
                          connecting: 0,
                          idle: 0,
                          waiting: 0
                        }
                      )
                      yield* promptly(
                        until(() => Effect.runSync(at.connections) === 0),
                        `the connections of step ${step}`
                      )
                    }
                    yield* promptly(
                      until(() => {
                        const { acquired, connecting, waiting } = Effect.runSync(connector.stats)
                        return acquired + connecting + waiting === 0
                      }),
                      `the slots of step ${step}`
                    )
                    return reached
                  })
                ),
              1,
              stride
            )
            assert.isAbove(last, 50)
          }),
        stride === 1 ? 600_000 : 60_000
      )
    }
  }
})

describe("a total limit that expires at any step of a request", () => {
  for (const way of ["direct", "middlewares"] as const) {
    it.scopedLive(
      `ends it and leaves nothing open: ${way}`,
      () =>
        Effect.gen(function* () {
          const made = yield* world(way)
          const { at, connector, session } = made
          const last = yield* atEveryStep((step) => {
            const { advance, clock } = heldClock()
            const steps = new Steps(step, () => advance(Duration.toMillis("5 minutes")))
            const run = Effect.map(
              Effect.withClock(
                beside(made, steps, () => {}),
                clock
              ),
              (exits) => {
                for (const exit of exits) {
                  for (const tag of failureTags(exit)) assert.strictEqual(tag, "TotalTimeoutError", `step ${step}`)
                  assert.isTrue(Exit.isSuccess(exit) || Cause.isFailure(exit.cause), String(exit))
                }
              }
            )
            return Effect.gen(function* () {
              const exit = yield* promptly(
                invariants(run, { connector, servers: [at], followUp: nonce(session, at), settle: 1000 }),
                `step ${step}`
              ).pipe(Effect.mapError((broken) => new Error(`step ${step}: ${broken.message}`, { cause: broken })))
              assert.isTrue(Exit.isSuccess(exit), String(exit))
              yield* connector.closeIdle
              return steps.count >= step
            })
          })
          assert.isAbove(last, 50)
        }),
      stride === 1 ? 600_000 : 60_000
    )
  }
})

describe("a request that is interrupted in each phase", () => {
  for (const phase of phases) {
    it.scopedLive(`leaves nothing open in ${phase}, and the session continues`, () =>
      Effect.gen(function* () {
        const stage = yield* stages[phase]()
        const run = Effect.gen(function* () {
          const fiber = yield* Effect.forkDaemon(stage.request())
          yield* stage.waiting
          const { active, value: exit } = yield* timed(Fiber.interrupt(fiber))
          assert.isBelow(active, 1000)
          yield* stage.thaw
          assert.isTrue(Exit.isInterrupted(exit))
        })
        const exit = yield* invariants(run, { connector: stage.connector, servers: stage.servers, settle: 1000 })
        assert.isTrue(Exit.isSuccess(exit), String(exit))
      })
    )
  }
})

const feed = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n"

/** Ways in which a program abandons a response that never ends. */
const departures: Readonly<
  Record<
    string,
    (session: Session.SessionService, url: string, reading: Effect.Effect<void>) => Effect.Effect<unknown, unknown>
  >
> = {
  "Fiber.interrupt": (session, url, reading) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDaemon(Stream.runForEach(ClientResponse.stream(session.get(url)), () => reading))
      yield* Effect.yieldNow()
      yield* until(() => Effect.runSync(session.connector.stats).acquired === 1)
      yield* turns(10)
      yield* Fiber.interrupt(fiber)
    }),
  interruptFork: (session, url) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDaemon(ClientResponse.text(session.get(url)))
      yield* until(() => Effect.runSync(session.connector.stats).acquired === 1)
      yield* turns(10)
      yield* Fiber.interruptFork(fiber)
      yield* Fiber.await(fiber)
    }),
  "Effect.timeout": (session, url) => Effect.timeoutOption(ClientResponse.text(session.get(url)), 60),
  "a lost race": (session, url) => Effect.race(ClientResponse.text(session.get(url)), Effect.sleep(60)),
  "Stream.take(1)": (session, url) => Stream.runDrain(Stream.take(ClientResponse.stream(session.get(url)), 1)),
  "Stream.interruptWhen": (session, url) =>
    Stream.runDrain(Stream.interruptWhen(ClientResponse.stream(session.get(url)), Effect.sleep(60))),
  "the end of a Scope": (session, url) => Effect.scoped(Effect.zipRight(session.get(url), Effect.void)),
  "the close of a Scope by hand": (session, url) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.extend(session.get(url), scope)
      yield* Scope.close(scope, Exit.void)
    }),
  "a failure after the head": (session, url) =>
    Effect.ignore(Effect.scoped(Effect.zipRight(session.get(url), Effect.fail("no")))),
  "a defect after the head": (session, url) =>
    Effect.exit(Effect.scoped(Effect.zipRight(session.get(url), Effect.die("no")))),
  "a fiber in a layer that is released": (session, url) =>
    Effect.scoped(
      Effect.zipRight(
        Layer.build(Layer.scopedDiscard(Effect.forkScoped(ClientResponse.text(session.get(url))))),
        Effect.zipRight(
          until(() => Effect.runSync(session.connector.stats).acquired === 1),
          turns(10)
        )
      )
    )
}

describe("a response without end that its reader abandons", () => {
  for (const [name, depart] of Object.entries(departures)) {
    it.scopedLive(`is closed within 50 ms: ${name}`, () =>
      Effect.gen(function* () {
        const ended = yield* Queue.unbounded<number>()
        let since = () => 0
        const at = yield* Server.always((peer) =>
          peer.head.pipe(
            Effect.zipRight(peer.send(feed)),
            Effect.zipRight(Server.stall(peer)),
            Effect.zipRight(Effect.suspend(() => Queue.offer(ended, since())))
          )
        )
        const { connector, session } = yield* sessionOn()
        const attempt = Effect.gen(function* () {
          // The server may see the end before the program has finished its cleanup.
          since = () => 0
          const run = Effect.zipRight(
            depart(session, at.url, Effect.void),
            Effect.sync(() => {
              since = stopwatch()
            })
          )
          yield* invariants(run, { connector, servers: [at], settle: 1000 })
          return yield* Effect.ensuring(
            Queue.take(ended),
            Effect.sync(() => since())
          )
        })
        const late = yield* Effect.repeat(attempt, { times: 2, until: (by) => by <= 50 })
        assert.isAtMost(late, 50)
      })
    )
  }
})

describe("a slot whose holder or waiter is interrupted", () => {
  it.scopedLive("is passed on, 100 times in a row", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(answers)
      let fail = false
      const { connector, session } = yield* sessionOn({
        limit: 1,
        useDnsCache: false,
        resolver: {
          resolve: (host) =>
            Effect.zipRight(
              turn,
              Effect.suspend(() =>
                fail
                  ? Effect.fail(new ClientConnectorDNSError({ host, port: at.port, code: "ENOTFOUND" }))
                  : Effect.succeed([{ address: "127.0.0.1", family: 4 }] as const)
              )
            )
        }
      })
      const get = ClientResponse.text(session.get(`http://a.test:${at.port}/nonce?x`, { timeout: "15 seconds" }))
      for (let round = 0; round < 100; round++) {
        const holder = yield* Effect.fork(get)
        const waiter = yield* Effect.fork(get)
        const last = yield* Effect.fork(get)
        yield* turns(round % 7)
        fail = round % 5 === 4
        yield* Fiber.interruptFork(round % 2 === 0 ? holder : waiter)
        if (round % 3 === 0) yield* Fiber.interruptFork(waiter)
        yield* turns(1)
        fail = false
        const exit = yield* promptly(Fiber.await(last), `round ${round}`)
        if (Exit.isFailure(exit)) assert.deepStrictEqual(failureTags(exit), ["ClientConnectorDNSError"])
        yield* Fiber.interrupt(holder)
        yield* Fiber.interrupt(waiter)
        yield* until(() => {
          const { acquired, connecting, waiting } = Effect.runSync(connector.stats)
          return acquired + connecting + waiting === 0
        })
        if (round % 4 === 0) yield* connector.closeIdle
      }
      assert.strictEqual(yield* get, "x")
    })
  )
})

describe("a fault that occurs at the Nth time", () => {
  const rounds = [1, 2, 3]
  const rows: Readonly<
    Record<
      string,
      (nth: () => boolean) => {
        readonly connector?: Connector.TcpOptions
        readonly session?: Session.SessionOptions
        readonly data?: Stream.Stream<Uint8Array, unknown>
        readonly options?: () => RequestOptions
        readonly tags: ReadonlyArray<string>
      }
    >
  > = {
    "a resolver that fails": (nth) => ({
      connector: {
        resolver: {
          resolve: (host) =>
            nth()
              ? Effect.fail(new ClientConnectorDNSError({ host, code: "ESERVFAIL" }))
              : Effect.succeed([{ address: "127.0.0.1", family: 4 }])
        }
      },
      tags: ["ClientConnectorDNSError"]
    }),
    "an address that refuses": (nth) => ({
      connector: {
        resolver: {
          // No process listens on that port.
          resolve: () => Effect.succeed([{ address: nth() ? "127.0.0.77" : "127.0.0.1", family: 4 }])
        }
      },
      tags: ["ClientConnectorError"]
    }),
    "a certificate that is refused": (nth) => ({
      connector: { ssl: true },
      options: () => ({ ssl: nth() }),
      tags: ["ClientConnectorSSLError"]
    }),
    "a middleware that fails": (nth) => ({
      session: {
        middlewares: [
          (request, next) =>
            nth() ? Effect.fail(new MiddlewareError({ reason: "Failed", description: "no" })) : next(request)
        ]
      },
      tags: ["MiddlewareError"]
    }),
    "a body that fails": (nth) => ({
      data: Stream.concat(
        Stream.make(new Uint8Array(10)),
        Stream.suspend(() => (nth() ? Stream.fail("no") : Stream.make(new Uint8Array(10))))
      ),
      tags: ["RequestBodyError"]
    }),
    "a body that dies": (nth) => ({
      data: Stream.concat(
        Stream.make(new Uint8Array(10)),
        Stream.suspend(() => (nth() ? Stream.die(new Error("no")) : Stream.make(new Uint8Array(10))))
      ),
      tags: ["RequestBodyError"]
    })
  }
  for (const [name, row] of Object.entries(rows)) {
    it.scopedLive(`breaks only its own request, with a typed error: ${name}`, () =>
      Effect.gen(function* () {
        const { good } = yield* standard()
        for (const round of rounds) {
          let calls = 0
          const { connector: given, data, options = () => ({}), session: defaults, tags } = row(() => ++calls === round)
          const at = yield* Server.always(answers, { tls: good })
          const made = yield* sessionOn(
            { limit: 1, resolver, ssl: false, useDnsCache: false, forceClose: true, ...given },
            defaults
          )
          const url = `https://a.test:${at.port}/to`
          const one = Effect.suspend(() =>
            (data === undefined ? made.session.get(url, options()) : made.session.post(url, { data })).pipe(
              ClientResponse.text
            )
          )
          const run = Effect.gen(function* () {
            const exits = yield* Effect.forEach(rounds, () => Effect.exit(one))
            for (const [index, exit] of exits.entries()) {
              assert.deepStrictEqual(failureTags(exit), index + 1 === round ? tags : [], `round ${round}, ${index}`)
            }
          })
          const exit = yield* promptly(
            invariants(run, { connector: made.connector, servers: [at], settle: 1000, deliveries: 3 }),
            `round ${round}`
          )
          assert.isTrue(Exit.isSuccess(exit), String(exit))
        }
      })
    )
  }
})
