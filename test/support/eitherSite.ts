/** An origin behind TLS that speaks HTTP/2 or HTTP/1.1, as a test chooses for each connection. */
import type { IncomingMessage } from "node:http"
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import type { TLSSocket, TlsOptions } from "node:tls"
import { Effect, type Scope } from "effect"

interface Offer {
  readonly protocols: ReadonlyArray<string>
}

export interface EitherSite {
  readonly port: number
  /** The URL with the name localhost, which standard certificates have. */
  readonly url: string
  /** The protocol of each connection, in order. */
  readonly spoken: ReadonlyArray<string>
  /** The offers of the clients of all connections, in order, joined by commas; only with `selects`. */
  readonly offered: ReadonlyArray<string>
  /** The versions and targets of all requests. */
  readonly asked: ReadonlyArray<string>
  /** The number of open TCP connections. */
  readonly connections: Effect.Effect<number>
}

export interface EitherOptions {
  readonly key: string
  readonly cert: string
  /** The protocol of a new connection; one that the client does not offer ends the handshake. Default: the client's first. */
  readonly selects?: ((offered: ReadonlyArray<string>) => string | undefined) | undefined
  readonly tls?: Pick<TlsOptions, "maxVersion" | "ciphers" | "ca" | "requestCert" | "rejectUnauthorized"> | undefined
  /** Takes over connections of HTTP/1.1 whose request asks for another protocol. */
  readonly onUpgrade?: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined
  /** Default: answers with the version and the target. */
  readonly answer?: ((request: Http2ServerRequest, response: Http2ServerResponse) => void) | undefined
}

const echo: NonNullable<EitherOptions["answer"]> = (request, response) => {
  request.resume()
  request.on("end", () => response.end(`${request.httpVersion} ${request.url}`))
}

/** Deno asks only when the server starts, with an empty offer. */
const accepted = (selected: string | undefined, offered: ReadonlyArray<string>): string | undefined => {
  if (offered.length === 0) return selected ?? "h2"
  return selected !== undefined && offered.includes(selected) ? selected : undefined
}

export const eitherSite = ({
  answer = echo,
  cert,
  key,
  onUpgrade,
  selects,
  tls
}: EitherOptions): Effect.Effect<EitherSite, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<TLSSocket>()
    const spoken: Array<string> = []
    const offered: Array<string> = []
    const asked: Array<string> = []
    const server = createSecureServer({
      ...tls,
      key,
      cert,
      allowHTTP1: true,
      ...(selects && {
        ALPNCallback: ({ protocols }: Offer) => {
          offered.push(protocols.join())
          return accepted(selects(protocols), protocols)
        }
      })
    })
    if (onUpgrade !== undefined) server.on("upgrade", onUpgrade)
    server.on("secureConnection", (socket: TLSSocket) => {
      spoken.push(typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : "none")
      sockets.add(socket)
      socket.on("error", () => {})
      socket.once("close", () => sockets.delete(socket))
    })
    server.on("request", (request, response) => {
      asked.push(`${request.httpVersion} ${request.url}`)
      answer(request, response)
    })
    yield* Effect.async<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    })
    yield* Effect.addFinalizer(() =>
      Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
    )
    const { port } = server.address() as AddressInfo
    return {
      port,
      url: `https://localhost:${port}`,
      spoken,
      offered,
      asked,
      connections: Effect.sync(() => sockets.size)
    }
  })
