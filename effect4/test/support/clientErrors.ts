/** Errors of Effect's HTTP client. */
import { HttpClientError, Multipart } from "effect/http"

/** The tag of such an error in Effect 3 and its reason, or `undefined` for any other value. */
export const clientErrorKind = (error: unknown): string | undefined => {
  if (!HttpClientError.isHttpClientError(error)) return undefined
  const { reason } = error
  return `${"response" in reason ? "ResponseError" : "RequestError"} ${reason._tag.replace(/Error$/, "")}`
}

/** The response of such an error. */
export const clientErrorResponse = (error: HttpClientError.HttpClientError) => {
  if (error.response === undefined) throw new Error(`expected a response: ${error.message}`)
  return error.response
}

/** The cause of such an error. */
export const clientErrorCause = (error: HttpClientError.HttpClientError): unknown => error.reason.cause

/** The reason of an error of multipart messages, or `undefined` for any other value. */
export const multipartReason = (error: unknown): string | undefined =>
  error instanceof Multipart.MultipartError ? error.reason._tag : undefined
