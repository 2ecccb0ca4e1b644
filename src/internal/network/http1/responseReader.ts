/**
 * Reads the responses of one connection, one at a time: the head, then the body, with backpressure. An abandoned body
 * is drained if its rest is short. One reader serves all requests of its connection, to save an allocation per request.
 */
import { type BodyControl, IncomingBody, type Trailers } from "../../transport/incomingBody.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import { BodyDrain, drainSize } from "./bodyDrain.js"
import type { ParsedHead } from "./head.js"
import type { ParserLimits } from "./limits.js"
import { type ParseFailure, Parser, type ParserHandler } from "./parser.js"

/** Callbacks from the reader to its connection. */
export interface ResponseReaderOwner {
  readonly onInformational: (head: ParsedHead) => void
  /** Called with the final head. The owner calls `open` for the body. */
  readonly onHead: (head: ParsedHead) => void
  /** Called when the consumer of the body accepts bytes again. */
  readonly onResume: () => void
  /** Called when the consumer of the body sets a time limit between two chunks, in milliseconds. */
  readonly onLimit: (millis: number) => void
  /** Whether an abandoned body may be drained. */
  readonly mayDrain: () => boolean
  /** Called when the rest of the body will not be read. The connection must close. */
  readonly onUnread: () => void
}

type State =
  /** No exchange. */
  | "idle"
  /** The final head has not arrived. The request may not be written completely yet. */
  | "head"
  /** The final head has arrived. */
  | "body"
  /** The whole response is parsed. The exchange may still wait for the last write of its request. */
  | "complete"
  /** The connection is closed or belongs to an upgraded exchange. */
  | "closed"

export class ResponseReader implements ParserHandler, BodyControl {
  state: State = "idle"
  /** The final head, once it has arrived. */
  head: ParsedHead | undefined = undefined
  body: IncomingBody | undefined = undefined
  trailers: Trailers = []
  /** Whether the consumer of the body applies backpressure. */
  paused = false
  private readonly wire: NetworkStream
  private readonly owner: ResponseReaderOwner
  private readonly parser: Parser
  private readonly drain = new BodyDrain()

  constructor(wire: NetworkStream, limits: ParserLimits, owner: ResponseReaderOwner) {
    this.wire = wire
    this.owner = owner
    this.parser = new Parser(limits, this)
  }

  /** Deviations tolerated in the response, as bits of `deviations.ts`. */
  get deviations(): number {
    return this.parser.deviations
  }

  /** Why `read` returned a negative index. */
  get failure(): ParseFailure | undefined {
    return this.parser.failure
  }

  /** Whether a byte of the response has arrived. */
  get started(): boolean {
    return this.parser.started
  }

  /** Received bytes of heads. */
  get headBytes(): number {
    return this.parser.headBytes
  }

  // Called by the connection.

  /** Prepares for the response to `method`. With `upgrade`, 101 is a final response. */
  expect(method: string, upgrade: boolean): void {
    this.head = undefined
    this.body = undefined
    this.state = "head"
    this.parser.expect(method, upgrade)
  }

  /** Reads `slab[start,end)`. Returns the index after the last byte of the response, or -1 after a failure. */
  read(slab: Buffer, start: number, end: number): number {
    const next = this.parser.execute(slab, start, end)
    if (this.parser.deviations !== 0 && this.body !== undefined) this.body.deviations = this.parser.deviations
    return next
  }

  /** Starts the body that follows `head`. */
  open(head: ParsedHead): IncomingBody {
    const body = new IncomingBody(head.contentLength, this)
    this.body = body
    return body
  }

  /** Call when the peer has ended the connection. Returns whether this completes the response. */
  finish(): boolean {
    return this.parser.finish()
  }

  /** Treats the final head as if it had not arrived. */
  reject(): void {
    this.head = undefined
    this.state = "head"
  }

  /** Call when the connection can start another exchange. */
  becomeIdle(): void {
    this.drain.end()
    this.state = "idle"
    this.paused = false
  }

  /** Stops passing on the response. */
  close(): void {
    this.state = "closed"
    this.drain.end()
  }

  // Called by the consumer of the body.

  keep(): boolean {
    return this.wire.reader.keep()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    if (this.state === "closed") return
    this.owner.onResume()
    this.wire.reader.resume()
  }

  limitIdle(millis: number): void {
    this.owner.onLimit(millis)
  }

  abandon(atOnce: boolean): void {
    if (this.state !== "body") return
    const body = this.body
    const rest = body?.length === undefined ? 0 : body.length - body.received
    if (atOnce || rest > drainSize || this.head?.framing === "close" || !this.owner.mayDrain()) {
      this.owner.onUnread()
      return
    }
    this.drain.start(body?.length, () => this.owner.onUnread())
    this.resume()
  }

  // Called by the parser.

  onInformational(head: ParsedHead): void {
    this.owner.onInformational(head)
  }

  onHead(head: ParsedHead): void {
    if (this.state === "closed") return
    this.head = head
    this.state = "body"
    this.owner.onHead(head)
  }

  onBody(slab: Buffer, start: number, end: number): void {
    const body = this.body
    if (body === undefined || this.state === "closed") return
    if (this.drain.isActive) {
      if (!this.drain.take(end - start)) this.owner.onUnread()
      return
    }
    if (!body.push(slab, start, end)) this.paused = true
  }

  onComplete(trailers: Trailers): void {
    if (this.state === "closed") return
    this.state = "complete"
    this.trailers = trailers
  }
}
