/**
 * The body of a response, read at most once: what has become of it, and what is made of its bytes, without effects.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ConnectionInfo } from "../../ClientResponse.js"
import type { BodyError, ClientError, ClientPayloadError } from "../../Errors.js"
import type { Gather } from "../byteBuilder.js"
import { withoutItself } from "../currentOptions.js"
import * as Coding from "../http/contentCoding.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { Head } from "../transport/transport.js"
import { Beginning } from "./body/beginning.js"
import { type BodyFacts, BodyReader, payloadError, toBodyError, tooLarge } from "./body/bodyReader.js"
import { Collector, PlainCollector } from "./body/collector.js"
import { Batches } from "./body/pullQueue.js"
import { ResponseHeadView } from "./responseHead.js"
import type { ResponseSource, Upgrade } from "./responseSource.js"

/** Hears that the body has been collected, or why not. */
export type Waiter = (error: BodyError | undefined) => void

const none: Array<Waiter> = []

/** A body whose beginning was read for an error. */
interface Begun {
  readonly beginning: Beginning
  readonly reader: BodyReader
}

type State =
  | "Unread"
  /** It is collected for whoever waits. */
  | "Collecting"
  /** `cached` has it. */
  | "Collected"
  /** `failure` says why not. */
  | "Failed"
  /** `begun` holds its beginning; the rest can still be read. */
  | "Begun"
  /** A stream has it. */
  | "Streaming"
  | "Released"

export class ResponseBody extends ResponseHeadView {
  readonly connection: ConnectionInfo
  /** What it answers. */
  readonly source: ResponseSource
  protected body: IncomingBody
  protected state: State = "Unread"
  protected cached: Uint8Array | undefined = undefined
  protected failure: BodyError | undefined = undefined
  protected reader: BodyReader | undefined = undefined
  protected batches: Batches | undefined = undefined
  protected begun: Begun | undefined = undefined
  /** Who waits for the whole body: one, nearly always. */
  protected waiter: Waiter | undefined = undefined
  protected otherWaiters: Array<Waiter> = none
  protected upgrade: Upgrade | undefined = undefined
  /** The rest of its body will not come soon, however short it is. */
  protected endless = false

  constructor(source: ResponseSource, head: Head, body: IncomingBody, connection: ConnectionInfo) {
    super(head, source)
    this.source = source
    this.body = body
    this.connection = connection
  }

  /** Puts something between the connection and the body's reader; only while nobody reads. */
  tapBody(tap: (body: IncomingBody) => IncomingBody): void {
    if (this.state === "Unread" && this.upgrade === undefined) this.body = tap(this.body)
  }

  /** The connection after 101, for whoever asks first; if nobody does, it ends with the response. */
  takeUpgrade(): Upgrade | undefined {
    const upgrade = this.upgrade
    this.upgrade = undefined
    if (upgrade !== undefined && this.state === "Unread") {
      this.state = "Released"
      this.source.bodyWatch?.end?.(0, 0, undefined)
    }
    return upgrade
  }

  /** Whether it has taken its connection along. */
  get upgraded(): boolean {
    return this.upgrade !== undefined
  }

  /** Whether there is nothing to be given back: the body has come, has failed, or was given up. */
  get settled(): boolean {
    return this.upgrade === undefined && this.body.ended && this.reader === undefined
  }

  // The body as a whole, by callbacks.

  /** Whether `collect` may be used: nobody wants to hear of progress, which takes effects. */
  get direct(): boolean {
    return this.source.settings.onProgress === undefined
  }

  /**
   * Reads and decodes the whole body, at most `limit` bytes, and keeps it; calls back at once where it is kept already.
   * Never throws.
   */
  collect(done: Waiter, limit = Infinity): void {
    switch (this.state) {
      case "Collected":
        done(undefined)
        return
      case "Collecting":
        this.otherWaiters = [...this.otherWaiters, done]
        return
      case "Unread":
        this.waiter = done
        this.startCollecting(limit)
        return
      default:
        done(this.unreadable())
    }
  }

  /** `done` is not called any more; when nobody waits, the body is given up. */
  cancelCollect(done: Waiter): void {
    if (this.state !== "Collecting") return
    if (this.waiter === done) this.waiter = undefined
    else this.otherWaiters = this.otherWaiters.filter((waiter) => waiter !== done)
    if (this.waiter === undefined && this.otherWaiters.length === 0) this.releaseNow()
  }

  protected startCollecting(limit: number): void {
    this.state = "Collecting"
    if (this.isPlain(limit)) {
      const { bodyWatch } = this.source
      const whole = bodyWatch === undefined ? this.body.takeWhole() : undefined
      if (whole !== undefined) this.collected(whole)
      else this.body.consume(new PlainCollector(this, this.body.length, bodyWatch))
      return
    }
    const collector = new Collector(this)
    this.reader = new BodyReader(this.bodyFacts(limit), true, collector)
    this.reader.start()
  }

  /** Whether the body needs neither decoding nor a size limit. */
  protected isPlain(limit: number): boolean {
    const { settings } = this.source
    return (
      limit === Infinity &&
      settings.maxBodySize === Infinity &&
      (!settings.autoDecompress || this.head.get("content-encoding") === undefined)
    )
  }

  /** For `Collector`. */
  collected(bytes: Uint8Array): void {
    this.cached = bytes
    this.state = "Collected"
    this.settle(undefined)
  }

