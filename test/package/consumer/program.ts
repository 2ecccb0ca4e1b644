// A program of a user that uses the installed package.
import * as HttpClient from "@effect/platform/HttpClient"
import { Effect, Layer, Schema } from "effect"
import { ClientResponse, Connector, CookieJar, Errors, Session } from "effect-http-session"
import * as Ssl from "effect-http-session/Ssl"

const User = Schema.Struct({ id: Schema.Number })

const user = (id: number) =>
  Session.get(`/users/${id}`, {
    timeout: { total: "5 seconds" },
    headers: undefined,
    ssl: Ssl.fingerprint("a".repeat(64))
  }).pipe(ClientResponse.schemaJson(User))

const viaPlatform = HttpClient.get("https://example.com/").pipe(Effect.flatMap((response) => response.text))

const live = Session.layer({ baseUrl: "https://example.com/", connector: { limit: 10 } })

const shared = Session.layerWithoutDependencies().pipe(
  Layer.provide([Connector.layerTcp(), CookieJar.layer({ unsafe: true })])
)

export const program = Effect.zip(
  user(1).pipe(
    Effect.retry({ while: Errors.isRetryable, times: 2 }),
    Effect.catchTag("ClientConnectorDNSError", (error) => Effect.succeed({ id: error.host.length })),
    Effect.catchIf(Errors.isServerTimeoutError, () => Effect.succeed({ id: 0 }))
  ),
  viaPlatform
).pipe(Effect.provide(Session.layerHttpClient), Effect.provide(Layer.merge(live, shared)))
