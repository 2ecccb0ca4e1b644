import { createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Scope, TestClock } from "effect"
import { ClientConnectorError, type ClientError, SessionClosedError } from "../../../src/Errors.js"
import type { Dialer } from "../../../src/internal/network/dial/dialer.js"
import { connect } from "../../../src/internal/network/dial/race.js"
import { Network } from "../../../src/internal/network/network.js"
import { makeHub } from "../../../src/internal/transport/signalHub.js"
import { DataReader } from "../../../src/internal/transport/socketReader.js"
import type { Connection, Exchange } from "../../../src/internal/transport/transport.js"
import { turns, until } from "../../support/stages.js"
import { makeExchange } from "./dial/support.js"

const closedError = new SessionClosedError({ subject: "Session" })

const listening: Effect.Effect<{ readonly port: number; readonly sockets: Set<Socket> }, never, Scope.Scope> =
  Effect.acquireRelease(
    Effect.async<{ port: number; sockets: Set<Socket>; close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.resume().on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ port, sockets, close: () => server.close() }))
      })
    }),
    ({ close, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        close()
      })
  )

/** A dialer that can wait before it returns a socket. */
const dialerTo = (port: number, pause: Effect.Effect<void> = Effect.void): Dialer => ({
  peerKey: () => "",
  clearDnsCache: () => Effect.void,
  dial: (exchange, sockets) =>
    connect([{ address: "127.0.0.1", family: 4 }], {
      port,
      delay: 250,
      limit: Infinity,
      localAddress: undefined,
      noDelay: true,
      keepAlive: Infinity,
      slab: false,
      deadlines: exchange.deadlines,
      sockets
    }).pipe(
      Effect.mapError(
        ({ code }): ClientError =>
          new ClientConnectorError({ host: "127.0.0.1", port, reason: "Connect", code, addresses: [] })
      ),
      Effect.map(({ socket }) => ({
        socket,
        remoteAddress: "127.0.0.1",
        localAddress: undefined,
        tls: undefined,
        failed: [],
        forward: false,
        protocol: "http/1.1" as const,
        reader: new DataReader(socket)
      })),
      Effect.zipLeft(pause)
    )
})

/** An exchange that is never sent, and its callbacks. */
const waiting = (port: number, limits?: { readonly connect?: number; readonly poolWait?: number }) =>
  Effect.map(makeExchange({ host: "127.0.0.1", port, ...(limits === undefined ? {} : { limits }) }), ({ exchange }) => {
    const links: Array<Connection> = []
    let failure: ClientError | undefined
    const made: Exchange = Object.defineProperties(
      { ...exchange, onConnection: (connection: Connection) => void links.push(connection) },
      { failure: { get: () => failure } }
    )
    return {
      exchange: made,
      links,
      fail: (error: ClientError) => {
        failure = error
        made.onAbort?.(error)
      }
    }
  })

const networkTo = (port: number, pause?: Effect.Effect<void>, limit = 100) =>
  new Network({ limit, gracefulShutdownTimeout: 100 }, dialerTo(port, pause), makeHub())

const counts = (network: Network) => {
  const { acquired, connecting, waiting: queued } = network.stats()
  return { acquired, connecting, queued }
}

const nothing = { acquired: 0, connecting: 0, queued: 0 }

