/**
 * A race against something that is no effect. `Effect.raceFirst` costs two fibers, and hangs where it is interrupted in
 * its first steps.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * Runs an effect until something else ends it: `begin` is given what fails it, and gives back what is called when it
 * is over, however that comes. What is ended or interrupted has come to its end before this does.
 */
export const endedBy = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  begin: (fail: (error: E2) => void) => () => void
): Effect.Effect<A, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    // It is interruptible even where its caller is not, who waits for it.
    Effect.flatMap(Effect.fork(Effect.interruptible(effect)), (fiber) => {
      const wait = Effect.async<A, E | E2>((resume) => {
        let over = false
        let stop = () => {}
        const end = () => {
          over = true
          fiber.removeObserver(settle)
          stop()
        }
        const settle = (outcome: Effect.Effect<A, E | E2>) => {
          if (over) return
          end()
          resume(outcome)
        }
        stop = begin((error) => settle(Effect.fail(error)))
        if (over) stop()
        else fiber.addObserver(settle)
        return Effect.sync(end)
      })
      return Effect.matchCauseEffect(restore(wait), {
        onFailure: (cause) => Effect.zipRight(Fiber.interrupt(fiber), Effect.failCause(cause)),
        onSuccess: (value) => Effect.as(Fiber.inheritAll(fiber), value)
      })
    })
  )
