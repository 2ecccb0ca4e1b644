/** A connection without a network. Runs one request and its answer in one fiber. */

import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { ConnectionInfo } from "../../ClientResponse.js"
import type { MockRequest } from "../../Connector.js"
import { type ClientError, ClientPayloadError, SocketTimeoutError } from "../../Errors.js"
import type { ConnectionClosed } from "../../Tracing.js"
import { callback } from "../effect/callback.js"
import { withoutFailures } from "../effect/causes.js"
import { type FiberState, withServices } from "../effect/fiberState.js"
import { interruptSoon, runLater } from "../effect/fibers.js"
import { showAs } from "../inspection.js"
import { IdleTimer } from "../transport/idleTimer.js"
import { type BodyControl, IncomingBody } from "../transport/incomingBody.js"
import type { Connection, Exchange } from "../transport/transport.js"
import { kindOf } from "../userResult.js"
import { type Answer, hasNoContent } from "./mockAnswer.js"
import { MockDetails } from "./mockDetails.js"
import { exactOf, mockRequest } from "./mockRequest.js"
import { MockUpload, type UploadOwner } from "./mockUpload.js"

/** Answers a request. The Scope closes with the body of the answer. */
export type AnswerRequest<R> = (request: MockRequest, scope: Scope.Scope) => Effect.Effect<Answer, ClientError, R>

/** The transport of the connection. */
export interface MockOwner<R> {
  readonly context: Context.Context<R>
  readonly answer: AnswerRequest<R>
  readonly onBegin: (connection: MockConnection<R>, request: MockRequest) => void
  readonly onAnswer: (connection: MockConnection<R>, status: number) => void
  /** Called after the exchange, its fiber and its Scope have ended. */
  readonly onEnd: (connection: MockConnection<R>) => void
}

/** Most bytes passed to the response body at a time. */
const sliceSize = 64 * 1024

export class MockConnection<R> implements Connection, BodyControl, UploadOwner {
  static {
    showAs(MockConnection, "MockConnection", ({ id, ended }) => ({ id, ended }))
  }

  readonly id: number
  readonly info: ConnectionInfo
  exchange: Exchange | undefined = undefined
  private readonly owner: MockOwner<R>
  private readonly state: FiberState
  private readonly aborter = new AbortController()
  private upload: MockUpload | undefined = undefined
  private fiber: Fiber.RuntimeFiber<void, ClientError> | undefined = undefined
  private body: IncomingBody | undefined = undefined
  private ended = false
  private sent = false
  private paused = false
  private wake: (() => void) | undefined = undefined
  private readonly idleTimer = new IdleTimer()

  constructor(id: number, owner: MockOwner<R>, state: FiberState) {
    this.id = id
    this.info = { id, reused: false }
    this.owner = owner
    this.state = state
  }

  start(exchange: Exchange): void {
    this.exchange = exchange
    const upload = new MockUpload(exchange.wireRequest.body, this)
    this.upload = upload
    exchange.marks.start("send")
    this.watch("send", exchange.limits.send)
    const context = Context.add(this.owner.context, MockDetails, {
      ...exchange.details("connect"),
      host: exchange.route.origin.host,
      port: exchange.route.origin.port
    })
    // If the exchange ends before the fiber is assigned, the fiber must do nothing.
    const program = Effect.suspend(() => (this.ended ? Effect.void : this.program(exchange, upload)))
    this.fiber = runLater(withServices(this.state, context), program)
    this.fiber.addObserver((exit) => {
      if (exit._tag === "Failure") this.onFailure(exit.cause)
      this.owner.onEnd(this)
    })
  }

  /** Runs the exchange. A failure before the head fails the request. */
  private program(exchange: Exchange, upload: MockUpload): Effect.Effect<void, ClientError, R> {
    return Effect.acquireUseRelease(
      Scope.make(),
      (scope) => {
        const request = mockRequest(exactOf(exchange), exchange, upload.body, this.aborter.signal)
        this.owner.onBegin(this, request)
        upload.start()
        return Effect.flatMap(this.owner.answer(request, scope), (answer) =>
          Effect.zipRight(
            this.takeUpload(request, upload, answer),
            Effect.suspend(() => this.deliver(exchange, answer))
          )
        )
      },
      (scope, exit) => Scope.close(scope, exit)
    )
  }

  /** Reads a request body that the handler ignored to its end, like a server that responds afterwards. */
  private takeUpload(request: MockRequest, upload: MockUpload, answer: Answer): Effect.Effect<void> {
    if (!upload.running) return Effect.void
    if (answer.head.status >= 300) {
      return Effect.sync(() => upload.cancel())
    }
    const { body } = request
    if (request.bodyUsed || (body !== null && (body.locked || body === answer.body))) return Effect.void
    return callback<void>((resume) => {
      this.wake = () => resume(Effect.void)
      upload.discard()
    })
  }

  private deliver(exchange: Exchange, answer: Answer): Effect.Effect<void> {
    if (this.ended) return Effect.void
    const { head } = answer
    this.idleTimer.end()
    this.owner.onAnswer(this, head.status)
    if (this.sent) exchange.marks.end("headers")
    exchange.marks.start("body")
    const body = new IncomingBody(head.contentLength, this)
    this.body = body
    const isBodiless = answer.body === undefined || hasNoContent(exchange.wireRequest.method, head.status)
    exchange.onHead(head, body)
    if (this.ended) return cancelBody(answer)
    if (isBodiless && answer.cut !== true) {
      this.settle(exchange, body, answer)
      return Effect.void
    }
    if (exchange.limits.body !== Infinity) this.watch("body", exchange.limits.body)
    return Effect.zipRight(
      this.pump(body, answer),
      Effect.sync(() => this.settle(exchange, body, answer))
    )
  }

