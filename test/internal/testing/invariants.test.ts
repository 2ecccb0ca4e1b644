import { connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as Errors from "effect-http-session/Errors"
import { seesEveryFiber } from "../../support/fiberWatch.js"
import { type InvariantOptions, invariants } from "../../support/invariants.js"
import * as Server from "../../support/server.js"
import { activeMillis } from "../../support/time.js"

const failure = new Errors.ServerDisconnectedError({ method: "GET", reused: false, received: 0 })

/** A connector with the given counts. */
const counts = (given: Partial<Record<"acquired" | "idle" | "connecting" | "waiting" | "streams", number>>) => ({
  stats: Effect.succeed({ acquired: 0, idle: 0, connecting: 0, waiting: 0, streams: 0, ...given })
})

const open = (port: number): Effect.Effect<Socket> =>
  Effect.async<Socket>((resume) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => resume(Effect.succeed(socket)))
  })

/** Removes listeners of the test runner, so that only the invariants receive the emitted event. */
const alone = (event: string, emit: () => void) =>
  Effect.sync(() => {
    const others = process.listeners(event as "warning").slice(0, -1)
    for (const listener of others) process.off(event, listener)
    emit()
    const own = process.listeners(event as "warning")
    for (const listener of own) process.off(event, listener)
    for (const listener of [...others, ...own]) process.on(event, listener)
  })

