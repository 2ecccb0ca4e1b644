/**
 * WebSockets and event streams that are interrupted at any step, or end with their session.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, FiberId, Runtime, Schedule, type Scope, Stream } from "effect"
import { WebSocket } from "effect-http-session"
import type * as Connector from "effect-http-session/Connector"
import * as Session from "effect-http-session/Session"
import * as Sse from "effect-http-session/Sse"
import { invariants } from "../support/invariants.js"
import { nonce } from "../support/itFault.js"
import { pingPong } from "../support/platformSockets.js"
import * as Server from "../support/server.js"
import { sessionOn, until } from "../support/stages.js"
import { Steps } from "../support/stepScheduler.js"
import { atEveryStep, promptly, stride } from "../support/steps.js"
import * as Peer from "../support/webSocketServer.js"

interface World {
  readonly session: Session.SessionService
  readonly connector: Connector.ConnectorService
  readonly servers: ReadonlyArray<{ readonly connections: Effect.Effect<number> }>
  readonly program: Effect.Effect<unknown, { readonly _tag: string }>
}

const webSockets = Effect.gen(function* () {
  const made = yield* sessionOn({ limit: 1 })
  const server = yield* Peer.webSocketServer(Peer.echo)
  return { ...made, server, url: server.webSocketUrl() }
})

const options: WebSocket.WebSocketOptions = { closeTimeout: "500 millis", heartbeat: "1 minute" }

const connects = (request: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nid: ${request}\ndata: a\n\ndata: b\n\n`

const worlds: Readonly<Record<string, Effect.Effect<World, never, Scope.Scope>>> = {
  "a WebSocket": Effect.map(webSockets, ({ connector, server, session, url }) => ({
    connector,
    session,
    servers: [server],
    program: Effect.scoped(
      Effect.gen(function* () {
        const socket = yield* session.webSocket(url, options)
        yield* socket.send("one")
        yield* socket.receive
        yield* socket.send("two")
        yield* socket.send("three")
        yield* Stream.runDrain(Stream.take(socket.messages, 2))
        yield* socket.ping("p")
        yield* socket.close(3000, "enough")
      })
    )
  })),
  "a Socket of the platform": Effect.map(webSockets, ({ connector, server, session, url }) => ({
    connector,
    session,
    servers: [server],
    program: Effect.flatMap(WebSocket.makeSocket(url, options), (socket) => pingPong(socket, 3)).pipe(
      Effect.provideService(Session.Session, session)
    )
  })),
  "an event stream across a break": Effect.gen(function* () {
    const made = yield* sessionOn({ limit: 1 })
    const at = yield* Server.always((peer) =>
      Effect.flatMap(peer.request, ({ target }) =>
        target.startsWith("/nonce?")
          ? Effect.zipRight(peer.send(Server.response(200, target.slice(7))), Effect.asVoid(peer.request))
          : peer.send(connects("1"))
      )
    )
    const events = Sse.connect(at.url, { reconnect: Schedule.recurs(10) })
    return {
      ...made,
      servers: [at],
      program: Effect.provideService(Stream.runDrain(Stream.take(events, 5)), Session.Session, made.session)
    }
  })
}

const begin = (program: World["program"], steps: Steps) =>
  Effect.map(Effect.runtime<never>(), (runtime) => Runtime.runFork(runtime)(program, { scheduler: steps }))

const tagsOf = (exit: Exit.Exit<unknown, { readonly _tag: string }>): ReadonlyArray<string> =>
  Exit.isSuccess(exit) ? [] : [...Cause.failures(exit.cause)].map(({ _tag }) => _tag)

/** The number of steps between two interruptions in a short run, for the rows that need another stride than the usual one. */
const strides: Readonly<Record<string, number>> = {
  "a Socket of the platform": 5,
  "an event stream across a break": 17
}

const time = stride === 1 ? 600_000 : 60_000

describe("an interruption at any step", () => {
  for (const [what, make] of Object.entries(worlds)) {
    it.scopedLive(
      `of ${what} leaves nothing open, and the session continues`,
      () =>
        Effect.gen(function* () {
          const { connector, program, servers, session } = yield* make
          const plain = yield* Server.always((peer) =>
            Effect.flatMap(peer.request, ({ target }) => peer.send(Server.response(200, target.slice(7))))
          )
          const last = yield* atEveryStep(
            (step) => {
              let fiber: Fiber.RuntimeFiber<unknown, { readonly _tag: string }> | undefined
              const steps = new Steps(step, () => fiber?.unsafeInterruptAsFork(FiberId.none))
              const run = Effect.gen(function* () {
                fiber = yield* begin(program, steps)
                const exit = yield* Fiber.await(fiber)
                if (steps.count < step) assert.isTrue(Exit.isSuccess(exit), String(exit))
                else assert.deepStrictEqual(tagsOf(exit), [])
              })
              return Effect.gen(function* () {
                const exit = yield* promptly(
                  invariants(run, {
                    connector,
                    servers: [...servers, plain],
                    followUp: nonce(session, plain),
                    settle: 1000
                  }),
                  `step ${step}`
                ).pipe(Effect.mapError((broken) => new Error(`step ${step}: ${broken.message}`, { cause: broken })))
                assert.isTrue(Exit.isSuccess(exit), `step ${step}: ${String(exit)}`)
                yield* connector.closeIdle
                return steps.count >= step
              })
            },
            1,
            stride === 1 ? 1 : (strides[what] ?? stride)
          )
          assert.isAbove(last, 50)
        }),
      time
    )
  }
})

describe("a session that closes at any step", () => {
  const tags: ReadonlySet<string> = new Set(["SessionClosedError", "WebSocketError", "SocketError"])
  for (const [what, make] of Object.entries(worlds)) {
    for (const closing of ["session", "connector"] as const) {
      it.scopedLive(
        `of ${what} leaves nothing open and fails it with a typed error: ${closing}`,
        () =>
          Effect.gen(function* () {
            const last = yield* atEveryStep(
              (step) =>
                Effect.scoped(
                  Effect.gen(function* () {
                    const { connector, program, servers, session } = yield* make
                    const closed = yield* Deferred.make<void>()
                    const steps = new Steps(step, () => {
                      Effect.runFork(Effect.intoDeferred((closing === "session" ? session : connector).close, closed))
                    })
                    const fiber = yield* begin(program, steps)
                    const exit = yield* promptly(Fiber.await(fiber), `step ${step}`)
                    for (const tag of tagsOf(exit)) assert.isTrue(tags.has(tag), `step ${step}: ${tag}`)
                    assert.isTrue(
                      Exit.isSuccess(exit) || (Cause.isFailure(exit.cause) && !Cause.isDie(exit.cause)),
                      `step ${step}: ${String(exit)}`
                    )
                    const reached = steps.count >= step
                    if (reached) yield* promptly(Deferred.await(closed), `close at step ${step}`)
                    const { acquired, connecting, waiting } = yield* connector.stats
                    assert.deepStrictEqual(
                      { step, acquired, connecting, waiting },
                      { step, acquired: 0, connecting: 0, waiting: 0 }
                    )
                    if (reached && closing === "connector") {
                      yield* promptly(
                        until(() => servers.every((server) => Effect.runSync(server.connections) === 0)),
                        `the connections of step ${step}`
                      )
                    }
                    return reached
                  })
                ),
              1,
              // The stride is larger because a new session for each step takes time.
              stride === 1 ? 1 : stride * 3
            )
            assert.isAbove(last, 50)
          }),
        time
      )
    }
  }
})
