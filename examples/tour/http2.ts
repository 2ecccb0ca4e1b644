/** One connection for many requests. */
import { createSecureServer } from "node:http2"
import { Effect } from "effect"
import { ClientResponse, Session, Ssl } from "effect-http-session"
import { fact, section } from "./print.js"
import { World } from "./world.js"

/** Starts an HTTP/2 server that answers after a moment, and returns its port. */
const served = (tls: { readonly cert: string; readonly key: string }) =>
  Effect.acquireRelease(
    Effect.async<readonly [ReturnType<typeof createSecureServer>, number]>((resume) => {
      const server = createSecureServer({ cert: tls.cert, key: tls.key }, (request, response) => {
        setTimeout(() => response.end(request.url), 20)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed([server, typeof address === "object" && address !== null ? address.port : 0]))
      })
    }),
    ([server]) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  ).pipe(Effect.map(([, port]) => port))

export const http2 = Effect.gen(function* () {
  yield* section("HTTP/2: many requests at a time on one connection")
  const { certificates } = yield* World
  const port = yield* served(certificates.good)
  const ssl = yield* Ssl.context({ ca: certificates.ca })
  const get = (path: number) =>
    Session.get(`https://localhost:${port}/${path}`).pipe(
      ClientResponse.use(({ connection, text, version }) => Effect.map(text, (body) => ({ body, connection, version })))
    )
  yield* Effect.gen(function* () {
    const first = yield* get(0)
    yield* fact("version, protocol", `${first.version}, ${first.connection.protocol}`)
    const fifty = yield* Effect.forEach(Array.from({ length: 50 }).keys(), get, { concurrency: "unbounded" })
    const connections = new Set(fifty.map(({ connection }) => connection.id))
    const streams = new Set(fifty.map(({ connection }) => connection.streamId))
    yield* fact("50 requests at a time", `${connections.size} connection, ${streams.size} streams`)
  }).pipe(Effect.provide(Session.layer({ connector: { ssl } })))
}).pipe(Effect.scoped)
