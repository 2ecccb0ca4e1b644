/**
 * Recipe: a gateway that streams both ways, drops the headers of a connection, and cancels what its client abandons.
 */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Console, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { ClientRequest, ClientResponse, Session } from "effect-http-session"
import { gateway } from "./recipes/gateway.js"

/** The upstream server: repeats bodies as they arrive, shows headers, and has a path that never answers. */
const upstream = (onWaiting: () => void, onAbandoned: () => void) =>
  Effect.acquireRelease(
    Effect.async<Http.Server>((resume) => {
      const server = Http.createServer((request, response) => {
        if (request.url === "/never") {
          onWaiting()
          response.on("close", onAbandoned)
          return
        }
        if (request.url === "/repeat") {
          response.writeHead(200).flushHeaders()
          request.pipe(response)
          return
        }
        response.writeHead(200, { connection: "x-internal", "x-internal": "1", "x-public": "2" })
        response.end(JSON.stringify(request.headers))
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

const program = Effect.gen(function* () {
  const waiting = yield* Deferred.make<void>()
  const abandoned = yield* Deferred.make<void>()
  const behind = yield* upstream(
    () => Deferred.unsafeDone(waiting, Effect.void),
    () => Deferred.unsafeDone(abandoned, Effect.void)
  )
  const target = `http://127.0.0.1:${(behind.address() as AddressInfo).port}`

  const server = NodeHttpServer.layer(Http.createServer, { host: "127.0.0.1", port: 0 })
  yield* Effect.gen(function* () {
    const address = yield* HttpServer.addressFormattedWith(Effect.succeed)

    const headers = { connection: "keep-alive, x-hop", "x-hop": "1", "x-kept": "2" }
    const seen = yield* Session.get(address, { headers }).pipe(
      ClientResponse.use((response) =>
        Effect.map(response.text, (text) => [Object.keys(JSON.parse(text)), Object.keys(response.headers)] as const)
      )
    )
    yield* Console.log("the server behind it sees:", seen[0].filter((name) => name.startsWith("x-")).join(", "))
    yield* Console.log("the client sees:          ", seen[1].filter((name) => name.startsWith("x-")).join(", "))

    // Each chunk is sent when the previous one has returned, which shows that neither side collects the body.
    const back = yield* Deferred.make<void>()
    const chunks = Stream.make("first").pipe(
      Stream.concat(Stream.fromEffect(Effect.as(Deferred.await(back), "second"))),
      Stream.encodeText
    )
    const repeated = Session.post(`${address}/repeat`, { data: ClientRequest.oneShot(chunks) }).pipe(
      ClientResponse.stream,
      Stream.decodeText(),
      Stream.tap(() => Deferred.succeed(back, undefined))
    )
    yield* Console.log("streamed both ways:       ", [...(yield* Stream.runCollect(repeated))].join(", "))

    const never = yield* Effect.fork(Session.get(`${address}/never`).pipe(ClientResponse.text))
    yield* Deferred.await(waiting)
    yield* Fiber.interrupt(never)
    yield* Deferred.await(abandoned)
    yield* Console.log("a client that disconnects cancels the request to the server behind")

    behind.close()
    behind.closeAllConnections()
    const gone = yield* Session.get(address).pipe(
      ClientResponse.use((response) => Effect.map(response.text, (text) => `${response.status} ${text}`))
    )
    yield* Console.log("without a server behind:  ", gone)
  }).pipe(Effect.provide(gateway(target).pipe(Layer.provideMerge(server))))
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
