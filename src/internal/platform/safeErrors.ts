/** The errors of @effect/platform, with secrets redacted in the URL of their messages. */
import * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import { redactUrl } from "../redact.js"

const methodAndUrl = ({ method, url }: HttpClientRequest): string => `${method} ${redactUrl(url)}`

/** The request failed before a response was received. */
export class RequestError extends HttpClientError.RequestError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }
}

/** A response was received but cannot be used. */
export class ResponseError extends HttpClientError.ResponseError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }
}
