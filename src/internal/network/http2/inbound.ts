/**
 * Handles the frames of a server: passes them to their streams, keeps the flow-control windows, and finds violations that
 * depend on the state of a stream or of the connection.
 */
import { escape } from "../http1/excerpt.js"
import {
  badFrame,
  COMPRESSION_ERROR,
  FLOW_CONTROL_ERROR,
  PROTOCOL_ERROR,
  tooMuch,
  type Violation
} from "./errorCodes.js"
import { FloodBudget } from "./floodBudget.js"
import type { FrameHandler } from "./frameReader.js"
import type { DecodedFields, FieldLimits } from "./hpack/decodedFields.js"
import { HpackDecoder } from "./hpack/decoder.js"
import { HpackError } from "./hpack/hpackError.js"
import type { Http2Limits } from "./limits.js"
import type { Output } from "./output.js"
import type { ResetStreams } from "./resetStreams.js"
import { connectionWindow, PeerSettings } from "./settings.js"
import type { Http2Stream } from "./stream.js"
import type { StreamTable } from "./streamTable.js"
import { ConnectionWindow, largestWindow } from "./windows.js"

/** The part of a connection that received frames change. */
export interface InboundOwner {
  readonly limits: Http2Limits
  readonly output: Output
  readonly resets: ResetStreams
  readonly open: StreamTable<Http2Stream>
  readonly closed: boolean
  /** Whether the stream has ever been opened. */
  readonly wasOpened: (id: number) => boolean
  readonly onSettings: (settings: PeerSettings) => void
  /** `lastId`: the last stream that the server processes; never larger than in an earlier GOAWAY. */
  readonly onGoAway: (lastId: number, code: number, debug: string) => void
  /** Closes the connection because of a violation on the stream `id`, or of the connection itself if `id` is 0. */
  readonly fault: (violation: Violation, id: number) => void
}

/** How many bytes of the debug data of a GOAWAY are kept. */
const debugSize = 100

export class Inbound implements FrameHandler {
  readonly settings = new PeerSettings()
  /** Whether the server's SETTINGS have arrived. */
  ready = false
  readonly budget = new FloodBudget(() => performance.now())
  private readonly owner: InboundOwner
  private readonly decoder = new HpackDecoder()
  private readonly window = new ConnectionWindow(connectionWindow)
  /** The stream of the current DATA frame. */
  private dataStream: Http2Stream | undefined = undefined
  private lastId = Infinity
  private acknowledged = false

  constructor(owner: InboundOwner) {
    this.owner = owner
  }

  // Frames of streams.

  onData(id: number, length: number): boolean {
    const { output, resets } = this.owner
    const increment = this.window.receive(length)
    if (increment > 0) {
      output.frames.windowUpdate(0, increment)
      output.countControl()
    }
    const stream = this.receivingStream(id)
    this.dataStream = stream
    if (stream === undefined) {
      if (!this.owner.wasOpened(id)) return this.failIdle("DATA", id)
      return resets.allows(id, length) || this.charge("frames of streams that are over")
    }
    this.budget.onReceived(length)
    stream.onData(length)
    return !this.owner.closed
  }

  onDataPiece(slab: Buffer, start: number, end: number): boolean {
    this.dataStream?.onDataPiece(slab, start, end)
    return !this.owner.closed
  }

  onDataEnd(endStream: boolean, empty: boolean): boolean {
    this.dataStream?.onDataEnd(endStream)
    this.dataStream = undefined
    if (empty && !endStream && !this.charge("empty DATA")) return false
    return !this.owner.closed
  }

  onHeaders(id: number): boolean {
    if (this.owner.wasOpened(id)) return true
    return this.fail(
      { ...badFrame(PROTOCOL_ERROR, `expected HEADERS on an open stream, got stream ${id}`), reason: "Unsolicited" },
      id
    )
  }

  onBlock(id: number, endStream: boolean, bytes: Buffer, start: number, end: number): boolean {
    const stream = this.receivingStream(id)
    const fields = this.decode(bytes, start, end, this.limitsFor(stream))
    if (fields === undefined) return false
    if (stream === undefined) return this.charge("frames of streams that are over")
    stream.onBlock(fields, endStream)
    return !this.owner.closed
  }

  /** The stream, unless the server has ended it: the rest of its request may be on its way still. */
  private receivingStream(id: number): Http2Stream | undefined {
    const stream = this.owner.open.get(id)
    return stream?.ended === true ? undefined : stream
  }

  private limitsFor(stream: Http2Stream | undefined): FieldLimits {
    const { limits } = this.owner
    if (stream === undefined || stream.headSize === 0) return limits
    const { maxHeaders, maxHeadSize, maxLineSize } = limits
    return { maxHeaders, maxLineSize, maxHeadSize: Math.max(0, maxHeadSize - stream.headSize) }
  }

