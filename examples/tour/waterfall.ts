/** The phases of a redirected request over TLS, from its signals. */
import { tmpdir } from "node:os"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { Console, Effect } from "effect"
import { ClientResponse, Session, Ssl, Tracing } from "effect-http-session"
import { section } from "./print.js"
import { World } from "./world.js"

export const waterfall = Effect.gen(function* () {
  yield* section("Tracing: a waterfall of a request that is redirected from http to https")
  const { certificates, plain, secure } = yield* World
  const ssl = yield* Ssl.context({ ca: certificates.ca })
  // A new session, so that every connection is new.
  const Traced = Session.layer({ connector: { ssl } })
  const [, signals] = yield* Session.get(`${plain.url}/redirect-to`, {
    params: { url: `${secure.url}/delay/20` }
  }).pipe(ClientResponse.text, Tracing.collect, Effect.provide(Traced))
  yield* Console.log(Tracing.waterfall(signals, { width: 94 }))
  yield* Console.log(`from ${signals.length} signals: ${[...new Set(signals.map((signal) => signal._tag))].join(", ")}`)
  const path = join(tmpdir(), "effect-http-session-waterfall.html")
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(path, Tracing.waterfallHtml(signals, { title: "A redirected request" }))
  yield* Console.log(`as a page with details: ${path}`)
})
