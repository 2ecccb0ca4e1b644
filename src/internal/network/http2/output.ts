/**
 * Writes the frames of a connection: control frames and HEADERS first, then DATA of all uploads in turn, as far as the
 * windows and the socket allow. All frames of one turn of the event loop are one write.
 */

import type * as Net from "node:net"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import { maxFrameSize } from "./frames.js"
import { FrameWriter } from "./frameWriter.js"
import type { Upload } from "./upload.js"
import { initialWindow } from "./windows.js"

/** A stream with a body to send. */
export interface Sender {
  readonly id: number
  /** Bytes that the server accepts on the stream. */
  sendWindow: number
  readonly upload: Upload | undefined
  /** Whether the stream is in the queue of `Output`, which sets it. */
  queued: boolean
  /** Called when some of the body was written. */
  readonly onProgress: (bytes: number) => void
  /** Called when the socket has taken the whole request. */
  readonly onSent: () => void
}

/** Callbacks from the output to its connection. */
export interface OutputOwner {
  /** Called when the server sends frames that need answers, and does not read the answers. */
  readonly onUnread: () => void
  /** Called at the end of the turn, before the write. */
  readonly onTurnEnd: () => void
}

/** Most bytes of DATA that wait in the socket, so that they do not delay other frames. */
const maxPending = 256 * 1024

/** The most control frames that may wait for the socket to take them. */
const maxControls = 1000

export class Output implements Turning {
  readonly frames = new FrameWriter()
  /** Bytes that the server accepts on the whole connection. */
  sendWindow = initialWindow
  /** The number of writes. Shows whether a frame was written yet. */
  writes = 0
  private readonly socket: Net.Socket
  private readonly owner: OutputOwner
  /** Streams with something to send, in turn. */
  private queue: Array<Sender> = []
  /** Streams whose last byte is in the socket. */
  private finished: Array<Sender> = []
  private controls = 0
  private scheduled = false
  private isClosed = false

  constructor(socket: Net.Socket, owner: OutputOwner) {
    this.socket = socket
    this.owner = owner
  }

  /** Writes at the end of the turn. */
  scheduleFlush(): void {
    if (this.scheduled) return
    this.scheduled = true
    atTurnEnd(this)
  }

  endTurn(): void {
    this.scheduled = false
    if (this.isClosed) return
    this.owner.onTurnEnd()
    this.flush()
  }

  /** Counts a control frame that was added to `frames`. */
  countControl(): void {
    this.controls++
    if (this.controls > maxControls) this.owner.onUnread()
    else this.scheduleFlush()
  }

  /** Queues a stream that has bytes, or the end of its body, to send. */
  add(sender: Sender): void {
    if (sender.queued) return
    sender.queued = true
    this.queue.push(sender)
    this.scheduleFlush()
  }

  /** Called when the server has increased a window. */
  onWindow(): void {
    if (this.queue.length > 0) this.scheduleFlush()
  }

  /** Called when the socket has taken all bytes. */
  drained(): void {
    this.controls = 0
    this.onTaken()
    if (!this.isClosed) this.flush()
  }

  /** Writes all frames now. */
  flush(): void {
    const { frames, socket } = this
    this.writeData()
    if (this.isClosed) return
    if (frames.size > 0) {
      this.writes++
      if (socket.write(frames.take())) this.controls = 0
    }
    if (socket.writableNeedDrain) return
    this.onTaken()
    if (this.queue.length > 0 && this.sendWindow > 0) this.scheduleFlush()
  }

  /** Writes only the frames that are already formatted. */
  close(): void {
    const { frames } = this
    this.isClosed = true
    this.queue = []
    this.finished = []
    if (frames.size > 0 && !this.socket.destroyed) this.socket.write(frames.take())
  }

  private onTaken(): void {
    if (this.finished.length === 0) return
    const finished = this.finished
    this.finished = []
    for (const sender of finished) sender.onSent()
  }

  private writeData(): void {
    if (this.queue.length === 0) return
    let room = maxPending - this.socket.writableLength - this.frames.size
    while (room > 0 && !this.isClosed) {
      const sender = this.queue[0]
      if (sender === undefined) return
      const { upload } = sender
      const endsNow = upload?.endsNow === true
      const windows = Math.min(maxFrameSize, room, sender.sendWindow, this.sendWindow)
      // An update of the stream's window adds it again.
      const isReady = upload?.isSendable === true && (endsNow || sender.sendWindow > 0)
      if (isReady && !endsNow && windows <= 0) {
        this.writeEnds()
        return
      }
      this.queue.shift()
      sender.queued = false
      if (isReady) room -= this.writeFrame(sender, upload, endsNow ? 0 : windows)
    }
  }

  /** Ends bodies whose bytes are all written. The window of the connection is used up, but an empty frame needs none. */
  private writeEnds(): void {
    const waiting = this.queue
    if (!waiting.some(({ upload }) => upload?.endsNow === true)) return
    this.queue = waiting.filter(({ upload }) => upload?.endsNow !== true)
    for (const sender of waiting) {
      const { upload } = sender
      if (upload?.endsNow !== true) continue
      sender.queued = false
      this.writeFrame(sender, upload, 0)
    }
  }

  private writeFrame(sender: Sender, upload: Upload, most: number): number {
    const bytes = upload.writeFrame(this.frames, sender.id, most)
    sender.sendWindow -= bytes
    this.sendWindow -= bytes
    sender.onProgress(bytes)
    if (upload.isWritten) this.finished.push(sender)
    else if (upload.isSendable) this.add(sender)
    return bytes + 9
  }
}
