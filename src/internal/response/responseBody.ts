/** The state of a response body, which is read at most once: collected through callbacks, or opened to be pulled. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ConnectionInfo } from "../../ClientResponse.js"
import type { BodyError, ClientError, ClientPayloadError } from "../../Errors.js"
import type { ByteBuilder } from "../byteBuilder.js"
import { withoutItself } from "../currentOptions.js"
import * as Coding from "../http/contentCoding.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { Head } from "../transport/transport.js"
import { Beginning } from "./body/beginning.js"
import { type BodyFacts, BodyReader, payloadError, toBodyError, tooLarge } from "./body/bodyReader.js"
import { Collector, PlainCollector } from "./body/collector.js"
import { PullQueue } from "./body/pullQueue.js"
import { ResponseHeadView } from "./responseHead.js"
import type { ResponseSource, Upgrade } from "./responseSource.js"

/** Waits for the whole body. It is an object instead of a function, so that a hop needs no closure. */
export interface Waiter {
  /** Called once the body is collected, or with the reason why it failed. */
  readonly onCollected: (error: BodyError | undefined) => void
}

const none: Array<Waiter> = []

/** The first bytes of a body, which were read for an error. */
interface Begun {
  readonly beginning: Beginning
  readonly reader: BodyReader
}

type State =
  | "Unread"
  /** The body is being collected. */
  | "Collecting"
  /** `cached` has the bytes. */
  | "Collected"
  /** `failure` has the reason. */
  | "Failed"
  /** `begun` holds its beginning; the rest can still be read. */
  | "Begun"
  /** A stream reads the body. */
  | "Streaming"
  | "Released"

export class ResponseBody extends ResponseHeadView {
  readonly connection: ConnectionInfo
  /** The request behind the response. */
  readonly source: ResponseSource
  protected body: IncomingBody
  protected state: State = "Unread"
  protected cached: Uint8Array | undefined = undefined
  protected failure: BodyError | undefined = undefined
  protected reader: BodyReader | undefined = undefined
  protected pullQueue: PullQueue | undefined = undefined
  protected begun: Begun | undefined = undefined
  /** The reader that waits for the whole body; there is rarely more than one. */
  protected waiter: Waiter | undefined = undefined
  protected otherWaiters: Array<Waiter> = none
  protected upgrade: Upgrade | undefined = undefined
  /** Whether the rest of the body may never arrive, so that waiting for it is useless even if it is short. */
  protected endless = false

  constructor(source: ResponseSource, head: Head, body: IncomingBody, connection: ConnectionInfo) {
    super(head, source)
    this.source = source
    this.body = body
    this.connection = connection
  }

  /** Inserts `tap` between the connection and the reader of the body. Only before reading starts. */
  tapBody(tap: (body: IncomingBody) => IncomingBody): void {
    if (this.state === "Unread" && this.upgrade === undefined) this.body = tap(this.body)
  }

  /** Transfers the connection after status 101 to the first caller. Otherwise it closes with the response. */
  takeUpgrade(): Upgrade | undefined {
    const upgrade = this.upgrade
    this.upgrade = undefined
    if (upgrade !== undefined && this.state === "Unread") {
      this.state = "Released"
      this.source.bodyWatch?.end?.(0, 0, undefined)
    }
    return upgrade
  }

  /** Whether the response still owns an upgraded connection. */
  get upgraded(): boolean {
    return this.upgrade !== undefined
  }

  /** Whether nothing needs to be released: the body is complete, failed or was discarded. */
  get settled(): boolean {
    return this.upgrade === undefined && this.body.ended && this.reader === undefined
  }

  // The body as a whole, by callbacks.

  /** Whether `collect` may be used. Reporting progress requires effects. */
  get isCollectable(): boolean {
    return this.source.settings.onProgress === undefined
  }

  /**
   * Reads, decodes and keeps the whole body, at most `limit` bytes. Calls back immediately if it is already collected.
   * Never throws.
   */
  collect(waiter: Waiter, limit = Infinity): void {
    switch (this.state) {
      case "Collected":
        waiter.onCollected(undefined)
        return
      case "Collecting":
        this.otherWaiters = [...this.otherWaiters, waiter]
        return
      case "Unread":
        this.waiter = waiter
        this.startCollecting(limit)
        return
      default:
        waiter.onCollected(this.unreadable())
    }
  }

