/** Decodes server-sent events (HTML section 9.2.6). */
import { isAscii } from "node:buffer"
import * as Option from "effect/Option"
import type { Event } from "../../../Sse.js"
import type { Decoder, Refusal } from "./pullDecoder.js"
import { UnmarkedDecoder } from "./unmarkedDecoder.js"

export interface EventOptions {
  /** Most bytes of one event and of one line. Default 1 MiB. */
  readonly maxEventSize?: number | undefined
  /** The id of events before the server sends one. */
  readonly lastEventId?: string | undefined
  /** Called with a `retry` field: the milliseconds to wait before reconnecting. */
  readonly onRetry?: ((milliseconds: number) => void) | undefined
  /** Called with the new value of Last-Event-ID. */
  readonly onId?: ((id: string | undefined) => void) | undefined
}

const defaultSize = 1024 * 1024

const colon = 0x3a
const space = 0x20

/** Decodes the events of one response. Drops a last event that no empty line completes. */
export class EventDecoder implements Decoder<Event> {
  private readonly decoder = new UnmarkedDecoder("utf-8")
  private readonly options: EventOptions
  private readonly max: number
  private out: Array<Event> = []
  private text = ""
  /** Whether the bytes of `text` are as many as its characters. */
  private ascii = true
  /** Position of the first unread line in `text`. */
  private at = 0
  /** Positions of the next LF and CR in `text`. */
  private lf = 0
  private cr = 0
  private parts: Array<string> = []
  /** Bytes of the incomplete line. */
  private lineSize = 0
  /** Bytes of the complete lines of the incomplete event. */
  private eventSize = 0
  private afterCr = false
  /** The fields of the incomplete event: `undefined` if it has no data, or no id. */
  private data: string | undefined = undefined
  private event = ""
  private idGiven: string | undefined = undefined
  private last: Option.Option<string>

  constructor(options: EventOptions = {}) {
    this.options = options
    this.max = options.maxEventSize ?? defaultSize
    this.last = idOf(options.lastEventId)
  }

  /** The current value of Last-Event-ID. */
  get lastEventId(): Option.Option<string> {
    return this.last
  }

  push(bytes: Uint8Array): void {
    this.text = this.decoder.push(bytes)
    this.ascii = isAscii(bytes)
    this.at = 0
    if (this.afterCr && this.text !== "") {
      this.afterCr = false
      if (this.text[0] === "\n") this.at = 1
    }
    this.lf = -1
    this.cr = -1
  }

  read(out: Array<Event>, lines: number): number | Refusal {
    const { text } = this
    this.out = out
    let start = this.at
    for (let left = lines; left > 0; left--) {
      const end = this.lineEnd(start)
      if (end === Infinity) {
        this.keep(text.slice(start))
        return this.lineSize > this.max ? this.refusal("LineTooLong") : left
      }
      const size = this.lineSize + (this.ascii ? end - start : Buffer.byteLength(text.slice(start, end)))
      if (size > this.max) return this.refusal("LineTooLong")
      if (this.eventSize + size > this.max) return this.refusal("TooLarge")
      if (this.parts.length === 0) this.line(text, start, end, size)
      else {
        const line = this.parts.join("") + text.slice(start, end)
        this.parts = []
        this.lineSize = 0
        this.line(line, 0, line.length, size)
      }
      start = end + 1
      if (end === this.cr) {
        if (start === text.length) this.afterCr = true
        else if (text[start] === "\n") start++
      }
    }
    this.at = start
    return 0
  }

  /** Drops an incomplete event. */
  end(): void {}

  /** The position of the LF or CR that ends the line from `start`; Infinity if it is incomplete. Each is searched once. */
  private lineEnd(start: number): number {
    if (this.lf < start) this.lf = orInfinity(this.text.indexOf("\n", start))
    if (this.cr < start) this.cr = orInfinity(this.text.indexOf("\r", start))
    return Math.min(this.lf, this.cr)
  }

  private keep(part: string): void {
    this.text = ""
    this.at = 0
    if (part === "") return
    this.parts.push(part)
    this.lineSize += Buffer.byteLength(part)
  }

  private line(text: string, start: number, end: number, size: number): void {
    if (start === end) {
      this.dispatch()
      return
    }
    // Comments are not kept.
    if (text.charCodeAt(start) !== colon) {
      this.eventSize += size
      this.field(text, start, end)
    }
  }

  private field(text: string, start: number, end: number): void {
    const data = valueOf("data", text, start, end)
    if (data !== undefined) {
      this.data = this.data === undefined ? data : `${this.data}\n${data}`
      return
    }
    const event = valueOf("event", text, start, end)
    if (event !== undefined) {
      this.event = event
      return
    }
    const id = valueOf("id", text, start, end)
    if (id !== undefined) {
      if (!id.includes("\0")) this.idGiven = id
      return
    }
    const retry = valueOf("retry", text, start, end)
    if (retry !== undefined && /^\d+$/.test(retry)) {
      const milliseconds = Number(retry)
      if (Number.isSafeInteger(milliseconds)) this.options.onRetry?.(milliseconds)
    }
  }

  /** An empty line: the id counts even if the event has no data. */
  private dispatch(): void {
    if (this.idGiven !== undefined) {
      this.last = idOf(this.idGiven)
      this.options.onId?.(Option.getOrUndefined(this.last))
      this.idGiven = undefined
    }
    if (this.data !== undefined) {
      this.out.push({ event: this.event === "" ? "message" : this.event, data: this.data, id: this.last })
    }
    this.data = undefined
    this.event = ""
    this.eventSize = 0
  }

  private refusal(reason: Refusal["reason"]): Refusal {
    const what = reason === "LineTooLong" ? "A line" : "An event"
    return { reason, description: `${what} is longer than ${this.max} bytes` }
  }
}

const orInfinity = (index: number): number => (index === -1 ? Infinity : index)

const idOf = (id: string | undefined): Option.Option<string> =>
  id === undefined || id === "" ? Option.none() : Option.some(id)

/**
 * The value of a line if it has the field: what follows the colon and one space, or "" without a colon. Looks only at the
 * name, because lines without a colon would otherwise be searched to the end of the text.
 */
const valueOf = (name: string, text: string, start: number, end: number): string | undefined => {
  const after = start + name.length
  if (!text.startsWith(name, start)) return undefined
  if (after >= end) return after === end ? "" : undefined
  if (text.charCodeAt(after) !== colon) return undefined
  return text.slice(text.charCodeAt(after + 1) === space ? after + 2 : after + 1, end)
}
