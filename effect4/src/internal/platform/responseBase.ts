/** The base of the responses of Effect's HTTP client. */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as IncomingMessage from "effect/http/HttpIncomingMessage"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"
import { redact } from "effect/Redactable"
import { type Socket, SocketUpgradeError } from "effect/socket/Socket"
import { format } from "../effect/printing.js"
import { shownRecord } from "../http/concealedHeaders.js"
import { hiddenNamesOf } from "./httpClientRequest.js"
import { requestError } from "./safeErrors.js"

/** Headers, redacted by the names that the printing program hides. */
const redactedByProgram = (headers: Headers.Headers): Headers.Headers => {
  const visible = redact(headers)
  if (visible === headers || typeof visible !== "object" || visible === null) return headers
  return Headers.fromRecordUnsafe(
    Object.fromEntries(Object.entries(visible).map(([name, value]) => [name, String(value)]))
  )
}

/** The members that both kinds of responses share. */
export abstract class ResponseBase extends Pipeable.Class {
  readonly [IncomingMessage.TypeId]: typeof IncomingMessage.TypeId = IncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  abstract readonly url: string
  abstract readonly status: number
  abstract readonly headers: Headers.Headers

  constructor(request: HttpClientRequest.HttpClientRequest) {
    super()
    this.request = request
  }

  /** Fails, because sessions have their own functions for WebSockets and upgrades. */
  get upgrade(): Effect.Effect<Socket, HttpClientError.HttpClientError> {
    return Effect.fail(requestError("Transport", { request: this.request, cause: new SocketUpgradeError({}) }))
  }

  override toString(): string {
    return format(this.toJSON())
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  /** Excludes the body, because printing a response must not read it. */
  toJSON(): unknown {
    return {
      _id: "effect/http/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status,
      headers: shownRecord(redactedByProgram(this.headers), hiddenNamesOf(this.request))
    }
  }
}
