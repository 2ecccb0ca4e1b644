/**
 * The signals of one hop. Adds the session, the request and the attempt to each, and buffers those after the head until
 * the response is known to be final, redirected or retried.
 */
import type { PreparedRequest } from "../request/preparedRequest.js"
import type { RequestSignal, SignalFields } from "../transport/trace.js"
import type { Marks } from "../transport/transport.js"
import type { SignalDelivery } from "./signalDelivery.js"

export class HopSignals {
  /** Number of the current attempt, counted over the whole call. */
  attempt: number
  /** The timeline of the hop. */
  marks: Marks | undefined = undefined
  private readonly delivery: SignalDelivery
  private readonly request: PreparedRequest
  private held: Array<RequestSignal> | undefined = undefined
  private holding = false

  constructor(delivery: SignalDelivery, request: PreparedRequest, attempt: number) {
    this.delivery = delivery
    this.request = request
    this.attempt = attempt
  }

  /** The current time; while received bytes are processed, the time of their arrival. */
  now(): number {
    return this.marks?.readAt ?? this.delivery.now()
  }

  offer(fields: SignalFields, time?: number): void {
    if (!this.delivery.hasSubscribers) return
    this.enqueue(this.built(fields, time ?? this.now()))
  }

  // Writes out the signals that every request emits, because a spread takes longer than all other steps of a signal.
  private built(fields: SignalFields, time: number): RequestSignal {
    const { delivery, request } = this
    switch (fields._tag) {
      case "ConnectionReuseconn":
        return {
          _tag: "ConnectionReuseconn",
          time,
          sessionId: delivery.call.core.id,
          requestId: delivery.call.id,
          attempt: this.attempt,
          hop: request.hop,
          connectionId: fields.connectionId,
          idle: fields.idle
        }
      case "ConnectionReleased":
        return {
          _tag: "ConnectionReleased",
          time,
          sessionId: delivery.call.core.id,
          requestId: delivery.call.id,
          attempt: this.attempt,
          hop: request.hop,
          connectionId: fields.connectionId,
          deviations: fields.deviations
        }
      default:
        return delivery.build(fields, time, this.attempt, request)
    }
  }

  enqueue(signal: RequestSignal): void {
    if (!this.holding) this.delivery.deliver(signal)
    else if (this.held === undefined) this.held = [signal]
    else this.held.push(signal)
  }

  /** Buffers later signals until `flush`. */
  hold(): void {
    this.holding = true
  }

  /** Delivers the buffered signals. */
  flush(): void {
    const { held } = this
    this.holding = false
    this.held = undefined
    if (held !== undefined) for (const signal of held) this.delivery.deliver(signal)
  }
}
