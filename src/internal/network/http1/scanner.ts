/**
 * Reads a status line with its fields, or a trailer section, byte by byte. It can stop after any byte and continue
 * later, and fails at the same byte however the input is split. It sees one buffer at a time and stores offsets relative
 * to `base`. Unless it is strict, it tolerates and records the `deviations` that RFC 9112 lets a user agent tolerate.
 */
import type { BadHttpMessage } from "../../../Errors.js"
import {
  BareLineFeed,
  ControlCharacter,
  FoldedLine,
  InvalidFieldName,
  SpaceBeforeColon,
  StatusLineSpacing
} from "../../transport/deviations.js"
import { COLON, CR, HTAB, LF, SP, text, token } from "./bytes.js"
import { gotByte, lineExcerpt } from "./excerpt.js"
import { Framing, Kind, kindOf } from "./framing.js"

/** `scan` needs more bytes: the section is incomplete. */
export const More = -1
/** `scan` found a byte that is not allowed. */
export const Failed = -2

export type Reason = BadHttpMessage["reason"]

// States
const Prefix = 0
const ReasonText = 1
const StatusLf = 2
const LineStart = 3
const Name = 4
const Value = 5
const ValueLf = 6
const EndLf = 7
/** White space before the first field. */
const LeadingSpace = 8
/** White space between a field name and its colon. */
const NameSpace = 9
/** A field name that is not a token; its line is dropped. */
const BadName = 10

// The previous line, which a folded line continues.
const NoLine = 0
const FieldLine = 1
const DroppedLine = 2

const statusLineStart = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e]

export class Scanner {
  readonly framing: Framing
  /** Four per line: start and end of the name, start and end of the value. */
  readonly offsets: Array<number> = []
  count = 0
  status = 0
  minor = 0
  reasonStart = 0
  reasonEnd = 0
  /** Whether all bytes of values and the reason phrase are at most 0x7f. */
  ascii = true
  /** Whether a value contains line ends. */
  folded = false
  /** Bits of `deviations.ts`, without those of `framing`. */
  deviations = 0
  reason: Reason = "StatusLine"
  description = ""
  excerpt = ""
  private state = Prefix
  private trailers = false
  private connect = false
  private maxLine: number
  private maxSize = 0
  private maxCount: number
  private line = 0
  private kind: number = Kind.Other
  private nameEnd = 0
  private valueStart = -1
  readonly strict: boolean
  private previous = NoLine
  /** Extra white space before the status, in bytes. */
  private shift = 0
  /** The end of the received bytes. */
  private receivedEnd = 0

  constructor(maxLine: number, maxCount: number, strict: boolean) {
    this.maxLine = maxLine
    this.maxCount = maxCount
    this.strict = strict
    this.framing = new Framing(strict)
  }

  /** Begins a head of at most `maxSize` bytes. With `connect`, framing fields of a 2xx are ignored. */
  beginHead(maxSize: number, connect: boolean): void {
    this.begin(maxSize)
    this.state = Prefix
    this.trailers = false
    this.connect = connect
    this.status = 0
    this.framing.reset()
  }

  /** Begins a trailer section. */
  beginTrailers(maxSize: number): void {
    this.begin(maxSize)
    this.state = LineStart
    this.trailers = true
  }

  private begin(maxSize: number): void {
    this.maxSize = maxSize
    this.count = 0
    this.ascii = true
    this.folded = false
    this.deviations = 0
    this.line = 0
    this.valueStart = -1
    this.previous = NoLine
    this.shift = 0
  }

  /** Reads `bytes[from,end)` of a section that began at `base`. Returns the index after it, `More` or `Failed`. */
  scan(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    this.receivedEnd = end
    while (at < end) {
      switch (this.state) {
        case Prefix:
          at = this.prefix(bytes, base, at, end)
          break
        case ReasonText:
          at = this.reasonText(bytes, base, at, end)
          break
        case StatusLf:
        case ValueLf:
          if (bytes[at] !== LF) return this.fail(bytes, base, at, "expected LF after CR")
          at++
          this.state = LineStart
          break
        case LineStart:
          at = this.lineStart(bytes, base, at, end)
          break
        case Name:
          at = this.name(bytes, base, at, end)
          break
        case Value:
          at = this.value(bytes, base, at, end)
          break
        case EndLf:
          if (bytes[at] !== LF) return this.fail(bytes, base, at, "expected LF after CR")
          at++
          if (at - base > this.maxSize) return this.tooLarge(bytes, base)
          return at
        default:
          at = this.unusual(bytes, base, at, end)
      }
      if (at < 0) return at
    }
    return More
  }

