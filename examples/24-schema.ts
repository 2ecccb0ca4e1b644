/**
 * Schemas: encoded request bodies and decoded response bodies.
 */
import { HttpBody, HttpIncomingMessage } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Option, Schema } from "effect"
import { ClientRequest, ClientResponse, Session } from "effect-http-session"
import { json, serve } from "./support/server.js"

class User extends Schema.Class<User>("User")({ id: Schema.Number, born: Schema.Date }) {}

const users = serve(({ body, method, path }) => {
  if (method === "POST") return { ...json(JSON.parse(body.toString()), 201) }
  if (path === "/users/1") {
    const { headers, ...rest } = json({ id: 1, born: "1815-12-10T00:00:00.000Z" })
    return { ...rest, headers: { ...headers, etag: '"1"' } }
  }
  return path === "/users/2" ? json({ id: "two" }) : { status: 404, body: "no such user" }
})

const program = Effect.gen(function* () {
  const { url } = yield* users

  // With a decoder, no Scope is required.
  const user = yield* Session.get(`${url}/users/1`).pipe(ClientResponse.schemaJson(User))
  yield* Console.log("decoded:     ", user.born.getFullYear())

  // A response is an HttpIncomingMessage: decoders of @effect/platform accept it, and fail with errors of this package.
  const opened = Session.get(`${url}/users/1`).pipe(
    ClientResponse.use((response) =>
      Effect.zip(
        HttpIncomingMessage.schemaBodyJson(User)(response),
        HttpIncomingMessage.schemaHeaders(Schema.Struct({ etag: Schema.String }))(response)
      )
    )
  )
  yield* Console.log("with headers:", (yield* opened)[1].etag)

  const data = yield* HttpBody.jsonSchema(User)(new User({ id: 3, born: new Date(0) }))
  const created = yield* Session.post(`${url}/users`, { data }).pipe(ClientResponse.schemaJson(User))
  yield* Console.log("encoded:     ", created.id, created.born.toISOString())

  yield* Session.get(`${url}/users/2`).pipe(
    ClientResponse.schemaJson(User),
    Effect.catchTag("ParseError", (error) => Console.log(`refused:\n${error.message}`))
  )

  const byStatus = (id: number) =>
    Session.get(`${url}/users/${id}`).pipe(
      ClientResponse.use((response) =>
        response.status === 404
          ? Effect.succeedNone
          : Effect.asSome(Effect.flatMap(response.raiseForStatus, HttpIncomingMessage.schemaBodyJson(User)))
      )
    )
  yield* Console.log("by status:   ", Option.isSome(yield* byStatus(1)), Option.isSome(yield* byStatus(9)))

  const request = yield* ClientRequest.make("post", `${url}/users`, {
    json: { id: 1 },
    headers: { authorization: "x" }
  })
  yield* Console.log("as curl:     ", ClientRequest.toCurl(request))
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
