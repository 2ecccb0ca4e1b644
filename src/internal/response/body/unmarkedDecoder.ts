/**
 * A streaming TextDecoder that removes a byte order mark at the start of the text (WHATWG Encoding, section 6). Deno's
 * TextDecoder also removes a later mark if a chunk ends within it.
 */
export class UnmarkedDecoder {
  private readonly decoder: TextDecoder
  private atStart: boolean

  /** `atStart` is true if the first bytes are the start of the text. */
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
