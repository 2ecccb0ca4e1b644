/** Fibers from outside: their end, their interruption, and the fibers that continue for them. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** A fiber of any result. */
export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Interrupts a fiber in a later microtask, and does not wait for its end. */
export const interruptSoon = <A, E>(fiber: Fiber.Fiber<A, E>, by?: AnyFiber): void => {
  queueMicrotask(() => fiber.interruptUnsafe(by?.id))
}

/** Calls `f` with the exit of the fiber, immediately if it has ended, unless the returned function is called first. */
export const onExit = <A, E>(fiber: Fiber.Fiber<A, E>, f: (exit: Exit.Exit<A, E>) => void): (() => void) =>
  fiber.addObserver(f)

/** References are part of the context, so a fiber has nothing to apply. */
export const inherit = <A, E>(_: Fiber.Fiber<A, E>): Effect.Effect<void> => Effect.void

/**
 * Forks an effect into a fiber that is not a child, with the interruptibility of the current one. It has begun before
 * any callback of a later microtask, so that its finalizers run however soon it is interrupted.
 */
export const forkAtOnce = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkDetach(effect, { startImmediately: true, uninterruptible: "inherit" })

/**
 * Forks an effect into a fiber that the Scope interrupts when it closes, with the interruptibility of the current one.
 * With a closed Scope the effect begins too, and is interrupted.
 */
export const forkWithin = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  scope: Scope.Scope
): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.suspend(() =>
    scope.state._tag === "Closed"
      ? Effect.tap(forkAtOnce(effect), (fiber) => Effect.sync(() => fiber.interruptUnsafe()))
      : Effect.forkIn(effect, scope, { uninterruptible: "inherit" })
  )

/** Runs an effect in a fiber of its own, whose first steps run now. */
export const run = <A, E, R>(environment: Context.Context<R>, effect: Effect.Effect<A, E, R>): Fiber.Fiber<A, E> =>
  Effect.runForkWith(environment)(effect)

const begin = Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))

/** Runs an effect in a fiber of its own that begins in a later microtask, when the caller knows the fiber. */
export const runLater = <A, E, R>(environment: Context.Context<R>, effect: Effect.Effect<A, E, R>): Fiber.Fiber<A, E> =>
  Effect.runForkWith(environment)(Effect.andThen(begin, effect))

/** Runs an effect without services in a fiber of its own. */
export const runAlone: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E> = Effect.runFork
