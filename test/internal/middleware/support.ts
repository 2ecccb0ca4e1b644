/**
 * Middlewares without a session: requests, and a scripted remainder of the chain.
 */

import * as Effect from "effect/Effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import type * as ClientResponse from "effect-http-session/ClientResponse"
import * as Errors from "effect-http-session/Errors"
import type * as Middleware from "effect-http-session/Middleware"
import { PreparedRequest } from "../../../src/internal/request/preparedRequest.js"
import { isWireError, toWire } from "../../../src/internal/request/wireRequest.js"
import type { Sent } from "../../../src/internal/response/responseSource.js"
import { type Given, type Made, make as makeResponse } from "../response/support.js"

export const request = (
  method = "GET",
  url = "http://example.test/path",
  options?: ClientRequest.RequestOptions
): Effect.Effect<ClientRequest.ClientRequest> => Effect.orDie(ClientRequest.make(method, url, options))

/** The scripted response to one request. */
export type Reply =
  | (Given & { readonly body?: string })
  | Errors.ClientError
  | Effect.Effect<ClientResponse.ClientResponse, Errors.ClientError>

export interface Script {
  readonly next: Middleware.Next
  readonly seen: Array<ClientRequest.ClientRequest>
  /** The responses, whose bodies have not arrived unless `body` was given. */
  readonly made: Array<Made>
  /** Attempts that were interrupted. */
  readonly interrupted: () => number
}

const isError = (reply: Reply): reply is Errors.ClientError => Errors.isClientError(reply)

/** A request as a session without cookies would send it. */
const sentFor = (asked: ClientRequest.ClientRequest): Sent | undefined => {
  if (!(asked instanceof PreparedRequest)) return undefined
  const wire = toWire(asked, undefined)
  return isWireError(wire) ? undefined : { url: asked.url, head: wire.head, secret: asked.secretHeaders, peer: "" }
}

/** Responds with the entries of a list, the last one repeatedly, or with the results of a function. */
export const script = (
  replies: ReadonlyArray<Reply> | ((request: ClientRequest.ClientRequest, index: number) => Reply)
): Script => {
  const seen: Array<ClientRequest.ClientRequest> = []
  const made: Array<Made> = []
  let interrupted = 0
  const reply = (asked: ClientRequest.ClientRequest, index: number): Reply =>
    typeof replies === "function" ? replies(asked, index) : replies[Math.min(index, replies.length - 1)]!
  const next: Middleware.Next = (asked) =>
    Effect.suspend(() => {
      seen.push(asked)
      const answer = reply(asked, seen.length - 1)
      if (isError(answer)) return Effect.fail(answer)
      if (Effect.isEffect(answer)) return Effect.onInterrupt(answer, () => Effect.sync(() => interrupted++))
      const response = makeResponse({ url: asked.url, sent: sentFor(asked), ...answer })
      made.push(response)
      if (answer.body !== undefined) {
        if (answer.body !== "") response.push(answer.body)
        response.end()
      }
      return Effect.succeed(response.response)
    })
  return { next, seen, made, interrupted: () => interrupted }
}

export const refused = (method = "GET") =>
  new Errors.ClientConnectorError({
    method,
    url: "http://example.test/path",
    host: "example.test",
    port: 80,
    phase: "connect",
    attempt: 1,
    reason: "Connect",
    code: "ECONNREFUSED",
    addresses: []
  })

export const disconnected = (method = "GET") =>
  new Errors.ServerDisconnectedError({
    method,
    url: "http://example.test/path",
    attempt: 1,
    reused: false,
    received: 0
  })
