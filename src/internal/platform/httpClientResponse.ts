/** Converts responses to those of @effect/platform. */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpMethod from "@effect/platform/HttpMethod"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError, ClientResponseError, TooManyRedirects } from "../../Errors.js"
import { safeCause } from "../errors/tagged.js"
import { shownRecord } from "../http/concealedHeaders.js"
import { redactUrl } from "../redact.js"
import { hiddenNamesOf, hideSecrets } from "./httpClientRequest.js"
import { ResponseError } from "./safeErrors.js"

const addressOf = (url: string): string => url.replace(/[?#].*$/s, "")

/** The message of an error without method and URL, which the platform adds, unless a redirect changed the URL. */
export const descriptionOf = (url: URL, cause: ClientError): string => {
  if (cause.url === undefined || addressOf(cause.url) !== addressOf(redactUrl(url.href))) return cause.message
  const at = cause.message.lastIndexOf(` (${cause.method ?? "request for"} ${cause.url}`)
  return at === -1 ? cause.message : cause.message.slice(0, at)
}

/** Headers redacted as the context of the printing program demands. */
const inContext = (headers: Headers.Headers): Headers.Headers => {
  const visible = Inspectable.redact(headers)
  if (visible === headers || typeof visible !== "object" || visible === null) return headers
  return Headers.unsafeFromRecord(
    Object.fromEntries(Object.entries(visible).map(([name, value]) => [name, String(value)]))
  )
}

/** The members that both kinds of responses share. */
abstract class Base extends Inspectable.Class {
  readonly [IncomingMessage.TypeId]: IncomingMessage.TypeId = IncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  abstract readonly status: number
  abstract readonly headers: Headers.Headers

  constructor(request: HttpClientRequest.HttpClientRequest) {
    super()
    this.request = request
  }

  /** Excludes the body, because printing a response must not read it. */
  toJSON(): unknown {
    return {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status,
      headers: shownRecord(inContext(this.headers), hiddenNamesOf(this.request))
    }
  }
}

/** A response of a session. */
export class PlatformResponse extends Base implements HttpClientResponse.HttpClientResponse {
  private readonly url: URL
  private readonly original: ClientResponse
  private readonly close: Effect.Effect<void>

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    url: URL,
    original: ClientResponse,
    close: Effect.Effect<void>
  ) {
    super(request)
    this.url = url
    this.original = original
    this.close = close
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

  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return this.whole(this.original.text)
  }
  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return this.whole(this.original.json)
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.ResponseError> {
    return this.whole(this.original.urlParamsBody)
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.ResponseError> {
    return this.whole(this.original.arrayBuffer)
  }
  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return this.whole(this.original.formData)
  }
  get stream(): Stream.Stream<Uint8Array, HttpClientError.ResponseError> {
    return Stream.ensuring(Stream.mapError(this.original.stream, this.toError), this.close)
  }

  /** Reads the whole body and then releases the response. */
  private whole<A>(read: Effect.Effect<A, ClientError>): Effect.Effect<A, HttpClientError.ResponseError> {
    return Effect.ensuring(Effect.mapError(read, this.toError), this.close)
  }

  private readonly toError = (cause: ClientError): HttpClientError.ResponseError =>
    new ResponseError({
      request: this.request,
      response: this,
      reason: "Decode",
      cause,
      description: descriptionOf(this.url, cause)
    })
}

/** Converts an open response. The platform's request can only express its own methods; any other becomes GET. */
export const platformResponse = (original: ClientResponse): PlatformResponse => {
  const { method, realUrl, release } = original
  const request = HttpClientRequest.make(HttpMethod.isHttpMethod(method) ? method : "GET")(realUrl)
  return new PlatformResponse(hideSecrets(request, []), new URL(realUrl), original, release)
}

/** Only satisfies the types: after too many redirects the history is never empty. */
const nothing = { status: 0, headers: Headers.empty, cookies: Cookies.empty }

/** A response rebuilt from the fields of an error. */
export class HeadResponse extends Base implements HttpClientResponse.HttpClientResponse {
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
    this.status = head.status
    this.headers = head.headers
    this.cookies = head.cookies
    this.body = body
    this.bytes = bytes
  }

  /**
   * The response that `raiseForStatus` rejected, with the beginning of its body, or the redirect that was not followed.
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
    return new HeadResponse(request, last ?? nothing, "", new Uint8Array())
  }

  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }
  get text(): Effect.Effect<string> {
    return Effect.succeed(this.body)
  }
  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return this.body === "" ? Effect.succeed(null) : this.parse(() => JSON.parse(this.body))
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams> {
    return Effect.sync(() => UrlParams.fromInput(new URLSearchParams(this.body)))
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer> {
    return Effect.sync(() => new Uint8Array(this.bytes).buffer)
  }
  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return this.parse(() => {
      throw new TypeError("the response was already released")
    })
  }
  get stream(): Stream.Stream<Uint8Array> {
    return Stream.succeed(this.bytes)
  }

  private parse<A>(read: () => A): Effect.Effect<A, HttpClientError.ResponseError> {
    return Effect.try({
      try: read,
      catch: (cause) =>
        new ResponseError({
          request: this.request,
          response: this,
          reason: "Decode",
          cause: safeCause(cause)
        })
    })
  }
}
