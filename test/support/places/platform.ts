/**
 * Values and errors of @effect/platform's client on a session.
 */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, Layer } from "effect"
import * as Session from "effect-http-session/Session"
import * as planted from "../planted.js"
import { response } from "../server.js"
import { sessionWith, site } from "../sites.js"
import { at } from "./fixtures.js"

/** A request of @effect/platform with secrets in it. */
export const platformRequest = (url: string) =>
  HttpClientRequest.post(new URL(planted.signed(url)), {
    headers: {
      authorization: `Bearer ${planted.secret("authorization")}`,
      "x-auth-token": planted.secret("auth-token")
    },
    body: undefined
  }).pipe(
    HttpClientRequest.setHash(`access_token=${planted.secret("hash")}`),
    HttpClientRequest.bodyUnsafeJson(planted.form)
  )

export const platform = Effect.gen(function* () {
  const server = yield* site(({ target }) =>
    target.startsWith("/500")
      ? response(500, planted.secret("error-body"), planted.answerHeaders)
      : target.startsWith("/text")
        ? response(200, `{"token":${planted.secret("json")}}`, ["Content-Type: application/json"])
        : response(200, "{}", planted.answerHeaders)
  )
  const { session } = yield* sessionWith({ cookies: planted.cookies, proxy: false })
  const client = yield* Effect.provide(
    HttpClient.HttpClient,
    Layer.provide(Session.layerHttpClient, Layer.succeed(Session.Session, session))
  )
  const withoutUser = (url: string) => new URL(at(url)).href
  const request = HttpClientRequest.setUrl(platformRequest(server.to("a.test")), withoutUser(server.to("a.test")))
  const answer = yield* client.execute(request)
  const broken = HttpClientRequest.setUrl(request, withoutUser(server.to("a.test", "/text")))
  const unparsed = yield* Effect.flatMap(client.execute(broken), (opened) => opened.json).pipe(Effect.flip)
  const refused = yield* Effect.flip(client.execute(HttpClientRequest.setUrl(request, at("http://127.0.0.1:1/"))))
  const credentials = yield* Effect.flip(client.execute(platformRequest(server.to("a.test"))))
  const invalid = yield* Effect.flip(client.execute(HttpClientRequest.setUrl(request, planted.signed("http://"))))
  const status = yield* Effect.flip(
    client.execute(HttpClientRequest.setUrl(request, withoutUser(server.to("a.test", "/500"))))
  ).pipe(Session.withRequestOptions({ raiseForStatus: true }))
  return {
    "a client of @effect/platform": client,
    "a response of @effect/platform": answer,
    "the request of a response of @effect/platform": answer.request,
    "a ResponseError of a body": unparsed,
    "a ResponseError of a status": status,
    "a RequestError of a connection": refused,
    "a RequestError of credentials": credentials,
    "a RequestError of a URL": invalid
  }
})
