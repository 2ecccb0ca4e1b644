/**
 * The errors of @effect/platform, whose messages name the URL of the request without its secrets.
 */
import * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import { redactUrl } from "../redact.js"

const methodAndUrl = ({ method, url }: HttpClientRequest): string => `${method} ${redactUrl(url)}`

/** There is no response. */
export class RequestError extends HttpClientError.RequestError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }
}

/** There is a response that cannot be used. */
export class ResponseError extends HttpClientError.ResponseError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }
}
