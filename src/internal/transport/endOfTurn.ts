/**
 * Batches work at the end of an event-loop turn. Bytes of many connections written together wake their peers less often
 * than separate writes. A connection that used up its share of a turn also continues here, because promises and
 * `process.nextTick` would run before timers and other sockets.
 */
import * as Effect from "effect/Effect"

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

/** Calls `endTurn` once all events of this turn are processed. */
export const atTurnEnd = (each: Turning): void => {
  if (due.length === 0) setImmediate(run)
  due.push(each)
}

/** Completes in the next turn, after timers and other sockets. */
export const nextTurn: Effect.Effect<void> = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/**
 * Completes after the event loop has polled all sockets. Waits two turns, because the first may be the rest of a turn that
 * polled before this call and missed later events, such as the end of a socket.
 */
export const nextPoll: Effect.Effect<void> = Effect.zipRight(nextTurn, nextTurn)
