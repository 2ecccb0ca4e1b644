/** Functions of Fiber and FiberRef of Effect 3 that tests use, on Effect 4. */
import { Context, Effect, type Exit, Fiber, Option } from "effect"

/** Interrupts a fiber and gives its exit. */
export const interrupt = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))

/** The exit of a fiber that has ended. */
export const poll = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<Option.Option<Exit.Exit<A, E>>> =>
  Effect.sync(() => Option.fromUndefinedOr(fiber.pollUnsafe()))

export const interruptFork = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.sync(() => fiber.interruptUnsafe())

/** Effect 4 keeps no list of root fibers; sockets, timers and the sets of a session still show what is left. */
export const roots: Effect.Effect<ReadonlyArray<Fiber.Fiber<unknown, unknown>>> = Effect.succeed([])

/** The exit of several fibers: their values, or the cause of those that failed. */
export const awaitAll = <A, E>(fibers: Iterable<Fiber.Fiber<A, E>>): Effect.Effect<Exit.Exit<ReadonlyArray<A>, E>> =>
  Effect.exit(Fiber.joinAll(fibers))

let references = 0

export const makeReference = <A>(value: A): Effect.Effect<Context.Reference<A>> =>
  Effect.sync(() => Context.Reference<A>(`test/reference/${++references}`, { defaultValue: () => value }))

export const setReference = <A>(reference: Context.Reference<A>, value: A): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    fiber.setContext(Context.add(fiber.context, reference, value))
    return Effect.void
  })
