/**
 * Races an effect against a callback. `Effect.raceFirst` costs two fibers, and hangs if it is interrupted in its first
 * steps.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { callback, cancellable } from "./effect/callback.js"
import { type AnyFiber, forkAtOnce, inherit, interruptSoon, onExit } from "./effect/fibers.js"

/** Milliseconds of real time that the finalizers of the effect may take after `fail`. */
const finalizerTime = 100

const nothing = () => {}

/** The two sides of one race. */
class Race<A, E, E2> {
  private readonly fiber: Fiber.RuntimeFiber<A, E>
  /** Set by the first call of `fail`. */
  private failure: Effect.Effect<never, E2> | undefined = undefined
  private stop = nothing
  private onFailure = nothing

  constructor(fiber: Fiber.RuntimeFiber<A, E>) {
    this.fiber = fiber
  }

  begin(begin: (fail: (error: E2) => void) => () => void): void {
    this.stop = begin((error) => {
      if (this.failure !== undefined) return
      this.failure = Effect.fail(error)
      this.onFailure()
    })
  }

  /** Settles with the exit of the effect or with the failure, whichever comes first. */
  get outcome(): Effect.Effect<A, E | E2> {
    return cancellable<A, E | E2>((resume) => {
      let unobserve = nothing
      const settle = (outcome: Effect.Effect<A, E | E2>) => {
        this.onFailure = nothing
        unobserve()
        resume(outcome)
      }
      this.onFailure = () => settle(this.failure ?? Effect.never)
      if (this.failure !== undefined) settle(this.failure)
      else unobserve = onExit(this.fiber, settle)
      return () => {
        this.onFailure = nothing
        unobserve()
      }
    })
  }

  /** Runs the cleanup that `begin` returned. Idempotent. */
  end(): void {
    const { stop } = this
    this.stop = nothing
    stop()
  }

  /** Interrupts the effect and waits for its finalizers, after a failure for at most `finalizerTime`. */
  interrupt(by: AnyFiber): Effect.Effect<void> {
    return callback<void>((resume) => {
      let timer: NodeJS.Timeout | undefined
      let unobserve = nothing
      const done = (_: Exit.Exit<A, E> | undefined) => {
        clearTimeout(timer)
        this.onFailure = nothing
        unobserve()
        this.end()
        resume(Effect.void)
      }
      const limit = () => {
        this.end()
        timer = setTimeout(done, finalizerTime, undefined)
      }
      this.onFailure = limit
      if (this.failure !== undefined) limit()
      interruptSoon(this.fiber, by)
      unobserve = onExit(this.fiber, done)
    })
  }
}

/**
 * Runs `effect`, and fails early if `fail`, which is passed to `begin`, is called. `begin` returns a cleanup that runs
 * once the race is over.
 *
 * Interrupting the caller interrupts `effect` only if the caller is interruptible; an uninterruptible region waits for
 * `effect` or for `fail`. `effect` runs in its own fiber, which only this function interrupts. The fiber is not a child
 * of the caller, because the runtime interrupts all children at once, even while their parent is uninterruptible.
 *
 * Finalizers of `effect` finish first. After `fail` they get 100 ms of real time, because a time limit must not wait
 * for code that cannot be interrupted. Such code continues in its fiber until its next interruptible step.
 */
export const raceWithCallback = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  begin: (fail: (error: E2) => void) => () => void
): Effect.Effect<A, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(forkAtOnce(Effect.interruptible(effect)), (fiber) => {
      const race = new Race<A, E, E2>(fiber)
      const first = Effect.suspend(() => {
        race.begin(begin)
        return restore(race.outcome)
      })
      return Effect.matchCauseEffect(first, {
        onFailure: (cause) =>
          Effect.withFiberRuntime<never, E | E2>((self) =>
            Effect.zipRight(race.interrupt(self), Effect.failCause(cause))
          ),
        onSuccess: (value) => {
          race.end()
          return Effect.as(inherit(fiber), value)
        }
      })
    })
  )
