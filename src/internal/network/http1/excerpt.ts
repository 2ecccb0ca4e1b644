/**
 * Excerpts of malformed messages for errors: the line at fault from its beginning, escaped, without secrets.
 *
 * An excerpt has at most `maxLength` characters, taken from at most `maxBytes` bytes. The parser keeps all bytes of an
 * unfinished head, so the line is complete up to the fault. After the fault only received bytes are shown, as the parser
 * does not wait for more. A word that may continue in the next read is left out, because redaction does not recognize
 * half a secret.
 */
import { isHiddenInHead, redacted, redactHead } from "../../redact.js"
import { COLON, CR, HTAB, isWord, LF, SP, tokenTable } from "./bytes.js"

const maxLength = 100

/** More than `maxLength`, so that redaction sees the whole of a secret that is cut at `maxLength`. */
const maxBytes = 1024

/** Escapes one byte. */
const escapeByte = (byte: number): string => {
  switch (byte) {
    case CR:
      return "\\r"
    case LF:
      return "\\n"
    case HTAB:
      return "\\t"
    case 0x5c:
      return "\\\\"
    default:
      return byte >= SP && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`
  }
}

/** `bytes[start,end)`, escaped. */
export const escape = (bytes: Uint8Array, start: number, end: number): string => {
  let out = ""
  for (let at = start; at < end; at++) out += escapeByte(bytes[at])
  return out
}

/** The end of the line that contains `fault`: after that byte, before CRLF or LF. `undefined` if it is beyond `end`. */
const endOfLine = (bytes: Uint8Array, fault: number, end: number): number | undefined => {
  for (let at = fault; at < end; at++) {
    if (bytes[at] !== LF) continue
    const stop = at > 0 && bytes[at - 1] === CR ? at - 1 : at
    return Math.max(stop, fault + 1)
  }
  return undefined
}

/** Cuts `text` to at most `size` characters, at a space after `from`. */
const cutAtWord = (text: string, from: number, size: number): string => {
  const cut = text.slice(0, size)
  const blank = cut.lastIndexOf(" ")
  return cut.slice(0, blank >= from ? blank : Math.min(from, size))
}

/** The line that begins at `start` and is wrong at `fault`; bytes up to `end` have been received. */
export const lineExcerpt = (bytes: Uint8Array, start: number, fault: number, end: number): string => {
  const limit = Math.min(end, start + maxBytes)
  // A line that begins with white space continues the value of an earlier line, which may be secret.
  if (fault === start && (bytes[start] === SP || bytes[start] === HTAB)) return escape(bytes, start, start + 1)
  const stop = fault < limit ? endOfLine(bytes, fault, limit) : undefined
  const before = escape(bytes, start, Math.min(fault + 1, limit))
  const behind = stop === undefined ? escape(bytes, fault + 1, limit) : escape(bytes, fault + 1, stop)
  const whole = stop === undefined ? cutAtWord(before + behind, before.length, Infinity) : before + behind
  const shown = redactHead(hidesValue(bytes, start, stop ?? limit) ? withoutValue(whole) : whole)
  return shown.length <= maxLength ? shown : cutAtWord(shown, Math.min(before.length, maxLength), maxLength)
}

/** Whether a line has the name of a secret field, also with invalid characters in that name. */
const hidesValue = (bytes: Uint8Array, start: number, end: number): boolean => {
  if (isWord(bytes, start, start + 5, "http/")) return false
  let word = ""
  let name = ""
  for (let at = start; at < end && bytes[at] !== COLON; at++) {
    const byte = bytes[at]
    if (tokenTable[byte] === 0) {
      if (isHiddenInHead(word)) return true
      word = ""
    } else {
      word += String.fromCharCode(byte)
      name += String.fromCharCode(byte)
    }
  }
  return isHiddenInHead(word) || isHiddenInHead(name)
}

/** Replaces everything after the first colon or white space by a mark. */
const withoutValue = (line: string): string => {
  const name = /^.*?(?::| |\\t)/.exec(line)?.[0]
  if (name === undefined) return line
  return name.endsWith(":") ? `${name} ${redacted}` : name + redacted
}

/** The end of an error description, which names the byte that the parser got. */
export const gotByte = (byte: number): string => {
  if (byte === CR) return "got CR"
  if (byte === LF) return "got LF"
  if (byte === SP) return "got a space"
  return byte === HTAB ? "got a tab" : `got "${escapeByte(byte)}"`
}
