/**
 * The output of the tour.
 */
import { Console, Duration, Effect } from "effect"

/** The heading of a section. */
export const section = (title: string) => Console.log(`\n── ${title} ${"─".repeat(Math.max(0, 92 - title.length))}`)

/** One observation. */
export const fact = (what: string, value: string | number | boolean) => Console.log(`${what.padEnd(34)} ${value}`)

/** The result of an effect, and its duration in milliseconds. */
export const timed = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<readonly [value: A, took: number], E, R> =>
  Effect.map(Effect.timed(self), ([took, value]) => [value, Math.round(Duration.toMillis(took))] as const)

/** A turn of the event loop. */
export const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
