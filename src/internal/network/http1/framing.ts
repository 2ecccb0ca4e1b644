/**
 * Reads the fields of a head that decide where its body ends and whether the connection can be reused (RFC 9112,
 * sections 6 and 9).
 */
import { IdentityCoding, LengthWithChunked, RepeatedChunked } from "../../transport/deviations.js"
import { HTAB, isWord, SP } from "./bytes.js"

/** Fields that affect the framing of a message or its connection. */
export const Kind = { Other: 0, ContentLength: 1, TransferEncoding: 2, Connection: 3, KeepAlive: 4 } as const

/** The kind of a field name. */
export const kindOf = (bytes: Uint8Array, start: number, end: number): number => {
  switch (end - start) {
    case 10:
      if (isWord(bytes, start, end, "connection")) return Kind.Connection
      return isWord(bytes, start, end, "keep-alive") ? Kind.KeepAlive : Kind.Other
    case 14:
      return isWord(bytes, start, end, "content-length") ? Kind.ContentLength : Kind.Other
    case 17:
      return isWord(bytes, start, end, "transfer-encoding") ? Kind.TransferEncoding : Kind.Other
    default:
      return Kind.Other
  }
}

const COMMA = 0x2c
const isSpace = (byte: number): boolean => byte === SP || byte === HTAB

/** The framing of one head. Each method takes a value without white space around it. */
export class Framing {
  /** Content-Length; -1 without one. */
  length = -1
  chunked = false
  close = false
  keepAlive = false
  /** The timeout of Keep-Alive in milliseconds; -1 without one. */
  timeout = -1
  /** Bits of `deviations.ts`. */
  deviations = 0
  private digits = 0
  private readonly strict: boolean

  constructor(strict: boolean) {
    this.strict = strict
  }

  reset(): void {
    this.length = -1
    this.chunked = false
    this.close = false
    this.keepAlive = false
    this.timeout = -1
    this.deviations = 0
    this.digits = 0
  }

  /** Reads one field. Returns the description of an error, if it has one. */
  field(kind: number, minor: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    switch (kind) {
      case Kind.ContentLength:
        return this.contentLength(bytes, start, end)
      case Kind.TransferEncoding:
        return this.transferEncoding(minor, bytes, start, end)
      case Kind.Connection:
        this.connection(bytes, start, end)
        return undefined
      default:
        this.keepAliveParameters(bytes, start, end)
        return undefined
    }
  }

  // Accepts a list of identical members only: recipients disagree about lists such as "042, 42".
  private contentLength(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (this.chunked && this.strict) return "expected Content-Length or Transfer-Encoding, got both"
    let index = start
    for (;;) {
      while (index < end && isSpace(bytes[index])) index++
      const first = index
      let value = 0
      for (; index < end; index++) {
        const digit = bytes[index] - 0x30
        if (digit < 0 || digit > 9) break
        value = value * 10 + digit
      }
      const digits = index - first
      if (digits === 0) return "expected decimal digits as the Content-Length"
      if (value > Number.MAX_SAFE_INTEGER) return "expected a Content-Length of at most 2^53 - 1"
      if (this.length >= 0 && (this.length !== value || this.digits !== digits))
        return "expected one Content-Length, got different ones"
      this.length = value
      this.digits = digits
      while (index < end && isSpace(bytes[index])) index++
      if (index === end) return undefined
      if (bytes[index] !== COMMA) return "expected decimal digits as the Content-Length"
      index++
    }
  }

  private transferEncoding(minor: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    if (minor === 0) return "expected no Transfer-Encoding in HTTP/1.0"
    if (!this.strict) return this.transferCodings(bytes, start, end)
    if (this.length >= 0) return "expected Content-Length or Transfer-Encoding, got both"
    if (this.chunked || !isWord(bytes, start, end, "chunked"))
      return 'expected exactly "chunked" as the Transfer-Encoding'
    this.chunked = true
    return undefined
  }

  /** Takes a repeated "chunked" as one, and ignores "identity", which RFC 7230 removed. */
  private transferCodings(bytes: Uint8Array, start: number, end: number): string | undefined {
    let wrong: string | undefined
    let members = 0
    eachMember(bytes, start, end, (from, to) => {
      members++
      if (isWord(bytes, from, to, "identity")) this.deviations |= IdentityCoding
      else if (!isWord(bytes, from, to, "chunked")) wrong = 'expected "chunked" as the Transfer-Encoding'
      else if (this.chunked) this.deviations |= RepeatedChunked
      else this.chunked = true
    })
    return members === 0 ? 'expected "chunked" as the Transfer-Encoding' : wrong
  }

  /** Runs once all fields are read. With both framings, chunked wins (RFC 9112, section 6.3). */
  settle(): void {
    if (this.chunked && this.length >= 0) this.deviations |= LengthWithChunked
  }

  /** Whether version and Connection allow reuse of the connection. */
  persists(minor: number): boolean {
    return !this.close && (minor === 1 || this.keepAlive)
  }

  /**
   * Whether content may follow a 204 or 205, which have none. A server that announces content may send it; with 205, even
   * without announcing it.
   */
  mayHaveContent(status: number): boolean {
    return this.chunked || this.length > 0 || (status === 205 && this.length < 0)
  }

  private connection(bytes: Uint8Array, start: number, end: number): void {
    eachMember(bytes, start, end, (from, to) => {
      if (isWord(bytes, from, to, "close")) this.close = true
      else if (isWord(bytes, from, to, "keep-alive")) this.keepAlive = true
    })
  }

  // The timeout is a hint, so a malformed one is ignored.
  private keepAliveParameters(bytes: Uint8Array, start: number, end: number): void {
    eachMember(bytes, start, end, (from, to) => {
      if (to - from < 9 || !isWord(bytes, from, from + 8, "timeout=")) return
      let seconds = 0
      for (let index = from + 8; index < to; index++) {
        const digit = bytes[index] - 0x30
        if (digit < 0 || digit > 9) return
        seconds = seconds * 10 + digit
      }
      const millis = seconds * 1000
      if (Number.isSafeInteger(millis)) this.timeout = millis
    })
  }
}

const eachMember = (
  bytes: Uint8Array,
  start: number,
  end: number,
  member: (from: number, to: number) => void
): void => {
  let index = start
  while (index < end) {
    while (index < end && (bytes[index] === COMMA || isSpace(bytes[index]))) index++
    const from = index
    while (index < end && bytes[index] !== COMMA) index++
    let to = index
    while (to > from && isSpace(bytes[to - 1])) to--
    if (to > from) member(from, to)
  }
}
