/**
 * Custom cookies: for a session, for one request, and set by a server.
 *
 * Run it with `npx tsx examples/03-custom-cookies.ts`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Array, Console, Effect, Option, Schema } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

const Echo = Schema.Struct({ cookies: Schema.Record({ key: Schema.String, value: Schema.String }) })

/** Cookies for all requests of a session. */
const custom = (url: string) =>
  Session.get(`${url}/cookies`).pipe(
    ClientResponse.schemaJson(Echo),
    Effect.tap(({ cookies }) => Console.log("of the session:", cookies)),
    Effect.provide(Session.layer({ cookies: { cookies_are: "working" } }))
  )

/** Cookies of one request are added to the session's, replace those with the same name, and are not stored. */
const once = (url: string) =>
  Effect.gen(function* () {
    const own = { cookies: { only: "here", cookies_are: "replaced" } }
    const first = yield* Session.get(`${url}/cookies`, own).pipe(ClientResponse.schemaJson(Echo))
    const second = yield* Session.get(`${url}/cookies`).pipe(ClientResponse.schemaJson(Echo))
    yield* Console.log("of one request:", first.cookies)
    yield* Console.log("and afterwards:", second.cookies)
  }).pipe(Effect.provide(Session.layer({ cookies: { cookies_are: "working" } })))

/** The session stores cookies from responses, including redirects. */
const shared = (url: string) =>
  Effect.gen(function* () {
    const session = yield* Session.Session
    yield* session.get(`${url}/cookies/set?my_cookie=my_value`).pipe(ClientResponse.discard)

    const filtered = yield* session.cookieJar.filterCookies(url)
    const mine = Array.findFirst(filtered, (cookie) => cookie.name === "my_cookie")
    yield* Console.log("in the jar:    ", Option.getOrNull(Option.map(mine, (cookie) => cookie.value)))

    const { cookies } = yield* session.get(`${url}/cookies`).pipe(ClientResponse.schemaJson(Echo))
    yield* Console.log("sent again:    ", cookies)
  }).pipe(Effect.provide(Session.layer()))

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  yield* custom(url)
  yield* once(url)
  yield* shared(url)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
