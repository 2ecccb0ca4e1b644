/**
 * A server on the loopback for the examples: a function from requests to answers, on a port that is free.
 */
import * as Http from "node:http"
import * as Https from "node:https"
import type { Duplex } from "node:stream"
import { Effect, type Scope } from "effect"

/** A request, read to its end. */
export interface Request {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Http.IncomingHttpHeaders
  /** Header names in their received case and order. */
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: Buffer
}

/** The response. An iterable body is sent piece by piece. */
export interface Answer {
  readonly status?: number
  readonly headers?: Http.OutgoingHttpHeaders
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>
}

export type Handler = (request: Request) => Answer | Promise<Answer>

export interface ServerOptions {
  /** Certificate and key as PEM, for TLS. */
  readonly tls?: Https.ServerOptions
  /** Listens on this Unix socket instead of a port. */
  readonly path?: string
  readonly onUpgrade?: (request: Http.IncomingMessage, socket: Duplex, head: Buffer) => void
}

export interface Server {
  /** The URL of the server, such as "http://localhost:41234". */
  readonly url: string
  readonly port: number
  /** The number of open connections. */
  readonly connections: Effect.Effect<number>
}

export const json = (value: unknown, status = 200): Answer => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value)
})

const read = async (request: Http.IncomingMessage): Promise<Request> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk)
  const url = new URL(request.url ?? "/", "http://localhost")
  return {
    method: request.method ?? "GET",
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    body: Buffer.concat(chunks)
  }
}

const write = async (response: Http.ServerResponse, { body = "", headers = {}, status = 200 }: Answer) => {
  if (typeof body === "string" || body instanceof Uint8Array) {
    response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers }).end(body)
    return
  }
  response.writeHead(status, headers).flushHeaders()
  for await (const chunk of body) response.write(chunk)
  response.end()
}

/** Runs a server until the Scope closes. */
export const serve = (handler: Handler, options: ServerOptions = {}): Effect.Effect<Server, never, Scope.Scope> => {
  const listener: Http.RequestListener = (request, response) => {
    read(request)
      .then(handler)
      .then((answer) => write(response, answer))
      .catch(() => response.destroy())
  }
  const start = Effect.async<Http.Server>((resume) => {
    const server = options.tls === undefined ? Http.createServer(listener) : Https.createServer(options.tls, listener)
    if (options.onUpgrade !== undefined) server.on("upgrade", options.onUpgrade)
    server.listen(options.path ?? { port: 0, host: "127.0.0.1" }, () => resume(Effect.succeed(server)))
  })
  const stop = (server: Http.Server) =>
    Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
  return Effect.map(Effect.acquireRelease(start, stop), (server) => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return {
      url: `${options.tls === undefined ? "http" : "https"}://localhost:${port}`,
      port,
      connections: Effect.async<number>((resume) => {
        server.getConnections((_, count) => resume(Effect.succeed(count)))
      })
    }
  })
}
