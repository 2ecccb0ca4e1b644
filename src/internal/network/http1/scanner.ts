/**
 * Reads a status line with its fields, or a trailer section, byte by byte: it may stop after any byte and go on, and
 * fails at the same byte however what comes is cut. It sees one buffer at a time and keeps places relative to `base`.
 */
import type { BadHttpMessage } from "../../../Errors.js"
import { redactHead } from "../../redact.js"
import { COLON, CR, excerptOf, HTAB, LF, SP, text, token } from "./bytes.js"
import { Framing, Kind, kindOf } from "./framing.js"

/** `scan` has come to the end of the bytes before the end of the section. */
export const More = -1
/** `scan` has met what must not be. */
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

const statusLineStart = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e]

export class Scanner {
  readonly framing = new Framing()
  /** Four to a line: start and end of name and value. */
  readonly offsets: Array<number> = []
  count = 0
  status = 0
  minor = 0
  reasonStart = 0
  reasonEnd = 0
  /** Whether no byte of a value or the reason was above 0x7f. */
  ascii = true
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

  constructor(maxLine: number, maxCount: number) {
    this.maxLine = maxLine
    this.maxCount = maxCount
  }

  /** Begins a head of at most `maxSize` bytes. After CONNECT, framing fields of a 2xx mean nothing. */
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
    this.line = 0
    this.valueStart = -1
  }

  /** Reads `bytes[from,end)` of a section that began at `base`. Returns the place after it, `More` or `Failed`. */
  scan(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
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
          if (bytes[at] !== LF) return this.fail(bytes, base, at, "CR without LF")
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
        default:
          if (bytes[at] !== LF) return this.fail(bytes, base, at, "CR without LF")
          at++
          if (at - base > this.maxSize) return this.tooLarge(bytes, base, at)
          return at
      }
      if (at < 0) return at
    }
    return More
  }

  /** "HTTP/1.", a digit, a space, three digits, and a space or CR. */
  private prefix(bytes: Uint8Array, base: number, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const byte = bytes[at]
      const place = at - base
      if (place < 7) {
        if (byte !== statusLineStart[place]) return this.fail(bytes, base, at, "not an HTTP/1 status line")
      } else if (place === 7) {
        if (byte !== 0x30 && byte !== 0x31) return this.fail(bytes, base, at, "not HTTP/1.0 or HTTP/1.1")
        this.minor = byte - 0x30
      } else if (place === 8) {
        if (byte !== SP) return this.fail(bytes, base, at, "no space after the version")
      } else if (place < 12) {
        const digit = byte - 0x30
        if (digit < 0 || digit > 9 || (place === 9 && digit === 0)) {
          return this.fail(bytes, base, at, "status is not a number from 100 to 999")
        }
        this.status = this.status * 10 + digit
      } else if (byte === SP || byte === CR) {
        this.reasonStart = byte === SP ? place + 1 : place
        this.reasonEnd = place
        this.state = byte === SP ? ReasonText : StatusLf
        return at + 1
      } else return this.fail(bytes, base, at, "neither a space nor CRLF after the status")
    }
    return end
  }

  private reasonText(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    let seen = 0
    while (at < end) {
      const kind = text[bytes[at]]
      if (kind === 0) break
      seen |= kind
      at++
    }
    if (seen > 1) this.ascii = false
    if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base, at)
    if (at === end) return end
    if (bytes[at] !== CR) return this.fail(bytes, base, at, "character that a reason phrase must not have")
    this.reasonEnd = at - base
    this.state = StatusLf
    return at + 1
  }

  private lineStart(bytes: Uint8Array, base: number, at: number, end: number): number {
    const byte = bytes[at]
    this.line = at - base
    if (byte === CR) {
      this.state = EndLf
      return at + 1
    }
    if (token[byte] === 0) {
      const folded = byte === SP || byte === HTAB
      return this.fail(
        bytes,
        base,
        at,
        folded ? "line that begins with white space" : byte === COLON ? "empty field name" : badName
      )
    }
    if (this.count === this.maxCount) return this.limit(bytes, base, at + 1, `more than ${this.maxCount} fields`)
    this.state = Name
    return this.name(bytes, base, at, end)
  }

  private name(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    while (at < end && token[bytes[at]] === 1) at++
    if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base, at)
    if (at === end) return end
    if (bytes[at] !== COLON) {
      const byte = bytes[at]
      const spaced = byte === SP || byte === HTAB
      return this.fail(
        bytes,
        base,
        at,
        spaced ? "white space in or after a field name" : byte === CR || byte === LF ? "field without a colon" : badName
      )
    }
    this.nameEnd = at - base
    this.kind = kindOf(bytes, base + this.line, at)
    this.valueStart = -1
    this.state = Value
    return at + 1 < end ? this.value(bytes, base, at + 1, end) : at + 1
  }

  private value(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    if (this.valueStart < 0) {
      while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++
      if (at < end) this.valueStart = at - base
    }
    let seen = 0
    while (at < end) {
      const kind = text[bytes[at]]
      if (kind === 0) break
      seen |= kind
      at++
    }
    if (seen > 1) this.ascii = false
    if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base, at)
    if (at === end) return end
    if (bytes[at] !== CR) return this.fail(bytes, base, at, "character that a field value must not have")
    const start = base + this.valueStart
    let stop = at
    while (stop > start && (bytes[stop - 1] === SP || bytes[stop - 1] === HTAB)) stop--
    if (this.kind !== Kind.Other) {
      const wrong = this.frame(bytes, start, stop, at)
      if (wrong !== undefined) return this.fail(bytes, base, at, wrong, "Framing")
    }
    const place = this.count << 2
    this.offsets[place] = this.line
    this.offsets[place + 1] = this.nameEnd
    this.offsets[place + 2] = this.valueStart
    this.offsets[place + 3] = stop - base
    this.count++
    this.state = ValueLf
    return at + 1
  }

  /** Trailers never frame anything. White space runs from `end` to `stop`. */
  private frame(bytes: Uint8Array, start: number, end: number, stop: number): string | undefined {
    if (this.trailers || (this.connect && this.status >= 200 && this.status < 300)) return undefined
    // There are recipients that take HTAB for a part of the value, and "chunked" for something else then.
    if (this.kind <= Kind.TransferEncoding && stop > end && bytes.subarray(end, stop).includes(HTAB)) {
      return "HTAB after the value of a framing field"
    }
    return this.framing.field(this.kind, this.minor, bytes, start, end)
  }

  private isTooLarge(base: number, at: number): boolean {
    const size = at - base
    return size - this.line > this.maxLine || size > this.maxSize
  }

  private tooLarge(bytes: Uint8Array, base: number, at: number): number {
    const description =
      at - base - this.line > this.maxLine
        ? `line of more than ${this.maxLine} bytes`
        : `${this.trailers ? "trailer section" : "head"} of more than the ${this.maxSize} bytes that are left for it`
    // Only what is within the limits has been read however the bytes are cut.
    const line = base + this.line
    return this.limit(bytes, base, Math.min(line + Math.min(this.maxLine, 16), base + this.maxSize), description)
  }

  private limit(bytes: Uint8Array, base: number, end: number, description: string): number {
    return this.end("Limit", description, this.shown(bytes, base, end))
  }

  private fail(bytes: Uint8Array, base: number, at: number, description: string, reason?: Reason): number {
    const inStatusLine = !this.trailers && this.line === 0 && this.state <= StatusLf
    return this.end(reason ?? (inStatusLine ? "StatusLine" : "Header"), description, this.shown(bytes, base, at + 1))
  }

  private end(reason: Reason, description: string, excerpt: string): number {
    this.reason = reason
    this.description = description
    this.excerpt = excerpt
    return Failed
  }

  /** The line up to `end`, without what may be a secret. */
  private shown(bytes: Uint8Array, base: number, end: number): string {
    const start = base + this.line
    if (this.state !== Value && this.state !== ValueLf) return excerptOf(bytes, start, end)
    return redactHead(excerptOf(bytes, start, end))
  }
}

const badName = "character that a field name must not have"
