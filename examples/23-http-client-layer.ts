/**
 * @effect/platform's HttpClient on a session: an HttpApiClient uses the jar, the pool and the proxies of the session.
 */
import {
  HttpApi,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpClient,
  HttpClientRequest,
  HttpClientResponse
} from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schema } from "effect"
import { ClientResponse, Errors, Session } from "effect-http-session"
import { json, serve } from "./support/server.js"

class User extends Schema.Class<User>("User")({ id: Schema.Number, name: Schema.String }) {}

const Api = HttpApi.make("api").add(
  HttpApiGroup.make("users").add(
    HttpApiEndpoint.get("find", "/users/:id")
      .setPath(Schema.Struct({ id: Schema.NumberFromString }))
      .addSuccess(User)
  )
)

const users = serve(({ body, method, path }) =>
  method === "POST"
    ? json({ id: 2, ...JSON.parse(body.toString()) }, 201)
    : path === "/users/slow"
      ? new Promise(() => {})
      : json({ id: Number(path.split("/").at(-1)), name: "Ada" })
)

const program = Effect.gen(function* () {
  const { url } = yield* users

  const client = yield* HttpApiClient.make(Api, { baseUrl: url })
  yield* Console.log("HttpApiClient:      ", yield* client.users.find({ path: { id: 1 } }))

  const user = yield* HttpClient.get(`${url}/users/7`).pipe(Effect.flatMap(HttpClientResponse.schemaBodyJson(User)))
  yield* Console.log("HttpClient:         ", user)

  // Options that HttpClient does not have. The `cause` is the error of the session.
  yield* HttpClient.get(`${url}/users/slow`).pipe(
    Session.withRequestOptions({ timeout: { headers: "20 millis" } }),
    Effect.catchTag("RequestError", ({ cause, reason }) =>
      Console.log(`${reason}:          `, Errors.isClientError(cause) ? cause._tag : cause)
    )
  )

  // A request value of @effect/platform on the session itself.
  const request = HttpClientRequest.post(`${url}/users`).pipe(HttpClientRequest.bodyUnsafeJson({ name: "Grace" }))
  const created = yield* Session.execute(request, { raiseForStatus: true }).pipe(ClientResponse.schemaJson(User))
  yield* Console.log("Session.execute:    ", created)
}).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Session.layerHttpClient, Session.layer())))

NodeRuntime.runMain(program)
