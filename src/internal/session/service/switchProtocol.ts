/**
 * Changes the protocol of a connection: sends an ordinary request, whose 101 response leaves the connection to the
 * caller (RFC 9110, section 7.8). WebSockets and upgrades implement `Protocol`.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ClientResponse, ResponseHead } from "../../../ClientResponse.js"
import type { ClientError } from "../../../Errors.js"
import { withRestore } from "../../effect/guard.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { Response, type Upgrade } from "../../response/response.js"
import type { Call } from "../call.js"
import { openUpgraded } from "../responseLifetime.js"
import type { SessionCore } from "../sessionCore.js"

/** A connection after a change of its protocol. */
interface SwitchedConnection {
  /** Starts to read. `rest` are the bytes that were received after the head of the response. */
  readonly start: (rest: Uint8Array) => void
  /** Closes the connection within `limit` milliseconds. */
  readonly shutdown: (limit: number) => void
  /** Calls `done` once the connection has closed. */
  readonly onClosed: (done: () => void) => void
}

/** Why the protocol did not change: any other status than 101, or a 101 response that the client cannot accept. */
export interface Refusal {
  readonly reason: "Refused" | "Protocol"
  readonly description: string
  /** The beginning of the response body, if it was read. */
  readonly body: string | undefined
}

/** A protocol that a request can ask for. */
export interface Protocol<Grant extends object, A> {
  /** The terms of a 101 response, or a description of why they are not acceptable. */
  readonly grantOf: (head: ResponseHead) => Grant | string
  readonly errorOf: (call: Call, response: ClientResponse, refusal: Refusal) => ClientError
  /** Creates the connection, and the object that the caller gets. */
  readonly make: (call: Call, response: Response, upgrade: Upgrade, grant: Grant) => readonly [SwitchedConnection, A]
  readonly close: (opened: A) => Effect.Effect<void>
}

/** Fails with the error for another status than 101, and releases the response. */
const failRefused = <Grant extends object, A>(
  call: Call,
  response: ClientResponse,
  { errorOf }: Protocol<Grant, A>
): Effect.Effect<never, ClientError> => {
  const error = (body: string | undefined) =>
    errorOf(call, response, { reason: "Refused", description: "the server did not switch protocols", body })
  return response instanceof Response
    ? Effect.mapError(response.raise, ({ body }) => error(body))
    : Effect.zipRight(response.release, Effect.fail(error(undefined)))
}

const start = (call: Call, connection: SwitchedConnection, rest: Uint8Array): void => {
  call.endLimits()
  const { gracefulShutdownTimeout } = call.core.transport
  connection.onClosed(call.onAbort(() => connection.shutdown(gracefulShutdownTimeout)))
  connection.start(rest)
  // The session started to close during the handshake.
  if (call.core.closed) connection.shutdown(gracefulShutdownTimeout)
}

/** Validates the final response and starts the connection. Runs uninterruptibly. */
const openSwitched = <Grant extends object, A>(
  call: Call,
  response: ClientResponse,
  restore: <B, E>(effect: Effect.Effect<B, E>) => Effect.Effect<B, E>,
  protocol: Protocol<Grant, A>
): Effect.Effect<A, ClientError, Scope.Scope> => {
  const upgrade = response instanceof Response ? response.takeUpgrade() : undefined
  if (upgrade === undefined || !(response instanceof Response)) {
    return Effect.ensuring(restore(failRefused(call, response, protocol)), response.release)
  }
  const grant = protocol.grantOf(response)
  if (typeof grant === "string" || call.failure !== undefined) {
    upgrade.stream.socket.destroy()
    const description = String(grant)
    return Effect.fail(
      call.failure ?? protocol.errorOf(call, response, { reason: "Protocol", description, body: undefined })
    )
  }
  return Effect.flatMap(Effect.scope, (scope) => {
    const [connection, opened] = protocol.make(call, response, upgrade, grant)
    start(call, connection, upgrade.rest)
    return Effect.as(Scope.addFinalizer(scope, protocol.close(opened)), opened)
  })
}

/** Sends a request for another protocol, and opens the connection, which lives in the Scope. */
export const switchProtocol = <Grant extends object, A>(
  core: SessionCore,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  request: PreparedRequest,
  protocol: Protocol<Grant, A>
): Effect.Effect<A, ClientError, Scope.Scope> =>
  withRestore((_, restore) =>
    openUpgraded(core, fiber, restore, request, (call, response) => openSwitched(call, response, restore, protocol))
  )
