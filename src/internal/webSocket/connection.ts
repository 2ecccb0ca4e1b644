/**
 * The state machine of one WebSocket, with callbacks: sends and receives frames, and handles every way to close (RFC
 * 6455 sections 5 to 7).
 */

import type { Socket } from "node:net"
import type { WebSocketError } from "../../Errors.js"
import { showAs } from "../inspection.js"
import type { Deadline, Deadlines } from "../transport/deadlines.js"
import type { NetworkStream } from "../transport/networkStream.js"
import { type FrameHandler, FrameReader } from "./frames.js"
import { Heartbeat } from "./heartbeat.js"
import { Inbox } from "./inbox.js"
import { type Sending, Sends } from "./sends.js"
import { type Extensions, PerMessageDeflate, Sender } from "./ws.js"

/** How a WebSocket ends. */
export interface Ending {
  readonly reason: WebSocketError["reason"]
  readonly code: number
  readonly closeReason?: string | undefined
  readonly cause?: unknown
}

/** The settings of a WebSocket. Times are in milliseconds; `Infinity` disables them. */
export interface Settings {
  readonly maxMessageSize: number
  readonly heartbeat: number
  readonly autoPing: boolean
  readonly autoClose: boolean
  readonly closeTimeout: number
}

/** A frame to send. */
export type Outgoing =
  | { readonly _tag: "Data"; readonly data: string | Uint8Array }
  | { readonly _tag: "Ping" | "Pong"; readonly data: string | Uint8Array }

type State =
  | "Open"
  /** The peer sent a close frame, to which the program must reply. */
  | "Unanswered"
  /** This side sent a close frame and waits for that of the peer. */
  | "Closing"
  /** Both sides sent a close frame. The socket is about to close. */
  | "Ending"
  | "Closed"

/** Milliseconds that the peer gets to close the socket after the closing handshake. */
const lingerTime = 1000

/**
 * Most pongs that the system has not accepted. At the limit, only the latest ping is answered (RFC 6455 section 5.5.3).
 */
const maxPongs = 128

export class WebSocketConnection implements FrameHandler {
  static {
    showAs(WebSocketConnection, "WebSocketConnection", ({ code, state }) => ({ state, code }))
  }

  readonly inbox: Inbox
  /** Why no more messages arrive. */
  ending: Ending | undefined = undefined
  /** The value of `closeCode`. */
  code: number | undefined = undefined
  /** Whether this side started the close. */
  closedHere = false
  private readonly socket: Socket
  private readonly wire: NetworkStream
  private readonly deadlines: Deadlines
  private readonly settings: Settings
  private readonly extensions: Extensions
  private readonly compress: boolean
  private readonly sender: Sender
  private readonly frames: FrameReader
  private heartbeat: Heartbeat | undefined = undefined
  private state: State = "Open"
  private paused = true
  private pongs = 0
  private lastPing: Buffer | undefined = undefined
  private deadline: Deadline | undefined = undefined
  /** The time at which the socket is destroyed. Set when the session closes; later limits do not extend it. */
  private destroyAt = Infinity
  private readonly sends: Sends<Ending>
  private readonly closers = new Set<() => void>()

  constructor(wire: NetworkStream, extensions: Extensions, deadlines: Deadlines, settings: Settings) {
    const { socket } = wire
    this.socket = socket
    this.wire = wire
    this.deadlines = deadlines
    this.settings = settings
    this.extensions = extensions
    this.compress = extensions[PerMessageDeflate.extensionName] !== undefined
    this.sender = new Sender(socket, extensions)
    this.sends = new Sends(socket)
    this.frames = new FrameReader(extensions, settings.maxMessageSize, this)
    this.inbox = new Inbox(deadlines, () => this.frames.resume())
  }

