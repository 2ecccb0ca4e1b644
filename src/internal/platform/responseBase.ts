/** The base of the responses of @effect/platform. */
import * as Headers from "@effect/platform/Headers"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import { InspectableClass, redact } from "../effect/printing.js"
import { shownRecord } from "../http/concealedHeaders.js"
import { hiddenNamesOf } from "./httpClientRequest.js"

/** Headers, redacted by the names that the printing program hides. */
const redactedByProgram = (headers: Headers.Headers): Headers.Headers => {
  const visible = redact(headers)
  if (visible === headers || typeof visible !== "object" || visible === null) return headers
  return Headers.unsafeFromRecord(
    Object.fromEntries(Object.entries(visible).map(([name, value]) => [name, String(value)]))
  )
}

/** The members that both kinds of responses share. */
export abstract class ResponseBase extends InspectableClass {
  readonly [IncomingMessage.TypeId]: IncomingMessage.TypeId = IncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  abstract readonly url: string
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
      headers: shownRecord(redactedByProgram(this.headers), hiddenNamesOf(this.request))
    }
  }
}
