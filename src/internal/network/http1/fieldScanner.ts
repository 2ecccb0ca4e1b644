/**
 * Reads field lines, of a head or of a trailer section, up to the empty line after them. Unless it is strict, it tolerates
 * and records deviations: folded lines, white space around names, and lines whose name is not a token, which it drops.
 */
import { BareLineFeed, FoldedLine, InvalidFieldName, SpaceBeforeColon } from "../../transport/deviations.js"
import { COLON, CR, HTAB, LF, SP, tokenTable } from "./bytes.js"
import { Framing, Kind, kindOf } from "./framing.js"
import { isBlank, isLineEnd, LineScanner, More } from "./lineScanner.js"

// States
const LineStart = 0
const Name = 1
const Value = 2
const ValueLf = 3
const EndLf = 4
/** White space before the first field. */
const LeadingSpace = 5
/** White space between a field name and its colon. */
const NameSpace = 6
/** A field name that is not a token; its line is dropped. */
const BadName = 7

// The previous line, which a folded line continues.
const NoLine = 0
const FieldLine = 1
const DroppedLine = 2

export class FieldScanner extends LineScanner {
  readonly framing: Framing
  /** Four per line: start and end of the name, start and end of the value. */
  readonly offsets: Array<number> = []
  count = 0
  /** Whether a value contains line ends. */
  folded = false
  /** The minor version of the head. */
  minor = 0
  /** Whether framing fields have no meaning: in trailers and in a 2xx to CONNECT. */
  protected unframed = false
  private readonly maxCount: number
  private state = LineStart
  private kind: number = Kind.Other
  private nameEnd = 0
  private valueStart = -1
  private previous = NoLine

  constructor(maxLine: number, maxCount: number, strict: boolean) {
    super(maxLine, strict)
    this.maxCount = maxCount
    this.framing = new Framing(strict)
  }

  protected override begin(maxSize: number, trailers: boolean): void {
    super.begin(maxSize, trailers)
    this.count = 0
    this.folded = false
    this.unframed = trailers
    this.state = LineStart
    this.valueStart = -1
    this.previous = NoLine
  }

  /** Reads fields in `bytes[from,end)`. Returns the index after the section, `More` or `Failed`. */
  protected fields(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    while (at < end) {
      switch (this.state) {
        case LineStart:
          at = this.lineStart(bytes, base, at, end)
          break
        case Name:
          at = this.name(bytes, base, at, end)
          break
        case Value:
          at = this.value(bytes, base, at, end)
          break
        case ValueLf:
          if (bytes[at] !== LF) return this.fail(bytes, base, at, "expected LF after CR")
          at++
          this.state = LineStart
          break
        case EndLf:
          if (bytes[at] !== LF) return this.fail(bytes, base, at, "expected LF after CR")
          at++
          return at - base > this.maxSize ? this.tooLarge(bytes, base) : at
        default:
          at = this.unusualLine(bytes, base, at, end)
      }
      if (at < 0) return at
    }
    return More
  }

  private lineStart(bytes: Uint8Array, base: number, at: number, end: number): number {
    const byte = bytes[at]
    if (!this.strict) {
      if (isBlank(byte)) return this.fold(bytes, base, at)
      const wrong = this.previous === FieldLine ? this.frame(bytes, base) : undefined
      if (wrong !== undefined) return this.failLine(bytes, base, base + this.lastValueEnd - 1, "Framing", wrong)
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
    if (tokenTable[byte] === 0) {
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
    while (at < end && tokenTable[bytes[at]] === 1) at++
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

  private unusualLine(bytes: Uint8Array, base: number, from: number, end: number): number {
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
    while (from < to && tokenTable[bytes[from]] === 0) from++
    while (to > from && tokenTable[bytes[to - 1]] === 0) to--
    if (isFraming(kindOf(bytes, from, to))) {
      return this.failLine(
        bytes,
        base,
        at,
        "Framing",
        "expected the name of Content-Length or Transfer-Encoding without other characters"
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
      if (wrong !== undefined) return this.failLine(bytes, base, at, "Framing", wrong)
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

  /** Reads the last field if it is a framing field. `lineEnd` is the end of its line. */
  private frame(bytes: Uint8Array, base: number, lineEnd?: number): string | undefined {
    if (this.kind === Kind.Other || this.unframed) return undefined
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

  private fail(bytes: Uint8Array, base: number, at: number, description: string): number {
    return this.failAt(bytes, base, at, "Header", description)
  }
}

const isFraming = (kind: number): boolean => kind === Kind.ContentLength || kind === Kind.TransferEncoding

const noColon = "expected a colon after the field name"
const badName = "expected a colon or a character of a field name"
