/**
 * Cookie jar: read, filled, emptied, shared by sessions, saved to a file, persisted in a store.
 *
 * Run it with `npx tsx examples/06-cookie-jar.ts`.
 */
import { FileSystem, KeyValueStore, Path } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Option } from "effect"
import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

/** Reads and removes the cookies of a jar. */
const housekeeping = Effect.gen(function* () {
  const jar = yield* CookieJar.make()
  yield* jar.setCookies(["sid=1; Path=/; Secure", "theme=dark; Domain=example.com"], "https://www.example.com/")
  yield* jar.updateCookies({ everywhere: "yes" })
  yield* Console.log("https:  ", Option.getOrNull(yield* jar.cookieHeader("https://www.example.com/")))
  yield* Console.log("http:   ", Option.getOrNull(yield* jar.cookieHeader("http://api.example.com/")))
  yield* jar.clear((cookie) => !cookie.secure)
  yield* Console.log(
    "left:   ",
    (yield* jar.entries).map(({ name }) => name)
  )
  yield* jar.clearDomain("example.com")
  yield* Console.log("size:   ", yield* jar.size)
})

/** Both sessions use the same layer value, and therefore the same jar. */
const shared = (url: string) =>
  Effect.gen(function* () {
    const first = yield* Session.make()
    const second = yield* Session.make()
    yield* first.get(`${url}/cookies/set?seen=1`).pipe(ClientResponse.discard)
    yield* Console.log("shared: ", yield* second.get(`${url}/cookies`).pipe(ClientResponse.text))
  }).pipe(Effect.scoped, Effect.provide([Connector.layerTcp(), CookieJar.layer()]))

/** Saves the cookies to a file that only its owner can read, and loads them. */
const saved = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const { join } = yield* Path.Path
  const path = join(yield* files.makeTempDirectoryScoped(), "cookies.json")
  const jar = yield* CookieJar.make()
  yield* jar.setCookies(["remembered=1; Max-Age=3600"], "https://example.com/")
  yield* CookieJar.save(jar, path)

  const next = yield* CookieJar.make()
  yield* CookieJar.load(next, path).pipe(
    Effect.catchTag("CookieJarError", (error) => Effect.logWarning(error.description))
  )
  yield* Console.log(
    "loaded: ",
    (yield* next.entries).map(({ name }) => name)
  )
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

/** Persists the cookies in any KeyValueStore. */
const persisted = (url: string) => {
  const run = (path: string) =>
    Session.get(`${url}${path}`).pipe(
      ClientResponse.text,
      Effect.provide(
        Session.layerWithoutDependencies().pipe(
          Layer.provide([Connector.layerTcp(), CookieJar.layerPersisted({ key: "my-program" })])
        )
      )
    )
  return Effect.gen(function* () {
    yield* run("/cookies/set?run=1")
    yield* Console.log("kept:   ", yield* run("/cookies"))
  }).pipe(Effect.provide(KeyValueStore.layerMemory))
}

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  yield* housekeeping
  yield* shared(url)
  yield* saved
  yield* persisted(url)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
