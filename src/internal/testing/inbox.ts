/**
 * What a connection has received, to be taken as heads, bodies or bytes.
 */
import * as Effect from "effect/Effect"

const empty = new Uint8Array(0)

/**
 * The place after what is looked for, or -1 until all of it is there. It is called with more and more bytes, and looks
 * at each of them once.
 */
type Find = (unread: Uint8Array) => number

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

const text = (bytes: Uint8Array): string => bufferOf(bytes).toString("latin1")

/** The place after `end`, from `start` on. */
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

/** After the last chunk and the trailers of a chunked body. */
const endOfChunks = (): Find => {
  let at = 0
  let endOfLine = after("\r\n")
  let endOfTrailers: Find | undefined
  return (unread) => {
    while (endOfTrailers === undefined) {
      const next = endOfLine(unread)
      if (next === -1) return -1
      const size = Number.parseInt(text(unread.subarray(at, next)), 16)
      // What is no chunk ends here: whoever reads the bytes will see it.
      if (Number.isNaN(size)) return next
      // An empty line ends the trailers; without any it follows the line of the last chunk.
      if (size === 0) endOfTrailers = after("\r\n\r\n", next - 2)
      else {
        at = next + size + 2
        endOfLine = after("\r\n", at)
      }
    }
    return endOfTrailers(unread)
  }
}

/** The value of a header in a head, or `undefined`. */
const field = (head: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*)$`, "im").exec(head)?.[1]?.trim()

/** A body in the way that its head says it is framed. */
const endOfBody = (head: string): Find => {
  const coding = field(head, "transfer-encoding")
  if (coding !== undefined && /chunked/i.test(coding)) return endOfChunks()
  return endOfBytes(Number(field(head, "content-length") ?? 0))
}

/** Bytes that come and are taken in order. A wait for bytes that can no longer come is interrupted. */
export class Inbox {
  private readonly chunks: Array<Uint8Array> = []
  private unread: Uint8Array = empty
  /** What of its buffer nobody has seen yet comes after `unread`. */
  private free = 0
  private head = ""
  private ended = false
  private wake: (() => void) | undefined = undefined
  private readonly atEnd: Array<() => void> = []

  /** Everything that has come, taken or not. */
  received(): Uint8Array {
    return Buffer.concat(this.chunks)
  }

  push(chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.append(chunk)
    this.wake?.()
  }

  /** Into twice the room where there is too little, so that a large body is not copied for each of its chunks. */
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

  /** Nothing more comes. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.wake?.()
    for (const act of this.atEnd) act()
  }

  /** Calls `act` once nothing more comes. */
  whenEnded(act: () => void): void {
    if (this.ended) act()
    else this.atEnd.push(act)
  }

  readonly takeHead: Effect.Effect<string> = Effect.suspend(() =>
    Effect.map(this.take(endOfHead()), (bytes) => {
      this.head = text(bytes)
      return this.head
    })
  )

  /** The body of the last head, chunks and all. */
  readonly takeBody: Effect.Effect<Uint8Array> = Effect.suspend(() => this.take(endOfBody(this.head)))

  readonly takeBytes = (n: number): Effect.Effect<Uint8Array> => this.take(endOfBytes(n))

  /** Waits for the peer's end. */
  readonly takeEnd: Effect.Effect<void> = Effect.async<void>((resume) => {
    this.whenEnded(() => resume(Effect.void))
  })

  private take(find: Find): Effect.Effect<Uint8Array> {
    return Effect.async<Uint8Array>((resume) => {
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
      return Effect.sync(() => {
        this.wake = undefined
      })
    })
  }
}
