/**
 * A permessage-deflate (RFC 7692) that can be cancelled while zlib works. The one of `ws` removes its inflater at once,
 * and throws when zlib calls back. This one keeps the inflater until zlib is idle, and drops the callbacks of the
 * caller.
 */
import { type Coded, PerMessageDeflate } from "./ws.js"

export class Deflate extends PerMessageDeflate {
  /** Whether `cleanup` was called. */
  private cancelled = false
  private inflating = false

  override decompress(data: Uint8Array, last: boolean, done: Coded): void {
    if (this.cancelled) return
    this.inflating = true
    super.decompress(data, last, (error, bytes) => {
      this.inflating = false
      this.deliver(done, error, bytes)
    })
  }

  override compress(data: string | Uint8Array, last: boolean, done: Coded): void {
    if (this.cancelled) return
    super.compress(data, last, (error, bytes) => this.deliver(done, error, bytes))
  }

  /** Frees the memory of zlib, at once or after the current step. Idempotent. */
  override cleanup(): void {
    this.cancelled = true
    const inflater = this._inflate
    if (!this.inflating) {
      super.cleanup()
      return
    }
    this._inflate = null
    super.cleanup()
    this._inflate = inflater
    // Makes zlib stop at its next output.
    this._maxPayload = 1
  }

  private deliver(done: Coded, error: Error | null, bytes: Uint8Array | undefined): void {
    // A queued job may have created new streams meanwhile.
    if (this.cancelled) this.cleanup()
    else done(error, bytes)
  }
}
