/** The fields of HTTP client errors, which both editions use. */
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import { redactUrl } from "../redact.js"

/** The fields of an error before a response was received. */
export interface RequestFields {
  readonly request: HttpClientRequest
  readonly cause?: unknown
  readonly description?: string
}

/** The fields of an error of a response. */
export interface ResponseFields extends RequestFields {
  readonly response: HttpClientResponse
}

/** The beginning of an error's message, with secrets redacted. */
export const methodAndUrl = ({ method, url }: HttpClientRequest): string => `${method} ${redactUrl(url)}`
