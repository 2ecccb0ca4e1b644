/**
 * Requests that follow redirects.
 */
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Option, type Scope } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Errors from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import * as Server from "./server.js"
import { redirect, site } from "./sites.js"

/** The error of an exit with this tag; fails the test for any other exit. */
export const failure = <A, E extends { readonly _tag: string }, T extends E["_tag"]>(
  exit: Exit.Exit<A, E>,
  tag: T
): Extract<E, { readonly _tag: T }> => {
  const error = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()
  const is = (value: E): value is Extract<E, { readonly _tag: T }> => value._tag === tag
  if (Option.isSome(error) && is(error.value)) return error.value
  return assert.fail(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "succeeded")
}

/** Answers /end with the received request, and everything else with one redirect to /end. */
export const once = (status: number, location = "/end", headers: ReadonlyArray<string> = [], body = "") =>
  site((request) =>
    request.target.startsWith("/end")
      ? Server.response(200, `${request.method} ${request.body}`)
      : redirect(status, location, headers, body)
  )

export const text = (
  session: Session.SessionService,
  method: string,
  url: string,
  options?: ClientRequest.RequestOptions
) => session.request(method, url, options).pipe(ClientResponse.text)

/** The final response, released unread. */
export const final = (request: Effect.Effect<ClientResponse.ClientResponse, Errors.ClientError, Scope.Scope>) =>
  ClientResponse.use(request, (last) => Effect.succeed(last))
