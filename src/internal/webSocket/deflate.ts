/**
 * permessage-deflate that can be given up while zlib works (RFC 7692). `ws` takes its inflater away at once then, which
 * throws when zlib calls back; here the inflater stays until zlib is at rest, and the caller gets no callback any more.
 */
import { type Coded, PerMessageDeflate } from "./ws.js"

export class Deflate extends PerMessageDeflate {
  private over = false
  private inflating = false

  override decompress(data: Uint8Array, last: boolean, done: Coded): void {
    if (this.over) return
    this.inflating = true
    super.decompress(data, last, (error, bytes) => {
      this.inflating = false
      this.hand(done, error, bytes)
    })
  }

  override compress(data: string | Uint8Array, last: boolean, done: Coded): void {
    if (this.over) return
    super.compress(data, last, (error, bytes) => this.hand(done, error, bytes))
  }

  /** Frees what zlib holds, now or when it has inflated a little more. Idempotent. */
  override cleanup(): void {
    this.over = true
    const inflater = this._inflate
    if (!this.inflating) {
      super.cleanup()
      return
    }
    this._inflate = null
    super.cleanup()
    this._inflate = inflater
    // The next piece ends it.
    this._maxPayload = 1
  }

  private hand(done: Coded, error: Error | null, bytes: Uint8Array | undefined): void {
    // A job that waited for its turn has made new streams meanwhile.
    if (this.over) this.cleanup()
    else done(error, bytes)
  }
}
