/**
 * From a prepared request to a response: guarded against interruption at every step, and without a Scope where none
 * is needed.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import * as Deadlines from "../transport/deadlines.js"
import { Call } from "./call.js"
import { cookieTarget } from "./cookieTarget.js"
import type { SessionCore } from "./core.js"
import { Hop, type OnResponse } from "./hop.js"
import type { Prepared } from "./prepared.js"
import { follow, redirects } from "./redirects.js"
import type { Response } from "./response.js"
import { routeOf } from "./route.js"
import { watch } from "./watch.js"
import { toWire } from "./wireRequest.js"

/** Puts one request on its way; no redirects, no middlewares. */
export const exchange = (
  call: Call,
  request: Prepared,
  collect: boolean,
  onResponse: OnResponse
): Effect.Effect<Response, ClientError> =>
  Effect.async((resume) => {
    if (call.failure !== undefined) return resume(Effect.fail(call.failure))
    const core = call.core
    if (core.closed) return resume(Effect.fail(core.closedError(call.details(undefined))))
    const jar = core.jar
    const cookies =
      jar === undefined || jar.isEmpty ? undefined : jar.header(cookieTarget(request.target), call.clock())
    const wire = toWire(request, cookies)
    if ("_tag" in wire) return resume(Effect.fail(wire))
    const route = routeOf(request, core.environment)
    if ("_tag" in route) return resume(Effect.fail(route))
    new Hop(call, request, wire, route, collect, onResponse).start(resume)
  })

/** What becomes of a response once it is there: it is followed, refused or final. */
const onFinal: OnResponse = (call, response) => {
  const request = call.request
  if (redirects(response.status) && request.follow) {
    const next = follow(call, response, (target) => hop(call, target, false))
    if (next !== undefined) return next
  }
  const raise = request.raiseForStatus
  if (raise === false) return undefined
  if (raise === true) return response.status >= 400 ? Effect.as(response.raiseForStatus, response) : undefined
  return Effect.as(raise(response), response)
}

/** One hop with what comes after it. */
const hop = (call: Call, request: Prepared, collect: boolean): Effect.Effect<Response, ClientError> => {
  call.request = request
  return exchange(call, request, collect, onFinal)
}

/** Begins a call in a fiber, on its Clock. */
const begin = (core: SessionCore, fiber: Fiber.RuntimeFiber<unknown, unknown>, request: Prepared): Call => {
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  return new Call(
    core,
    request,
    Deadlines.of(clock),
    () => clock.unsafeCurrentTimeMillis(),
    watch(core, fiber, request)
  )
}

/** Opens a request, hands its response to `done` with the call settled, and leaves nothing where it fails. */
const guarded = <A, E, R>(
  call: Call,
  effect: Effect.Effect<Response, ClientError>,
  done: (
    response: Response,
    restore: <B, E2, R2>(effect: Effect.Effect<B, E2, R2>) => Effect.Effect<B, E2, R2>
  ) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ClientError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.matchCauseEffect(restore(effect), {
      onFailure: (cause) => {
        call.interrupt()
        return Effect.failCause(cause)
      },
      onSuccess: (response) => {
        call.settle()
        return done(response, restore)
      }
    })
  )

/** The response lives in the fiber's Scope, which has to do something only where the body is not complete. */
export const openScoped = (
  core: SessionCore,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  request: Prepared
): Effect.Effect<ClientResponse, ClientError> => {
  const call = begin(core, fiber, request)
  return guarded(call, hop(call, request, false), (response) =>
    response.settled
      ? Effect.succeed(response)
      : Effect.as(
          Scope.addFinalizer(
            Context.unsafeGet(fiber.currentContext, Scope.Scope),
            Effect.sync(() => response.releaseNow())
          ),
          response
        )
  )
}

/** Opens a request and reads its body in the same step; `f` finds the bytes there. */
export const openCollected = <A, E, R>(
  core: SessionCore,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  request: Prepared,
  f: (response: ClientResponse) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ClientError, R> => {
  const call = begin(core, fiber, request)
  return guarded(call, hop(call, request, true), (response, restore) => restore(f(response)))
}

/** Opens a request, runs `f`, and gives the response back however that ends. */
export const openFor = <A, E, R>(
  core: SessionCore,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  request: Prepared,
  f: (response: ClientResponse) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ClientError, R> => {
  const call = begin(core, fiber, request)
  return guarded(call, hop(call, request, false), (response, restore) =>
    Effect.matchCauseEffect(restore(f(response)), {
      onFailure: (cause) => {
        response.releaseNow()
        return Effect.failCause(cause)
      },
      onSuccess: (value) => {
        response.releaseNow()
        return Effect.succeed(value)
      }
    })
  )
}
