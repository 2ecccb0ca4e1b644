/** Converts errors to those of @effect/platform. */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { ClientError } from "../../Errors.js"
import { safeCause } from "../errors/tagged.js"
import type { HiddenNames } from "../http/concealedHeaders.js"
import { hideSecrets } from "./httpClientRequest.js"
import { descriptionOf, HeadResponse } from "./httpClientResponse.js"
import { partsOf, requestError, responseError } from "./safeErrors.js"

/** Converts an error of this package, which becomes the `cause`. */
export const toPlatformError = (
  request: HttpClientRequest,
  url: URL,
  cause: ClientError
): HttpClientError.HttpClientError => {
  const description = descriptionOf(url, cause)
  switch (cause._tag) {
    case "InvalidURL":
      return requestError("InvalidUrl", { request, cause, description })
    case "InvalidRequest":
    case "RequestBodyError":
      return requestError("Encode", { request, cause, description })
    case "ClientResponseError":
    case "TooManyRedirects":
      return responseError("StatusCode", {
        request,
        response: HeadResponse.ofError(request, cause),
        cause,
        description
      })
    default:
      return requestError("Transport", { request, cause, description })
  }
}

/**
 * Redacts an error that the platform itself makes for an invalid URL, because its message and its cause contain the
 * URL.
 */
export const hideUrl = (
  error: HttpClientError.HttpClientError,
  names: HiddenNames
): HttpClientError.HttpClientError => {
  const parts = partsOf(error)
  if (parts === undefined) return error
  const { description, reason, request } = parts
  const cause = safeCause(parts.cause)
  return requestError(reason, {
    request: hideSecrets(request, names),
    ...(cause === undefined ? undefined : { cause }),
    ...(description === undefined ? undefined : { description })
  })
}
