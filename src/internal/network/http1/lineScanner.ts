/**
 * The base of scanners that read lines, whether status lines or fields: the text of a line, its size, the deviations that
 * are tolerated, and the error at the byte at fault.
 */
import type { BadHttpMessage } from "../../../Errors.js"
import { ControlCharacter } from "../../transport/deviations.js"
import { CR, HTAB, LF, SP, textTable } from "./bytes.js"
import { gotByte, lineExcerpt } from "./excerpt.js"

/** A scanner needs more bytes: the section is incomplete. */
export const More = -1
/** A scanner found a byte that is not allowed. */
export const Failed = -2

export type Reason = BadHttpMessage["reason"]

export const isBlank = (byte: number): boolean => byte === SP || byte === HTAB
export const isLineEnd = (byte: number): boolean => byte === CR || byte === LF

export abstract class LineScanner {
  readonly strict: boolean
  /** Whether all bytes of values and the reason phrase are at most 0x7f. */
  ascii = true
  /** Bits of `deviations.ts`, without those of the framing. */
  deviations = 0
  reason: Reason = "StatusLine"
  description = ""
  excerpt = ""
  /** The start of the line. */
  protected line = 0
  /** Whether the section is a trailer section. */
  protected trailers = false
  /** The end of the received bytes. */
  protected receivedEnd = 0
  protected maxSize = 0
  private readonly maxLine: number

  constructor(maxLine: number, strict: boolean) {
    this.maxLine = maxLine
    this.strict = strict
  }

  /** Begins a section of at most `maxSize` bytes. */
  protected begin(maxSize: number, trailers: boolean): void {
    this.maxSize = maxSize
    this.trailers = trailers
    this.ascii = true
    this.deviations = 0
    this.line = 0
  }

  /** Records a deviation, unless the scanner is strict. */
  protected tolerates(deviation: number): boolean {
    if (this.strict) return false
    this.deviations |= deviation
    return true
  }

  /** Skips the characters of a value or a reason phrase. */
  protected text(bytes: Uint8Array, from: number, end: number): number {
    let at = from
    let seen = 0
    for (;;) {
      while (at < end) {
        const kind = textTable[bytes[at]]
        if (kind === 0) break
        seen |= kind
        at++
      }
      if (seen > 1) this.ascii = false
      if (at === end || isLineEnd(bytes[at]) || bytes[at] === 0 || !this.tolerates(ControlCharacter)) return at
      at++
    }
  }

  protected isTooLarge(base: number, at: number): boolean {
    const size = at - base
    return size - this.line > this.maxLine || size > this.maxSize
  }

  protected tooLarge(bytes: Uint8Array, base: number): number {
    const description =
      this.line + this.maxLine < this.maxSize
        ? `expected a line of at most ${this.maxLine} bytes (http1.maxLineSize)`
        : `expected at most ${this.maxSize} more bytes of ${this.trailers ? "trailers" : "head"} (http1.maxHeadSize)`
    // The excerpt ends within the limits, so that it does not depend on how the bytes were split.
    const line = base + this.line
    return this.limit(bytes, base, Math.min(line + Math.min(this.maxLine, 16), base + this.maxSize) - 1, description)
  }

  protected limit(bytes: Uint8Array, base: number, at: number, description: string): number {
    return this.end("Limit", description, lineExcerpt(bytes, base + this.line, at, at + 1))
  }

  /** Fails because of the byte at `at`, which the description names. */
  protected failAt(bytes: Uint8Array, base: number, at: number, reason: Reason, description: string): number {
    return this.failLine(bytes, base, at, reason, `${description}, ${gotByte(bytes[at])}`)
  }

  /** Fails because of the line up to `at`. */
  protected failLine(bytes: Uint8Array, base: number, at: number, reason: Reason, description: string): number {
    return this.end(reason, description, lineExcerpt(bytes, base + this.line, at, this.receivedEnd))
  }

  private end(reason: Reason, description: string, excerpt: string): number {
    this.reason = reason
    this.description = description
    this.excerpt = excerpt
    return Failed
  }
}
