/**
 * Server-sent events of bytes (HTML section 9.2.6).
 */
import * as Option from "effect/Option"
import { createParser, type EventSourceParser } from "eventsource-parser"
import type { Event } from "../../../Sse.js"
import type { Decoder, Refusal } from "./pullDecoder.js"
import { UnmarkedDecoder } from "./unmarkedDecoder.js"

export interface EventOptions {
  /** Bytes of one event, and of one line. Default 1 MiB. */
  readonly maxEventSize?: number | undefined
  /** The id that events have which come before the server has sent one. */
  readonly lastEventId?: string | undefined
  /** The server wants a connection to be made again after so many milliseconds. */
  readonly onRetry?: ((milliseconds: number) => void) | undefined
  /** What Last-Event-ID would say from now on. */
  readonly onId?: ((id: string | undefined) => void) | undefined
}

const defaultSize = 1024 * 1024

/** CR, LF or both end a line. */
const lineEnd = /[\r\n]/g

/** Events of one response. What is not ended by an empty line is dropped. */
export class EventDecoder implements Decoder<Event> {
  private readonly decoder = new UnmarkedDecoder("utf-8")
  private readonly options: EventOptions
  private readonly max: number
  private readonly parser: EventSourceParser
  private out: Array<Event> = []
  private text = ""
  /** Where the first line begins that was not read. */
  private at = 0
  private parts: Array<string> = []
  /** Bytes of the line that has not ended. */
  private lineSize = 0
  /** Bytes of the lines of the event that has not ended. */
  private eventSize = 0
  private afterCr = false
  private idGiven: string | undefined = undefined
  private last: string | undefined

  constructor(options: EventOptions = {}) {
    this.options = options
    this.max = options.maxEventSize ?? defaultSize
    this.last = options.lastEventId === "" ? undefined : options.lastEventId
    this.parser = createParser({
      onEvent: ({ data, event }) => {
        this.out.push({ event: event ?? "message", data, id: Option.fromNullable(this.last) })
      },
      onRetry: (milliseconds) => {
        if (Number.isSafeInteger(milliseconds)) this.options.onRetry?.(milliseconds)
      }
    })
  }

  /** What Last-Event-ID would say now. */
  get lastEventId(): Option.Option<string> {
    return Option.fromNullable(this.last)
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
        return this.lineSize > this.max ? this.refusal("LineTooLong") : left
      }
      const rest = text.slice(start, end)
      const size = this.lineSize + Buffer.byteLength(rest)
      if (size > this.max) return this.refusal("LineTooLong")
      if (this.eventSize + size > this.max) return this.refusal("TooLarge")
      const line = this.parts.length === 0 ? rest : this.parts.join("") + rest
      this.parts = []
      this.lineSize = 0
      this.line(line, size)
      start = end + 1
      if (text[end] === "\r") {
        if (start === text.length) this.afterCr = true
        else if (text[start] === "\n") start++
      }
    }
    this.at = start
    return 0
  }

  /** What is not ended is dropped. */
  end(): void {}

  private keep(part: string): void {
    this.text = ""
    this.at = 0
    if (part === "") return
    this.parts.push(part)
    this.lineSize += Buffer.byteLength(part)
  }

  // The parser gets whole lines with one kind of end: by itself it waits after a CR for what follows, and forgets the
  // id of an event without data.
  private line(line: string, size: number): void {
    if (line === "") {
      if (this.idGiven !== undefined) {
        this.last = this.idGiven === "" ? undefined : this.idGiven
        this.options.onId?.(this.last)
      }
      this.idGiven = undefined
      this.eventSize = 0
    } else {
      // A comment is kept by nobody.
      if (!line.startsWith(":")) this.eventSize += size
      const id = line === "id" ? "" : /^id: ?(.*)$/s.exec(line)?.[1]
      if (id !== undefined && !id.includes("\0")) this.idGiven = id
    }
    this.parser.feed(`${line}\n`)
  }

  private refusal(reason: Refusal["reason"]): Refusal {
    const what = reason === "LineTooLong" ? "A line" : "An event"
    return { reason, description: `${what} is longer than ${this.max} bytes` }
  }
}
