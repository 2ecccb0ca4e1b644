/** A queue of received messages, with backpressure. */
import * as Effect from "effect/Effect"
import type { Message } from "../../WebSocket.js"
import { cancellable } from "../effect/callback.js"
import type { Deadlines } from "../transport/deadlines.js"

/** Bytes in the queue at which reading pauses. */
const capacity = 256 * 1024

/** Bytes that each message counts in addition to its content, so that empty messages are limited, too. */
const overhead = 256

export class Inbox {
  private readonly deadlines: Deadlines
  /** Called when reading may continue after a pause. */
  private readonly onRoom: () => void
  private items: Array<{ readonly message: Message; readonly size: number }> = []
  private size = 0
  private over = false
  /** There is nearly always only one waiter. */
  private waiter: (() => void) | undefined = undefined
  private otherWaiters: Set<() => void> | undefined = undefined

  constructor(deadlines: Deadlines, onRoom: () => void) {
    this.deadlines = deadlines
    this.onRoom = onRoom
  }

  get full(): boolean {
    return this.size >= capacity
  }

  /** Whether no more messages will be added. */
  get ended(): boolean {
    return this.over
  }

  push(message: Message, bytes: number): void {
    const size = bytes + overhead
    this.items.push({ message, size })
    this.size += size
    this.wake()
  }

  end(): void {
    this.over = true
    this.wake()
  }

  take(): Message | undefined {
    const item = this.items.shift()
    if (item === undefined) return undefined
    this.shrink(item.size)
    return item.message
  }

  takeAll(): Array<Message> {
    const items = this.items
    this.items = []
    this.shrink(this.size)
    return items.map(({ message }) => message)
  }

  /** Completes when a message may be available, at the end of the queue, or at the time `until`. */
  wait(until: number): Effect.Effect<void> {
    return cancellable<void>((resume) => {
      if (this.items.length > 0 || this.over) {
        resume(Effect.void)
        return
      }
      const stop = () => {
        this.remove(wake)
        deadline.cancel()
      }
      const wake = () => {
        stop()
        resume(Effect.void)
      }
      const deadline = this.deadlines.schedule(until, wake)
      this.add(wake)
      return stop
    })
  }

  private shrink(by: number): void {
    const wasFull = this.full
    this.size -= by
    if (wasFull && !this.full) this.onRoom()
  }

  private add(waiter: () => void): void {
    if (this.waiter === undefined) this.waiter = waiter
    else {
      this.otherWaiters ??= new Set()
      this.otherWaiters.add(waiter)
    }
  }

  private remove(waiter: () => void): void {
    if (this.waiter === waiter) this.waiter = undefined
    else this.otherWaiters?.delete(waiter)
  }

  // Wakes all waiters, because the first may be interrupted before it takes a message.
  private wake(): void {
    this.waiter?.()
    if (this.otherWaiters !== undefined) for (const waiter of [...this.otherWaiters]) waiter()
  }
}
