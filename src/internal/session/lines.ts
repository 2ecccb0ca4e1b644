/**
 * Text in lines, as it comes.
 */
import { type Fallback, StreamingText } from "./charset.js"
import type { Decoder, Refusal } from "./pullDecoder.js"

/** Characters that a line may have. */
export const maxLine = 1024 * 1024

/** Splits text at LF and CR LF; a line that has not ended is kept, up to a limit. */
export class LineSplitter {
  private readonly max: number
  private parts: Array<string> = []
  private length = 0

  constructor(max: number) {
    this.max = max
  }

  push(text: string, out: Array<string>): Refusal | undefined {
    let start = 0
    for (;;) {
      const end = text.indexOf("\n", start)
      if (end === -1) break
      if (this.length + end - start > this.max + 1) return this.refusal
      const line = this.finish(text.slice(start, end))
      if (line.length > this.max) return this.refusal
      out.push(line)
      start = end + 1
    }
    if (start < text.length) {
      this.parts.push(start === 0 ? text : text.slice(start))
      this.length += text.length - start
    }
    // One more may be the CR of a line end.
    return this.length > this.max + 1 ? this.refusal : undefined
  }

  end(out: Array<string>): Refusal | undefined {
    if (this.length === 0) return undefined
    const line = this.finish("")
    if (line.length > this.max) return this.refusal
    out.push(line)
    return undefined
  }

  private finish(tail: string): string {
    const line = this.parts.length === 0 ? tail : this.parts.join("") + tail
    this.parts = []
    this.length = 0
    return line.endsWith("\r") ? line.slice(0, -1) : line
  }

  private get refusal(): Refusal {
    return { reason: "LineTooLong", description: `A line is longer than ${this.max} characters` }
  }
}

export class LineDecoder implements Decoder<string> {
  private readonly text: StreamingText
  private readonly lines = new LineSplitter(maxLine)

  constructor(charset: string | undefined, fallback: Fallback) {
    this.text = new StreamingText(charset, fallback)
  }
  push(bytes: Uint8Array, out: Array<string>): Refusal | undefined {
    return this.lines.push(this.text.push(bytes), out)
  }
  end(out: Array<string>): Refusal | undefined {
    return this.lines.push(this.text.end(), out) ?? this.lines.end(out)
  }
}
