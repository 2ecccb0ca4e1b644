/** How connections of HTTP/2 end, and what interrupted requests leave on them. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, FiberId, Runtime, Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Session from "effect-http-session/Session"
import { ping, Type } from "../../support/h2Frames.js"
import { answers, type H2Peer, type H2Play, type H2Server, h2Always, handshake } from "../../support/h2Server.js"
import { invariants } from "../../support/invariants.js"
import { echoed, h2Session, itH2Fault } from "../../support/itH2Fault.js"
import { Steps } from "../../support/stepScheduler.js"
import { atEveryStep, promptly } from "../../support/steps.js"
import { untilValue } from "../../support/wait.js"

const mode = "prior-knowledge"

const indices = (count: number) => Array.from({ length: count }, (_, index) => index)

const get = (session: Session.SessionService, at: H2Server, index: number) =>
  session.get(`${at.url}/${index}`).pipe(ClientResponse.text)

const start = (session: Session.SessionService, at: H2Server, count: number) =>
  Effect.forEach(indices(count), (index) => Effect.fork(get(session, at, index)))

/** The most streams that were open at once, as the server sees it. */
const mostOpen = ({ frames }: H2Peer): number => {
  const open = new Set<number>()
  let most = 0
  for (const { stream, type } of frames) {
    if (type === Type.HEADERS) open.add(stream)
    if (type === Type.RST_STREAM) open.delete(stream)
    most = Math.max(most, open.size)
  }
  return most
}

const stay: H2Play = (peer) => peer.until(() => false)

describe("requests that are interrupted as soon as they are sent", () => {
  itH2Fault(
    "leave at most 100 streams open at a server that reads, and retire a connection after 200 without a response",
    indices(8).map(
      (): H2Play => (peer) =>
        Effect.zipRight(handshake()(peer), Effect.forever(Effect.zipRight(peer.frame("RST_STREAM"), peer.send(ping()))))
    ),
    (session, at) =>
      Effect.gen(function* () {
        const total = () => at.peers.reduce((sum, { requests }) => sum + requests.length, 0)
        for (let sent = 0; sent < 1000; sent += 50) {
          const fibers = yield* start(session, at, 50)
          yield* untilValue(Effect.sync(total), (count) => count === sent + 50)
          yield* Fiber.interruptAll(fibers)
        }
        for (const peer of at.peers) {
          assert.isAtMost(mostOpen(peer), 100)
          // A connection may get the rest of a batch that was under way when it had its last reset.
          assert.isAtMost(peer.requests.length, 250)
        }
        yield* untilValue(at.connections, (open) => open <= 1)
      }),
    undefined,
    { followUp: false, settle: 2000, connector: { http2: { mode }, limit: 2 } }
  )

  itH2Fault(
    "count against the limit of a silent server, so that others wait",
    (peer) => Effect.zipRight(handshake()(peer), stay(peer)),
    (session, at) =>
      Effect.gen(function* () {
        const fibers = yield* start(session, at, 150)
        const [peer] = yield* untilValue(
          Effect.sync(() => at.peers),
          ([peer]) => peer?.requests.length === 100
        )
        yield* Fiber.interruptAll(fibers.slice(0, 100))
        // The client answers a PING after all that it has written before.
        yield* peer.frame("RST_STREAM", 199)
        assert.strictEqual(mostOpen(peer), 100)
        assert.isAtMost(peer.requests.length, 150)
        yield* Fiber.interruptAll(fibers.slice(100))
      }),
    undefined,
    { followUp: false, settle: 3000, connector: { http2: { mode }, limit: 1 } }
  )
})

