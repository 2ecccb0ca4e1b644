/**
 * An exchange that waits for a slot of the pool: until it is granted, its time is over or its request is ended.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type ClientError, ConnectionTimeoutError } from "../../Errors.js"
import type { Deadline } from "../transport/deadlines.js"
import type { Exchange } from "../transport/transport.js"

export class SlotWaiter {
  private readonly exchange: Exchange
  private resume: ((effect: Effect.Effect<void, ClientError>) => void) | undefined = undefined
  private deadline: Deadline | undefined = undefined

  constructor(exchange: Exchange) {
    this.exchange = exchange
  }

  wait(resume: (effect: Effect.Effect<void, ClientError>) => void, granted: boolean): void {
    const { exchange } = this
    const { deadlines, limits } = exchange
    this.resume = resume
    exchange.marks.start("queue")
    if (granted) {
      this.grant()
      return
    }
    exchange.onAbort = this.fail
    const limit = Math.min(limits.connect, limits.poolWait)
    if (limit === Infinity) return
    const timeout = limits.poolWait <= limits.connect ? "poolWait" : "connect"
    this.deadline = deadlines.schedule(deadlines.now() + limit, () => this.fail(timeoutError(exchange, timeout, limit)))
  }

  readonly grant = (): void => {
    const { resume } = this
    this.stop()
    if (resume === undefined) return
    this.exchange.marks.end("queue")
    resume(Effect.void)
  }

  private readonly fail = (error: ClientError): void => {
    const { resume } = this
    this.stop()
    resume?.(Effect.fail(error))
  }

  /** Whatever comes now is no concern of its request. */
  stop(): void {
    if (this.resume === undefined) return
    this.resume = undefined
    this.deadline?.cancel()
    this.exchange.onAbort = undefined
  }
}

/** The time to get a connection is over; `limit` in milliseconds. */
export const timeoutError = (exchange: Exchange, timeout: "connect" | "poolWait", limit: number) =>
  new ConnectionTimeoutError({
    ...exchange.details(exchange.marks.current),
    phase: exchange.marks.current,
    timeout,
    limit: Duration.millis(limit)
  })
