import * as Net from "node:net"
import { Deferred, Effect, type Scope } from "effect"
import type { Origin } from "../../../src/internal/http/origin.js"
import type { Limits } from "../../../src/internal/limits.js"
import { resolve } from "../../../src/internal/limits.js"
import type { HandshakeContext } from "../../../src/internal/network/dial/proxyHandshake.js"
import { of } from "../../../src/internal/transport/deadlines.js"
import type { Trace } from "../../../src/internal/transport/trace.js"
import type { ProxyRoute } from "../../../src/internal/transport/transport.js"

/** A proxy whose every step the test controls. */
export interface Scripted {
  readonly port: number
  /** The bytes that the first client has sent, as latin1. */
  readonly received: () => string
  /** Resolves when this many bytes have arrived. */
  readonly until: (size: number) => Effect.Effect<void>
  /** Resolves when the first client has disconnected. */
  readonly gone: Effect.Effect<void>
}

/** Calls `step` with the socket of a client and all bytes that it has sent, each time more arrive. */
export const scripted = (
  step: (socket: Net.Socket, received: Buffer) => void
): Effect.Effect<Scripted, never, Scope.Scope> =>
  Effect.gen(function* () {
    const gone = yield* Deferred.make<void>()
    const clients = new Set<Net.Socket>()
    const waiting = new Set<() => void>()
    let all = Buffer.alloc(0)
    const server = Net.createServer((socket) => {
      clients.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        clients.delete(socket)
        Deferred.unsafeDone(gone, Effect.void)
      })
      socket.on("data", (chunk) => {
        all = Buffer.concat([all, chunk])
        step(socket, all)
        for (const wake of waiting) wake()
      })
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const client of clients) client.destroy()
        })
    )
    const address = server.address()
    return {
      port: typeof address === "object" && address !== null ? address.port : 0,
      received: () => all.toString("latin1"),
      gone: Deferred.await(gone),
      until: (size) =>
        Effect.async<void>((resume) => {
          const check = () => {
            if (all.length < size) return
            waiting.delete(check)
            resume(Effect.void)
          }
          waiting.add(check)
          check()
        })
    }
  })

/** A socket like those that the dialer makes: connected, paused, with one listener that ignores errors. */
export const dial = (port: number): Effect.Effect<Net.Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Net.Socket>((resume) => {
      const socket = Net.connect({ host: "127.0.0.1", port })
      socket.pause()
      socket.on("error", () => {})
      socket.once("connect", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** The number of listeners by event, to check that none remains. */
export const listeners = (socket: Net.Socket): Record<string, number> =>
  Object.fromEntries(socket.eventNames().map((name) => [String(name), socket.listenerCount(name)]))

/** The context of a handshake, and the phases that the handshake reported. */
export const makeContext = (limits: Partial<Limits> = {}, trace?: Trace) =>
  Effect.map(Effect.clock, (clock) => {
    const phases: Array<string> = []
    const context: HandshakeContext = {
      limits: { ...resolve({}), ...limits },
      deadlines: of(clock),
      trace,
      marks: {
        current: "proxy",
        readAt: undefined,
        start: (phase) => phases.push(`+${phase}`),
        end: (phase) => phases.push(`-${phase}`)
      },
      details: (phase) => ({ method: "GET", url: "https://a.test/", host: "a.test", port: 443, phase, attempt: 1 })
    }
    return { context, phases }
  })

export const originOf = (scheme: "http" | "https", host: string, port: number, ip: 0 | 4 | 6 = 0): Origin => {
  const authority = `${ip === 6 ? `[${host}]` : host}:${port}`
  return { scheme, host, port, authority, ip, key: `${scheme}://${authority}` }
}

export const proxyRoute = (port: number, over: Partial<ProxyRoute> = {}): ProxyRoute => ({
  kind: "http",
  host: "127.0.0.1",
  port,
  ip: 4,
  url: `${over.kind ?? "http"}://127.0.0.1:${port}`,
  authorization: undefined,
  user: undefined,
  password: undefined,
  headers: [],
  ssl: true,
  key: "key",
  ...over
})

/** The next bytes on a socket. */
export const readSome = (socket: Net.Socket): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    socket.once("data", (chunk) => {
      socket.pause()
      resume(Effect.succeed(chunk.toString("latin1")))
    })
    socket.resume()
  })
