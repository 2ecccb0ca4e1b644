/**
 * Decides how long a response lives: until its Scope closes, until a decoder has read it, or, for an upgraded
 * connection, until its owner closes it. Each variant runs the pipeline guarded, so that an interruption at any step
 * releases everything.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { ClientResponse, ResponseHead } from "../../ClientResponse.js"
import { type ClientError, UpgradeError } from "../../Errors.js"
import { clockOf, stateOf } from "../effect/fiberState.js"
import type { AnyFiber } from "../effect/fibers.js"
import { guard, type Restore } from "../effect/guard.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { Response } from "../response/response.js"
import * as Deadlines from "../transport/deadlines.js"
import { Call } from "./call.js"
import { watch } from "./callWatchers.js"
import { sendCall } from "./pipeline.js"
import type { SessionCore } from "./sessionCore.js"

/** The heads of the redirects that led to a request. */
type History = ReadonlyArray<ResponseHead>

/**
 * Creates the call of a fiber, on the fiber's Clock. A request that repeats a later hop of another call takes over its
 * `history`, because credentials depend on the origins visited.
 */
const begin = (core: SessionCore, fiber: AnyFiber, request: PreparedRequest, history?: History): Call => {
  const state = stateOf(fiber)
  const clock = clockOf(state)
  const call = new Call(core, state, request, Deadlines.of(clock), clock)
  if (history !== undefined) call.history = history
  call.trace = watch(call, state)
  return call
}

/**
 * Fails for a 101 response whose connection the caller does not use, because the request's own headers asked for
 * another protocol. Without this error, the response would look like an empty success.
 */
const refuseUpgrade = (call: Call, response: Response): Effect.Effect<never, UpgradeError> =>
  Effect.zipRight(
    release(call, response),
    Effect.fail(
      new UpgradeError({
        ...call.details("headers"),
        reason: "Unexpected",
        description: "expected a response, got another protocol; use Session.upgrade for it",
        status: response.status,
        headers: response.headers
      })
    )
  )

/**
 * Sends a request and passes its response to `done`, together with `input`. A failure or an interruption releases everything. `upgrades` is
 * true if `done` uses an upgraded connection.
 */
const guarded = <B, A, E, R>(
  call: Call,
  restore: Restore,
  collect: boolean,
  input: B,
  done: (call: Call, response: ClientResponse, restore: Restore, input: B) => Effect.Effect<A, E, R>,
  upgrades = false
): Effect.Effect<A, E | ClientError, R> =>
  guard(restore, sendCall(call, collect), {
    onFailure: (cause): Effect.Effect<A, E | ClientError, R> => {
      call.interrupt()
      return call.trace === undefined ? Effect.failCause(cause) : call.trace.failed(cause)
    },
    onSuccess: (response) => {
      call.settle()
      call.trace?.settled(response)
      if (response.status === 101 && !upgrades && response instanceof Response && response.upgraded) {
        return refuseUpgrade(call, response)
      }
      return done(call, response, restore, input)
    }
  })

/** Opens a response that lives in the fiber's Scope. Adds a finalizer only if the body is incomplete. */
export const openScoped = (
  core: SessionCore,
  fiber: AnyFiber,
  restore: Restore,
  request: PreparedRequest,
  history?: History
): Effect.Effect<ClientResponse, ClientError> =>
  guarded(begin(core, fiber, request, history), restore, false, fiber, attachToScope)

const attachToScope = (
  call: Call,
  response: ClientResponse,
  _: Restore,
  fiber: AnyFiber
): Effect.Effect<ClientResponse> => {
  const scope = Context.unsafeGet(fiber.currentContext, Scope.Scope)
  if (response instanceof Response && response.settled && call.trace === undefined) {
    response.expireWith(scope)
    return Effect.succeed(response)
  }
  const releasing = response instanceof Response ? response.releaseWith(scope) : response.release
  return Effect.as(Scope.addFinalizer(scope, withTraceEnd(call, releasing)), response)
}

/** A decoder of a response. */
export type FromResponse<A, E, R> = (response: ClientResponse) => Effect.Effect<A, E, R>

/** Opens a response and reads its body in the same step, so that `f` can decode the body synchronously. */
export const openCollected = <A, E, R>(
  core: SessionCore,
  fiber: AnyFiber,
  restore: Restore,
  request: PreparedRequest,
  f: FromResponse<A, E, R>
): Effect.Effect<A, E | ClientError, R> =>
  guarded<FromResponse<A, E, R>, A, E, R>(begin(core, fiber, request), restore, true, f, decodeCollected)

const decodeCollected = <A, E, R>(
  call: Call,
  response: ClientResponse,
  restore: Restore,
  f: FromResponse<A, E, R>
): Effect.Effect<A, E, R> => {
  const isComplete = response instanceof Response && response.settled
  if (!isComplete || (call.trace !== undefined && (call.trace.listening || !response.isCollected))) {
    return useAndRelease(call, response, restore, f)
  }
  // A value that was decoded synchronously is the result itself.
  const result = f(response)
  return Exit.isExit(result) ? result : restore(result)
}

/** Opens a response, runs `f`, and releases the response however `f` ends. */
export const openFor = <A, E, R>(
  core: SessionCore,
  fiber: AnyFiber,
  restore: Restore,
  request: PreparedRequest,
  f: FromResponse<A, E, R>,
  history?: History
): Effect.Effect<A, E | ClientError, R> =>
  guarded<FromResponse<A, E, R>, A, E, R>(begin(core, fiber, request, history), restore, false, f, useAndRelease)

/** Opens a response for its upgraded connection; `f` runs uninterruptibly and owns the response. */
export const openUpgraded = <A, E, R>(
  core: SessionCore,
  fiber: AnyFiber,
  restore: Restore,
  request: PreparedRequest,
  f: (call: Call, response: ClientResponse, restore: Restore) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ClientError, R> => guarded(begin(core, fiber, request), restore, false, undefined, f, true)

/** Releases a response, then runs the listeners of the resulting signals. */
const release = (call: Call, response: ClientResponse): Effect.Effect<void> => withTraceEnd(call, response.release)

/** Runs a release, then the listeners of the resulting signals. */
const withTraceEnd = (call: Call, release: Effect.Effect<void>): Effect.Effect<void> =>
  call.trace === undefined ? release : Effect.zipRight(release, call.trace.finish)

const useAndRelease = <A, E, R>(
  call: Call,
  response: ClientResponse,
  restore: Restore,
  f: FromResponse<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.matchCauseEffect(restore(Effect.suspend(() => f(response))), {
    onFailure: (cause) => Effect.zipRight(release(call, response), Effect.failCause(cause)),
    onSuccess: (value) => Effect.as(release(call, response), value)
  })
