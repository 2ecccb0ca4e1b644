/**
 * A streaming TextDecoder without the byte order mark at the start of the text (WHATWG Encoding, section 6). Deno's own
 * also removes a mark later in the text if a chunk ends within it.
 */
export class UnmarkedDecoder {
  private readonly decoder: TextDecoder
  private atStart: boolean

  /** `atStart`: whether the first bytes are the start of the text. */
  constructor(encoding: string, atStart = true) {
    this.decoder = new TextDecoder(encoding, { ignoreBOM: true })
    this.atStart = atStart && encoding.startsWith("utf-")
  }

  push(bytes: Uint8Array): string {
    const text = this.decoder.decode(bytes, { stream: true })
    if (!this.atStart || text === "") return text
    this.atStart = false
    return text.startsWith("\ufeff") ? text.slice(1) : text
  }

  end(): string {
    return this.decoder.decode()
  }
}