  /** Starts reading. `rest` are the bytes that were received together with the head. */
  start(rest: Uint8Array): void {
    const { socket } = this
    socket.on("error", this.onError)
    socket.on("end", this.onEnd)
    socket.on("close", this.onSocketClose)
    if (socket.destroyed) {
      this.lose(lost)
      if (socket.closed) this.onSocketClose()
      return
    }
    const { heartbeat } = this.settings
    if (heartbeat !== Infinity) {
      this.heartbeat = new Heartbeat(this.deadlines, heartbeat, {
        ping: (done) => this.sender.ping("", true, done),
        backlog: () => socket.writableLength,
        paused: () => this.paused,
        onLost: () => this.lose({ reason: "Heartbeat", code: 1006 })
      })
    }
    const early = Buffer.from(rest)
    const room = early.length === 0 || this.frames.push(early, 0, early.length)
    this.wire.reader.read(this.onData)
    if (room) this.onRoom()
  }

  // Sending.

  /**
   * Sends a frame. Returns `undefined` if the system has accepted the frame, or the reason why the frame cannot be sent.
   */
  send(frame: Outgoing): Sending<Ending> | Ending | undefined {
    if (this.state !== "Open") return this.ending ?? lost
    // With compression, the frames of `ws` wait for zlib, and control frames wait behind them.
    return this.sends.send(frame.data.length, this.compress, (written) => this.write(frame, written))
  }

  private write(frame: Outgoing, written: Sending<Ending>["written"]): void {
    switch (frame._tag) {
      case "Data": {
        const binary = typeof frame.data !== "string"
        // Copies the bytes, because zlib compresses asynchronously and the caller may change them.
        const data = this.compress && typeof frame.data !== "string" ? Uint8Array.from(frame.data) : frame.data
        this.sender.send(data, { binary, compress: this.compress, fin: true, mask: true }, written)
        return
      }
      case "Ping":
        this.sender.ping(frame.data, true, written)
        return
      case "Pong":
        this.sender.pong(frame.data, true, written)
        return
    }
  }

  /** Whether this side has not started to close. */
  get open(): boolean {
    return this.state === "Open" || this.state === "Unanswered"
  }

  /** Starts the closing handshake, which ends within `limit`. Returns `false` if this side had already started it. */
  close(code: number, reason: string, limit = this.settings.closeTimeout): boolean {
    if (!this.open) return false
    this.closedHere = true
    if (this.state === "Unanswered") {
      this.sendFinalClose(code, reason)
      return true
    }
    this.state = "Closing"
    this.code = code
    this.endMessages({ reason: "Closed", code, closeReason: reason })
    this.limit(limit, () => {
      this.code = 1006
      this.socket.destroy()
    })
    this.sender.close(code, reason, true, () => {
      if (limit <= 0) this.socket.destroySoon()
    })
    // The close frame of the peer may follow messages that the program no longer reads.
    this.frames.resume()
    return true
  }

  /** Closes within `limit` in any state, because the session ends. */
  shutdown(limit: number): void {
    const most = Math.min(limit, this.settings.closeTimeout)
    this.destroyAt = this.deadlines.now() + most
    if (!this.close(1001, "", most) && this.state !== "Closed") this.limit(most, () => this.socket.destroy())
  }

  /** Calls `done` when the socket is closed. The returned function cancels this. */
  onClosed(done: () => void): () => void {
    if (this.state === "Closed") {
      done()
      return nothing
    }
    this.closers.add(done)
    return () => this.closers.delete(done)
  }

  // Callbacks of the frame reader.

  full(): boolean {
    return this.state === "Open" && this.inbox.full
  }

  onRoom(): void {
    if (!this.paused) return
    this.paused = false
    this.heartbeat?.touch()
    this.wire.reader.resume()
  }

  onMessage(data: Buffer, binary: boolean): void {
    if (this.state !== "Open") return
    if (binary) {
      this.inbox.push({ _tag: "Binary", data: toOwnBuffer(data) }, data.length)
      return
    }
    let text: string
    try {
      text = data.toString("utf8")
    } catch (cause) {
      // V8 limits strings to 512 Mi code units.
      this.frames.fail(cause instanceof Error ? cause : new Error("the text is too long"))
      return
    }
    this.inbox.push({ _tag: "Text", data: text }, data.length)
  }

