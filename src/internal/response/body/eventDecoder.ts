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

/** A line ends with CR, LF or CR LF. */
const lineEnd = /[\r\n]/g

/** Decodes the events of one response. An event at the end that no empty line completes is dropped (HTML). */
export class EventDecoder implements Decoder<Event> {
  private readonly decoder = new UnmarkedDecoder("utf-8")
  private readonly options: EventOptions
  private readonly maxSize: number
  private readonly parser: EventSourceParser
  private out: Array<Event> = []
  private text = ""
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
    this.text = this.decoder.push(bytes)
    this.at = 0
    if (this.afterCr && this.text !== "") {
      this.afterCr = false
      if (this.text[0] === "\n") this.at = 1
    }
  }

  read(out: Array<Event>, lines: number): number | Refusal {
    const { text } = this
    this.out = out
    let start = this.at
    for (let left = lines; left > 0; left--) {
      lineEnd.lastIndex = start
      const end = lineEnd.exec(text)?.index
      if (end === undefined) {
        this.keep(text.slice(start))
        return this.lineSize > this.maxSize ? this.refusal("LineTooLong") : left
      }
      const rest = text.slice(start, end)
      const size = this.lineSize + Buffer.byteLength(rest)
      if (size > this.maxSize) return this.refusal("LineTooLong")
      if (this.eventSize + size > this.maxSize) return this.refusal("TooLarge")
      const line = this.lineParts.length === 0 ? rest : this.lineParts.join("") + rest
      this.lineParts = []
      this.lineSize = 0
      this.parseLine(line, size)
      start = end + 1
      if (text[end] === "\r") {
        if (start === text.length) this.afterCr = true
        else if (text[start] === "\n") start++
      }
    }
    this.at = start
    return 0
  }

  /** Does nothing: an incomplete event is dropped. */
  end(): void {}

  private keep(part: string): void {
    this.text = ""
    this.at = 0
    if (part === "") return
    this.lineParts.push(part)
    this.lineSize += Buffer.byteLength(part)
  }

  // Passes whole lines with LF to the parser. After a CR, it would wait for the next character, and lose the id of an
  // event without data.
  private parseLine(line: string, size: number): void {
    if (line === "") {
      if (this.pendingId !== undefined) {
        this.currentId = this.pendingId === "" ? undefined : this.pendingId
        this.options.onId?.(this.currentId)
      }
      this.pendingId = undefined
      this.eventSize = 0
    } else {
      // The parser does not keep comments.
      if (!line.startsWith(":")) this.eventSize += size
      const id = line === "id" ? "" : /^id: ?(.*)$/s.exec(line)?.[1]
      if (id !== undefined && !id.includes("\0")) this.pendingId = id
    }
    this.parser.feed(`${line}\n`)
  }

  private refusal(reason: Refusal["reason"]): Refusal {
    const what = reason === "LineTooLong" ? "A line" : "An event"
    return { reason, description: `${what} is longer than ${this.maxSize} bytes` }
  }
}
