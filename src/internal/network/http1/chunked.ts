/**
 * Decodes the chunks of a body, up to the last one (RFC 9112, section 7.1). White space around a size or in its
 * extensions is rejected in strict mode and skipped otherwise. Sizes of more than 16 digits are rejected.
 */
import { BareLineFeed, ChunkExtension, ChunkSizeSpacing } from "../../transport/deviations.js"
import { CR, HTAB, hexValues, LF, SP, tokenTable } from "./bytes.js"
import { escape, gotByte } from "./excerpt.js"
import type { ParserLimits } from "./limits.js"
import type { Reason } from "./lineScanner.js"

// States
const SizeStart = 0
const Size = 1
const ExtensionName = 2
const ExtensionValueStart = 3
const ExtensionValue = 4
const Quoted = 5
const QuotedPair = 6
const QuotedEnd = 7
const SizeLf = 8
const Data = 9
const DataCr = 10
const DataLf = 11
const Last = 12
const Broken = 13
/** White space after a size. */
const SizeEnd = 14
/** The rest of a line with a malformed extension. */
const FreeText = 15

const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

const maxDigits = 16

/** Bytes of the largest chunk that is joined with others in place, so that many small chunks make few pieces. */
const smallChunk = 4096

const isQuotable = (byte: number): boolean => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)

export class ChunkDecoder {
  /** The piece of the body found by `decode`, as a range of its buffer. */
  from = 0
  to = 0
  reason: Reason = "Framing"
  description = ""
  excerpt = ""
  /** Bits of `deviations.ts`. */
  deviations = 0
  private readonly limits: ParserLimits
  private state = SizeStart
  private size = 0
  private digits = 0
  private lineSize = 0
  private extensionSize = 0
  private hasExtensionName = false
  private overhead = 0

  constructor(limits: ParserLimits) {
    this.limits = limits
  }

  begin(): void {
    this.overhead = 0
    this.deviations = 0
    this.beginSize()
  }

  private beginSize(): void {
    this.state = SizeStart
    this.size = 0
    this.digits = 0
    this.lineSize = 0
    this.extensionSize = 0
  }

  /** Whether the last chunk has been read. */
  get isLast(): boolean {
    return this.state === Last
  }

  get isBroken(): boolean {
    return this.state === Broken
  }

  /**
   * Reads up to the end of a piece, the last chunk, a fault or the end of the bytes, and returns the index after it.
   * Moves the data of small chunks within `bytes[start,end)`.
   */
  decode(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    this.from = at
    this.to = at
    while (at < end) {
      if (this.state === Data) {
        const count = Math.min(end - at, this.size)
        if (this.to === this.from) {
          this.from = at
          this.to = at
        } else {
          if (count > smallChunk) return at
          bytes.copyWithin(this.to, at, at + count)
        }
        this.to += count
        at += count
        this.size -= count
        if (this.size === 0) this.state = DataCr
        continue
      }
      this.step(bytes[at])
      if (this.state === Broken) return at
      at++
      if (this.state === Last) return at
    }
    return at
  }

  private step(byte: number): void {
    if (this.state <= SizeLf || this.state >= SizeEnd) this.lineSize++
    switch (this.state) {
      case SizeStart:
      case Size:
        this.sizeDigit(byte)
        return
      case SizeEnd:
        this.afterSize(byte)
        return
      case SizeLf:
        if (byte === LF) this.endOfLine()
        else this.fail(byte, "expected LF after CR at the end of a chunk size")
        return
      case DataCr:
        if (byte === CR) this.state = DataLf
        else if (byte === LF && this.tolerates(BareLineFeed)) this.beginSize()
        else this.fail(byte, "expected CRLF at the end of a chunk, as its size says")
        return
      case DataLf:
        if (byte === LF) this.beginSize()
        else this.fail(byte, "expected LF after CR at the end of a chunk")
        return
      case FreeText:
        if (!this.endsLine(byte)) this.growExtension()
        return
      default:
        if (this.isExtensionByte(byte)) this.growExtension()
    }
  }

  /** Records a deviation, unless the parser is strict. */
  private tolerates(deviation: number): boolean {
    if (this.limits.strict) return false
    this.deviations |= deviation
    return true
  }

