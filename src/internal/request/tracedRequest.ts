/** A request with the propagation headers of its span. */
import type { Http2Fields, RequestBody, WireRequest } from "../transport/transport.js"

/**
 * A class rather than an object literal: V8 may allocate the objects of a literal in the old generation, where each keeps
 * its whole request alive until the next major collection.
 */
export class TracedRequest implements WireRequest {
  readonly method: string
  readonly target: string
  readonly head: string
  readonly version: "1.0" | "1.1"
  readonly body: RequestBody | undefined
  readonly expectContinue: boolean
  readonly upgrade: string | undefined
  readonly close: boolean
  readonly secret: ReadonlySet<string>
  text: string | undefined = undefined
  http2: Http2Fields | undefined = undefined

  /** `lines` are header lines, each with CRLF. */
  constructor(wire: WireRequest, lines: string) {
    this.method = wire.method
    this.target = wire.target
    this.head = wire.head + lines
    this.version = wire.version
    this.body = wire.body
    this.expectContinue = wire.expectContinue
    this.upgrade = wire.upgrade
    this.close = wire.close
    this.secret = wire.secret
  }
}
