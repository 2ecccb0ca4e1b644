/**
 * From a prepared request to a response: guarded against interruption at every step, and without a Scope where none
 * is needed.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ClientResponse, ResponseHead } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import { isRedirect } from "../http/methods.js"
import type { Prepared } from "../request/preparedRequest.js"
import { Response } from "../response/response.js"
import * as Deadlines from "../transport/deadlines.js"
import { Call } from "./call.js"
import { watch } from "./callWatchers.js"
import type { OnResponse } from "./hop.js"
import { throughMiddlewares } from "./middlewareChain.js"
import { follow } from "./redirects.js"
import { exchangeAtOnce } from "./sendHop.js"
import type { SessionCore } from "./sessionCore.js"
import { withinCall } from "./withinCall.js"

/** What becomes of a response once it is there: it is followed, refused or final. */
const onFinal: OnResponse = (call, response) => {
  const request = call.request
  if (isRedirect(response.status) && request.follow) {
    const next = follow(call, response, {
      send: (target) => hop(call, target, false),
      end: (last) => onEnd(call, last) ?? Effect.succeed(last)
    })
    if (next !== undefined) return next
  }
  return onEnd(call, response)
}

/** A response that is not followed is refused or final. */
const onEnd: OnResponse = (call, response) => {
  const raise = call.request.raiseForStatus
  if (raise === false || (raise === true && response.status < 400)) {
    return call.trace === undefined ? undefined : call.trace.ended(response)
  }
  if (raise === true) return Effect.as(response.raiseForStatus, response)
  // What throws here would do so in the middle of the connection.
  const asked = Effect.suspend(() => raise(response))
  const passed = Effect.as(withinCall(call, asked), response)
  return call.trace === undefined ? passed : Effect.tap(passed, () => call.trace?.ended(response) ?? Effect.void)
}

/** One hop with what comes after it. */
const hop = (call: Call, request: Prepared, collect: boolean): Effect.Effect<ClientResponse, ClientError> => {
  call.request = request
  if (request.middlewares.length === 0 && call.trace?.listening !== true) {
    const { jar } = call.core
    if (jar !== undefined) return exchangeAtOnce(call, jar, request, collect, onFinal)
  }
  return Effect.flatMap(throughMiddlewares(call, request), (response) =>
    response instanceof Response ? (onFinal(call, response) ?? Effect.succeed(response)) : Effect.succeed(response)
  )
}

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** The heads of the redirects that led to a request. */
type History = ReadonlyArray<ResponseHead>

/**
 * Begins a call in a fiber, on its Clock. A request that repeats a later hop of another call takes over its `history`:
 * what may be sent depends on the origins that the request has been at.
 */
const begin = (core: SessionCore, fiber: AnyFiber, request: Prepared, history?: History): Call => {
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  const call = new Call(core, fiber, request, Deadlines.of(clock), clock)
  if (history !== undefined) call.history = history
  call.trace = watch(call, fiber)
  return call
}

/** The first hop, and the others after it; watchers are told that the request begins. */
const send = (call: Call, collect: boolean): Effect.Effect<ClientResponse, ClientError> => {
  const { trace } = call
  if (trace === undefined) return hop(call, call.request, collect)
  if (trace.listening) {
    return withinCall(
      call,
      Effect.suspend(() => trace.start((request) => hop(call, request, collect)))
    )
  }
  trace.begin()
  return hop(call, call.request, collect)
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Opens a request, hands its response to `done` with the call settled, and leaves nothing where it fails. */
const guarded = <B, A, E, R>(
  call: Call,
  collect: boolean,
  use: B,
  done: (call: Call, response: ClientResponse, restore: Restore, use: B) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ClientError, R> =>
  Effect.uninterruptibleMask((restore) => {
    call.begin()
    return Effect.matchCauseEffect(restore(send(call, collect)), {
      onFailure: (cause) => {
        call.interrupt()
        return call.trace === undefined ? Effect.failCause(cause) : call.trace.failed(cause)
      },
      onSuccess: (response) => {
        call.settle()
        call.trace?.settled(response)
        return done(call, response, restore, use)
      }
    })
  })

/** The response lives in the fiber's Scope, which is given something to do only where the body is not complete. */
export const openScoped = (
  core: SessionCore,
  fiber: AnyFiber,
  request: Prepared,
  history?: History
): Effect.Effect<ClientResponse, ClientError> => guarded(begin(core, fiber, request, history), false, fiber, inScope)

const inScope = (call: Call, response: ClientResponse, _: Restore, fiber: AnyFiber): Effect.Effect<ClientResponse> => {
  const scope = Context.unsafeGet(fiber.currentContext, Scope.Scope)
  if (response instanceof Response && response.settled && call.trace === undefined) {
    response.leaveTo(scope)
    return Effect.succeed(response)
  }
  return Effect.as(Scope.addFinalizer(scope, release(call, response)), response)
}

/** What a decoder makes of a response. */
export type FromResponse<A, E, R> = (response: ClientResponse) => Effect.Effect<A, E, R>

/** Opens a request and reads its body in the same step; `f` finds the bytes there. */
export const openCollected = <A, E, R>(
  core: SessionCore,
  fiber: AnyFiber,
  request: Prepared,
  f: FromResponse<A, E, R>
): Effect.Effect<A, E | ClientError, R> =>
  guarded<FromResponse<A, E, R>, A, E, R>(begin(core, fiber, request), true, f, decoded)

const decoded = <A, E, R>(
  call: Call,
  response: ClientResponse,
  restore: Restore,
  f: FromResponse<A, E, R>
): Effect.Effect<A, E, R> => {
  const whole = response instanceof Response && response.settled
  if (!whole || (call.trace !== undefined && (call.trace.listening || !response.isCollected))) {
    return released(call, response, restore, f)
  }
  // What the bytes were decoded to at once needs no more steps.
  const result = f(response)
  return Exit.isExit(result) ? result : restore(result)
}

/** Opens a request, runs `f`, and gives the response back however that ends. */
export const openFor = <A, E, R>(
  core: SessionCore,
  fiber: AnyFiber,
  request: Prepared,
  f: FromResponse<A, E, R>,
  history?: History
): Effect.Effect<A, E | ClientError, R> =>
  guarded<FromResponse<A, E, R>, A, E, R>(begin(core, fiber, request, history), false, f, released)

/** Opens a request whose connection is wanted; `f` runs uninterruptibly and takes care of the response. */
export const openUpgraded = <A, E, R>(
  core: SessionCore,
  fiber: AnyFiber,
  request: Prepared,
  f: (call: Call, response: ClientResponse, restore: Restore) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ClientError, R> => guarded(begin(core, fiber, request), false, undefined, f)

/** Gives a response back; listeners hear the rest. */
const release = (call: Call, response: ClientResponse): Effect.Effect<void> =>
  call.trace === undefined ? response.release : Effect.zipRight(response.release, call.trace.finish)

const released = <A, E, R>(
  call: Call,
  response: ClientResponse,
  restore: Restore,
  f: FromResponse<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.matchCauseEffect(restore(Effect.suspend(() => f(response))), {
    onFailure: (cause) => Effect.zipRight(release(call, response), Effect.failCause(cause)),
    onSuccess: (value) => Effect.as(release(call, response), value)
  })
