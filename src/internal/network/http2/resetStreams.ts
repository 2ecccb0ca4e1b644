/**
 * Streams that the client has reset. The server may not know it yet, so they keep their place among its streams until
 * something arrives from it, and what it still sends on them is not its fault.
 */
import type { Deadline, Deadlines } from "../../transport/deadlines.js"

/** Streams that are remembered. */
const most = 256

/** How long a stream keeps its place if the server sends nothing; milliseconds. */
const longest = 1000

export class ResetStreams {
  /** Streams that keep their place. */
  unconfirmed = 0
  /** Streams that were reset since the last response. */
  sinceResponse = 0
  /** What the server may still send on each stream. */
  private readonly rooms = new Map<number, number>()
  private deadline: Deadline | undefined = undefined
  private readonly onConfirmed: () => void

  constructor(onConfirmed: () => void) {
    this.onConfirmed = onConfirmed
  }

  add(id: number, room: number, deadlines: Deadlines): void {
    this.unconfirmed++
    this.sinceResponse++
    this.rooms.set(id, room)
    if (this.rooms.size > most) for (const oldest of this.rooms.keys()) if (this.rooms.delete(oldest)) break
    this.deadline ??= deadlines.scheduleIdle(deadlines.now() + longest, () => this.confirm())
  }

  /** Whether the server could send these bytes before it knew of the reset. */
  allows(id: number, bytes: number): boolean {
    const room = this.rooms.get(id)
    if (room === undefined || room < bytes) return false
    this.rooms.set(id, room - bytes)
    return true
  }

  /** The server is there: it has read what was sent to it, or will soon. */
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
