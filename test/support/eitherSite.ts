/** An origin behind TLS that speaks HTTP/2 or HTTP/1.1, as a test chooses for each connection. */
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2"
import type { AddressInfo } from "node:net"
import type { TLSSocket } from "node:tls"
import { Effect, type Scope } from "effect"

export interface EitherSite {
  readonly port: number
  /** By its name, which standard certificates have. */
  readonly url: string
  /** What each connection so far speaks, in order. */
  readonly spoken: ReadonlyArray<string>
  /** The versions and targets of the requests so far. */
  readonly asked: ReadonlyArray<string>
  /** TCP connections now. */
  readonly connections: Effect.Effect<number>
}

export interface EitherOptions {
  readonly key: string
  readonly cert: string
  /** Selects for each connection; by default what the client likes best. */
  readonly selects?: ((offered: ReadonlyArray<string>) => string | undefined) | undefined
  readonly tls?: { readonly maxVersion?: "TLSv1.2"; readonly ciphers?: string } | undefined
  /** Default: answers with the version and the target. */
  readonly answer?: ((request: Http2ServerRequest, response: Http2ServerResponse) => void) | undefined
}

const echo: NonNullable<EitherOptions["answer"]> = (request, response) => {
  request.resume()
  request.on("end", () => response.end(`${request.httpVersion} ${request.url}`))
}

export const eitherSite = ({
  answer = echo,
  cert,
  key,
  selects = ([best]) => best,
  tls
}: EitherOptions): Effect.Effect<EitherSite, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<TLSSocket>()
    const spoken: Array<string> = []
    const asked: Array<string> = []
    const server = createSecureServer({
      ...tls,
      key,
      cert,
      allowHTTP1: true,
      ALPNCallback: ({ protocols }) => selects(protocols)
    })
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
    return { port, url: `https://localhost:${port}`, spoken, asked, connections: Effect.sync(() => sockets.size) }
  })