  /** For `Collector`. */
  gathered(gather: Gather): void {
    let bytes: Uint8Array
    try {
      bytes = gather.takeAll()
    } catch (cause) {
      this.failed(this.payloadError("TooLarge", cause))
      return
    }
    this.collected(bytes)
  }

  /** For `Collector`. */
  refused(): BodyError {
    this.body.abandon()
    return this.tooLargeForArray()
  }

  protected tooLargeForArray(): BodyError {
    return this.payloadError("TooLarge", new Error("The body is larger than an array may be"))
  }

  /** For `Collector`. */
  failed(error: BodyError): void {
    this.failure = error
    this.state = "Failed"
    this.settle(error)
  }

  protected settle(error: BodyError | undefined): void {
    const { otherWaiters, waiter } = this
    this.reader = undefined
    this.batches = undefined
    this.waiter = undefined
    if (waiter !== undefined) waiter(error)
    if (otherWaiters === none) return
    this.otherWaiters = none
    for (const other of otherWaiters) other(error)
  }

  /** `limit` is the reader's own, in bytes. */
  protected bodyFacts(limit = Infinity): BodyFacts {
    const { bodyWatch, settings } = this.source
    return {
      body: this.body,
      codings: settings.autoDecompress ? Coding.parse(this.head.getAll("content-encoding")) : "raw",
      toleratesTruncatedCoding: this.head.toleratesTruncatedCoding,
      maxBodySize: Math.min(settings.maxBodySize, limit),
      source: this.source,
      watch: bodyWatch
    }
  }

  /** For `Collector`. */
  bodyError(error: ClientError): BodyError {
    return toBodyError(error, { body: this.body, source: this.source })
  }

  protected payloadError(reason: ClientPayloadError["reason"], cause?: unknown): ClientPayloadError {
    return payloadError({ body: this.body, source: this.source }, reason, cause)
  }

  /** Whether the body can still be collected or streamed. */
  protected get isReadable(): boolean {
    return this.state === "Unread" || this.state === "Begun"
  }

  /** Why the body cannot be read any more. */
  protected unreadable(): BodyError {
    return this.failure ?? this.payloadError(this.state === "Streaming" ? "Consumed" : "Released")
  }

  /** Gives the connection back, or closes it where much is unread. Idempotent. */
  releaseNow(): void {
    switch (this.state) {
      case "Unread":
        this.state = "Released"
        this.source.bodyWatch?.end?.(0, 0, undefined)
        this.body.abandon()
        this.takeUpgrade()?.wire.socket.destroy()
        return
      case "Collecting": {
        this.state = "Released"
        if (this.reader === undefined) {
          this.body.abandon()
          this.source.bodyWatch?.end?.(this.body.received, this.body.received, undefined)
        } else this.reader.abandon()
        // Who collects by pulls.
        this.batches?.onError(this.payloadError("Released"))
        this.settle(this.payloadError("Released"))
        return
      }
      case "Begun":
      case "Streaming":
        this.state = "Released"
        this.begun?.beginning.onError(this.payloadError("Released"))
        this.begun = undefined
        this.batches?.onError(this.payloadError("Released"))
        this.closeStream()
        return
    }
  }

  get isCollected(): boolean {
    return this.cached !== undefined
  }

  // The body in pieces.

  /**
   * Reads the first bytes, more than `size` if the body is longer, and leaves the rest. Call only while it is unread.
   */
  protected begin(size: number): Beginning {
    const beginning = new Beginning(size)
    const reader = new BodyReader(this.bodyFacts(), false, beginning)
    this.state = "Begun"
    this.begun = { beginning, reader }
    this.reader = reader
    reader.start()
    return beginning
  }

  /** Opens the body for pulls of at most `limit` bytes in all. Call only while `isReadable`. */
  protected open(limit = Infinity): Batches["pull"] {
    const { begun } = this
    const batches = new Batches()
    const reader = begun?.reader ?? new BodyReader(this.bodyFacts(limit), false, batches)
    this.state = "Streaming"
    this.begun = undefined
    batches.onTaken = () => reader.resume()
    this.reader = reader
    this.batches = batches
    if (begun === undefined) reader.start()
    else if (reader.decoded > limit) {
      reader.abandon()
      batches.onError(this.payloadError("TooLarge", tooLarge(limit)))
    } else {
      reader.restrict(limit)
      if (begun.beginning.continueIn(batches)) reader.resume()
    }
    const { onProgress } = this.source.settings
    const { listen } = this.source
    const pull = listen === undefined ? batches.pull : Effect.tap(batches.pull, listen)
    if (onProgress === undefined) return pull
    const total = Option.fromNullable(this.body.length)
    const told = withoutItself(
      "onProgress",
      onProgress,
      Effect.suspend(() => onProgress({ direction: "download", transferred: reader.taken, total }))
    )
    return Effect.tap(pull, this.heard(told))
  }

  /** A hook ends with the request, and the body with it. */
  private heard(hook: Effect.Effect<void>): Effect.Effect<void, Option.Option<BodyError>> {
    return Effect.mapError(this.source.within(hook), (error) => Option.some(toBodyError(error, this.bodyFacts())))
  }

  /** The stream's reader has ended or gone away: the body stays consumed. */
  protected closeStream(): void {
    this.reader?.abandon(this.endless)
    this.reader = undefined
    this.batches = undefined
  }
}
