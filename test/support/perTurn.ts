/**
 * How much happens between two turns of the event loop, which no timer can interrupt.
 */
import { Effect } from "effect"

/** Adds to the count of this turn, by default 1. */
export type Count = (by?: number) => void

/** The highest count between two turns while the effect ran, and the total. */
export interface PerTurn<A> {
  readonly most: number
  readonly all: number
  readonly value: A
}

/** Runs the effect with a counter. */
export const perTurn = <A, E, R>(run: (count: Count) => Effect.Effect<A, E, R>): Effect.Effect<PerTurn<A>, E, R> =>
  Effect.suspend(() => {
    let all = 0
    let before = 0
    let most = 0
    let next: NodeJS.Immediate | undefined
    const look = () => {
      most = Math.max(most, all - before)
      before = all
      next = setImmediate(look)
    }
    look()
    const counted = run((by = 1) => {
      all += by
    })
    return Effect.ensuring(
      Effect.map(counted, (value) => ({ most: Math.max(most, all - before), all, value })),
      Effect.sync(() => clearImmediate(next))
    )
  })