  /** Cancels a waiter. If it was the last one, discards the body. */
  cancelCollect(waiter: Waiter): void {
    if (this.state !== "Collecting") return
    if (this.waiter === waiter) this.waiter = undefined
    else this.otherWaiters = this.otherWaiters.filter((other) => other !== waiter)
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

  /** Called by `Collector`. */
  collected(bytes: Uint8Array): void {
    this.cached = bytes
    this.state = "Collected"
    this.settle(undefined)
  }

  /** Called by `Collector`. */
  collectedIn(builder: ByteBuilder): void {
    let bytes: Uint8Array
    try {
      bytes = builder.bytes()
    } catch (cause) {
      this.failed(this.payloadError("TooLarge", cause))
      return
    }
    this.collected(bytes)
  }

  /** Called by `Collector`. */
  abandonTooLarge(): BodyError {
    this.body.abandon()
    return this.tooLargeForArray()
  }

  protected tooLargeForArray(): BodyError {
    return this.payloadError("TooLarge", new Error("The body is larger than an array may be"))
  }

  /** Called by `Collector`. */
  failed(error: BodyError): void {
    this.failure = error
    this.state = "Failed"
    this.settle(error)
  }

  protected settle(error: BodyError | undefined): void {
    const { otherWaiters, waiter } = this
    this.reader = undefined
    this.pullQueue = undefined
    this.waiter = undefined
    if (waiter !== undefined) waiter.onCollected(error)
    if (otherWaiters === none) return
    this.otherWaiters = none
    for (const other of otherWaiters) other.onCollected(error)
  }

  /** `limit` is the limit of the reading fiber, in bytes. */
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

  /** Called by `Collector`. */
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

  /** Why the body can no longer be read. */
  protected unreadable(): BodyError {
    return this.failure ?? this.payloadError(this.state === "Streaming" ? "Consumed" : "Released")
  }

  /** Returns the connection to the pool, or closes it if much of the body is unread. Idempotent. */
  releaseNow(): void {
    switch (this.state) {
      case "Unread":
        this.state = "Released"
        this.source.bodyWatch?.end?.(0, 0, undefined)
        this.body.abandon()
        this.takeUpgrade()?.stream.socket.destroy()
        return
      case "Collecting": {
        this.state = "Released"
        if (this.reader === undefined) {
          this.body.abandon()
          this.source.bodyWatch?.end?.(this.body.received, this.body.received, undefined)
        } else this.reader.abandon()
        // For readers that collect by pulls.
        this.pullQueue?.onError(this.payloadError("Released"))
        this.settle(this.payloadError("Released"))
        return
      }
      case "Begun":
      case "Streaming":
        this.state = "Released"
        this.begun?.beginning.onError(this.payloadError("Released"))
        this.begun = undefined
        this.pullQueue?.onError(this.payloadError("Released"))
        this.closeStream()
        return
    }
  }

  get isCollected(): boolean {
    return this.cached !== undefined
  }

  // The body as a stream.

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
  protected open(limit = Infinity): PullQueue["pull"] {
    const { begun } = this
    const facts = this.bodyFacts(limit)
    const pullQueue = new PullQueue(facts.body.queueLimit)
    const reader = begun?.reader ?? new BodyReader(facts, false, pullQueue)
    this.state = "Streaming"
    this.begun = undefined
    pullQueue.onTaken = () => reader.resume()
    this.reader = reader
    this.pullQueue = pullQueue
    if (begun === undefined) reader.start()
    else if (reader.decoded > limit) {
      reader.abandon()
      pullQueue.onError(this.payloadError("TooLarge", tooLarge(limit)))
    } else {
      reader.restrict(limit)
      if (begun.beginning.continueIn(pullQueue)) reader.resume()
    }
    const { onProgress } = this.source.settings
    const { listen } = this.source
    const pull = listen === undefined ? pullQueue.pull : Effect.tap(pullQueue.pull, listen)
    if (onProgress === undefined) return pull
    const total = Option.fromNullable(this.body.length)
    const hook = withoutItself(
      "onProgress",
      onProgress,
      Effect.suspend(() => onProgress({ direction: "download", transferred: reader.taken, total }))
    )
    return Effect.tap(pull, this.duringRequest(hook))
  }

  /** Runs a hook within the time limits of the request. */
  private duringRequest(hook: Effect.Effect<void>): Effect.Effect<void, Option.Option<BodyError>> {
    return Effect.mapError(this.source.within(hook), (error) => Option.some(toBodyError(error, this.bodyFacts())))
  }

  /** Ends the stream; the body stays consumed. */
  protected closeStream(): void {
    this.reader?.abandon(this.endless)
    this.reader = undefined
    this.pullQueue = undefined
  }
}