describe("invariants", () => {
  it.scopedLive("hold if nothing is left, and return the exit", () =>
    Effect.gen(function* () {
      const server = yield* Server.server([Server.stall])
      const passed = yield* invariants(
        Effect.map(
          Effect.acquireRelease(open(server.port), (socket) => Effect.sync(() => socket.destroy())),
          () => "done"
        ),
        { servers: [server], connector: counts({}), within: 5000, followUp: Effect.void }
      )
      assert.deepStrictEqual(passed, Exit.succeed("done"))
      assert.deepStrictEqual(yield* invariants(failure, { tags: ["ServerDisconnectedError"] }), Exit.fail(failure))
    })
  )

  const planted = new Errors.MiddlewareError({ reason: "Failed", description: "s3cr3t-word" })

  type Row = readonly [
    name: string,
    test: (cleanup: Array<() => void>, server: Server.Server) => Effect.Effect<unknown, unknown>,
    expected: RegExp,
    options?: (server: Server.Server) => InvariantOptions
  ]

  const foreignFiber: Row = [
    "a fiber started outside of the test's",
    (cleanup) =>
      Effect.sync(() => {
        const fiber = Effect.runFork(Effect.never)
        cleanup.push(() => fiber.unsafeInterruptAsFork(fiber.id()))
      }),
    /1 fibers more than before/
  ]

  /** Each of these must be reported with this text. */
  const rows: ReadonlyArray<Row> = [
    [
      "a socket left open",
      (cleanup, server) =>
        Effect.map(open(server.port), (socket) => {
          cleanup.push(() => socket.destroy())
        }),
      /TCPSocketWrap more than before/
    ],
    [
      "a file descriptor left open",
      (cleanup, server) =>
        Effect.map(open(server.port), (socket) => {
          cleanup.push(() => socket.destroy())
        }),
      /file descriptors more than before/
    ],
    [
      "a connection open at the server",
      (cleanup, server) =>
        Effect.map(open(server.port), (socket) => {
          cleanup.push(() => socket.destroy())
        }),
      /1 connections open at the servers more than before/,
      (server) => ({ servers: [server] })
    ],
    [
      "a connection that the pool does not know of",
      (cleanup, server) =>
        Effect.map(open(server.port), (socket) => {
          cleanup.push(() => socket.destroy())
        }),
      /the servers see 1 connections and the pool keeps 0/,
      (server) => ({ servers: [server], connector: counts({}) })
    ],
    [
      "a timer left running",
      (cleanup) =>
        Effect.sync(() => {
          // Several timers, because timers of the test runner may end in the meantime.
          const timers = Array.from({ length: 10 }, () => setTimeout(() => {}, 60_000))
          cleanup.push(() => {
            for (const timer of timers) clearTimeout(timer)
          })
        }),
      /\d Timeout more than before/
    ],
    [
      "a fiber left running",
      (cleanup) =>
        Effect.map(Effect.forkDaemon(Effect.never), (fiber) => {
          cleanup.push(() => fiber.unsafeInterruptAsFork(fiber.id()))
        }),
      /1 fibers more than before/
    ],
    ...(seesEveryFiber ? [foreignFiber] : []),
    [
      "a slot still taken",
      () => Effect.void,
      /the pool has acquired=1/,
      () => ({ connector: counts({ acquired: 1 }) })
    ],
    [
      "a request in the queue",
      () => Effect.void,
      /the pool has waiting=2/,
      () => ({ connector: counts({ waiting: 2 }) })
    ],
    [
      "a connect under way",
      () => Effect.void,
      /the pool has connecting=1/,
      () => ({ connector: counts({ connecting: 1 }) })
    ],
    ["a defect", () => Effect.die(new TypeError("boom")), /died: TypeError: boom/],
    ["an interruption", () => Effect.interrupt, /was interrupted/],
    ["a failure without a tag", () => Effect.fail("text"), /failed with something that has no tag/],
    [
      "a failure of another tag",
      () => failure,
      /failed with ServerDisconnectedError/,
      () => ({ tags: ["ClientOSError"] })
    ],
    ["a secret in a failure", () => planted, /message shows s3cr3t-/],
    ["a secret in a log line", () => Effect.logDebug("token", { token: "s3cr3t-log" }), /a log line shows s3cr3t-/],
    [
      "a custom secret",
      () => new Errors.MiddlewareError({ reason: "Failed", description: "hunter2" }),
      /toString|inspect shows hunter2/,
      () => ({ secrets: ["hunter2"] })
    ],
    ["a test that takes too long", () => activeMillis(300), /took \d+ ms of 1/, () => ({ within: 1 })],
    [
      "a next request that fails",
      () => Effect.void,
      /the next request failed: Error: wrong answer/,
      () => ({ followUp: Effect.fail("wrong answer") })
    ],
    [
      "an unhandled rejection",
      () => alone("unhandledRejection", () => process.emit("unhandledRejection", new Error("lost"), Promise.resolve())),
      /unhandledRejection: Error: lost/
    ],
    [
      "a warning of the process",
      () => alone("warning", () => process.emit("warning", new Error("too many listeners"))),
      /warning: Error: too many listeners/
    ],
    [
      "a POST that came twice",
      (_cleanup, server) =>
        Effect.async<void>((resume) => {
          const socket = connect({ port: server.port, host: "127.0.0.1" })
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.void))
          let answers = ""
          socket.on("data", (chunk) => {
            answers += String(chunk)
            if (answers.split("no such thing").length === 3) socket.destroy()
          })
          socket.write("POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n".repeat(2))
        }),
      /POST \/a was delivered 2 times/,
      (server) => ({ servers: [server] })
    ]
  ]
  for (const [name, test, expected, options] of rows) {
    it.scopedLive(`report ${name}`, () =>
      Effect.gen(function* () {
        const cleanup: Array<() => void> = []
        yield* Effect.addFinalizer(() => Effect.forEach(cleanup, (undo) => Effect.sync(undo)))
        const server = yield* Server.server([])
        const broken = yield* Effect.flip(
          invariants(
            Effect.suspend(() => test(cleanup, server)),
            { settle: 20, ...options?.(server) }
          )
        )
        assert.match(broken.message, expected)
      })
    )
  }

  it.scopedLive("wait for resources that are about to close", () =>
    invariants(
      Effect.sync(() => {
        setTimeout(() => {}, 100)
      })
    )
  )
})
