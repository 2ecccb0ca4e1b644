/**
 * The end of a turn of the event loop, where what many connections have to do is done for all of them at once: bytes
 * that go out together wake their peers less often than bytes that go out one by one. It is also where a connection
 * goes on that has done its share of a turn: promises and `process.nextTick` run before timers and other sockets.
 */
import * as Effect from "effect/Effect"

/** Whoever has something to do there. It must not throw. */
export interface Turning {
  readonly endTurn: () => void
}

let due: Array<Turning> = []

const run = (): void => {
  const all = due
  due = []
  for (const each of all) each.endTurn()
}

/** Calls `endTurn` once all that has come in this turn is handled. */
export const atTurnEnd = (each: Turning): void => {
  if (due.length === 0) setImmediate(run)
  due.push(each)
}

/** Ends in the next turn: timers and other sockets come first. */
export const nextTurn: Effect.Effect<void> = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/**
 * Ends after the event loop has polled all sockets once: one turn alone may be the rest of a turn that had polled before,
 * and what had come to a socket by then, such as its end, would not be seen.
 */
export const nextPoll: Effect.Effect<void> = Effect.zipRight(nextTurn, nextTurn)