describe("an exchange that has failed", () => {
  it.scoped("starts no connection and occupies no slot", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* listening
      const network = networkTo(port)
      const { exchange, fail } = yield* waiting(port)
      fail(closedError)
      assert.deepStrictEqual(yield* Effect.exit(network.acquire(exchange, false)), Exit.fail(closedError))
      assert.deepStrictEqual(counts(network), nothing)
      assert.strictEqual(sockets.size, 0)
    })
  )

  it.scoped("at the moment it gets its slot passes the slot to the next one", () =>
    Effect.gen(function* () {
      const { port } = yield* listening
      const network = networkTo(port, undefined, 1)
      const holder = yield* waiting(port)
      const held = yield* network.acquire(holder.exchange, false)
      const first = yield* waiting(port)
      const second = yield* waiting(port)
      const one = yield* Effect.fork(network.acquire(first.exchange, false))
      const two = yield* Effect.fork(network.acquire(second.exchange, false))
      yield* until(() => counts(network).queued === 2)
      // The first waiter gets the slot when the holder releases it, before the waiter's fiber runs.
      held.abort("Interrupted")
      first.fail(closedError)
      assert.deepStrictEqual(yield* Fiber.await(one), Exit.fail(closedError))
      const next = yield* Fiber.join(two)
      assert.deepStrictEqual(counts(network), { acquired: 1, connecting: 0, queued: 0 })
      next.abort("Interrupted")
      assert.deepStrictEqual(counts(network), nothing)
      assert.isUndefined(first.exchange.onAbort)
      assert.isUndefined(second.exchange.onAbort)
    })
  )

  it.scoped("during its connection leaves no socket", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* listening
      const connected = yield* Deferred.make<void>()
      const network = networkTo(port, Effect.zipRight(Deferred.succeed(connected, undefined), Effect.never))
      const { exchange, fail } = yield* waiting(port)
      const fiber = yield* Effect.fork(network.acquire(exchange, false))
      yield* Deferred.await(connected)
      yield* until(() => sockets.size === 1)
      fail(closedError)
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail(closedError))
      yield* until(() => sockets.size === 0)
      assert.deepStrictEqual(counts(network), nothing)
      assert.isUndefined(exchange.onAbort)
    })
  )
})

describe("the limits of waiting for a connection", () => {
  it.scoped("start in the queue, and connect continues during the dial", () =>
    Effect.gen(function* () {
      const { port } = yield* listening
      const network = networkTo(port, Effect.never, 1)
      const holder = yield* waiting(port)
      const held = yield* Effect.fork(network.acquire(holder.exchange, false))
      yield* until(() => counts(network).connecting === 1)
      const queued = yield* waiting(port, { poolWait: 500 })
      const dialled = yield* waiting(port, { connect: 1_000 })
      const one = yield* Effect.fork(Effect.flip(network.acquire(queued.exchange, false)))
      const two = yield* Effect.fork(Effect.flip(network.acquire(dialled.exchange, false)))
      yield* until(() => counts(network).queued === 2)
      yield* TestClock.adjust(500)
      const first = yield* Fiber.join(one)
      assert.deepInclude(first, { _tag: "ConnectionTimeoutError", timeout: "poolWait", phase: "queue" })
      yield* Fiber.interrupt(held)
      holder.exchange.onLeave?.()
      yield* until(() => counts(network).queued === 0)
      yield* turns(5)
      yield* TestClock.adjust(499)
      assert.strictEqual(two.unsafePoll(), null)
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* Fiber.join(two), { _tag: "ConnectionTimeoutError", timeout: "connect" })
      assert.deepStrictEqual(counts(network), nothing)
    })
  )
})

describe("closing a network", () => {
  it.scopedLive("waits for the sockets of unfinished connections", () =>
    Effect.gen(function* () {
      const { port } = yield* listening
      const connected = yield* Deferred.make<void>()
      let closed = 0
      const inner = dialerTo(port, Effect.zipRight(Deferred.succeed(connected, undefined), Effect.never))
      const dialer: Dialer = {
        ...inner,
        dial: (exchange, sockets, http2) => {
          const add = sockets.add.bind(sockets)
          sockets.add = (socket) => {
            add(socket)
            socket.once("close", () => closed++)
          }
          return inner.dial(exchange, sockets, http2)
        }
      }
      const network = new Network({ gracefulShutdownTimeout: "10 seconds" }, dialer, makeHub())
      const { exchange } = yield* waiting(port)
      const fiber = yield* Effect.fork(Effect.flip(network.acquire(exchange, false)))
      yield* Deferred.await(connected)
      yield* network.close
      assert.strictEqual(closed, 1)
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "SessionClosedError", subject: "Connector" })
      assert.deepStrictEqual(counts(network), nothing)
    })
  )

  it.scopedLive("ends a connection that was just acquired and has not sent", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* listening
      const network = networkTo(port)
      const { exchange } = yield* waiting(port)
      yield* network.acquire(exchange, false)
      yield* network.close
      assert.deepStrictEqual(counts(network), nothing)
      yield* until(() => sockets.size === 0)
      assert.deepInclude(yield* Effect.flip(network.acquire(exchange, false)), { subject: "Connector" })
    })
  )
})