  onPing(data: Buffer): void {
    if (this.state !== "Open") return
    if (!this.settings.autoPing) this.inbox.push({ _tag: "Ping", data: toOwnBuffer(data) }, data.length)
    else if (this.pongs < maxPongs) this.pong(data)
    else this.lastPing = data
  }

  onPong(data: Buffer): void {
    if (this.state === "Open" && !this.settings.autoPing) {
      this.inbox.push({ _tag: "Pong", data: toOwnBuffer(data) }, data.length)
    }
  }

  onClose(code: number, reason: string): void {
    this.code = code
    if (this.state === "Closing") {
      this.finish()
      return
    }
    if (this.state !== "Open") return
    this.state = "Unanswered"
    this.endMessages({ reason: "Closed", code, closeReason: reason })
    if (this.settings.autoClose) this.sendFinalClose(code === 1005 ? undefined : code, "")
  }

  onFault(code: 1002 | 1007 | 1009, cause: Error): void {
    if (this.state === "Closing") {
      this.finish()
      return
    }
    if (this.state !== "Open") return
    this.code = code
    this.endMessages({ reason: code === 1009 ? "TooLarge" : "Protocol", code, cause })
    this.sendFinalClose(code, "")
  }

  // Callbacks of the socket.

  private readonly onData = (slab: Buffer, start: number, end: number): boolean => {
    this.heartbeat?.touch()
    const room = this.frames.push(slab, start, end)
    this.paused = !room
    return room
  }

  private readonly onError = (cause: Error): void => this.lose({ reason: "Abnormal", code: 1006, cause })

  private readonly onEnd = (): void => this.lose(lost)

  private readonly onSocketClose = (): void => {
    if (this.state === "Closed") return
    this.lose(lost)
    this.state = "Closed"
    this.deadline?.cancel()
    for (const extension of Object.values(this.extensions)) extension.cleanup()
    this.sends.end(this.ending ?? lost)
    const closers = [...this.closers]
    this.closers.clear()
    for (const done of closers) done()
  }

  // Endings.

  private pong(data: Buffer): void {
    this.pongs++
    this.sender.pong(data, true, () => {
      this.pongs--
      const last = this.lastPing
      this.lastPing = undefined
      if (last !== undefined && this.state === "Open") this.pong(last)
    })
  }

  /** Ends the inbox. Messages that were received before can still be taken. */
  private endMessages(ending: Ending): void {
    this.ending ??= ending
    this.heartbeat?.stop()
    this.inbox.end()
  }

  /** Sends the final close frame. */
  private sendFinalClose(code: number | undefined, reason: string): void {
    this.beginEnding()
    this.sender.close(code, reason, true, () => this.socket.end())
  }

  /** Waits for the socket to close, after both sides have sent a close frame. */
  private finish(): void {
    this.beginEnding()
    this.socket.end()
  }

  /** Begins the wait for the socket to close, with a time limit. */
  private beginEnding(): void {
    this.state = "Ending"
    this.limit(Math.min(lingerTime, this.settings.closeTimeout), () => this.socket.destroy())
    this.frames.stop()
    this.onRoom()
  }

  /** Call when the socket can no longer be used. */
  private lose(ending: Ending): void {
    // The final frame may be in flight, and a deadline already limits the lifetime of the socket.
    if (this.state === "Closed" || this.state === "Ending") return
    if (this.state !== "Unanswered") this.code = ending.code
    this.endMessages(ending)
    this.state = "Ending"
    this.frames.stop()
    this.socket.destroy()
  }

  private limit(millis: number, fire: () => void): void {
    this.deadline?.cancel()
    this.deadline = this.deadlines.schedule(Math.min(this.destroyAt, this.deadlines.now() + millis), fire)
  }
}

const nothing = () => {}

/** The ending of a socket that closed without a close frame. */
const lost: Ending = { reason: "Abnormal", code: 1006 }

/** The same bytes in their own ArrayBuffer. */
const toOwnBuffer = (data: Buffer): Uint8Array =>
  data.byteLength === data.buffer.byteLength ? new Uint8Array(data.buffer, 0, data.byteLength) : Uint8Array.from(data)
