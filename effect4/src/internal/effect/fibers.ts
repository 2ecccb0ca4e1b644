/** Starts, observes and interrupts fibers from outside. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** A fiber with any result. */
export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Interrupts a fiber in a later microtask without waiting for its end. */
export const interruptSoon = <A, E>(fiber: Fiber.Fiber<A, E>, by?: AnyFiber): void => {
  queueMicrotask(() => fiber.interruptUnsafe(by?.id))
}

/** Calls `f` with the exit of a fiber, at once if it has ended. The returned function cancels this. */
export const onExit = <A, E>(fiber: Fiber.Fiber<A, E>, f: (exit: Exit.Exit<A, E>) => void): (() => void) =>
  fiber.addObserver(f)

/** Does nothing, because references are part of the context. */
export const inherit = <A, E>(_: Fiber.Fiber<A, E>): Effect.Effect<void> => Effect.void

/**
 * Forks an effect into a fiber that is not a child, with the interruptibility of the current one. The effect starts
 * before any callback of a later microtask, so that its finalizers run however soon it is interrupted.
 */
export const forkAtOnce = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkDetach(effect, { startImmediately: true, uninterruptible: "inherit" })

/**
 * Forks an effect into a fiber that the Scope interrupts when it closes, with the interruptibility of the current one.
 * With a closed Scope, the effect starts and is interrupted.
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

/** Runs an effect in its own fiber, whose first steps run before this returns. */
export const run = <A, E, R>(environment: Context.Context<R>, effect: Effect.Effect<A, E, R>): Fiber.Fiber<A, E> =>
  Effect.runForkWith(environment)(effect)

const begin = Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))

/** Runs an effect in its own fiber, which starts in a later microtask, after the caller has received the fiber. */
export const runLater = <A, E, R>(environment: Context.Context<R>, effect: Effect.Effect<A, E, R>): Fiber.Fiber<A, E> =>
  Effect.runForkWith(environment)(Effect.andThen(begin, effect))

/** Runs an effect without services in its own fiber. */
export const runAlone: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E> = Effect.runFork
