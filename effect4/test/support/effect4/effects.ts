/** Functions of Effect 3 that tests use, on Effect 4. */
import { Deferred, Effect, Exit, type Fiber } from "effect"

export { disconnect } from "../../../src/internal/effect/disconnect.js"

export const forkAll = <A, E, R>(
  effects: Iterable<Effect.Effect<A, E, R>>
): Effect.Effect<Fiber.Fiber<ReadonlyArray<A>, E>, never, R> =>
  Effect.forkChild(Effect.all([...effects], { concurrency: "unbounded" }))

export const intoDeferred = <A, E>(
  ...given: readonly [Effect.Effect<A, E>, Deferred.Deferred<A, E>] | readonly [Deferred.Deferred<A, E>]
): any =>
  given.length === 1
    ? (effect: Effect.Effect<A, E>) => Deferred.into(effect, given[0])
    : Deferred.into(given[0], given[1])

export const iterate = <A, E, R>(
  initial: A,
  { body, while: holds }: { readonly while: (value: A) => boolean; readonly body: (value: A) => Effect.Effect<A, E, R> }
): Effect.Effect<A, E, R> =>
  Effect.suspend(() =>
    holds(initial)
      ? Effect.flatMap(body(initial), (next) => iterate(next, { body, while: holds }))
      : Effect.succeed(initial)
  )

export const merge = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A | E, never, R> =>
  Effect.matchEffect(effect, { onFailure: Effect.succeed, onSuccess: Effect.succeed })

/** The function of Effect 3 may return any value. */
export const tap = (...given: ReadonlyArray<any>): any => {
  const run = (self: Effect.Effect<any, any, any>, f: any) =>
    Effect.flatMap(self, (value) => {
      const result: unknown = typeof f === "function" ? f(value) : f
      return Effect.isEffect(result) ? Effect.as(result, value) : Effect.succeed(value)
    })
  return given.length === 1 ? (self: Effect.Effect<any, any, any>) => run(self, given[0]) : run(given[0], given[1])
}

export const orDieWith = (...given: ReadonlyArray<any>): any =>
  given.length === 1
    ? (effect: Effect.Effect<unknown, unknown>) => Effect.orDie(Effect.mapError(effect, given[0]))
    : Effect.orDie(Effect.mapError(given[0], given[1]))

/** Fibers of Effect 4 count operations by their scheduler alone. */
export const withMaxOpsBeforeYield = (...given: ReadonlyArray<any>): any =>
  given.length === 1 ? (effect: unknown) => effect : given[0]

export const exitOf = Exit.match

/** `Effect.async` of Effect 3: an interruption runs the effect that `register` returned. */
export const callback = <A, E = never, R = never>(
  register: (resume: (effect: Effect.Effect<A, E, R>) => void) => void | Effect.Effect<void, never, R>
): Effect.Effect<A, E, R> =>
  Effect.callback<A, E, R>((resume) => {
    let within = true
    const cancel = register((effect) => {
      if (within) resume(effect)
      else queueMicrotask(() => resume(effect))
    })
    within = false
    return cancel
  })