  /** Decodes every block, even for a stream that has ended, because it may change the table. */
  private decode(bytes: Buffer, start: number, end: number, limits: FieldLimits): DecodedFields | undefined {
    try {
      return this.decoder.decode(bytes, start, end, limits)
    } catch (error) {
      if (!(error instanceof HpackError)) throw error
      this.fail(badFrame(COMPRESSION_ERROR, error.message), 0)
      return undefined
    }
  }

  onReset(id: number, code: number): boolean {
    const stream = this.owner.open.get(id)
    if (stream === undefined) {
      return this.owner.wasOpened(id) ? this.charge("frames of streams that are over") : this.failIdle("RST_STREAM", id)
    }
    stream.onReset(code)
    return !this.owner.closed
  }

  onWindowUpdate(id: number, increment: number): boolean {
    const { output } = this.owner
    const stream = id === 0 ? undefined : this.owner.open.get(id)
    if (id !== 0 && stream === undefined && !this.owner.wasOpened(id)) return this.failIdle("WINDOW_UPDATE", id)
    if (!this.budget.takeUpdate()) return this.flood("WINDOW_UPDATE")
    if (increment === 0)
      return this.failUpdate(badFrame(PROTOCOL_ERROR, "expected WINDOW_UPDATE of 1 or more, got 0"), id)
    if (id === 0) {
      output.sendWindow += increment
      if (output.sendWindow > largestWindow) return this.failUpdate(overflow("the connection"), 0)
      output.onWindow()
    } else if (stream !== undefined) {
      stream.sendWindow += increment
      if (stream.sendWindow > largestWindow) return this.failUpdate(overflow("the stream"), id)
      if (stream.upload !== undefined) output.add(stream)
    }
    return true
  }

  private failUpdate(violation: Violation, id: number): boolean {
    if (id === 0) return this.fail(violation, 0)
    this.owner.open.get(id)?.violate(violation)
    return !this.owner.closed
  }

  // Frames of the connection.

  onSettings(ack: boolean, bytes: Buffer, start: number, end: number): boolean {
    const { output } = this.owner
    if (ack) {
      if (this.acknowledged) return this.charge("acknowledgements of SETTINGS")
      this.acknowledged = true
      return true
    }
    if (this.ready && !this.charge("SETTINGS")) return false
    const { initialWindowSize } = this.settings
    const wrong = this.settings.read(bytes, start, end)
    if (wrong !== undefined) return this.fail(wrong, 0)
    if (!this.moveWindows(this.settings.initialWindowSize - initialWindowSize)) return false
    this.ready = true
    output.frames.settingsAck()
    output.countControl()
    this.owner.onSettings(this.settings)
    return !this.owner.closed
  }

  /** Changes the windows of open streams, which may become negative (RFC 9113 section 6.9.2). */
  private moveWindows(change: number): boolean {
    if (change === 0) return true
    for (const stream of this.owner.open.all()) {
      stream.sendWindow += change
      if (stream.sendWindow > largestWindow) return this.fail(overflow(`stream ${stream.id}`), 0)
      if (change > 0 && stream.upload !== undefined) this.owner.output.add(stream)
    }
    return true
  }

  onPing(ack: boolean, bytes: Buffer, start: number): boolean {
    const { output } = this.owner
    if (!this.charge("PING")) return false
    if (ack) return true
    output.frames.ping(true, bytes, start)
    output.countControl()
    return !this.owner.closed
  }

  onGoAway(lastId: number, code: number, bytes: Buffer, start: number, end: number): boolean {
    if (lastId > this.lastId) {
      const description = `expected the last stream of GOAWAY to be at most ${this.lastId}, got ${lastId}`
      return this.fail(badFrame(PROTOCOL_ERROR, description), 0)
    }
    if (!this.charge("GOAWAY")) return false
    this.lastId = lastId
    this.owner.onGoAway(lastId, code, escape(bytes, start, Math.min(end, start + debugSize)))
    return !this.owner.closed
  }

  onOther(): boolean {
    return this.charge("frames without meaning")
  }

  onViolation(violation: Violation, id: number): void {
    this.owner.fault(violation, id)
  }

  /** Counts a frame that serves no request against the flood budget. */
  private charge(what: string): boolean {
    return this.budget.take() || this.flood(what)
  }

  private flood(what: string): false {
    return this.fail(tooMuch(`expected less than a flood of ${what}`), 0)
  }

  private failIdle(frame: string, id: number): false {
    return this.fail(badFrame(PROTOCOL_ERROR, `expected ${frame} on a stream that was opened, got stream ${id}`), id)
  }

  private fail(violation: Violation, id: number): false {
    this.owner.fault(violation, id)
    return false
  }
}

const overflow = (what: string): Violation =>
  badFrame(FLOW_CONTROL_ERROR, `expected a window of at most 2^31-1 for ${what}, got more`)
