/**
 * Runs work at the end of a turn of the event loop. Writing the bytes of many connections together wakes their peers
 * less often than separate writes. A connection that has used its share of a turn continues here, too, because promises
 * and `process.nextTick` would run before timers and other sockets.
 */
import * as Effect from "effect/Effect"
import { cancellable } from "../effect/callback.js"

/** An object with work for the end of a turn. `endTurn` must not throw. */
export interface Turning {
  readonly endTurn: () => void
}

let due: Array<Turning> = []

const run = (): void => {
  const all = due
  due = []
  for (const each of all) each.endTurn()
}

/** Calls `endTurn` when all events of this turn are processed. */
export const atTurnEnd = (each: Turning): void => {
  if (due.length === 0) setImmediate(run)
  due.push(each)
}

/** Completes in the next turn, after timers and other sockets. */
export const nextTurn: Effect.Effect<void> = cancellable<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return () => clearImmediate(immediate)
})

const nextTimer: Effect.Effect<void> = cancellable<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 0)
  return () => clearTimeout(timer)
})

/**
 * Completes when the event loop has polled all sockets once. One turn is not enough, because the current turn may have
 * polled already, and would miss later events such as the end of a connection. Deno polls sockets only before timers.
 */
export const nextPoll: Effect.Effect<void> = nextTurn.pipe(
  Effect.zipRight(nextTurn),
  Effect.zipRight(nextTimer),
  Effect.zipRight(nextTimer)
)
