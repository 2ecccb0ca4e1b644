/** Servers on loopback that record their handshakes, and handshakes with them. */
import * as net from "node:net"
import * as tls from "node:tls"
import { Effect } from "effect"
import type { TlsError } from "../../../../src/Errors.js"
import { handshake, type Secured } from "../../../../src/internal/network/tls/handshake.js"
import type { HandshakeOptions } from "../../../../src/internal/network/tls/handshakeAttempt.js"
import { settingsOf } from "../../../../src/internal/network/tls/tlsSettings.js"
import type { Ssl } from "../../../../src/Ssl.js"

export { failure } from "../../../support/exits.js"

export interface Server {
  readonly port: number
  /** The number of open sockets. */
  readonly open: () => number
  /** The number of accepted TCP connections. */
  readonly accepted: () => number
  /** The number of decrypted bytes. */
  readonly received: () => number
  readonly servernames: ReadonlyArray<string | false>
  /** Resolves when no socket is open. */
  readonly idle: Effect.Effect<void>
}

const track = (server: net.Server) => {
  const sockets = new Set<net.Socket>()
  const waiters: Array<() => void> = []
  let accepted = 0
  server.on("connection", (socket) => {
    accepted++
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => {
      sockets.delete(socket)
      if (sockets.size === 0) for (const wake of waiters.splice(0)) wake()
    })
  })
  const idle = Effect.async<void>((resume) => {
    if (sockets.size === 0) resume(Effect.void)
    else waiters.push(() => resume(Effect.void))
  })
  return { sockets, idle, accepted: () => accepted }
}

const listen = <S extends net.Server>(make: () => S) =>
  Effect.acquireRelease(
    Effect.async<{ server: S; port: number } & ReturnType<typeof track>>((resume) => {
      const server = make()
      const tracked = track(server)
      server.listen(0, "127.0.0.1", () => {
        resume(Effect.succeed({ server, port: (server.address() as net.AddressInfo).port, ...tracked }))
      })
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )

/** A server that answers received bytes with "pong". */
export const tlsServer = (options: tls.TlsOptions, onSecure: (socket: tls.TLSSocket) => void = () => {}) =>
  Effect.gen(function* () {
    let received = 0
    const servernames: Array<string | false> = []
    const { accepted, idle, port, server, sockets } = yield* listen(() => tls.createServer(options))
    server.on("tlsClientError", () => {})
    server.on("secureConnection", (socket) => {
      servernames.push((socket as { servername?: string | false }).servername ?? false)
      socket.on("error", () => {})
      socket.on("data", (chunk) => {
        received += chunk.length
        socket.write("pong")
      })
      onSecure(socket)
    })
    return {
      port,
      accepted,
      servernames,
      idle,
      open: () => sockets.size,
      received: () => received,
      server
    } satisfies Server & { server: tls.Server }
  })

/** A server without TLS. */
export const tcpServer = (onConnection: (socket: net.Socket) => void) =>
  Effect.map(
    listen(() =>
      net.createServer((socket) => {
        // Without reading, the end of the connection would not be noticed.
        socket.on("data", () => {})
        onConnection(socket)
      })
    ),
    ({ accepted, idle, port, sockets }): Server => ({
      port,
      accepted,
      idle,
      open: () => sockets.size,
      received: () => 0,
      servernames: []
    })
  )

export const tcp = (port: number): Effect.Effect<net.Socket> =>
  Effect.async((resume) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.off("error", failed)
      resume(Effect.succeed(socket))
    })
    const failed = (error: Error) => resume(Effect.die(error))
    socket.on("error", failed)
  })

export type Shake = Partial<Omit<HandshakeOptions, "settings" | "port">> & {
  readonly ssl?: Ssl | undefined
  readonly connectorSsl?: Ssl | undefined
  readonly serverHostname?: string | undefined
}

export const optionsOf = (port: number, options: Shake = {}): HandshakeOptions => ({
  host: "localhost",
  http2: "never",
  proxy: false,
  details: { method: "GET", url: "https://localhost/", attempt: 1 },
  trace: undefined,
  ...options,
  port,
  settings: settingsOf(options.ssl, options.connectorSsl, options.serverHostname)
})

/** Connects and completes the handshake; the socket closes with the Scope. */
export const shake = (port: number, options: Shake = {}) =>
  Effect.gen(function* () {
    const socket = yield* tcp(port)
    yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
    return yield* handshake(socket, optionsOf(port, options))
  })

/** "accepted", or the reason of the error. */
export const outcome = (port: number, options: Shake = {}) =>
  Effect.scoped(
    Effect.match(shake(port, options), {
      onSuccess: () => "accepted",
      onFailure: (error: TlsError) => (error._tag === "FingerprintMismatch" ? error._tag : error.reason)
    })
  )

/** Writes and waits for the answer, so that all messages of the handshake have arrived. */
export const ping = ({ socket }: Secured) =>
  Effect.async<string, Error>((resume) => {
    socket.once("data", (chunk) => resume(Effect.succeed(chunk.toString())))
    socket.once("error", (error) => resume(Effect.fail(error)))
    socket.once("close", () => resume(Effect.fail(new Error("closed"))))
    socket.write("ping")
  })