  /** Whether the byte ends the size line. */
  private endsLine(byte: number): boolean {
    if (byte === CR) this.state = SizeLf
    else if (byte === LF && this.tolerates(BareLineFeed)) this.endOfLine()
    else return false
    return true
  }

  private sizeDigit(byte: number): void {
    const digit = hexValues[byte]
    if (digit !== 255) {
      this.size = this.size * 16 + digit
      this.digits++
      this.state = Size
      if (this.digits > maxDigits || this.size > Number.MAX_SAFE_INTEGER)
        this.fail(byte, "expected a chunk size of at most 16 digits and 2^53 - 1")
      return
    }
    if ((byte === SP || byte === HTAB) && this.tolerates(ChunkSizeSpacing)) {
      if (this.state === Size) this.state = SizeEnd
      this.growExtension()
    } else if (this.state === Size) this.afterSize(byte)
    else this.fail(byte, badSize)
  }

  private afterSize(byte: number): void {
    if (byte === SEMICOLON) this.beginExtension()
    else if (this.endsLine(byte)) return
    else if (this.state === SizeEnd && (byte === SP || byte === HTAB)) this.growExtension()
    else this.fail(byte, badSize)
  }

  private beginExtension(): void {
    this.state = ExtensionName
    this.hasExtensionName = false
    this.growExtension()
  }

  private growExtension(): void {
    if (++this.extensionSize <= this.limits.maxChunkExtension) return
    this.state = Broken
    this.reason = "Limit"
    this.description = `expected chunk extensions of at most ${this.limits.maxChunkExtension} bytes (http1.maxChunkExtension)`
    this.excerpt = ""
  }

  /** Whether the byte is valid and belongs to the extension. */
  private isExtensionByte(byte: number): boolean {
    switch (this.state) {
      case ExtensionName:
        if (tokenTable[byte] === 1) this.hasExtensionName = true
        else if (!this.hasExtensionName) return this.malformed(byte, "expected a name in the chunk extension")
        else if (byte === EQUALS) this.state = ExtensionValueStart
        else return this.endOfExtension(byte)
        return true
      case ExtensionValueStart:
        if (byte === QUOTE) this.state = Quoted
        else if (tokenTable[byte] === 1) this.state = ExtensionValue
        else return this.malformed(byte, badExtension)
        return true
      case ExtensionValue:
        return tokenTable[byte] === 1 || this.endOfExtension(byte)
      case Quoted:
        if (byte === QUOTE) this.state = QuotedEnd
        else if (byte === BACKSLASH) this.state = QuotedPair
        else if (!isQuotable(byte)) return this.malformed(byte, badExtension)
        return true
      case QuotedPair:
        if (!isQuotable(byte)) return this.malformed(byte, badExtension)
        this.state = Quoted
        return true
      default:
        return this.endOfExtension(byte)
    }
  }

  private endOfExtension(byte: number): boolean {
    if (byte === SEMICOLON) {
      this.beginExtension()
      return false
    }
    return this.endsLine(byte) ? false : this.malformed(byte, badExtension)
  }

  /** Skips the rest of the line, or fails if strict. Returns whether the byte counts as part of the extension. */
  private malformed(byte: number, description: string): boolean {
    if (!this.tolerates(ChunkExtension)) return this.fail(byte, description)
    this.state = FreeText
    return !this.endsLine(byte)
  }

  private endOfLine(): void {
    this.overhead = Math.max(0, this.overhead + this.lineSize - 16 - 2 * this.size)
    if (this.overhead > this.limits.maxChunkOverhead) {
      this.state = Broken
      this.reason = "Limit"
      this.description = "expected more bytes of data than of chunk size lines"
      this.excerpt = ""
    } else this.state = this.size === 0 ? Last : Data
  }

  private fail(byte: number, description: string): false {
    this.state = Broken
    this.reason = "Framing"
    this.description = `${description}, ${gotByte(byte)}`
    this.excerpt = escape(Uint8Array.of(byte), 0, 1)
    return false
  }
}

const badSize = "expected hexadecimal digits as the chunk size"
const badExtension = "expected a token or a quoted string in the chunk extension"
