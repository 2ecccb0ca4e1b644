/**
 * Tracks sent data until the system has accepted it. Senders pause after some bytes, because the system accepts small
 * frames at once while the peer reads, and timers and other sockets would never get a turn.
 */
import { atTurnEnd, type Turning } from "../transport/endOfTurn.js"

/** Called once, when the system has accepted the frame or with the reason why it never will. */
export type Sent<E> = (failure: E | undefined) => void

/** Bytes per turn of the event loop after which senders pause. A frame counts at least as `frameCost`. */
const turnSize = 1024 * 1024
const frameCost = 8 * 1024

export class Sends<E> implements Turning {
  private readonly waiting = new Set<Sent<E>>()
  /** Bytes since the last pause. */
  private taken = 0
  /** Senders whose frames were accepted, and which continue in the next turn. */
  private resting: Array<Sent<E>> = []

  /** Adds a sender. Returns the callback for writing its frame of `bytes` bytes. */
  add(done: Sent<E>, bytes: number): (error?: Error | null) => void {
    this.waiting.add(done)
    return (error) => {
      // Write errors are reported when the socket closes.
      if ((error === undefined || error === null) && this.waiting.delete(done)) this.goOn(done, bytes)
    }
  }

  /** Cancels `done`, unless the system has accepted the frame. */
  forget(done: Sent<E>): void {
    this.waiting.delete(done)
  }

  /** Fails all pending sends, because the socket is closed for writing. */
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
