/**
 * Servers and addresses on the loopback, below HTTP.
 */
import * as Net from "node:net"
import { Worker } from "node:worker_threads"
import { Effect, type Scope } from "effect"

/** A server on a loopback address that counts its connections. */
export interface Listener {
  readonly address: string
  readonly port: number
  readonly accepted: () => number
  /** The next connection, which may have arrived already. */
  readonly connection: Effect.Effect<Net.Socket>
  /** Resolves when this many connections have arrived and all are closed. */
  readonly closed: (count: number) => Effect.Effect<void>
}

export const listen = (
  address = "127.0.0.1",
  port = 0,
  onConnection: (socket: Net.Socket) => void = () => {}
): Effect.Effect<Listener, Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<{ server: Net.Server; sockets: Set<Net.Socket>; state: ListenerState }, Error>((resume) => {
      const sockets = new Set<Net.Socket>()
      const state: ListenerState = { accepted: 0, seen: [], watchers: new Set() }
      const server = Net.createServer((socket) => {
        state.accepted += 1
        state.seen.push(socket)
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => {
          sockets.delete(socket)
          for (const watcher of [...state.watchers]) watcher()
        })
        socket.resume()
        onConnection(socket)
        for (const watcher of [...state.watchers]) watcher()
      })
      server.once("error", (error) => resume(Effect.fail(error)))
      server.listen(port, address, () => resume(Effect.succeed({ server, sockets, state })))
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  ).pipe(
    Effect.map(({ server, sockets, state }) => {
      const bound = server.address()
      const until = <A>(check: () => A | undefined): Effect.Effect<A> =>
        Effect.async((resume) => {
          const watcher = () => {
            const value = check()
            if (value === undefined) return
            state.watchers.delete(watcher)
            resume(Effect.succeed(value))
          }
          state.watchers.add(watcher)
          watcher()
          return Effect.sync(() => state.watchers.delete(watcher))
        })
      return {
        address,
        port: typeof bound === "object" && bound !== null ? bound.port : 0,
        accepted: () => state.accepted,
        connection: until(() => state.seen.shift()),
        closed: (count) =>
          Effect.asVoid(until(() => (state.accepted >= count && sockets.size === 0 ? true : undefined)))
      }
    })
  )

interface ListenerState {
  accepted: number
  readonly seen: Array<Net.Socket>
  readonly watchers: Set<() => void>
}

/** The same port on several loopback addresses. */
export const listenAll = (
  addresses: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Listener>, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const [first = "127.0.0.1", ...others] = addresses
    const head = yield* listen(first)
    const tail = yield* Effect.forEach(others, (address) => listen(address, head.port))
    return [head, ...tail]
  }).pipe(Effect.retry({ times: 10 }))

const blackHoleSource = `
const { parentPort, workerData } = require("node:worker_threads")
const net = require("node:net")
const server = net.createServer().listen({ host: workerData.address, port: workerData.port, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
`

const openBlackHole = (address: string, port: number): Effect.Effect<{ readonly port: number }, Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Worker & { port?: number }, Error>((resume) => {
      const worker: Worker & { port?: number } = new Worker(blackHoleSource, {
        eval: true,
        workerData: { address, port }
      })
      worker.once("error", (error) => resume(Effect.fail(error)))
      worker.once("message", (bound: number) => {
        worker.port = bound
        resume(Effect.succeed(worker))
      })
    }),
    (worker) => Effect.promise(() => worker.terminate())
  ).pipe(
    Effect.map((worker) => ({ port: worker.port ?? 0 })),
    Effect.tap(({ port }) => Effect.forEach([1, 2], () => filler(address, port)))
  )

/** An address that never answers a SYN: its queue is full, and the thread that should accept sleeps. */
export const blackHole = (
  address = "127.0.0.1",
  port = 0
): Effect.Effect<{ readonly port: number }, never, Scope.Scope> => Effect.orDie(openBlackHole(address, port))

/** A server, and an address that never answers a SYN on the same port. */
export const besideBlackHole = (
  hole: string,
  address: string,
  onConnection?: (socket: Net.Socket) => void
): Effect.Effect<Listener, Error, Scope.Scope> =>
  listen(address, 0, onConnection).pipe(
    Effect.tap(({ port }) => openBlackHole(hole, port)),
    // Another process may hold the port on the other address.
    Effect.retry({ times: 10 })
  )

const filler = (host: string, port: number) =>
  Effect.acquireRelease(
    Effect.async<Net.Socket>((resume) => {
      const socket = Net.connect({ host, port }, () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Sockets of this process, connecting or open. */
export const openHandles = () =>
  process
    .getActiveResourcesInfo()
    .filter((name) => /^(TCPSocketWrap|TCPConnectWrap|PipeWrap|PipeConnectWrap|TLSWrap)$/.test(name)).length

/** A turn of the event loop, for handles that close in one. */
export const turn = Effect.async<void>((resume) => {
  setImmediate(() => setImmediate(() => resume(Effect.void)))
})
