// The examples of the README, combined as a reader would: a program, its layers, and its test.
import { Effect, Layer, Schema } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Testing } from "effect-http-session"

const User = Schema.Struct({ name: Schema.String })

export const greet = Effect.gen(function* () {
  // The jar keeps the cookies of this response.
  yield* Session.post("login", { json: { name: "ada" } }).pipe(ClientResponse.discard)
  const user = yield* Session.get("me", { raiseForStatus: true }).pipe(ClientResponse.schemaJson(User))
  return `Hello ${user.name}`
}).pipe(
  Effect.catchTags({
    ClientConnectorCertificateError: (error) => Effect.succeed(`It is ${error.certificate.names.join()}`),
    ClientConnectorSSLError: (error) => Effect.succeed(`Not trusted: ${error.reason}`)
  })
)

/** The program with a server. */
export const live = (baseUrl: string) => Effect.provide(greet, Session.layer({ baseUrl, timeout: "10 seconds" }))

/** The program with a mock of one function. */
export const mocked = (handler: Connector.MockHandler) =>
  greet.pipe(
    Effect.provide(
      Session.layerWithoutDependencies({ baseUrl: "https://api.example/" }).pipe(
        Layer.provide([Connector.layerMock(handler), CookieJar.layer()])
      )
    )
  )

/** An API with one user and a login. */
export const api = (request: Request): Response => {
  const { pathname } = new URL(request.url)
  if (pathname === "/login") return new Response("{}", { headers: { "set-cookie": "id=1; HttpOnly" } })
  if (request.headers.get("cookie") !== "id=1") return new Response("{}", { status: 401 })
  return Response.json({ name: "Ada" })
}

/** A server with another identity. */
export const impostor = (): typeof Testing.faults.wrongHost => Testing.faults.wrongHost
