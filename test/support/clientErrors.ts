/** Errors of Effect's HTTP client. */
import { HttpClientError, Multipart } from "@effect/platform"

/** The tag of such an error and its reason, or `undefined` for any other value. */
export const clientErrorKind = (error: unknown): string | undefined =>
  error instanceof HttpClientError.RequestError || error instanceof HttpClientError.ResponseError
    ? `${error._tag} ${error.reason}`
    : undefined

/** The response of such an error. */
export const clientErrorResponse = (error: HttpClientError.HttpClientError) => {
  if (error._tag === "RequestError") throw new Error(`expected a response: ${error.message}`)
  return error.response
}

/** The cause of such an error. */
export const clientErrorCause = (error: HttpClientError.HttpClientError): unknown => error.cause

/** The reason of an error of multipart messages, or `undefined` for any other value. */
export const multipartReason = (error: unknown): string | undefined =>
  error instanceof Multipart.MultipartError ? error.reason : undefined
