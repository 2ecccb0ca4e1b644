/** Splits the text of a body into lines as it arrives. */
import { type Fallback, StreamingText } from "./charset.js"
import type { Decoder, Refusal } from "./pullDecoder.js"

/** Most bytes of a line in UTF-8. */
export const maxLine = 1024 * 1024

/** Whether `text` exceeds `max` bytes in UTF-8. A code unit has at most three bytes, so short text is not measured. */
const isLonger = (text: string, max: number): boolean => text.length * 3 > max && Buffer.byteLength(text) > max

/** Splits text at LF and CR LF. Keeps an incomplete line, up to a limit. */
export class LineSplitter {
  private readonly max: number
  private text = ""
  /** Position of the first unread line in `text`. */
  private at = 0
  private lineParts: Array<string> = []
  private size = 0

  constructor(max: number) {
    this.max = max
  }

  /** Takes the next text. Call only when `read` has consumed the previous one. */
  push(text: string): void {
    this.text = text
    this.at = 0
  }

  /** See `Decoder.read`. */
  read(out: Array<string>, lines: number): number | Refusal {
    const { text } = this
    let start = this.at
    for (let left = lines; left > 0; left--) {
      const end = text.indexOf("\n", start)
      if (end === -1) {
        this.keep(start === 0 ? text : text.slice(start))
        // The last byte may be the CR of a line end, which does not count.
        return this.size > this.max + 1 ? this.refusal : left
      }
      const line = this.finish(text.slice(start, end))
      if (isLonger(line, this.max)) return this.refusal
      out.push(line)
      start = end + 1
    }
    this.at = start
    return 0
  }

  private keep(part: string): void {
    this.push("")
    if (part === "") return
    this.lineParts.push(part)
    this.size += Buffer.byteLength(part)
  }

  end(out: Array<string>): Refusal | undefined {
    if (this.size === 0) return undefined
    const line = this.finish("")
    if (isLonger(line, this.max)) return this.refusal
    out.push(line)
    return undefined
  }

  private finish(tail: string): string {
    const line = this.lineParts.length === 0 ? tail : this.lineParts.join("") + tail
    this.lineParts = []
    this.size = 0
    return line.endsWith("\r") ? line.slice(0, -1) : line
  }

  private get refusal(): Refusal {
    return { reason: "LineTooLong", description: `A line is longer than ${this.max} bytes` }
  }
}

/** Decodes bytes to lines of text. */
export class LineDecoder implements Decoder<string> {
  private readonly text: StreamingText
  private readonly lines = new LineSplitter(maxLine)
  private ended = false

  constructor(charset: string | undefined, fallback: Fallback) {
    this.text = new StreamingText(charset, fallback)
  }
  push(bytes: Uint8Array): void {
    this.lines.push(this.text.push(bytes))
  }
  end(): void {
    this.ended = true
    this.lines.push(this.text.end())
  }
  read(out: Array<string>, lines: number): number | Refusal {
    const left = this.lines.read(out, lines)
    return this.ended && typeof left === "number" && left > 0 ? (this.lines.end(out) ?? left) : left
  }
}
