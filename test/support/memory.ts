/**
 * Measures of memory. Other work of the process adds to one measurement, but not to all of them: the memory that a
 * program really holds shows in each.
 */
import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Effect } from "effect"

setFlagsFromString("--expose-gc")
const gc: () => void = runInNewContext("gc")

/** Bytes in use after a run of the garbage collector. */
export const held: Effect.Effect<number> = Effect.promise(async () => {
  for (let turn = 0; turn < 5; turn++) {
    await setImmediate()
    gc()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
})

/** The least of several measurements, which stop after one below the bound. */
export const least = <E, R>(
  measure: Effect.Effect<number, E, R>,
  bound: number,
  rounds = 4
): Effect.Effect<number, E, R> =>
  Effect.iterate(
    { last: Number.POSITIVE_INFINITY, round: 0 },
    {
      while: ({ last, round }) => last >= bound && round < rounds,
      body: ({ last, round }) => Effect.map(measure, (now) => ({ last: Math.min(last, now), round: round + 1 }))
    }
  ).pipe(Effect.map(({ last }) => last))
