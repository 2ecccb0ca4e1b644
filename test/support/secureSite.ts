/**
 * An origin behind TLS that answers each request and records its client, server name and connection.
 */
import type { AddressInfo, Server as NetServer, Socket } from "node:net"
import * as tls from "node:tls"
import { Effect, type Scope } from "effect"

export interface Asked {
  /** The number of the connection, from 0. */
  readonly connection: number
  readonly target: string
  /** The subject of the client's certificate. */
  readonly subject: string | undefined
  readonly servername: string | false
}

export interface SecureSite {
  readonly port: number
  /** The URL with the address of the server, which standard certificates name. */
  readonly url: string
  readonly server: tls.Server
  readonly asked: ReadonlyArray<Asked>
  /** The number of accepted TCP connections. */
  readonly accepted: () => number
  /** The number of open TCP connections. */
  readonly connections: Effect.Effect<number>
  /** The number of decrypted bytes. */
  readonly received: () => number
}

export const reply = (body: string, headers: ReadonlyArray<string> = []): string =>
  ["HTTP/1.1 200 OK", `Content-Length: ${Buffer.byteLength(body)}`, ...headers, "", body].join("\r\n")

type Answer = (socket: tls.TLSSocket, asked: Asked) => void

const listening = (server: NetServer): Effect.Effect<number> =>
  Effect.async((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
  })

/** Answers "ok" by default. */
export const secureSite = (
  options: tls.TlsOptions,
  answer: Answer = (socket) => socket.write(reply("ok"))
): Effect.Effect<SecureSite, never, Scope.Scope> =>
  Effect.gen(function* () {
    const open = new Set<Socket>()
    const asked: Array<Asked> = []
    let accepted = 0
    let secured = 0
    let received = 0
    const server = tls.createServer(options, (socket) => {
      const connection = secured++
      let text = ""
      socket.on("error", () => {})
      socket.on("data", (chunk) => {
        received += chunk.length
        text += chunk.toString("latin1")
        for (let end = text.indexOf("\r\n\r\n"); end !== -1; end = text.indexOf("\r\n\r\n")) {
          const { servername } = socket as { readonly servername?: string | false }
          const one: Asked = {
            connection,
            target: text.split(" ")[1] ?? "",
            subject: socket.getPeerX509Certificate()?.subject,
            servername: servername ?? false
          }
          text = text.slice(end + 4)
          asked.push(one)
          answer(socket, one)
        }
      })
    })
    server.on("tlsClientError", () => {})
    server.on("connection", (socket: Socket) => {
      accepted++
      open.add(socket)
      socket.on("error", () => {})
      socket.once("close", () => open.delete(socket))
    })
    const port = yield* Effect.acquireRelease(listening(server), () =>
      Effect.async<void>((resume) => {
        for (const socket of open) socket.destroy()
        server.close(() => resume(Effect.void))
      })
    )
    return {
      port,
      url: `https://127.0.0.1:${port}`,
      server,
      asked,
      accepted: () => accepted,
      connections: Effect.sync(() => open.size),
      received: () => received
    }
  })
