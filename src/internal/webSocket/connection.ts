/**
 * One open WebSocket by callbacks: frames in and out, and the ways in which it ends (RFC 6455 sections 5 to 7).
 */
import type { Socket } from "node:net"
import type { WebSocketError } from "../../Errors.js"
import type { Deadline, Deadlines } from "../transport/deadlines.js"
import type { Wire } from "../transport/networkStream.js"
import { type FrameHandler, FrameReader } from "./frames.js"
import { Heartbeat } from "./heartbeat.js"
import { Inbox } from "./inbox.js"
import { Sends, type Sent } from "./sends.js"
import { type Extensions, PerMessageDeflate, Sender } from "./ws.js"

/** How a WebSocket ended, or is about to. */
export interface Ending {
  readonly reason: WebSocketError["reason"]
  readonly code: number
  readonly closeReason?: string | undefined
  readonly cause?: unknown
}

/** Times in milliseconds; `Infinity` is off. */
export interface Settings {
  readonly maxMessageSize: number
  readonly heartbeat: number
  readonly autoPing: boolean
  readonly autoClose: boolean
  readonly closeTimeout: number
}

/** A frame to be sent. */
export type Outgoing =
  | { readonly _tag: "Data"; readonly data: string | Uint8Array }
  | { readonly _tag: "Ping" | "Pong"; readonly data: string | Uint8Array }

type State =
  | "Open"
  /** The peer has closed, and is to be answered by the user. */
  | "Unanswered"
  /** A close was sent; the peer's is waited for. */
  | "Closing"
  /** All is said; the socket has to close. */
  | "Ending"
  | "Closed"

/** How long a peer that has nothing more to say may take to close the socket; milliseconds. */
const lingerTime = 1000

/** Answers to pings that the system has not taken. Of further pings the last is answered (RFC 6455 section 5.5.3). */
const maxPongs = 128

export class WebSocketConnection implements FrameHandler {
  readonly inbox: Inbox
  /** Why nothing more comes. */
  ending: Ending | undefined = undefined
  /** As `closeCode` tells it. */
  code: number | undefined = undefined
  /** Whether it was closed from here. */
  closedHere = false
  private readonly socket: Socket
  private readonly wire: Wire
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
  /** The time at which the socket is cut, set when the session closes. Later limits do not extend it. */
  private latest = Infinity
  private readonly sends = new Sends<Ending>()
  private readonly closers = new Set<() => void>()

  constructor(wire: Wire, extensions: Extensions, deadlines: Deadlines, settings: Settings) {
    const { socket } = wire
    this.socket = socket
    this.wire = wire
    this.deadlines = deadlines
    this.settings = settings
    this.extensions = extensions
    this.compress = extensions[PerMessageDeflate.extensionName] !== undefined
    this.sender = new Sender(socket, extensions)
    this.frames = new FrameReader(extensions, settings.maxMessageSize, this)
    this.inbox = new Inbox(deadlines, () => this.frames.resume())
  }

