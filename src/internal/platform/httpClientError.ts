/**
 * Errors as @effect/platform knows them.
 */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { ClientError } from "../../Errors.js"
import { safeCause } from "../errors/tagged.js"
import type { HiddenNames } from "../http/concealedHeaders.js"
import { hideSecrets } from "./httpClientRequest.js"
import { descriptionOf, HeadResponse } from "./httpClientResponse.js"
import { RequestError, ResponseError } from "./safeErrors.js"

/** Ours as the platform's; what was wrong stays in `cause`. */
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
 * Errors that the platform itself makes before a request is ours: of a URL that cannot be parsed, which is in the
 * message and in the cause.
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
