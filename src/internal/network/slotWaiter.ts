/**
 * Waits in the queue for one exchange. The wait ends when the exchange gets a slot or a stream, when its time limit is
 * over, or when it is aborted.
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
   * Starts the wait, which a grant may have ended already. `waited` is the time that the exchange has waited before, in
   * milliseconds. `onPoolWait` returns whether the exchange continues without a grant when `poolWait` is over.
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

  grant(): void {
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

  /** Ends the wait. Later grants and aborts have no effect. Idempotent. */
  stop(): void {
    if (this.resume === undefined) return
    this.resume = undefined
    this.deadline?.cancel()
    this.exchange.onAbort = undefined
  }
}

/** The error for an exceeded `connect` or `poolWait` limit. `limit` is in milliseconds. */
export const timeoutError = (exchange: Exchange, timeout: "connect" | "poolWait", limit: number) =>
  new ConnectionTimeoutError({
    ...exchange.details(exchange.marks.current),
    phase: exchange.marks.current,
    timeout,
    limit: Duration.millis(limit)
  })
