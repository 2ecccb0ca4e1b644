/** Starts, observes and interrupts fibers from outside. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Environment } from "./fiberState.js"

/** A fiber with any result. */
export type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** Interrupts a fiber in a later microtask without waiting for its end. */
export const interruptSoon = <A, E>(fiber: Fiber.RuntimeFiber<A, E>, by?: AnyFiber): void => {
  fiber.unsafeInterruptAsFork(by === undefined ? FiberId.none : by.id())
}

/** Calls `f` with the exit of a fiber, at once if it has ended. The returned function cancels this. */
export const onExit = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  f: Parameters<Fiber.RuntimeFiber<A, E>["addObserver"]>[0]
): (() => void) => {
  fiber.addObserver(f)
  return () => fiber.removeObserver(f)
}

/** Applies the changes that a fiber made to its references to the current fiber. */
export const inherit = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<void> => Fiber.inheritAll(fiber)

/**
 * Forks an effect into a fiber that is not a child, with the interruptibility of the current one. The effect starts
 * before any callback of a later microtask, so that its finalizers run however soon it is interrupted.
 */
export const forkAtOnce = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R> => Effect.forkDaemon(effect)

/**
 * Forks an effect into a fiber that the Scope interrupts when it closes, with the interruptibility of the current one.
 * With a closed Scope, the effect starts and is interrupted.
 */
export const forkWithin = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  scope: Scope.Scope
): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R> => Effect.forkIn(effect, scope)

/** Runs an effect in its own fiber, whose first steps run before this returns. */
export const run = <A, E, R>(environment: Environment<R>, effect: Effect.Effect<A, E, R>): Fiber.RuntimeFiber<A, E> =>
  Runtime.runFork(environment)(effect)

/** Runs an effect in its own fiber, which starts in a later microtask, after the caller has received the fiber. */
export const runLater = <A, E, R>(
  environment: Environment<R>,
  effect: Effect.Effect<A, E, R>
): Fiber.RuntimeFiber<A, E> => Runtime.runFork(environment)(effect, { immediate: false })

/** Runs an effect without services in its own fiber. */
export const runAlone: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E> = Effect.runFork
