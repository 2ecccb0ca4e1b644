/** Converts responses to those of @effect/platform. */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpMethod from "@effect/platform/HttpMethod"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError, ClientResponseError, TooManyRedirects } from "../../Errors.js"
import { type Json, jsonOf } from "../effect/bodies.js"
import { safeCause } from "../errors/tagged.js"
import { redactUrl } from "../redact.js"
import { hideSecrets } from "./httpClientRequest.js"
import { ResponseBase } from "./responseBase.js"
import { type ResponseFailure, responseError } from "./safeErrors.js"

const addressOf = (url: string): string => url.replace(/[?#].*$/s, "")

/** The message of an error. Omits method and URL, which the platform adds, unless a redirect changed the URL. */
export const descriptionOf = (url: URL, cause: ClientError): string => {
  if (cause.url === undefined || addressOf(cause.url) !== addressOf(redactUrl(url.href))) return cause.message
  const at = cause.message.lastIndexOf(` (${cause.method ?? "request for"} ${cause.url}`)
  return at === -1 ? cause.message : cause.message.slice(0, at)
}

/** A response of a session. */
export class PlatformResponse extends ResponseBase implements HttpClientResponse.HttpClientResponse {
  private readonly address: URL
  private readonly original: ClientResponse
  private readonly close: Effect.Effect<void>

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    url: URL,
    original: ClientResponse,
    close: Effect.Effect<void>
  ) {
    super(request)
    this.address = url
    this.original = original
    this.close = close
  }

  get url(): string {
    return this.original.realUrl
  }
  get status(): number {
    return this.original.status
  }
  get headers(): Headers.Headers {
    return this.original.headers
  }
  get cookies(): Cookies.Cookies {
    return this.original.cookies
  }
  get remoteAddress(): Option.Option<string> {
    return this.original.remoteAddress
  }

  get text(): Effect.Effect<string, ResponseFailure> {
    return this.readWhole(this.original.text)
  }
  get json(): Effect.Effect<Json, ResponseFailure> {
    return this.readWhole(jsonOf(this.original.json))
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, ResponseFailure> {
    return this.readWhole(this.original.urlParamsBody)
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, ResponseFailure> {
    return this.readWhole(this.original.arrayBuffer)
  }
  get formData(): Effect.Effect<FormData, ResponseFailure> {
    return this.readWhole(this.original.formData)
  }
  get stream(): Stream.Stream<Uint8Array, ResponseFailure> {
    return Stream.ensuring(Stream.mapError(this.original.stream, this.toError), this.close)
  }

  /** Reads the whole body and then releases the response. */
  private readWhole<A>(read: Effect.Effect<A, ClientError>): Effect.Effect<A, ResponseFailure> {
    return Effect.ensuring(Effect.mapError(read, this.toError), this.close)
  }

  private readonly toError = (cause: ClientError): ResponseFailure =>
    responseError("Decode", {
      request: this.request,
      response: this,
      cause,
      description: descriptionOf(this.address, cause)
    })
}

/** Converts an open response. A method that the platform does not know becomes GET in its request. */
export const platformResponse = (original: ClientResponse): PlatformResponse => {
  const { method, realUrl, release } = original
  const request = HttpClientRequest.make(HttpMethod.isHttpMethod(method) ? method : "GET")(realUrl)
  return new PlatformResponse(hideSecrets(request, []), new URL(realUrl), original, release)
}

/** The head without a history. Only for the types: after too many redirects, the history is never empty. */
const emptyHead = { status: 0, headers: Headers.empty, cookies: Cookies.empty }

/** A response rebuilt from the fields of an error. */
export class HeadResponse extends ResponseBase implements HttpClientResponse.HttpClientResponse {
  readonly url: string
  readonly status: number
  readonly headers: Headers.Headers
  readonly cookies: Cookies.Cookies
  private readonly body: string
  private readonly bytes: Uint8Array

  private constructor(
    request: HttpClientRequest.HttpClientRequest,
    head: Pick<ClientResponse, "status" | "headers" | "cookies">,
    body: string,
    bytes: Uint8Array
  ) {
    super(request)
    this.url = request.url
    this.status = head.status
    this.headers = head.headers
    this.cookies = head.cookies
    this.body = body
    this.bytes = bytes
  }

  /**
   * The response that `raiseForStatus` rejected, with the first bytes of its body, or the redirect that was not
   * followed.
   */
  static ofError(
    request: HttpClientRequest.HttpClientRequest,
    error: ClientResponseError | TooManyRedirects
  ): HeadResponse {
    if (error._tag === "ClientResponseError") {
      const { body, bytes, headers, status } = error
      return new HeadResponse(request, { status, headers, cookies: Cookies.empty }, body, bytes)
    }
    const last = error.history[error.history.length - 1]
    return new HeadResponse(request, last ?? emptyHead, "", new Uint8Array())
  }

  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }
  get text(): Effect.Effect<string> {
    return Effect.succeed(this.body)
  }
  get json(): Effect.Effect<Json, ResponseFailure> {
    return this.body === "" ? Effect.succeed(null) : jsonOf(this.parse(() => JSON.parse(this.body)))
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams> {
    return Effect.sync(() => UrlParams.fromInput(new URLSearchParams(this.body)))
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer> {
    return Effect.sync(() => new Uint8Array(this.bytes).buffer)
  }
  get formData(): Effect.Effect<FormData, ResponseFailure> {
    return this.parse(() => {
      throw new TypeError("the response was already released")
    })
  }
  get stream(): Stream.Stream<Uint8Array> {
    return Stream.succeed(this.bytes)
  }

  private parse<A>(read: () => A): Effect.Effect<A, ResponseFailure> {
    return Effect.try({
      try: read,
      catch: (cause) =>
        responseError("Decode", {
          request: this.request,
          response: this,
          cause: safeCause(cause)
        })
    })
  }
}
