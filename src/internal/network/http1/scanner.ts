/**
 * Reads a head, which is a status line with fields, or a trailer section, byte by byte. It can stop after any byte and
 * continue later, and fails at the same byte however the input is split. It sees one buffer at a time and stores offsets
 * relative to `base`.
 */
import { BareLineFeed, StatusLineSpacing } from "../../transport/deviations.js"
import { CR, HTAB, LF, SP } from "./bytes.js"
import { FieldScanner } from "./fieldScanner.js"
import { isBlank } from "./lineScanner.js"

// States of the status line
const Prefix = 0
const ReasonText = 1
const StatusLf = 2
const Over = 3

const statusLineStart = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e]

export class Scanner extends FieldScanner {
  status = 0
  reasonStart = 0
  reasonEnd = 0
  private statusLine = Prefix
  private connect = false
  /** Extra white space before the status, in bytes. */
  private shift = 0

  /** Begins a head of at most `maxSize` bytes. With `connect`, framing fields of a 2xx are ignored. */
  beginHead(maxSize: number, connect: boolean): void {
    this.begin(maxSize, false)
    this.statusLine = Prefix
    this.connect = connect
    this.status = 0
    this.shift = 0
    this.framing.reset()
  }

  /** Begins a trailer section. */
  beginTrailers(maxSize: number): void {
    this.begin(maxSize, true)
    this.statusLine = Over
  }

  /** Reads `bytes[from,end)` of a section that began at `base`. Returns the index after it, `More` or `Failed`. */
  scan(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from
    this.receivedEnd = end
    while (at < end && this.statusLine !== Over) {
      if (this.statusLine === Prefix) at = this.prefix(bytes, base, at, end)
      else if (this.statusLine === ReasonText) at = this.reasonText(bytes, base, at, end)
      else if (bytes[at] !== LF) return this.reject(bytes, base, at, "expected LF after CR")
      else {
        at++
        this.endStatusLine()
      }
      if (at < 0) return at
    }
    return this.fields(bytes, base, at, end)
  }

  private endStatusLine(): void {
    this.statusLine = Over
    this.unframed = this.connect && this.status >= 200 && this.status < 300
  }

  /** "HTTP/1.", a digit, a space, three digits, and a space or the line's end. */
  private prefix(bytes: Uint8Array, base: number, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const byte = bytes[at]
      const place = at - base - this.shift
      if (place < 7) {
        if (byte !== statusLineStart[place])
          return this.reject(bytes, base, at, 'expected a status line that begins with "HTTP/1."')
      } else if (place === 7) {
        if (byte !== 0x30 && byte !== 0x31) return this.reject(bytes, base, at, "expected HTTP/1.0 or HTTP/1.1")
        this.minor = byte - 0x30
      } else if (place === 8) {
        if (byte !== SP && !(byte === HTAB && this.tolerates(StatusLineSpacing))) {
          return this.reject(bytes, base, at, "expected a space after the version")
        }
      } else if (place === 9 && (byte === SP || byte === HTAB) && this.tolerates(StatusLineSpacing)) {
        this.shift++
        if (this.isTooLarge(base, at)) return this.tooLarge(bytes, base)
      } else if (place < 12) {
        const digit = byte - 0x30
        if (digit < 0 || digit > 9 || (place === 9 && digit === 0)) {
          return this.reject(bytes, base, at, "expected a status from 100 to 999")
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
    if (byte === CR) this.statusLine = StatusLf
    else if (byte === LF && this.tolerates(BareLineFeed)) this.endStatusLine()
    else if (byte === SP || (byte === HTAB && this.tolerates(StatusLineSpacing))) {
      this.reasonStart++
      this.statusLine = ReasonText
    } else return this.reject(bytes, base, at, "expected a space or CRLF after the status")
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
      return this.reject(bytes, base, at, "expected printable characters in the reason phrase")
    }
    this.reasonEnd = at - base
    if (lineFeed) this.endStatusLine()
    else this.statusLine = StatusLf
    return at + 1
  }

  private reject(bytes: Uint8Array, base: number, at: number, description: string): number {
    return this.failAt(bytes, base, at, "StatusLine", description)
  }
}
