/** Decodes server-sent events (HTML section 9.2.6). */
import * as Option from "effect/Option"
import { createParser, type EventSourceParser } from "eventsource-parser"
import type { Event } from "../../../Sse.js"
import type { Decoder, Refusal } from "./pullDecoder.js"
import { UnmarkedDecoder } from "./unmarkedDecoder.js"

export interface EventOptions {
  /** Most bytes of an event, and of a line. Default 1 MiB. */
  readonly maxEventSize?: number | undefined
  /** The id of events before the server sends one. */
  readonly lastEventId?: string | undefined
  /** Called with a `retry` field: the milliseconds to wait before reconnecting. */
  readonly onRetry?: ((milliseconds: number) => void) | undefined
  /** Called with the new value of Last-Event-ID. */
  readonly onId?: ((id: string | undefined) => void) | undefined
}

const defaultSize = 1024 * 1024

/** The value of an `id` field; `undefined` for other lines. */
const idOf = (line: string): string | undefined => {
  if (!line.startsWith("id")) return undefined
  if (line.length === 2) return ""
  if (line[2] !== ":") return undefined
  return line.slice(line[3] === " " ? 4 : 3)
}

/** Finds the occurrences of a character in a text in order, so that it searches each part of the text once. */
class Occurrences {
  private readonly character: string
  private text = ""
  private last = -1

  constructor(character: string) {
    this.character = character
  }

  of(text: string): void {
    this.text = text
    this.last = -1
  }

  /** The first position from `start` on, which must not decrease; `Infinity` if none follows. */
  from(start: number): number {
    if (this.last >= start) return this.last
    const found = this.text.indexOf(this.character, start)
    this.last = found === -1 ? Infinity : found
    return this.last
  }
}

/** Decodes the events of one response. An event at the end that no empty line completes is dropped (HTML). */
export class EventDecoder implements Decoder<Event> {
  private readonly decoder = new UnmarkedDecoder("utf-8")
  private readonly options: EventOptions
  private readonly maxSize: number
  private readonly parser: EventSourceParser
  private out: Array<Event> = []
  private text = ""
  private readonly lineFeeds = new Occurrences("\n")
  private readonly carriageReturns = new Occurrences("\r")
  /** Position of the first unread line in `text`. */
  private at = 0
  private lineParts: Array<string> = []
  /** Bytes of the incomplete line. */
  private lineSize = 0
  /** Bytes of the complete lines of the incomplete event. */
  private eventSize = 0
  private afterCr = false
  private pendingId: string | undefined = undefined
  private currentId: string | undefined

  constructor(options: EventOptions = {}) {
    this.options = options
    this.maxSize = options.maxEventSize ?? defaultSize
    this.currentId = options.lastEventId === "" ? undefined : options.lastEventId
    this.parser = createParser({
      onEvent: ({ data, event }) => {
        this.out.push({ event: event ?? "message", data, id: Option.fromNullable(this.currentId) })
      },
      onRetry: (milliseconds) => {
        if (Number.isSafeInteger(milliseconds)) this.options.onRetry?.(milliseconds)
      }
    })
  }

  /** The current value of Last-Event-ID. */
  get lastEventId(): Option.Option<string> {
    return Option.fromNullable(this.currentId)
  }

  push(bytes: Uint8Array): void {
    this.setText(this.decoder.push(bytes))
    if (this.afterCr && this.text !== "") {
      this.afterCr = false
      if (this.text[0] === "\n") this.at = 1
    }
  }

  read(out: Array<Event>, lines: number): number | Refusal {
    const { text } = this
    this.out = out
    let start = this.at
    /** The start of the complete lines that the parser has not received. */
    let unparsed = start
    for (let left = lines; left > 0; left--) {
      // A line ends with CR, LF or CR LF.
      const end = Math.min(this.lineFeeds.from(start), this.carriageReturns.from(start))
      const isComplete = end !== Infinity
      const rest = text.slice(start, isComplete ? end : undefined)
      const size = this.lineSize + Buffer.byteLength(rest)
      const tooLong = size > this.maxSize
      if (!isComplete || tooLong || this.eventSize + size > this.maxSize) {
        this.parse(unparsed, start)
        if (tooLong) return this.refusal("LineTooLong")
        if (isComplete) return this.refusal("TooLarge")
        this.keep(rest, size)
        return left
      }
      const isWhole = this.lineParts.length === 0
      const line = isWhole ? rest : this.lineParts.join("") + rest
      this.lineParts = []
      this.lineSize = 0
      this.trackLine(line, size)
      const before = start
      start = end + 1
      if (isWhole && text[end] === "\n") {
        if (line !== "") continue
        this.parse(unparsed, start)
      } else {
        if (text[end] === "\r") {
          if (start === text.length) this.afterCr = true
          else if (text[start] === "\n") start++
        }
        this.parse(unparsed, before)
        // After a CR, the parser would wait for the next character, and lose the id of an event without data.
        this.parser.feed(`${line}\n`)
      }
      unparsed = start
    }
    this.parse(unparsed, start)
    this.at = start
    return 0
  }

  /** Does nothing: an incomplete event is dropped. */
  end(): void {}

  private setText(text: string): void {
    this.text = text
    this.lineFeeds.of(text)
    this.carriageReturns.of(text)
    this.at = 0
  }

  /** Keeps the start of a line, with which the line has `size` bytes. */
  private keep(part: string, size: number): void {
    this.setText("")
    if (part === "") return
    this.lineParts.push(part)
    this.lineSize = size
  }

  /** Passes a range of the text, which consists of whole lines, to the parser. */
  private parse(start: number, end: number): void {
    if (start < end) this.parser.feed(this.text.slice(start, end))
  }

  /** Counts the bytes of an event, and sets the last event id at its end. */
  private trackLine(line: string, size: number): void {
    if (line === "") {
      if (this.pendingId !== undefined) {
        this.currentId = this.pendingId === "" ? undefined : this.pendingId
        this.options.onId?.(this.currentId)
      }
      this.pendingId = undefined
      this.eventSize = 0
      return
    }
    // The parser does not keep comments.
    if (!line.startsWith(":")) this.eventSize += size
    const id = idOf(line)
    if (id !== undefined && !id.includes("\0")) this.pendingId = id
  }

  private refusal(reason: Refusal["reason"]): Refusal {
    const what = reason === "LineTooLong" ? "A line" : "An event"
    return { reason, description: `${what} is longer than ${this.maxSize} bytes` }
  }
}
