/** Fibers from outside: their end, their interruption, and the fibers that continue for them. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Environment } from "./fiberState.js"

/** A fiber of any result. */
export type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** Interrupts a fiber in a later microtask, and does not wait for its end. */
export const interruptSoon = <A, E>(fiber: Fiber.RuntimeFiber<A, E>, by?: AnyFiber): void => {
  fiber.unsafeInterruptAsFork(by === undefined ? FiberId.none : by.id())
}

/** Calls `f` with the exit of the fiber, immediately if it has ended, unless the returned function is called first. */
export const onExit = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  f: Parameters<Fiber.RuntimeFiber<A, E>["addObserver"]>[0]
): (() => void) => {
  fiber.addObserver(f)
  return () => fiber.removeObserver(f)
}

/** Applies what the fiber changed in its own references to the current one. */
export const inherit = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<void> => Fiber.inheritAll(fiber)

/**
 * Forks an effect into a fiber that is not a child, with the interruptibility of the current one. It has begun before
 * any callback of a later microtask, so that its finalizers run however soon it is interrupted.
 */
export const forkAtOnce = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R> => Effect.forkDaemon(effect)

/**
 * Forks an effect into a fiber that the Scope interrupts when it closes, with the interruptibility of the current one.
 * With a closed Scope the effect begins too, and is interrupted.
 */
export const forkWithin = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  scope: Scope.Scope
): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R> => Effect.forkIn(effect, scope)

/** Runs an effect in a fiber of its own, whose first steps run now. */
export const run = <A, E, R>(environment: Environment<R>, effect: Effect.Effect<A, E, R>): Fiber.RuntimeFiber<A, E> =>
  Runtime.runFork(environment)(effect)

/** Runs an effect in a fiber of its own that begins in a later microtask, when the caller knows the fiber. */
export const runLater = <A, E, R>(
  environment: Environment<R>,
  effect: Effect.Effect<A, E, R>
): Fiber.RuntimeFiber<A, E> => Runtime.runFork(environment)(effect, { immediate: false })

/** Runs an effect without services in a fiber of its own. */
export const runAlone: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E> = Effect.runFork
