/**
 * Client session: the requests of a session share cookies and connections.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

/** Module functions take the session from the context. */
const page = (url: string) =>
  Effect.gen(function* () {
    const body = yield* Session.get(`${url}/get`).pipe(ClientResponse.text)
    yield* Console.log(`GET: ${body.length > 0 ? "a page" : "nothing"}`)
  })

/** The same with the service of the session. A response is open until its Scope closes. */
const opened = (url: string) =>
  Effect.gen(function* () {
    const session = yield* Session.Session
    const response = yield* session.get(`${url}/get`)
    yield* Console.log(`GET: ${response.status}, on a connection used before: ${response.connection.reused}`)
    return yield* response.text
  }).pipe(Effect.scoped)

/** Every verb, and any other method. */
const verbs = (url: string) =>
  Effect.gen(function* () {
    const to = `${url}/anything`
    yield* Session.head(to).pipe(ClientResponse.discard)
    yield* Session.options(to).pipe(ClientResponse.discard)
    yield* Session.post(to, { json: { a: 1 } }).pipe(ClientResponse.discard)
    yield* Session.put(to, { text: "b" }).pipe(ClientResponse.discard)
    yield* Session.patch(to, { data: { c: "d" } }).pipe(ClientResponse.discard)
    yield* Session.delete(to).pipe(ClientResponse.discard)
    const report = yield* Session.request("PROPFIND", to).pipe(ClientResponse.discard)
    yield* Console.log(`PROPFIND: ${report.status}`)
  })

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  yield* page(url).pipe(
    Effect.zipRight(opened(url)),
    Effect.zipRight(verbs(url)),
    // The session and its connections close at the end of this Scope.
    Effect.provide(Session.layer())
  )
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
