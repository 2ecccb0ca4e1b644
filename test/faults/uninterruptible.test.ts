/** Interruptions of a fiber in an uninterruptible region while its request is in flight. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, TestClock } from "effect"
import { answer, type Door, doors } from "../support/doors.js"
import { turns } from "../support/stages.js"
import { promptly } from "../support/steps.js"

/** Runs an effect, interrupts it while its request is held, and waits for some turns. */
const interruptedAt = <A, E>(door: Door, effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDaemon(effect)
    yield* promptly(door.held, "the way to the step")
    yield* Fiber.interruptFork(fiber)
    yield* turns(5)
    return fiber
  })

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit

const regions: ReadonlyArray<<A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>> = [
  (effect) => Effect.uninterruptibleMask((restore) => restore(effect)),
  (effect) => Effect.uninterruptible(Effect.interruptible(effect))
]

for (const [name, make] of Object.entries(doors)) {
  describe(`a request in an uninterruptible region, held by ${name}`, () => {
    it.scoped("delivers its answer to the acquire of acquireRelease, and the release runs", () =>
      Effect.gen(function* () {
        const door = yield* make
        const seen: Array<string> = []
        const acquire = Effect.tap(Effect.scoped(door.request()), (text) => Effect.sync(() => seen.push(text)))
        const fiber = yield* interruptedAt(
          door,
          Effect.scoped(
            Effect.zipRight(
              Effect.acquireRelease(acquire, () => Effect.sync(() => seen.push("released"))),
              Effect.never
            )
          )
        )
        assert.isNull(fiber.unsafePoll())
        yield* door.release
        const exit = yield* promptly(Fiber.await(fiber), "the request")
        assert.isTrue(Exit.isInterrupted(exit), String(exit))
        assert.deepStrictEqual(seen, [answer, "released"])
      })
    )

    it.scoped("ends with its total limit", () =>
      Effect.gen(function* () {
        const door = yield* make
        const fiber = yield* interruptedAt(door, Effect.uninterruptible(Effect.scoped(door.request("10 seconds"))))
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust("10 seconds")
        const error = failureOf(yield* promptly(Fiber.await(fiber), "the request"))
        assert.deepInclude(error, { _tag: "TotalTimeoutError" })
      })
    )

    it.scoped("ends with its session", () =>
      Effect.gen(function* () {
        const door = yield* make
        if (door.received === true) return
        const fiber = yield* interruptedAt(door, Effect.uninterruptible(Effect.scoped(door.request())))
        assert.isNull(fiber.unsafePoll())
        yield* promptly(door.session.close, "the close")
        const error = failureOf(yield* promptly(Fiber.await(fiber), "the request"))
        assert.deepInclude(error, { _tag: "SessionClosedError" })
      })
    )

    it.scoped("ends at once in a region that is restored", () =>
      Effect.gen(function* () {
        for (const restored of regions) {
          const door = yield* make
          if (door.uninterruptible === true) return
          const fiber = yield* interruptedAt(door, restored(Effect.scoped(door.request())))
          const exit = yield* promptly(Fiber.await(fiber), "the request")
          assert.isTrue(Exit.isInterrupted(exit), String(exit))
        }
      })
    )
  })
}