  /** Records a deviation, unless the scanner is strict. */
  private tolerates(deviation: number): boolean {
    if (this.strict) return false
    this.deviations |= deviation
    return true
  }

  /** "HTTP/1.", a digit, a space, three digits, and a space or the line's end. */
  private prefix(bytes: Uint8Array, base: number, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const byte = bytes[at]
      const place = at - base - this.shift
      if (place < 7) {
        if (byte !== statusLineStart[place])
          return this.fail(bytes, base, at, 'expected a status line that begins with "HTTP/1."')
      } else if (place === 7) {
        if (byte !== 0x30 && byte !== 0x31) return this.fail(bytes, base, at, "expected HTTP/1.0 or HTTP/1.1")
        this.minor = byte - 0x30
      } else if (place === 8) {
        if (byte !== SP && !(byte === HTAB && this.tolerates(StatusLineSpacing))) {
          return this.fail(bytes, base, at, "expected a space after the version")
        }
      } else if (place === 9 && (byte === SP || byte === HTAB) && this.tolerates(StatusLineSpacing)) {
        this.shift++
        if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base)
      } else if (place < 12) {
        const digit = byte - 0x30
        if (digit < 0 || digit > 9 || (place === 9 && digit === 0)) {
          return this.fail(bytes, base, at, "expected a status from 100 to 999")
        }
        this.status = this.status * 10 + digit
      } else return this.afterStatus(bytes, base, at)
    }
    return end
  }

  private afterStatus(bytes: Uint8Array, base: number, at: number): number {
    const byte = bytes[at]
    this.reasonStart = at - base
    this.reasonEnd = at - base
    if (byte === CR) this.state = StatusLf
    else if (byte === LF && this.tolerates(BareLineFeed)) this.state = LineStart
    else if (byte === SP || (byte === HTAB && this.tolerates(StatusLineSpacing))) {
      this.reasonStart++
      this.state = ReasonText
    } else return this.fail(bytes, base, at, "expected a space or CRLF after the status")
    return at + 1
  }

  private reasonText(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    while (at < end && at - base === this.reasonStart && isBlank(bytes[at]) && this.tolerates(StatusLineSpacing)) {
      at++
      this.reasonStart++
    }
    at = this.text(bytes, at, end)
    if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base)
    if (at === end) return end
    const lineFeed = bytes[at] === LF && this.tolerates(BareLineFeed)
    if (bytes[at] !== CR && !lineFeed) {
      return this.fail(bytes, base, at, "expected printable characters in the reason phrase")
    }
    this.reasonEnd = at - base
    this.state = lineFeed ? LineStart : StatusLf
    return at + 1
  }

  /** Skips the characters of a value or a reason phrase. */
  private text(bytes: Uint8Array, from: number, end: number): number {
    let at = from
    let seen = 0
    for (;;) {
      while (at < end) {
        const kind = text[bytes[at]]
        if (kind === 0) break
        seen |= kind
        at++
      }
      if (seen > 1) this.ascii = false
      if (at === end || isLineEnd(bytes[at]) || bytes[at] === 0 || !this.tolerates(ControlCharacter)) return at
      at++
    }
  }

  private lineStart(bytes: Uint8Array, base: number, at: number, end: number): number {
    const byte = bytes[at]
    if (!this.strict) {
      if (isBlank(byte)) return this.fold(bytes, base, at)
      const wrong = this.previous === FieldLine ? this.frame(bytes, base) : undefined
      if (wrong !== undefined) return this.fail(bytes, base, base + this.lastValueEnd - 1, wrong, "Framing")
    }
    this.line = at - base
    this.previous = NoLine
    if (byte === CR) {
      this.state = EndLf
      return at + 1
    }
    if (byte === LF && this.tolerates(BareLineFeed)) {
      this.state = EndLf
      return at
    }
    return this.fieldStart(bytes, base, at, end)
  }

  private fieldStart(bytes: Uint8Array, base: number, at: number, end: number): number {
    const byte = bytes[at]
    if (token[byte] === 0) {
      if (byte !== 0 && !isLineEnd(byte) && this.tolerates(InvalidFieldName)) {
        this.state = BadName
        return at
      }
      const description = isBlank(byte)
        ? "expected a field name at the beginning of the line"
        : byte === COLON
          ? "expected a field name before the colon"
          : isLineEnd(byte)
            ? "expected a field name after white space"
            : badName
      return this.fail(bytes, base, at, description)
    }
    if (this.count === this.maxCount)
      return this.limit(bytes, base, at, `expected at most ${this.maxCount} fields (http1.maxHeaders)`)
    this.state = Name
    return this.name(bytes, base, at, end)
  }

  private name(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    while (at < end && token[bytes[at]] === 1) at++
    if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base)
    if (at === end) return end
    const byte = bytes[at]
    this.nameEnd = at - base
    if (byte === COLON) return this.valueAfter(bytes, base, at, end)
    if (isBlank(byte) && !this.strict) {
      this.state = NameSpace
      return at
    }
    if (isLineEnd(byte)) return this.fail(bytes, base, at, noColon)
    if (byte !== 0 && this.tolerates(InvalidFieldName)) {
      this.state = BadName
      return at
    }
    return this.fail(bytes, base, at, isBlank(byte) ? "expected a colon directly after the field name" : badName)
  }

  /** Begins the value after the colon at `at`. */
  private valueAfter(bytes: Uint8Array, base: number, at: number, end: number): number {
    this.kind = kindOf(bytes, base + this.line, base + this.nameEnd)
    this.valueStart = -1
    this.previous = FieldLine
    this.state = Value
    return at + 1 < end ? this.value(bytes, base, at + 1, end) : at + 1
  }

  // Lines that a strict scanner rejects.

  private unusual(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    if (this.state === BadName) while (at < end && bytes[at] !== COLON && bytes[at] !== 0 && !isLineEnd(bytes[at])) at++
    else while (at < end && isBlank(bytes[at])) at++
    if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base)
    if (at === end) return end
    if (this.state === LeadingSpace) {
      this.line = at - base
      return this.fieldStart(bytes, base, at, end)
    }
    const byte = bytes[at]
    if (isLineEnd(byte)) return this.fail(bytes, base, at, noColon)
    if (byte === 0) return this.fail(bytes, base, at, badName)
    if (this.state === BadName) return this.drop(bytes, base, at)
    if (byte === COLON) {
      this.deviations |= SpaceBeforeColon
      return this.valueAfter(bytes, base, at, end)
    }
    this.deviations |= InvalidFieldName
    this.state = BadName
    return at
  }

  /** Skips a line whose name is not a token. Fails if it could be a framing field. */
  private drop(bytes: Uint8Array, base: number, at: number): number {
    let from = base + this.line
    let to = at
    while (from < to && token[bytes[from]] === 0) from++
    while (to > from && token[bytes[to - 1]] === 0) to--
    if (isFraming(kindOf(bytes, from, to))) {
      return this.fail(
        bytes,
        base,
        at,
        "expected the name of Content-Length or Transfer-Encoding without other characters",
        "Framing"
      )
    }
    this.nameEnd = at - base
    this.kind = Kind.Other
    this.valueStart = -1
    this.previous = DroppedLine
    this.state = Value
    return at + 1
  }

  /** Handles a line that begins with white space: it continues the previous line, or is the first field, indented. */
  private fold(_bytes: Uint8Array, base: number, at: number): number {
    this.deviations |= FoldedLine
    if (this.previous === NoLine) {
      this.line = at - base
      this.state = LeadingSpace
      return at
    }
    if (this.previous === FieldLine) {
      this.count--
      this.folded = true
    }
    this.state = Value
    return at + 1
  }

  private value(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    if (this.valueStart < 0) {
      while (at < end && isBlank(bytes[at])) at++
      if (at < end) this.valueStart = at - base
    }
    at = this.text(bytes, at, end)
    if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base)
    if (at === end) return end
    const lineFeed = bytes[at] === LF && this.tolerates(BareLineFeed)
    if (bytes[at] !== CR && !lineFeed) return this.fail(bytes, base, at, "expected printable characters in the value")
    if (this.previous === FieldLine) {
      const wrong = this.endOfField(bytes, base, at)
      if (wrong !== undefined) return this.fail(bytes, base, at, wrong, "Framing")
    }
    this.state = lineFeed ? LineStart : ValueLf
    return at + 1
  }

  /** Stores the offsets of a field whose line ends at `at`. Returns the description of an error in its framing. */
  private endOfField(bytes: Uint8Array, base: number, at: number): string | undefined {
    const start = base + this.valueStart
    let stop = at
    while (stop > start && isBlank(bytes[stop - 1])) stop--
    const place = this.count << 2
    this.offsets[place] = this.line
    this.offsets[place + 1] = this.nameEnd
    this.offsets[place + 2] = this.valueStart
    this.offsets[place + 3] = stop - base
    this.count++
    // The next line may continue the value, so a tolerant scanner reads it at the start of that line.
    return this.strict ? this.frame(bytes, base, at) : undefined
  }

  /** Reads the last field if it is a framing field. Trailers have none. `lineEnd` is the end of its line. */
  private frame(bytes: Uint8Array, base: number, lineEnd?: number): string | undefined {
    if (this.kind === Kind.Other || this.trailers) return undefined
    if (this.connect && this.status >= 200 && this.status < 300) return undefined
    const place = (this.count - 1) << 2
    const start = base + this.offsets[place + 2]
    const end = base + this.offsets[place + 3]
    // Some recipients take HTAB for part of the value, and then do not read "chunked".
    if (lineEnd !== undefined && isFraming(this.kind) && bytes.subarray(end, lineEnd).includes(HTAB)) {
      return "expected no tab after the value of Content-Length or Transfer-Encoding"
    }
    if (!this.folded) return this.framing.field(this.kind, this.minor, bytes, start, end)
    const unfolded = bytes.slice(start, end).map((byte) => (isLineEnd(byte) ? SP : byte))
    let from = 0
    let to = unfolded.length
    while (from < to && isBlank(unfolded[from])) from++
    while (to > from && isBlank(unfolded[to - 1])) to--
    return this.framing.field(this.kind, this.minor, unfolded, from, to)
  }

  /** Removes Content-Length from a head with chunked framing (RFC 9112, section 6.3). */
  removeContentLength(bytes: Uint8Array, base: number): void {
    let kept = 0
    for (let index = 0; index < this.count; index++) {
      const from = index << 2
      const kind = kindOf(bytes, base + this.offsets[from], base + this.offsets[from + 1])
      if (kind === Kind.ContentLength) continue
      if (kept !== from) this.offsets.copyWithin(kept, from, from + 4)
      kept += 4
    }
    this.count = kept >> 2
  }

  private get lastValueEnd(): number {
    return this.offsets[((this.count - 1) << 2) + 3]
  }

  private isTooLarge(base: number, at: number): boolean {
    const size = at - base
    return size - this.line > this.maxLine || size > this.maxSize
  }

  private tooLarge(bytes: Uint8Array, base: number): number {
    const description =
      this.line + this.maxLine < this.maxSize
        ? `expected a line of at most ${this.maxLine} bytes (http1.maxLineSize)`
        : `expected at most ${this.maxSize} more bytes of ${this.trailers ? "trailers" : "head"} (http1.maxHeadSize)`
    // The excerpt ends within the limits, so that it does not depend on how the bytes were split.
    const line = base + this.line
    return this.limit(bytes, base, Math.min(line + Math.min(this.maxLine, 16), base + this.maxSize) - 1, description)
  }

  private limit(bytes: Uint8Array, base: number, at: number, description: string): number {
    return this.end("Limit", description, lineExcerpt(bytes, base + this.line, at, at + 1))
  }

  /** Fails at a byte. With a `reason`, the description is about a field value and does not name the byte. */
  private fail(bytes: Uint8Array, base: number, at: number, description: string, reason?: Reason): number {
    const inStatusLine = !this.trailers && this.line === 0 && this.state <= StatusLf
    return this.end(
      reason ?? (inStatusLine ? "StatusLine" : "Header"),
      reason === undefined ? `${description}, ${gotByte(bytes[at])}` : description,
      lineExcerpt(bytes, base + this.line, at, this.receivedEnd)
    )
  }

  private end(reason: Reason, description: string, excerpt: string): number {
    this.reason = reason
    this.description = description
    this.excerpt = excerpt
    return Failed
  }
}

const isBlank = (byte: number): boolean => byte === SP || byte === HTAB
const isLineEnd = (byte: number): boolean => byte === CR || byte === LF
const isFraming = (kind: number): boolean => kind === Kind.ContentLength || kind === Kind.TransferEncoding

const noColon = "expected a colon after the field name"
const badName = "expected a colon or a character of a field name"
