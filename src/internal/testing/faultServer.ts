/** A server on loopback whose connections follow scripts, which may contain faults. */
import type { AddressInfo, Server, Socket } from "node:net"
import { createServer } from "node:net"
import { createSecureContext, TLSSocket } from "node:tls"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"
import type { Pem } from "../../Ssl.js"
import type { Step, TestServer } from "../../Testing.js"
import { callback, cancellable } from "../effect/callback.js"
import { Inbox } from "./inbox.js"

/** One accepted connection. If the peer closes while the script expects more, the script is interrupted. */
export interface FaultConnection {
  /** The index of the connection in the order of acceptance, from 0. */
  readonly index: number
  /** The TCP socket, below TLS if that is used. */
  readonly raw: Socket
  /** The socket that the script uses. */
  readonly socket: Socket
  readonly inbox: Inbox
  /** Completes when the operating system has accepted the bytes. */
  readonly send: (data: string | Uint8Array) => Effect.Effect<void>
  /** Closes the sending side; a well-behaved peer then closes its own. */
  readonly fin: Effect.Effect<void>
  /** Sends RST and discards unsent bytes. */
  readonly reset: Effect.Effect<void>
}

/** The behaviour of one connection, which closes when the script ends. */
export type Script = (connection: FaultConnection) => Effect.Effect<void>

export interface FaultServerOptions {
  /** `alpn` has the protocols from which the server chooses. By default it chooses none. */
  readonly tls?: { readonly cert: Pem; readonly key: Pem; readonly alpn?: ReadonlyArray<string> } | undefined
}

const bytes = (data: string | Uint8Array): Uint8Array => (typeof data === "string" ? Buffer.from(data) : data)

/** One turn of the event loop. */
export const turn: Effect.Effect<void> = cancellable<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return () => clearImmediate(immediate)
})

const makeConnection = (index: number, raw: Socket, socket: Socket): FaultConnection => {
  const inbox = new Inbox()
  socket.on("data", (chunk: Uint8Array) => inbox.push(chunk))
  socket.on("end", () => inbox.end())
  // Errors of the peer are expected.
  socket.on("error", () => inbox.end())
  socket.on("close", () => inbox.end())
  if (raw !== socket) raw.on("error", () => inbox.end())
  return {
    index,
    raw,
    socket,
    inbox,
    send: (data) =>
      callback<void>((resume) => {
        if (socket.destroyed || socket.writableEnded) resume(Effect.interrupt)
        else socket.write(bytes(data), (error) => resume(error ? Effect.interrupt : Effect.void))
      }),
    fin: callback<void>((resume) => {
      if (socket.destroyed) resume(Effect.void)
      else socket.end(() => resume(Effect.void))
    }),
    // libuv reports an end instead of the RST to a peer that has not read yet, so a peer in this process gets time to
    // read.
    reset: Effect.zipRight(
      Effect.repeatN(turn, 4),
      Effect.sync(() => {
        // libuv cannot reset after FIN. The kernel sends RST when a socket with unread data is closed.
        if (socket.writableEnded) raw.destroy()
        else raw.resetAndDestroy()
      })
    )
  }
}

const pem = (value: Pem): string =>
  typeof value === "string"
    ? value
    : Redacted.isRedacted(value)
      ? Redacted.value(value)
      : Buffer.from(value).toString("latin1")

const listen = (server: Server): Effect.Effect<number> =>
  callback<number>((resume) => {
    server.once("error", (error) => resume(Effect.die(error)))
    server.listen({ port: 0, host: "127.0.0.1" }, () => {
      // The address of a listening TCP server is an object.
      resume(Effect.succeed((server.address() as AddressInfo).port))
    })
  })

/** Starts a server that runs `scriptOf(index)` for each connection, in fibers of the Scope. */
export const serve = (
  scriptOf: (index: number) => Script,
  options?: FaultServerOptions
): Effect.Effect<TestServer, never, Scope> =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never>()
    const secureContext =
      options?.tls === undefined
        ? undefined
        : createSecureContext({ cert: pem(options.tls.cert), key: pem(options.tls.key) })
    const ALPNProtocols = [...(options?.tls?.alpn ?? [])]
    const open = new Set<Socket>()
    const accepted: Array<FaultConnection> = []

    const server = createServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
      open.add(raw)
      raw.once("close", () => open.delete(raw))
      const socket =
        secureContext === undefined ? raw : new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols })
      const connection = makeConnection(accepted.length, raw, socket)
      accepted.push(connection)
      run(Effect.ensuring(scriptOf(connection.index)(connection), hangUp(connection)))
    })

    const port = yield* Effect.acquireRelease(listen(server), () =>
      callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of open) socket.destroy()
      })
    )
    return {
      url: `${secureContext === undefined ? "http" : "https"}://127.0.0.1:${port}`,
      port,
      connections: Effect.sync(() => open.size),
      received: Effect.sync(() => accepted.map((connection) => connection.inbox.received()))
    }
  })

/** Closes gracefully if possible, so that sent bytes arrive. */
const hangUp = ({ inbox, raw, socket }: FaultConnection): Effect.Effect<void> =>
  callback<void>((resume) => {
    if (raw.destroyed) {
      resume(Effect.void)
      return
    }
    raw.once("close", () => resume(Effect.void))
    if (!socket.writableEnded) socket.end()
    inbox.whenEnded(() => raw.destroySoon())
  }).pipe(
    Effect.interruptible,
    Effect.onInterrupt(() => Effect.sync(() => raw.destroy()))
  )

const drip = (connection: FaultConnection, step: Extract<Step, { readonly _tag: "Drip" }>): Effect.Effect<void> => {
  const data = bytes(step.data)
  const size = Math.max(1, Math.floor(step.size))
  const from = (start: number): Effect.Effect<void> =>
    start >= data.length
      ? Effect.void
      : Effect.zipRight(
          start === 0 ? Effect.void : Effect.sleep(step.every),
          Effect.flatMap(connection.send(data.subarray(start, start + size)), () => from(start + size))
        )
  return Effect.suspend(() => from(0))
}

/** Runs one step of a public script. */
export const runStep = (connection: FaultConnection, step: Step): Effect.Effect<void> => {
  switch (step._tag) {
    case "Expect":
      if (step.what === "head") return Effect.asVoid(connection.inbox.takeHead)
      if (step.what === "body") return Effect.asVoid(connection.inbox.takeBody)
      return Effect.asVoid(connection.inbox.takeBytes(step.what))
    case "Send":
      return connection.send(step.data)
    case "Drip":
      return drip(connection, step)
    case "Sleep":
      return Effect.sleep(step.duration)
    case "Fin":
      return connection.fin
    case "Reset":
      return connection.reset
    case "Stall":
      return connection.inbox.takeEnd
  }
}

/** Runs a public script. */
export const runScript =
  (steps: ReadonlyArray<Step>): Script =>
  (connection) =>
    Effect.forEach(steps, (step) => runStep(connection, step), { discard: true })

/** A server whose connections run the scripts in order. The last script also serves all later connections. */
export const fromScripts = (
  scripts: ReadonlyArray<ReadonlyArray<Step>>,
  options?: FaultServerOptions
): Effect.Effect<TestServer, never, Scope> =>
  serve((index) => runScript(scripts[Math.min(index, scripts.length - 1)] ?? []), options)
