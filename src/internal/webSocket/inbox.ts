/**
 * Messages that wait for a taker; each goes to one.
 */
import * as Effect from "effect/Effect"
import type { Message } from "../../WebSocket.js"
import type { Deadlines } from "../transport/deadlines.js"

/** Bytes that wait before the peer is read no further. */
const capacity = 256 * 1024

/** What a message costs beside its bytes, so that empty ones are bounded as well. */
const overhead = 256

export class Inbox {
  private readonly deadlines: Deadlines
  /** There is room again. */
  private readonly onRoom: () => void
  private items: Array<{ readonly message: Message; readonly size: number }> = []
  private size = 0
  private over = false
  private readonly waiters = new Set<() => void>()

  constructor(deadlines: Deadlines, onRoom: () => void) {
    this.deadlines = deadlines
    this.onRoom = onRoom
  }

  get full(): boolean {
    return this.size >= capacity
  }

  /** Whether nothing is added any more. */
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

  /** Ends when there may be something to take: a message, the end, or the time `until`. */
  wait(until: number): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      if (this.items.length > 0 || this.over) {
        resume(Effect.void)
        return
      }
      const stop = () => {
        this.waiters.delete(wake)
        deadline.cancel()
      }
      const wake = () => {
        stop()
        resume(Effect.void)
      }
      const deadline = this.deadlines.schedule(until, wake)
      this.waiters.add(wake)
      return Effect.sync(stop)
    })
  }

  private shrink(by: number): void {
    const wasFull = this.full
    this.size -= by
    if (wasFull && !this.full) this.onRoom()
  }

  // All are woken, for the first may be interrupted before it takes.
  private wake(): void {
    for (const waiter of [...this.waiters]) waiter()
  }
}
