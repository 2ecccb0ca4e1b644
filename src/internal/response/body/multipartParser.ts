/** Parses multipart messages incrementally (RFC 2046 section 5.1): the headers of each part, and its bytes. */

/** The next element of a message. */
export type MultipartEvent =
  | { readonly _tag: "Head"; readonly fields: ReadonlyArray<readonly [name: string, value: string]> }
  | { readonly _tag: "Data"; readonly bytes: Uint8Array }
  | { readonly _tag: "PartEnd" }
  | { readonly _tag: "End" }
  | { readonly _tag: "Malformed"; readonly description: string }

/** Most bytes of the headers of one part. */
const maxHeadSize = 16 * 1024

/** Most bytes of white space after the boundary of a delimiter line (RFC 2046). */
const maxPadding = 1024

const crlf = Buffer.from("\r\n", "latin1")
const blankLine = Buffer.from("\r\n\r\n", "latin1")

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Decodes a header as UTF-8, which browsers use for file names, or as Latin-1 if it is not valid UTF-8. */
const textOf = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    return Buffer.from(bytes).toString("latin1")
  }
}

const malformed = (description: string): MultipartEvent => ({ _tag: "Malformed", description })

const headOf = (bytes: Uint8Array): MultipartEvent => {
  const fields: Array<readonly [string, string]> = []
  if (bytes.length === 0) return { _tag: "Head", fields }
  for (const line of textOf(bytes)
    .replace(/\r\n[ \t]+/g, " ")
    .split("\r\n")) {
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(colon, 0)).trim()
    if (name === "") return malformed("expected a header of a part, got a line without a name and a colon")
    fields.push([name.toLowerCase(), line.slice(colon + 1).trim()])
  }
  return { _tag: "Head", fields }
}

export class MultipartParser {
  private readonly delimiter: Buffer
  private buffer: Buffer = crlf
  private state: "preamble" | "head" | "body" | "end" = "preamble"
  private finished = false
  /** Number of bytes at the start of the buffer that do not contain a delimiter. */
  private searched = 0

  constructor(boundary: string) {
    this.delimiter = Buffer.from(`\r\n--${boundary}`, "latin1")
  }

  push(bytes: Uint8Array): void {
    if (this.state === "end") return
    const more = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.buffer = this.buffer.length === 0 ? more : Buffer.concat([this.buffer, more])
  }

  /** Call after the last bytes. */
  finish(): void {
    this.finished = true
  }

  /** The next element, or `undefined` if more bytes are needed. */
  next(): MultipartEvent | undefined {
    const event = this.state === "end" ? { _tag: "End" as const } : this.state === "head" ? this.head() : this.content()
    if (event !== undefined || !this.finished) return event
    return malformed("expected the final boundary, got the end of the body")
  }

  private take(length: number): Buffer {
    const taken = this.buffer.subarray(0, length)
    this.buffer = this.buffer.subarray(length)
    this.searched = 0
    return taken
  }

  private head(): MultipartEvent | undefined {
    const { buffer } = this
    if (buffer.length < 2) return undefined
    if (buffer[0] === 0x0d && buffer[1] === 0x0a) {
      // The part has no headers. If it has no body either, this line break belongs to the next delimiter.
      const begins = this.delimiter.subarray(0, buffer.length).equals(buffer.subarray(0, this.delimiter.length))
      if (begins && buffer.length < this.delimiter.length && !this.finished) return undefined
      if (!begins) this.take(2)
      this.state = "body"
      return headOf(buffer.subarray(0, 0))
    }
    const end = buffer.indexOf(blankLine, Math.max(0, this.searched - 3))
    if (end < 0) {
      this.searched = buffer.length
      return buffer.length > maxHeadSize
        ? malformed(`expected at most ${maxHeadSize} bytes of headers in a part, got more`)
        : undefined
    }
    if (end > maxHeadSize) return malformed(`expected at most ${maxHeadSize} bytes of headers in a part, got more`)
    const event = headOf(this.take(end))
    this.take(blankLine.length)
    this.state = "body"
    return event
  }

  /** The content before a delimiter. Skips the content before the first delimiter, the preamble. */
  private content(): MultipartEvent | undefined {
    while (true) {
      const at = this.buffer.indexOf(this.delimiter, this.searched)
      if (at < 0) {
        const safe = this.buffer.length - this.delimiter.length + 1
        return safe > 0 ? this.data(safe) : undefined
      }
      if (at > 0) {
        const event = this.data(at)
        if (event !== undefined) return event
        continue
      }
      const line = this.delimiterLine()
      if (line === "wait") return undefined
      if (line === "content") {
        this.searched = 1
        continue
      }
      const inPart = this.state === "body"
      this.state = line
      if (inPart) return { _tag: "PartEnd" }
      return line === "end" ? { _tag: "End" } : this.head()
    }
  }

  private data(length: number): MultipartEvent | undefined {
    const bytes = this.take(length)
    return this.state === "body" ? { _tag: "Data", bytes } : undefined
  }

  /** Classifies the line at the start of the buffer: a delimiter before a part, the last one, or content. */
  private delimiterLine(): "head" | "end" | "wait" | "content" {
    const { buffer, delimiter } = this
    const from = delimiter.length
    if (buffer[from] === 0x2d && buffer[from + 1] === 0x2d) {
      this.take(buffer.length)
      return "end"
    }
    const end = buffer.indexOf(crlf, from)
    const padding = buffer.subarray(from, end < 0 ? buffer.length : end)
    if (padding.length > maxPadding || padding.some(isContent)) return "content"
    if (end < 0) return "wait"
    this.take(end + 2)
    return "head"
  }
}

const isContent = (byte: number, index: number, all: Uint8Array): boolean =>
  byte !== 0x20 &&
  byte !== 0x09 &&
  !(byte === 0x0d && index === all.length - 1) &&
  !(byte === 0x2d && index === 0 && all.length === 1)
