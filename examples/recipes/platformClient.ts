import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"
import { Errors, Session } from "effect-http-session"

const Weather = Schema.Struct({ degrees: Schema.Number })

/** Existing code, which needs an `HttpClient` and does not know this package. */
export const degrees = (baseUrl: string, city: string) =>
  Effect.gen(function* () {
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.mapRequest(HttpClientRequest.prependUrl(baseUrl)),
      HttpClient.filterStatusOk
    )
    const response = yield* client.get("/weather", { urlParams: { city } })
    return (yield* HttpClientResponse.schemaBodyJson(Weather)(response)).degrees
  })

/** Replaces `FetchHttpClient.layer` or `NodeHttpClient.layer`; also provides the `Session`. */
export const Http = Session.layerHttpClient.pipe(
  Layer.provideMerge(Session.layer({ trustEnv: true, timeout: "10 seconds" }))
)

/** The error of this package is the `cause` of the platform's error. */
export const reasonOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "cause" in error && Errors.isClientError(error.cause)
    ? error.cause.message
    : String(error)
