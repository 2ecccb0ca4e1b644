/** The errors of Effect's HTTP client, with secrets redacted in the URL of their messages. */
import * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import { redactUrl } from "../redact.js"
import { methodAndUrl, type RequestFields, type ResponseFields } from "./errorFields.js"

/** An error before a response was received. */
export type RequestFailure = HttpClientError.HttpClientError

/** An error of a response that cannot be used. */
export type ResponseFailure = HttpClientError.HttpClientError

type RequestReason = "Transport" | "Encode" | "InvalidUrl"

/** The JSON of a reason, with the redacted URL of its request. */
const shown = (json: unknown, request: HttpClientRequest): object => ({
  ...(typeof json === "object" ? json : undefined),
  request: { _id: "HttpClientRequest", method: request.method, url: redactUrl(request.url) }
})

class TransportError extends HttpClientError.TransportError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }

  override toJSON(): object {
    return shown(super.toJSON(), this.request)
  }
}

class EncodeError extends HttpClientError.EncodeError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }

  override toJSON(): object {
    return shown(super.toJSON(), this.request)
  }
}

class InvalidUrlError extends HttpClientError.InvalidUrlError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }

  override toJSON(): object {
    return shown(super.toJSON(), this.request)
  }
}

class StatusCodeError extends HttpClientError.StatusCodeError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }

  override toJSON(): object {
    return shown(super.toJSON(), this.request)
  }
}

class DecodeError extends HttpClientError.DecodeError {
  override get methodAndUrl(): string {
    return methodAndUrl(this.request)
  }

  override toJSON(): object {
    return shown(super.toJSON(), this.request)
  }
}

const requestErrors = { Transport: TransportError, Encode: EncodeError, InvalidUrl: InvalidUrlError }

const responseErrors = { StatusCode: StatusCodeError, Decode: DecodeError }

/** The error of a request that failed before a response was received. */
export const requestError = (reason: RequestReason, fields: RequestFields): RequestFailure =>
  new HttpClientError.HttpClientError({ reason: new requestErrors[reason](fields) })

/** The error of a response that was received but cannot be used. */
export const responseError = (reason: "StatusCode" | "Decode", fields: ResponseFields): ResponseFailure =>
  new HttpClientError.HttpClientError({ reason: new responseErrors[reason](fields) })

/** The parts of an error that the platform itself made before a response; `undefined` for any other error. */
export const partsOf = (
  error: HttpClientError.HttpClientError
): (RequestFields & { readonly reason: RequestReason }) | undefined => {
  const { reason } = error
  const { cause, description, request } = reason
  const fields = {
    request,
    ...(cause === undefined ? {} : { cause }),
    ...(description === undefined ? {} : { description })
  }
  switch (reason._tag) {
    case "TransportError":
      return reason instanceof TransportError ? undefined : { reason: "Transport", ...fields }
    case "EncodeError":
      return reason instanceof EncodeError ? undefined : { reason: "Encode", ...fields }
    case "InvalidUrlError":
      // Takes the error of `new URL` instead of the one around it.
      return reason instanceof InvalidUrlError
        ? undefined
        : { reason: "InvalidUrl", ...fields, ...(cause instanceof Error ? { cause: cause.cause } : {}) }
    default:
      return undefined
  }
}
