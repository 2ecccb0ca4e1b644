/** Converts errors to those of @effect/platform. */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { ClientError } from "../../Errors.js"
import { safeCause } from "../errors/tagged.js"
import type { HiddenNames } from "../http/concealedHeaders.js"
import { hideSecrets } from "./httpClientRequest.js"
import { descriptionOf, HeadResponse } from "./httpClientResponse.js"
import { RequestError, ResponseError } from "./safeErrors.js"

/** Converts an error of this package; the original is the `cause`. */
export const toPlatformError = (
  request: HttpClientRequest,
  url: URL,
  cause: ClientError
): HttpClientError.HttpClientError => {
  const description = descriptionOf(url, cause)
  switch (cause._tag) {
    case "InvalidURL":
      return new RequestError({ request, reason: "InvalidUrl", cause, description })
    case "InvalidRequest":
    case "RequestBodyError":
      return new RequestError({ request, reason: "Encode", cause, description })
    case "ClientResponseError":
    case "TooManyRedirects":
      return new ResponseError({
        request,
        response: HeadResponse.ofError(request, cause),
        reason: "StatusCode",
        cause,
        description
      })
    default:
      return new RequestError({ request, reason: "Transport", cause, description })
  }
}

/**
 * Redacts errors that the platform itself creates for URLs that cannot be parsed: their message and cause contain the
 * URL.
 */
export const hideUrl = (
  error: HttpClientError.HttpClientError,
  names: HiddenNames
): HttpClientError.HttpClientError => {
  if (error._tag !== "RequestError" || error instanceof RequestError) return error
  const { description, reason, request } = error
  const cause = safeCause(error.cause)
  return new RequestError({
    request: hideSecrets(request, names),
    reason,
    ...(cause === undefined ? undefined : { cause }),
    ...(description === undefined ? undefined : { description })
  })
}
