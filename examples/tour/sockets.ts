/** A custom name server, and a Unix socket. */
import * as FileSystem from "@effect/platform/FileSystem"
import { Effect, Layer } from "effect"
import { ClientResponse, Connector, CookieJar, Resolver, Session } from "effect-http-session"
import { httpbin } from "../support/httpbin.js"
import { nameServer } from "../support/nameServer.js"
import { fact, section } from "./print.js"
import { World } from "./world.js"

export const sockets = Effect.gen(function* () {
  yield* section("Where connections go: custom nameservers, Unix sockets")
  const { plain } = yield* World
  const dns = yield* nameServer({ "api.test": "127.0.0.1" })
  const Names = Session.layer({ connector: { resolver: Resolver.nameservers([dns.address]) } })
  const address = yield* Session.get(`http://api.test:${plain.port}/get`).pipe(
    ClientResponse.use(({ connection }) => Effect.succeed(connection.remoteAddress ?? "nowhere")),
    Effect.provide(Names)
  )
  yield* fact("api.test, by our name server", `${address}, after ${dns.asked.join(" and ")}`)

  const fs = yield* FileSystem.FileSystem
  const path = `${yield* fs.makeTempDirectoryScoped()}/tour.sock`
  yield* httpbin({ path })
  const OnSocket = Session.layerWithoutDependencies({ baseUrl: "http://docker/" }).pipe(
    Layer.provide([Connector.layerUnix({ path }), CookieJar.layerDummy])
  )
  const { status } = yield* Session.get("get").pipe(ClientResponse.discard, Effect.provide(OnSocket))
  yield* fact("a Unix socket", status)
}).pipe(Effect.scoped)
