/** Validates UTF-8 incrementally (RFC 3629 section 4). */
import { isUtf8 } from "node:buffer"

export class Utf8Validator {
  /** How many bytes of the current character are missing. */
  private need = 0
  /** The valid range of the next byte. */
  private least = 0x80
  private most = 0xbf

  /** Whether the input does not end within a character. */
  get whole(): boolean {
    return this.need === 0
  }

  /** Validates more bytes. Returns `false` as soon as the input cannot become valid. */
  push(bytes: Buffer, start: number, end: number): boolean {
    let at = start
    while (at < end && this.need > 0) if (!this.step(bytes.readUInt8(at++))) return false
    const last = beginOfLast(bytes, at, end)
    if (!isUtf8(bytes.subarray(at, last))) return false
    for (at = last; at < end; at++) if (!this.step(bytes.readUInt8(at))) return false
    return true
  }

  private step(byte: number): boolean {
    if (this.need === 0) return this.begin(byte)
    const fits = byte >= this.least && byte <= this.most
    this.need--
    this.least = 0x80
    this.most = 0xbf
    return fits
  }

  private begin(byte: number): boolean {
    if (byte < 0x80) return true
    if (byte < 0xc2 || byte > 0xf4) return false
    this.need = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
    // Rejects overlong forms, surrogates, and code points above U+10FFFF.
    if (byte === 0xe0) this.least = 0xa0
    else if (byte === 0xed) this.most = 0x9f
    else if (byte === 0xf0) this.least = 0x90
    else if (byte === 0xf4) this.most = 0x8f
    return true
  }
}

/** The start of the last character if `end` may cut it off, otherwise `end`. */
const beginOfLast = (bytes: Buffer, start: number, end: number): number => {
  for (let at = end - 1; at >= start && at >= end - 3; at--) {
    const byte = bytes.readUInt8(at)
    if (byte >= 0xc0) return at
    if (byte < 0x80) break
  }
  return end
}
