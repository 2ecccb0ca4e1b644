/**
 * Errors as @effect/platform knows them.
 */
import * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { ClientError } from "../../Errors.js"
import { descriptionOf, HeadResponse } from "./httpClientResponse.js"

/** Ours as the platform's; what was wrong stays in `cause`. */
export const toPlatformError = (
  request: HttpClientRequest,
  url: URL,
  cause: ClientError
): HttpClientError.HttpClientError => {
  const description = descriptionOf(url, cause)
  switch (cause._tag) {
    case "InvalidURL":
      return new HttpClientError.RequestError({ request, reason: "InvalidUrl", cause, description })
    case "InvalidRequest":
    case "RequestBodyError":
      return new HttpClientError.RequestError({ request, reason: "Encode", cause, description })
    case "ClientResponseError":
    case "TooManyRedirects":
      return new HttpClientError.ResponseError({
        request,
        response: HeadResponse.ofError(request, cause),
        reason: "StatusCode",
        cause,
        description
      })
    default:
      return new HttpClientError.RequestError({ request, reason: "Transport", cause, description })
  }
}
