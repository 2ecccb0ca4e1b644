/**
 * Tracks sent data until the system has accepted it. Senders pause after some bytes, because the system accepts small
 * frames at once while the peer reads, and timers and other sockets would never get a turn.
 */
import type { Socket } from "node:net"
import * as Effect from "effect/Effect"
import { cancellable } from "../effect/callback.js"
import { atTurnEnd, type Turning } from "../transport/endOfTurn.js"

/** Bytes per turn of the event loop after which senders pause. A frame counts at least as `frameCost`. */
const turnSize = 1024 * 1024
const frameCost = 8 * 1024

/** Data that the system has not accepted when `write` was called. */
export class Sending<E> {
  readonly bytes: number
  private readonly sends: Sends<E>
  private done: ((failure: E | undefined) => void) | undefined = undefined
  private ended = false
  private failure: E | undefined = undefined

  constructor(sends: Sends<E>, bytes: number) {
    this.sends = sends
    this.bytes = bytes
  }

  /**
   * Calls `done` once, when the sender may continue, or with the reason why the system will never accept the data. The
   * returned function cancels this.
   */
  wait(done: (failure: E | undefined) => void): () => void {
    if (this.ended) done(this.failure)
    else this.done = done
    return () => {
      this.done = undefined
    }
  }

  /** The callback for the write. */
  readonly written = (error?: Error | null): void => {
    // Write errors are reported when the socket closes.
    if (error === undefined || error === null) this.sends.onWritten(this)
  }

  /** Ends the wait. V8 may keep a record of the write in its old generation; without `done` it holds no fiber. */
  end(failure: E | undefined): void {
    const { done } = this
    this.ended = true
    this.failure = failure
    this.done = undefined
    done?.(failure)
  }
}

export class Sends<E> implements Turning {
  private readonly socket: Socket
  private readonly waiting = new Set<Sending<E>>()
  /** Bytes since the last pause. */
  private bytesThisTurn = 0
  /** Accepted data whose senders continue in the next turn. */
  private nextTurnSends: Array<Sending<E>> = []

  constructor(socket: Socket) {
    this.socket = socket
  }

  /**
   * Writes data by `write`, which gets the callback of the socket. Returns `undefined` if the system has accepted the data
   * and the sender may continue. `buffered`: whether `write` may return before the socket has all of the data.
   */
  send(bytes: number, buffered: boolean, write: (written: Sending<E>["written"]) => void): Sending<E> | undefined {
    const sending = new Sending(this, bytes)
    const { socket } = this
    write(sending.written)
    if (buffered || socket.writableLength > 0 || socket.errored !== null || socket.destroyed) {
      this.waiting.add(sending)
      return sending
    }
    return this.accept(sending) ? undefined : sending
  }

  /** Fails all pending sends, because the socket is closed for writing. */
  end(failure: E): void {
    this.endTurn()
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const sending of waiting) sending.end(failure)
  }

  endTurn(): void {
    const { nextTurnSends } = this
    this.nextTurnSends = []
    this.bytesThisTurn = 0
    for (const sending of nextTurnSends) sending.end(undefined)
  }

  /** Called by a `Sending`. */
  onWritten(sending: Sending<E>): void {
    if (this.waiting.delete(sending) && this.accept(sending)) sending.end(undefined)
  }

  /** Counts accepted data. Returns whether its sender may continue; otherwise it continues in the next turn. */
  private accept(sending: Sending<E>): boolean {
    this.bytesThisTurn += Math.max(sending.bytes, frameCost)
    if (this.nextTurnSends.length === 0 && this.bytesThisTurn < turnSize) return true
    if (this.nextTurnSends.push(sending) === 1) atTurnEnd(this)
    return false
  }
}

/**
 * Waits for the end of a send. `sending` is `undefined` if the sender may continue, or the reason why nothing was sent. An
 * interruption ends only the wait: data that the socket has is sent completely.
 */
export const awaitSending = <F, E>(
  sending: Sending<F> | F | undefined,
  error: (failure: F) => E
): Effect.Effect<void, E> => {
  if (sending === undefined) return Effect.void
  if (!(sending instanceof Sending)) return Effect.fail(error(sending))
  return cancellable((resume) =>
    sending.wait((failure) => resume(failure === undefined ? Effect.void : Effect.fail(error(failure))))
  )
}
