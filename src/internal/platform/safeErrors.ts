/** The errors of @effect/platform, with secrets redacted in the URL of their messages. */
import * as HttpClientError from "@effect/platform/HttpClientError"
import { methodAndUrl, type RequestFields, type ResponseFields } from "./errorFields.js"

/** An error before a response was received. */
export type RequestFailure = HttpClientError.RequestError

/** An error of a response that cannot be used. */
export type ResponseFailure = HttpClientError.ResponseError

class RequestError extends HttpClientError.RequestError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }
}

class ResponseError extends HttpClientError.ResponseError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }
}

/** The error of a request that failed before a response was received. */
export const requestError = (reason: RequestFailure["reason"], fields: RequestFields): RequestFailure =>
  new RequestError({ reason, ...fields })

/** The error of a response that was received but cannot be used. */
export const responseError = (reason: "StatusCode" | "Decode", fields: ResponseFields): ResponseFailure =>
  new ResponseError({ reason, ...fields })

/** The parts of an error that the platform itself made before a response; `undefined` for any other error. */
export const partsOf = (
  error: HttpClientError.HttpClientError
): (RequestFields & { readonly reason: RequestFailure["reason"] }) | undefined =>
  error._tag !== "RequestError" || error instanceof RequestError ? undefined : error