  // The response body.

  private pump(body: IncomingBody, answer: Answer): Effect.Effect<void> {
    const content = answer.body
    if (content === undefined) return Effect.void
    if (content instanceof Uint8Array) return this.push(body, content)
    const reader = content.getReader()
    const read = Effect.tryPromise({ try: () => reader.read(), catch: (cause) => cause })
    const loop: Effect.Effect<void> = Effect.matchEffect(read, {
      onFailure: (cause) => Effect.sync(() => this.failBody(this.incomplete(cause))),
      onSuccess: (result) => {
        if (this.ended || result.done || body.received === body.length) return Effect.void
        const { value } = result
        if (value instanceof Uint8Array) return Effect.zipRight(this.push(body, value), loop)
        return Effect.sync(() =>
          this.failBody(this.incomplete(new TypeError(`expected chunks of bytes, got ${kindOf(value)}`)))
        )
      }
    })
    return Effect.ensuring(
      loop,
      Effect.sync(() => {
        if (!body.complete) reader.cancel().catch(() => {})
      })
    )
  }

  /** Passes bytes to the body with backpressure. Drops bytes beyond the declared length. */
  private push(body: IncomingBody, bytes: Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.ended) return Effect.void
      const room = body.length === undefined ? bytes.length : body.length - body.received
      const end = Math.min(bytes.length, room, sliceSize)
      if (end === 0) return Effect.void
      this.touch()
      const slice = Buffer.from(bytes.buffer, bytes.byteOffset, end)
      const rest = end < Math.min(bytes.length, room) ? this.push(body, bytes.subarray(end)) : Effect.void
      if (body.push(slice, 0, end)) return rest
      this.paused = true
      return Effect.zipRight(this.awaitResume, rest)
    })
  }

  private get awaitResume(): Effect.Effect<void> {
    return callback<void>((resume) => {
      if (!this.paused) resume(Effect.void)
      else this.wake = () => resume(Effect.void)
    })
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.touch()
    this.wake?.()
  }

  limitIdle(millis: number): void {
    this.watch("body", millis)
  }

  abandon(): void {
    if (this.ended) return
    this.finish()
    this.exchange?.onDone()
  }

  // Callbacks of the upload.

  readonly onSent = (): void => {
    const exchange = this.exchange
    if (exchange === undefined || this.ended) return
    this.sent = true
    exchange.marks.end("send")
    if (this.body === undefined) {
      exchange.marks.start("headers")
      this.watch("headers", exchange.limits.headers)
      this.wake?.()
    }
  }

  readonly onProgress = (): void => {
    this.touch()
  }

  readonly onUploadError = (error: ClientError): void => {
    if (this.body === undefined) this.fail(error)
    else this.failBody(this.incomplete(error))
  }

  // Endings.

  cut(error: ClientError): void {
    if (this.body === undefined) this.fail(error)
    else this.failBody(error)
  }

  abort(_reason: ConnectionClosed["reason"]): void {
    if (this.ended) return
    this.finish()
    if (this.body !== undefined) this.exchange?.onDone()
  }

  private settle(exchange: Exchange, body: IncomingBody, answer: Answer): void {
    if (this.ended) return
    if (answer.cut === true || (body.length !== undefined && body.received < body.length)) {
      this.failBody(this.incomplete(undefined))
      return
    }
    exchange.marks.end("body")
    this.ended = true
    this.idleTimer.end()
    this.upload?.cancel()
    exchange.onDone()
    body.end(answer.trailers ?? [])
  }

  /** Called when the handler has failed or died. */
  private onFailure(cause: Cause.Cause<ClientError>): void {
    if (this.ended) return
    const failure = Cause.failureOption(cause)
    if (Option.isSome(failure)) {
      this.fail(failure.value)
      return
    }
    const exchange = this.exchange
    const defect = Cause.isInterruptedOnly(cause)
      ? Cause.die(new Error("The handler of the mock interrupted itself"))
      : withoutFailures(cause)
    if (this.body !== undefined) {
      this.failBody(this.incomplete(Cause.squash(defect)))
      return
    }
    this.finish()
    exchange?.onDefect?.(defect)
  }

  private fail(error: ClientError): void {
    if (this.ended) return
    this.finish()
    this.exchange?.onError(error, "never")
  }

  private failBody(error: ClientError): void {
    if (this.ended) return
    const body = this.body
    this.finish()
    this.exchange?.onDone()
    body?.fail(error)
  }

  /** Stops the fiber without notifying the exchange. */
  private finish(): void {
    this.ended = true
    this.idleTimer.end()
    this.upload?.cancel()
    this.aborter.abort()
    if (this.fiber !== undefined) interruptSoon(this.fiber)
  }

  private incomplete(cause: unknown): ClientPayloadError {
    return new ClientPayloadError({
      ...this.exchange?.details("body"),
      reason: "Incomplete",
      received: this.body?.received ?? 0,
      expected: this.body?.length,
      cause
    })
  }

  // Phase timeouts.

  private watch(phase: "send" | "headers" | "body", limit: number): void {
    this.idleTimer.end()
    const exchange = this.exchange
    if (limit === Infinity || exchange === undefined) return
    const onTimeout = () => {
      const details = { ...exchange.details(phase), phase, timeout: phase, limit: Duration.millis(limit) }
      this.cut(new SocketTimeoutError(details))
    }
    this.idleTimer.start(exchange.deadlines, limit, () => this.paused, onTimeout)
  }

  private touch(): void {
    if (this.exchange !== undefined) this.idleTimer.touch(this.exchange.deadlines.now())
  }
}

const cancelBody = (answer: Answer): Effect.Effect<void> =>
  Effect.sync(() => {
    if (answer.body instanceof ReadableStream) answer.body.cancel().catch(() => {})
  })
