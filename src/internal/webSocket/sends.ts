/**
 * Frames on their way to the system, and the senders that wait for them. The system takes small frames at once for as
 * long as the peer reads, so a sender that goes on at once would leave no turn to timers and other sockets.
 */
import { atTurnEnd, type Turning } from "../transport/endOfTurn.js"

/** Called once: when the system has the frame, or with why it never will. */
export type Sent<E> = (failure: E | undefined) => void

/** Bytes whose senders go on in one turn of the event loop; a frame counts as `frameCost` at least. */
const turnSize = 1024 * 1024
const frameCost = 8 * 1024

export class Sends<E> implements Turning {
  private readonly waiting = new Set<Sent<E>>()
  /** Bytes since the last rest. */
  private taken = 0
  /** The system has their frames; they go on in the next turn. */
  private resting: Array<Sent<E>> = []

  /** Gives the callback for the write of so many bytes. */
  add(done: Sent<E>, bytes: number): (error?: Error | null) => void {
    this.waiting.add(done)
    return (error) => {
      // What breaks the socket is told when it closes.
      if ((error === undefined || error === null) && this.waiting.delete(done)) this.goOn(done, bytes)
    }
  }

  /** `done` is not called any more, unless the system has the frame. */
  forget(done: Sent<E>): void {
    this.waiting.delete(done)
  }

  /** The socket takes no more. */
  end(failure: E): void {
    this.endTurn()
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const done of waiting) done(failure)
  }

  endTurn(): void {
    const { resting } = this
    this.resting = []
    this.taken = 0
    for (const done of resting) done(undefined)
  }

  private goOn(done: Sent<E>, bytes: number): void {
    this.taken += Math.max(bytes, frameCost)
    if (this.resting.length === 0 && this.taken < turnSize) done(undefined)
    else if (this.resting.push(done) === 1) atTurnEnd(this)
  }
}
