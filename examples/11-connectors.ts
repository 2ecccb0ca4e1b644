/**
 * Connectors: one with options for a single session, and one that two sessions share (aiohttp: `connector_owner=False`).
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer } from "effect"
import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

class Reader extends Context.Tag("Reader")<Reader, Session.SessionService>() {}
class Writer extends Context.Tag("Writer")<Writer, Session.SessionService>() {}

/** A connector of the session, which closes with it. */
const Tuned = Session.layer({ connector: { limit: 2, keepaliveTimeout: "1 minute", happyEyeballsDelay: "100 millis" } })

const own = (url: string) =>
  Effect.gen(function* () {
    yield* Effect.forEach([1, 2, 3, 4], (n) => Session.get(`${url}/get?n=${n}`).pipe(ClientResponse.discard), {
      concurrency: "unbounded"
    })
    const { connector } = yield* Session.Session
    const { idle } = yield* connector.stats
    yield* Console.log(`four requests at once with limit 2: ${idle} connections are kept`)
  }).pipe(Effect.provide(Tuned))

/** One pool for two sessions, each with its own defaults and cookie jar. */
const shared = (url: string) => {
  const Sessions = Layer.merge(
    Layer.scoped(Reader, Session.make({ baseUrl: url, headers: { accept: "application/json" } })).pipe(
      Layer.provide(CookieJar.layer())
    ),
    Layer.scoped(Writer, Session.make({ baseUrl: url, headers: { "x-role": "writer" } })).pipe(
      Layer.provide(CookieJar.layer())
    )
  ).pipe(Layer.provideMerge(Connector.layerTcp({ limit: 30 })))

  return Effect.gen(function* () {
    const reader = yield* Reader
    const writer = yield* Writer
    const connector = yield* Connector.Connector
    const first = yield* reader.get("/get").pipe(ClientResponse.use(({ connection }) => Effect.succeed(connection)))
    const second = yield* writer
      .post("/post", { json: {} })
      .pipe(ClientResponse.use(({ connection }) => Effect.succeed(connection)))
    yield* Console.log(`two sessions, one pool: connection ${first.id}, then ${second.id} (reused: ${second.reused})`)

    // A shared connector stays open when a session ends.
    yield* reader.close
    yield* Effect.flip(reader.get("/get").pipe(ClientResponse.discard)).pipe(
      Effect.flatMap((error) => Console.log(`the reader is closed: ${error._tag}`))
    )
    const { status } = yield* writer.get("/get").pipe(ClientResponse.discard)
    yield* Console.log(`the writer goes on: ${status}`)
    const stats = yield* connector.stats
    for (const [key, counts] of stats.perKey) yield* Console.log(`${new URL(key).protocol}//…: ${counts.idle} idle`)
  }).pipe(Effect.provide(Sessions))
}

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  yield* own(url)
  yield* shared(url)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
