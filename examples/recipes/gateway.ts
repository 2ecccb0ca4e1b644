import { createServer } from "node:http"
import { HttpBody, HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Layer, Stream } from "effect"
import { Connector, CookieJar, Errors, Session } from "effect-http-session"

/** Headers that apply to a single connection, and headers that the client or the server sets itself. */
const hopByHop = ["connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"]
const framing = ["content-length", "te", "trailer", "transfer-encoding", "upgrade", "expect"]

type Fields = { readonly [name: string]: string }

const endToEnd = (headers: Fields): Fields => {
  const named = (headers.connection ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
  const dropped = new Set([...hopByHop, ...framing, ...named])
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)))
}

const lengthOf = (headers: Fields): number | undefined =>
  headers["content-length"] === undefined ? undefined : Number(headers["content-length"])

const hasBody = (headers: Fields): boolean => headers["transfer-encoding"] !== undefined || (lengthOf(headers) ?? 0) > 0

const forward = (upstream: string) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const session = yield* Session.Session
    const response = yield* session.request(request.method, `${upstream}${request.url}`, {
      headers: endToEnd(request.headers),
      allowRedirects: false,
      ...(hasBody(request.headers)
        ? { data: HttpBody.stream(request.stream, request.headers["content-type"], lengthOf(request.headers)) }
        : {})
    })
    const { "set-cookie": _, ...headers } = endToEnd(response.headers)
    // If the stream fails, @effect/platform ends the response like a complete one. `destroy` lets the client notice.
    const body = Stream.tapError(response.stream, () =>
      Effect.sync(() => NodeHttpServerRequest.toServerResponse(request).destroy())
    )
    return HttpServerResponse.stream(body, {
      status: response.status,
      headers,
      cookies: response.cookies,
      contentLength: lengthOf(response.headers)
    })
  }).pipe(
    Effect.catchIf(Errors.isClientError, (error) =>
      Effect.as(
        Effect.logWarning(error.message),
        HttpServerResponse.text("The server behind this one does not answer.", {
          status: Errors.isServerTimeoutError(error) ? 504 : 502
        })
      )
    )
  )

/** Forwards redirects, encoded bodies and cookies unchanged, and adds no headers. */
const Upstream = Session.layerWithoutDependencies({
  skipAutoHeaders: ["user-agent", "accept", "accept-encoding", "content-type"],
  autoDecompress: false,
  timeout: { total: Infinity, connect: "5 seconds", headers: "1 minute", body: "1 minute" }
}).pipe(Layer.provide([Connector.layerTcp({ limit: 500 }), CookieJar.layerDummy]))

/** Serves every path. An `HttpRouter` interrupts its handlers when their client disconnects. */
export const gateway = (upstream: string) =>
  HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.all("*", forward(upstream)))).pipe(Layer.provide(Upstream))

export const main = Layer.launch(
  gateway("http://localhost:8080").pipe(Layer.provide(NodeHttpServer.layer(createServer, { port: 3000 })))
)