describe("a connection without requests", () => {
  itH2Fault(
    "closes with a GOAWAY after keepaliveTimeout",
    answers(echoed),
    (session, at) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* get(session, at, 1), "/1")
        const [peer] = at.peers
        assert.deepStrictEqual([...(yield* peer.frame("GOAWAY")).payload], [0, 0, 0, 0, 0, 0, 0, 0])
        yield* untilValue(at.connections, (open) => open === 0)
      }),
    undefined,
    { connector: { http2: { mode }, keepaliveTimeout: "200 millis" } }
  )

  itH2Fault(
    "is closed by closeIdle, unlike one with requests",
    (peer) =>
      Effect.zipRight(
        handshake()(peer),
        Effect.forever(
          Effect.flatMap(peer.request, (request) =>
            request.target === "/1" ? Effect.void : peer.send(echoed(request))
          )
        )
      ),
    (session, at) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(get(session, at, 1))
        assert.strictEqual(yield* get(session, at, 2), "/2")
        yield* session.connector.closeIdle
        assert.strictEqual(yield* get(session, at, 3), "/3")
        assert.strictEqual(yield* at.accepted, 1)
        yield* Fiber.interrupt(fiber)
        yield* session.connector.closeIdle
        yield* untilValue(at.connections, (open) => open === 0)
      }),
    undefined,
    { settle: 2000 }
  )
})

describe("closing a session with 50 requests", () => {
  for (const answer of [true, false]) {
    it.scopedLive(answer ? "lets them finish" : "fails them after gracefulShutdownTimeout", () =>
      Effect.gen(function* () {
        const at = yield* h2Always((peer) =>
          Effect.gen(function* () {
            yield* handshake()(peer)
            const requests = yield* Effect.all(Effect.replicate(peer.request, 50))
            if (answer) yield* Effect.sleep("200 millis")
            if (answer) yield* peer.send(Buffer.concat(requests.map(echoed)))
            yield* stay(peer)
          })
        )
        const scope = yield* Scope.make()
        const made = h2Session({
          connector: { http2: { mode }, gracefulShutdownTimeout: answer ? "20 seconds" : "200 millis" }
        })
        const { session } = yield* Scope.extend(made, scope)
        const fibers = yield* start(session, at, 50)
        yield* untilValue(
          Effect.sync(() => at.peers),
          ([peer]) => peer?.requests.length === 50
        )
        yield* Scope.close(scope, Exit.void)
        const exits = yield* Effect.forEach(fibers, Fiber.await)
        for (const [index, exit] of exits.entries()) {
          if (answer) assert.deepStrictEqual(exit, Exit.succeed(`/${index}`))
          else assert.deepInclude(Exit.isFailure(exit) && Cause.squash(exit.cause), { _tag: "SessionClosedError" })
        }
        yield* untilValue(at.connections, (open) => open === 0)
      })
    )
  }
})

describe("a request that is interrupted at any step", () => {
  for (const [name, options] of [
    ["joins a dial", {}],
    ["waits for a stream", { limit: 1, http2: { mode, maxConcurrentStreams: 1 } }],
    ["dials", { alone: true }],
    ["uploads", { body: "x".repeat(200_000) }]
  ] as const) {
    it.scopedLive(
      `while it ${name} leaves nothing open and does not affect others`,
      () =>
        Effect.gen(function* () {
          const at = yield* h2Always(answers(echoed))
          const { alone, body, ...connector } = { alone: false, body: undefined, ...options }
          const made = yield* h2Session({ connector: { http2: { mode }, ...connector } })
          const once =
            body === undefined
              ? made.session.get(`${at.url}/nonce?a`)
              : made.session.put(`${at.url}/nonce?a`, { text: body })
          const program = once.pipe(ClientResponse.text)
          const last = yield* atEveryStep((step) =>
            Effect.gen(function* () {
              let fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
              const steps = new Steps(step, () => fiber?.unsafeInterruptAsFork(FiberId.none))
              const run = Effect.gen(function* () {
                const others = alone ? [] : [yield* Effect.forkDaemon(program), yield* Effect.forkDaemon(program)]
                const runtime = yield* Effect.runtime<never>()
                fiber = Runtime.runFork(runtime)(program, { scheduler: steps })
                const exit = yield* Fiber.await(fiber)
                for (const other of others) assert.strictEqual(yield* Fiber.join(other), "a", `step ${step}`)
                if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, "a")
              })
              const exit = yield* promptly(
                invariants(run, { connector: made.connector, servers: [at], settle: 1500 }),
                `step ${step}`
              )
              assert.isTrue(Exit.isSuccess(exit), `step ${step}: ${String(exit)}`)
              return steps.count >= step
            })
          )
          assert.isAbove(last, 10)
        }),
      120_000
    )
  }
})
