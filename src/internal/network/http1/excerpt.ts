/**
 * What errors show of a message that is not HTTP: the line at fault from its beginning, escaped, without secrets.
 *
 * The bound: at most `maxLength` characters of at most `maxBytes` bytes. A parser keeps all bytes of an unfinished head,
 * so the line is there from its beginning however many reads brought it; its rest is shown as far as it has been received
 * when the fault is found, as a parser does not wait for more. A word that may continue there is left out, because half
 * a secret is not recognized as one.
 */
import { isHiddenInHead, redacted, redactHead } from "../../redact.js"
import { COLON, CR, HTAB, isWord, LF, SP, token } from "./bytes.js"

const maxLength = 100

/** More than `maxLength`, so that a secret is recognized that the bound cuts. */
const maxBytes = 1024

/** One byte as an excerpt shows it. */
const escaped = (byte: number): string => {
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
  for (let at = start; at < end; at++) out += escaped(bytes[at])
  return out
}

/** Where the line of the byte at `fault` ends: after that byte, without CRLF or LF; `undefined`: later than `end`. */
const endOfLine = (bytes: Uint8Array, fault: number, end: number): number | undefined => {
  for (let at = fault; at < end; at++) {
    if (bytes[at] !== LF) continue
    const stop = at > 0 && bytes[at - 1] === CR ? at - 1 : at
    return Math.max(stop, fault + 1)
  }
  return undefined
}

/** Cuts `text` to the bound, at a blank behind `from`. */
const cutAtWord = (text: string, from: number, size: number): string => {
  const cut = text.slice(0, size)
  const blank = cut.lastIndexOf(" ")
  return cut.slice(0, blank >= from ? blank : Math.min(from, size))
}

/** The line that begins at `start` and is wrong at `fault`; bytes up to `end` have been received. */
export const lineExcerpt = (bytes: Uint8Array, start: number, fault: number, end: number): string => {
  const limit = Math.min(end, start + maxBytes)
  // A line that begins with white space continues the value of a line that is not here, which may be secret.
  if (fault === start && (bytes[start] === SP || bytes[start] === HTAB)) return escape(bytes, start, start + 1)
  const stop = fault < limit ? endOfLine(bytes, fault, limit) : undefined
  const before = escape(bytes, start, Math.min(fault + 1, limit))
  const behind = stop === undefined ? escape(bytes, fault + 1, limit) : escape(bytes, fault + 1, stop)
  const whole = stop === undefined ? cutAtWord(before + behind, before.length, Infinity) : before + behind
  const shown = redactHead(hidesValue(bytes, start, stop ?? limit) ? withoutValue(whole) : whole)
  return shown.length <= maxLength ? shown : cutAtWord(shown, Math.min(before.length, maxLength), maxLength)
}

/** Whether the name of a line is secret, or would be without characters that do not belong there. */
const hidesValue = (bytes: Uint8Array, start: number, end: number): boolean => {
  if (isWord(bytes, start, start + 5, "http/")) return false
  let word = ""
  let name = ""
  for (let at = start; at < end && bytes[at] !== COLON; at++) {
    const byte = bytes[at]
    if (token[byte] === 0) {
      if (isHiddenInHead(word)) return true
      word = ""
    } else {
      word += String.fromCharCode(byte)
      name += String.fromCharCode(byte)
    }
  }
  return isHiddenInHead(word) || isHiddenInHead(name)
}

/** What precedes the first colon or white space, and a mark in place of the rest. */
const withoutValue = (line: string): string => {
  const name = /^.*?(?::| |\\t)/.exec(line)?.[0]
  if (name === undefined) return line
  return name.endsWith(":") ? `${name} ${redacted}` : name + redacted
}

/** A byte that was not expected. */
export const unexpected = (byte: number): string => {
  if (byte === CR) return "got CR"
  if (byte === LF) return "got LF"
  if (byte === SP) return "got a space"
  return byte === HTAB ? "got a tab" : `got "${escaped(byte)}"`
}
