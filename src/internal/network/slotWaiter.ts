/**
 * Waits in the queue on behalf of one exchange. The wait ends when a slot or a stream is granted, the time limit is over or
 * the exchange is aborted.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type ClientError, ConnectionTimeoutError } from "../../Errors.js"
import type { Deadline } from "../transport/deadlines.js"
import type { Exchange } from "../transport/transport.js"

export class SlotWaiter {
  private readonly exchange: Exchange
  private granted = false
  private resume: ((effect: Effect.Effect<void, ClientError>) => void) | undefined = undefined
  private deadline: Deadline | undefined = undefined

  constructor(exchange: Exchange) {
    this.exchange = exchange
  }

  /**
   * Starts the wait, which may have been granted already. `waited` is how long the exchange has waited before; milliseconds.
   * `onPoolWait` returns whether the exchange goes on without a grant when `poolWait` is over.
   */
  wait(
    resume: (effect: Effect.Effect<void, ClientError>) => void,
    waited: number,
    onPoolWait: () => boolean = () => false
  ): void {
    const { exchange } = this
    const { deadlines, limits } = exchange
    this.resume = resume
    exchange.marks.start("queue")
    if (this.granted) {
      this.grant()
      return
    }
    exchange.onAbort = this.fail
    const limit = Math.min(limits.connect, limits.poolWait)
    if (limit === Infinity) return
    const timeout = limits.poolWait <= limits.connect ? "poolWait" : "connect"
    this.deadline = deadlines.schedule(deadlines.now() + limit - waited, () => {
      if (timeout === "poolWait" && limits.poolWait < limits.connect && onPoolWait()) this.grant()
      else this.fail(timeoutError(exchange, timeout, limit))
    })
  }

  readonly grant = (): void => {
    this.granted = true
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

  /** Ends the wait; later grants and aborts are ignored. Idempotent. */
  stop(): void {
    if (this.resume === undefined) return
    this.resume = undefined
    this.deadline?.cancel()
    this.exchange.onAbort = undefined
  }
}

/** The error for an exceeded `connect` or `poolWait` limit; `limit` in milliseconds. */
export const timeoutError = (exchange: Exchange, timeout: "connect" | "poolWait", limit: number) =>
  new ConnectionTimeoutError({
    ...exchange.details(exchange.marks.current),
    phase: exchange.marks.current,
    timeout,
    limit: Duration.millis(limit)
  })
