/**
 * Streams that the client has reset. The server may not have read the reset yet. Until frames from it confirm that it
 * has, such streams count against its limit of streams, and frames that it sends on them are not violations.
 */
import type { Deadline, Deadlines } from "../../transport/deadlines.js"

/**
 * The least and the most streams that are remembered. Between them, as many as may be open, because all may be reset
 * together.
 */
const minCapacity = 256
const maxCapacity = 16_384

/** How long a stream counts against the limit if the server sends nothing; milliseconds. */
const confirmTime = 1000

export class ResetStreams {
  /** Streams that count against the limit. */
  unconfirmed = 0
  /** Streams that were reset since the last response. */
  sinceResponse = 0
  /** How many bytes the server may still send on each stream. */
  private readonly rooms = new Map<number, number>()
  private deadline: Deadline | undefined = undefined
  private readonly capacity: number
  private readonly onConfirmed: () => void

  constructor(maxConcurrentStreams: number, onConfirmed: () => void) {
    this.capacity = Math.min(Math.max(minCapacity, maxConcurrentStreams), maxCapacity)
    this.onConfirmed = onConfirmed
  }

  add(id: number, room: number, deadlines: Deadlines): void {
    this.unconfirmed++
    this.sinceResponse++
    this.rooms.set(id, room)
    if (this.rooms.size > this.capacity) for (const oldest of this.rooms.keys()) if (this.rooms.delete(oldest)) break
    this.deadline ??= deadlines.scheduleIdle(deadlines.now() + confirmTime, () => this.confirm())
  }

  /** Whether the server may have sent these bytes before it read the reset. */
  allows(id: number, bytes: number): boolean {
    const room = this.rooms.get(id)
    if (room === undefined || room < bytes) return false
    this.rooms.set(id, room - bytes)
    return true
  }

  /** Called when frames arrive: the server has read the resets, or will soon. */
  confirm(): void {
    if (this.unconfirmed === 0) return
    this.unconfirmed = 0
    this.end()
    this.onConfirmed()
  }

  end(): void {
    this.deadline?.cancel()
    this.deadline = undefined
  }
}
