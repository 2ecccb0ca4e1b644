/** Decodes the Content-Transfer-Encoding of parts incrementally (RFC 2045 section 6). */

/** Decodes the pieces of one body. Keeps the incomplete end of a piece for the next one. */
export interface TransferDecoder {
  readonly push: (bytes: Uint8Array) => Uint8Array
  readonly end: () => Uint8Array
}

const identity: TransferDecoder = { push: (bytes) => bytes, end: () => new Uint8Array(0) }

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")

/** Decodes base64. Skips characters outside the alphabet (section 6.8). Another encoded text may follow the padding. */
const base64 = (): TransferDecoder => {
  let rest = ""
  const decode = (text: string): Uint8Array =>
    Buffer.concat(text.split(/(?<==)(?!=)/).map((each) => Buffer.from(each, "base64")))
  return {
    push: (bytes) => {
      const text = rest + latin1(bytes).replace(/[^A-Za-z0-9+/=]+/g, "")
      const whole = text.length - (text.length % 4)
      rest = text.slice(whole)
      return decode(text.slice(0, whole))
    },
    end: () => decode(rest)
  }
}

/** Most characters of an incomplete line that are kept. Section 6.7 allows 76; longer lines are decoded in pieces. */
const maxHeldLine = 8192

const unescape = (text: string): string =>
  text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

const withoutPadding = (line: string): string => {
  let end = line.length
  while (end > 0 && (line.charCodeAt(end - 1) === 0x20 || line.charCodeAt(end - 1) === 0x09)) end--
  return line.slice(0, end)
}

/** Decodes a complete line. A final "=" joins it to the next line. Trailing white space was added in transport. */
const quotedLine = (line: string, end: string): string => {
  const text = withoutPadding(line)
  return text.endsWith("=") ? unescape(text.slice(0, -1)) : unescape(text) + end
}

const quotedPrintable = (): TransferDecoder => {
  let held = ""
  return {
    push: (bytes) => {
      const lines = (held + latin1(bytes)).split("\n")
      held = lines.pop() ?? ""
      let out = ""
      for (const line of lines) {
        out += line.endsWith("\r") ? quotedLine(line.slice(0, -1), "\r\n") : quotedLine(line, "\n")
      }
      if (held.length > maxHeldLine) {
        const last = held.slice(-3)
        const cut = held.length - 3 + (last.includes("=") ? last.indexOf("=") : last.search(/[ \t\r]*$/))
        out += unescape(held.slice(0, cut))
        held = held.slice(cut)
      }
      return Buffer.from(out, "latin1")
    },
    end: () => Buffer.from(quotedLine(held, ""), "latin1")
  }
}

/** The decoder for a value of the header. An unknown encoding leaves the bytes unchanged. */
export const transferDecoder = (value: string | undefined): TransferDecoder => {
  const name = value?.trim().toLowerCase()
  return name === "base64" ? base64() : name === "quoted-printable" ? quotedPrintable() : identity
}