  /** Begins to read: first what came with the head. */
  start(rest: Uint8Array): void {
    const { socket } = this
    socket.on("error", this.onError)
    socket.on("end", this.onEnd)
    socket.on("close", this.onGone)
    if (socket.destroyed) {
      this.lose(lost)
      if (socket.closed) this.onGone()
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

  // What is sent.

  /** Sends a frame; `done` is called once: when the system has it, or with why it never will. */
  send(frame: Outgoing, done: Sent<Ending>): () => void {
    if (this.state !== "Open") {
      done(this.ending ?? lost)
      return nothing
    }
    const written = this.sends.add(done, frame.data.length)
    switch (frame._tag) {
      case "Data": {
        const binary = typeof frame.data !== "string"
        // zlib reads later, when the bytes may have changed.
        const data = this.compress && typeof frame.data !== "string" ? Uint8Array.from(frame.data) : frame.data
        this.sender.send(data, { binary, compress: this.compress, fin: true, mask: true }, written)
        break
      }
      case "Ping":
        this.sender.ping(frame.data, true, written)
        break
      case "Pong":
        this.sender.pong(frame.data, true, written)
        break
    }
    return () => this.sends.forget(done)
  }

  /** Whether it is neither closed nor about to be. */
  get open(): boolean {
    return this.state === "Open" || this.state === "Unanswered"
  }

  /** Begins the closing handshake, which ends within `limit`; `false` where that was done before. */
  close(code: number, reason: string, limit = this.settings.closeTimeout): boolean {
    if (!this.open) return false
    this.closedHere = true
    if (this.state === "Unanswered") {
      this.answer(code, reason)
      return true
    }
    this.state = "Closing"
    this.code = code
    this.silence({ reason: "Closed", code, closeReason: reason })
    this.limit(limit, () => {
      this.code = 1006
      this.socket.destroy()
    })
    this.sender.close(code, reason, true, () => {
      if (limit <= 0) this.socket.destroySoon()
    })
    // The peer's close may stand behind messages that nobody wants any more.
    this.frames.resume()
    return true
  }

  /** Closes because the session does: at most for `limit`, however far it has come before. */
  shutdown(limit: number): void {
    const most = Math.min(limit, this.settings.closeTimeout)
    this.latest = this.deadlines.now() + most
    if (!this.close(1001, "", most) && this.state !== "Closed") this.limit(most, () => this.socket.destroy())
  }

  /** Calls back when the socket is closed. */
  onClosed(done: () => void): () => void {
    if (this.state === "Closed") {
      done()
      return nothing
    }
    this.closers.add(done)
    return () => this.closers.delete(done)
  }

  // What the frames say.

  full(): boolean {
    return this.state === "Open" && this.inbox.full
  }

  onRoom(): void {
    if (!this.paused) return
    this.paused = false
    this.heartbeat?.hear()
    this.wire.reader.resume()
  }

  onMessage(data: Buffer, binary: boolean): void {
    if (this.state !== "Open") return
    if (binary) {
      this.inbox.push({ _tag: "Binary", data: owned(data) }, data.length)
      return
    }
    let text: string
    try {
      text = data.toString("utf8")
    } catch (cause) {
      // A string of V8's holds 512 Mi code units.
      this.frames.fail(cause instanceof Error ? cause : new Error("the text is too long"))
      return
    }
    this.inbox.push({ _tag: "Text", data: text }, data.length)
  }

  onPing(data: Buffer): void {
    if (this.state !== "Open") return
    if (!this.settings.autoPing) this.inbox.push({ _tag: "Ping", data: owned(data) }, data.length)
    else if (this.pongs < maxPongs) this.pong(data)
    else this.lastPing = data
  }

  onPong(data: Buffer): void {
    if (this.state === "Open" && !this.settings.autoPing) {
      this.inbox.push({ _tag: "Pong", data: owned(data) }, data.length)
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
    this.silence({ reason: "Closed", code, closeReason: reason })
    if (this.settings.autoClose) this.answer(code === 1005 ? undefined : code, "")
  }

  onFault(code: 1002 | 1007 | 1009, cause: Error): void {
    if (this.state === "Closing") {
      this.finish()
      return
    }
    if (this.state !== "Open") return
    this.code = code
    this.silence({ reason: code === 1009 ? "TooLarge" : "Protocol", code, cause })
    this.answer(code, "")
  }

  // What the socket says.

  private readonly onData = (slab: Buffer, start: number, end: number): boolean => {
    this.heartbeat?.hear()
    const room = this.frames.push(slab, start, end)
    this.paused = !room
    return room
  }

  private readonly onError = (cause: Error): void => this.lose({ reason: "Abnormal", code: 1006, cause })

  private readonly onEnd = (): void => this.lose(lost)

  private readonly onGone = (): void => {
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

  // Ends.

  private pong(data: Buffer): void {
    this.pongs++
    this.sender.pong(data, true, () => {
      this.pongs--
      const last = this.lastPing
      this.lastPing = undefined
      if (last !== undefined && this.state === "Open") this.pong(last)
    })
  }

  /** Nothing more is handed out but what has come. */
  private silence(ending: Ending): void {
    this.ending ??= ending
    this.heartbeat?.stop()
    this.inbox.end()
  }

  /** Sends the last frame of all. */
  private answer(code: number | undefined, reason: string): void {
    this.finishing()
    this.sender.close(code, reason, true, () => this.socket.end())
  }

  /** Both have closed. */
  private finish(): void {
    this.finishing()
    this.socket.end()
  }

  private finishing(): void {
    this.state = "Ending"
    this.limit(Math.min(lingerTime, this.settings.closeTimeout), () => this.socket.destroy())
    this.frames.stop()
    this.onRoom()
  }

  /** The socket is no good any more. */
  private lose(ending: Ending): void {
    // The last frame may be on its way; what remains of the socket is bounded.
    if (this.state === "Closed" || this.state === "Ending") return
    if (this.state !== "Unanswered") this.code = ending.code
    this.silence(ending)
    this.state = "Ending"
    this.frames.stop()
    this.socket.destroy()
  }

  private limit(millis: number, fire: () => void): void {
    this.deadline?.cancel()
    this.deadline = this.deadlines.schedule(Math.min(this.latest, this.deadlines.now() + millis), fire)
  }
}

const nothing = () => {}

/** It ended without a close. */
const lost: Ending = { reason: "Abnormal", code: 1006 }

/** Bytes that nobody else holds or sees. */
const owned = (data: Buffer): Uint8Array =>
  data.byteLength === data.buffer.byteLength ? new Uint8Array(data.buffer, 0, data.byteLength) : Uint8Array.from(data)
