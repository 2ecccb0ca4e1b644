/** Streams a request body to the handler of a mock, with backpressure. */
import type { ClientError } from "../../Errors.js"
import type { RequestBody, RequestSink, RequestSource } from "../transport/transport.js"

/** Callbacks about the progress of the upload. */
export interface UploadOwner {
  readonly onSent: () => void
  readonly onProgress: () => void
  readonly onUploadError: (error: ClientError) => void
}

/** Bytes that are buffered between source and handler, like in the socket buffers of a network. */
const highWaterMark = 64 * 1024

export class MockUpload implements RequestSink {
  /** Set by the source. */
  onDrain: (() => void) | undefined = undefined
  /** The body for the handler. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined
  private readonly requestBody: RequestBody | undefined
  private readonly owner: UploadOwner
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined = undefined
  private source: RequestSource | undefined = undefined
  private discarding = false
  private state: "open" | "ended" | "cancelled" = "open"

  constructor(requestBody: RequestBody | undefined, owner: UploadOwner) {
    this.requestBody = requestBody
    this.owner = owner
    this.body = requestBody === undefined || requestBody._tag === "Bytes" ? requestBody?.bytes : this.makeStream()
  }

  private makeStream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller
        },
        pull: () => this.onDrain?.(),
        cancel: () => this.discard()
      },
      { highWaterMark, size: (chunk) => chunk?.byteLength ?? 0 }
    )
  }

  /** Whether the source may still produce bytes. */
  get running(): boolean {
    return this.state === "open"
  }

  start(): void {
    if (this.requestBody?._tag === "Stream") this.source = this.requestBody.start(this)
    else this.end()
  }

  /** Reads and discards the rest. */
  discard(): void {
    this.discarding = true
    this.onDrain?.()
  }

  /** Cancels the source. */
  cancel(): void {
    if (this.state !== "open") return
    this.state = "cancelled"
    this.source?.cancel()
    this.controller?.error(new Error("The exchange is over"))
  }

  readonly write = (chunk: Uint8Array): boolean => {
    if (this.state !== "open" || chunk.length === 0) return true
    this.owner.onProgress()
    if (this.discarding || this.controller === undefined) return true
    this.controller.enqueue(new Uint8Array(chunk))
    return (this.controller.desiredSize ?? 0) > 0
  }

  readonly end = (): void => {
    if (this.state !== "open") return
    this.state = "ended"
    if (!this.discarding) this.controller?.close()
    this.owner.onSent()
  }

  readonly fail = (error: ClientError): void => {
    if (this.state !== "open") return
    this.state = "cancelled"
    if (!this.discarding) this.controller?.error(error)
    this.owner.onUploadError(error)
  }
}
