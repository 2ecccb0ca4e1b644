/**
 * Layers: a session in an application, derived sessions, options for a part of a program.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer, Schema } from "effect"
import { ClientResponse, type Errors, Session } from "effect-http-session"
import { type Answer, json, serve } from "./support/server.js"

/** A service of the application that uses a session. */
class Weather extends Context.Tag("Weather")<
  Weather,
  { readonly today: (city: string) => Effect.Effect<string, Errors.ClientError> }
>() {
  static readonly Default = Layer.effect(
    Weather,
    Effect.map(Session.Session, (session) => ({
      today: (city: string) =>
        session.get("today", { params: { city, units: undefined, hours: [6, 12] } }).pipe(ClientResponse.text)
    }))
  )
}

const weather = serve(({ headers, path, query }): Answer => {
  switch (path) {
    case "/v1/today":
      return { body: `${query.get("city")} at ${query.getAll("hours").join(" and ")}: sun` }
    case "/v1/role":
      return json({ role: headers["x-role"] ?? "nobody" })
    default:
      return { status: 404 }
  }
})

const Role = Schema.Struct({ role: Schema.String })
const role = Session.get("role").pipe(ClientResponse.schemaJson(Role))

/** A part of a program that takes the session from the context. */
const asAdmin = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.updateService(self, Session.Session, (session) => session.with({ headers: { "x-role": "admin" } }))

const application = Effect.gen(function* () {
  const { today } = yield* Weather
  yield* Console.log(yield* today("Graz"))

  yield* Console.log("the session's defaults:", (yield* role).role)
  yield* Console.log("a derived session:     ", (yield* asAdmin(role)).role)

  // Options for all requests inside the effect.
  yield* Session.get("elsewhere").pipe(
    ClientResponse.text,
    Session.withRequestOptions({ raiseForStatus: true }),
    Effect.catchTag("ClientResponseError", (error) => Console.log("withRequestOptions:    ", error.status))
  )
})

const program = Effect.gen(function* () {
  const { url } = yield* weather
  // The same layer value is used twice and built once.
  const SessionLive = Session.layer({ baseUrl: `${url}/v1/`, timeout: { total: "10 seconds", body: "2 seconds" } })
  yield* Effect.provide(application, Layer.provideMerge(Weather.Default, SessionLive))
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
