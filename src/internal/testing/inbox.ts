/**
 * Buffers the bytes that a connection of the fault server received. Scripts take them as heads, bodies or numbers of
 * bytes.
 */
import * as Effect from "effect/Effect"
import { callback, cancellable } from "../effect/callback.js"

const empty = new Uint8Array(0)

/**
 * Returns the end position of the searched part, or -1 until it is complete. Each call gets the input of the previous
 * one with more bytes, and examines only these.
 */
type Find = (unread: Uint8Array) => number

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

const text = (bytes: Uint8Array): string => bufferOf(bytes).toString("latin1")

/** Finds the position after `end`, starting at `start`. */
const after = (end: string, start = 0): Find => {
  let from = start
  return (unread) => {
    const at = bufferOf(unread).indexOf(end, from, "latin1")
    if (at !== -1) return at + end.length
    from = Math.max(start, unread.length - end.length + 1)
    return -1
  }
}

const endOfHead = (): Find => after("\r\n\r\n")

const endOfBytes =
  (n: number): Find =>
  (unread) =>
    unread.length < n ? -1 : n

/** Finds the end of a chunked body with its trailers. */
const endOfChunks = (): Find => {
  let at = 0
  let endOfLine = after("\r\n")
  let endOfTrailers: Find | undefined
  return (unread) => {
    while (endOfTrailers === undefined) {
      const next = endOfLine(unread)
      if (next === -1) return -1
      const size = Number.parseInt(text(unread.subarray(at, next)), 16)
      // Malformed input ends the body, so that the test sees the bytes.
      if (Number.isNaN(size)) return next
      // An empty line ends the trailers. Without trailers, it follows directly after the last chunk.
      if (size === 0) endOfTrailers = after("\r\n\r\n", next - 2)
      else {
        at = next + size + 2
        endOfLine = after("\r\n", at)
      }
    }
    return endOfTrailers(unread)
  }
}

/** The value of a header in a head. */
const field = (head: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*)$`, "im").exec(head)?.[1]?.trim()

/** Finds the end of a body by the framing in its head. */
const endOfBody = (head: string): Find => {
  const coding = field(head, "transfer-encoding")
  if (coding !== undefined && /chunked/i.test(coding)) return endOfChunks()
  return endOfBytes(Number(field(head, "content-length") ?? 0))
}

/** The received bytes, which scripts take in order. Interrupts a wait for bytes that can no longer arrive. */
export class Inbox {
  private readonly chunks: Array<Uint8Array> = []
  private unread: Uint8Array = empty
  /** Unused capacity of the buffer after the bytes of `unread`. */
  private free = 0
  private head = ""
  private ended = false
  private wake: (() => void) | undefined = undefined
  private readonly endCallbacks: Array<() => void> = []

  /** All received bytes, including those that were taken. */
  received(): Uint8Array {
    return Buffer.concat(this.chunks)
  }

  push(chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.append(chunk)
    this.wake?.()
  }

  /** Doubles the buffer when it is full, so that large bodies are not copied once per chunk. */
  private append(chunk: Uint8Array): void {
    const { unread } = this
    const length = unread.length + chunk.length
    if (chunk.length <= this.free) {
      this.unread = new Uint8Array(unread.buffer, unread.byteOffset, length)
      this.free -= chunk.length
    } else {
      const room = new Uint8Array(2 * length)
      room.set(unread)
      this.unread = room.subarray(0, length)
      this.free = length
    }
    this.unread.set(chunk, unread.length)
  }

  /** Call when the peer has closed its sending side. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.wake?.()
    for (const act of this.endCallbacks) act()
  }

  /** Calls `act` once the peer has closed its sending side. */
  whenEnded(act: () => void): void {
    if (this.ended) act()
    else this.endCallbacks.push(act)
  }

  readonly takeHead: Effect.Effect<string> = Effect.suspend(() =>
    Effect.map(this.take(endOfHead()), (bytes) => {
      this.head = text(bytes)
      return this.head
    })
  )

  /** The body after the last head, as it was sent, with its chunk framing. */
  readonly takeBody: Effect.Effect<Uint8Array> = Effect.suspend(() => this.take(endOfBody(this.head)))

  readonly takeBytes = (n: number): Effect.Effect<Uint8Array> => this.take(endOfBytes(n))

  /** Waits until the peer closes its sending side. */
  readonly takeEnd: Effect.Effect<void> = callback<void>((resume) => {
    this.whenEnded(() => resume(Effect.void))
  })

  private take(find: Find): Effect.Effect<Uint8Array> {
    return cancellable<Uint8Array>((resume) => {
      const look = () => {
        const end = find(this.unread)
        if (end === -1 && !this.ended) return
        this.wake = undefined
        if (end === -1) {
          resume(Effect.interrupt)
          return
        }
        const taken = this.unread.subarray(0, end)
        this.unread = this.unread.subarray(end)
        resume(Effect.succeed(taken))
      }
      this.wake = look
      look()
      return () => {
        this.wake = undefined
      }
    })
  }
}
