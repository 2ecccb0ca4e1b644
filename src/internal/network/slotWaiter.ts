/**
 * Waits in the queue for one exchange. The wait ends when the exchange gets a slot or a stream, when its time limit is
 * over, or when it is aborted.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type ClientError, ConnectionTimeoutError } from "../../Errors.js"
import { callback } from "../effect/callback.js"
import type { Deadline } from "../transport/deadlines.js"
import type { Exchange } from "../transport/transport.js"

/** The part of an acquisition that its waiter uses. */
export interface SlotWaiterOwner {
  readonly exchange: Exchange
  /** When the acquisition started. */
  readonly startedAt: number
  /** Why the exchange must not continue; `undefined` if it may. */
  readonly refusal: () => ClientError | undefined
  /** Called when `poolWait` is over. Returns whether the exchange continues without a grant. */
  readonly onPoolWait: () => boolean
}

type Resume = (effect: Effect.Effect<void, ClientError>) => void

export class SlotWaiter {
  private readonly owner: SlotWaiterOwner
  private granted = false
  private resume: Resume | undefined = undefined
  private deadline: Deadline | undefined = undefined

  constructor(owner: SlotWaiterOwner) {
    this.owner = owner
  }

  /** Waits for the grant. The slot may be granted before, while a listener of ConnectionQueuedStart runs. */
  get awaitGrant(): Effect.Effect<void, ClientError> {
    return callback((resume: Resume) => {
      this.start(resume)
    })
  }

  private start(resume: Resume): void {
    const { exchange, startedAt } = this.owner
    const refusal = this.owner.refusal()
    if (refusal !== undefined) {
      resume(Effect.fail(refusal))
      return
    }
    this.resume = resume
    exchange.marks.start("queue")
    if (this.granted) {
      this.grant()
      return
    }
    exchange.onAbort = this.fail
    const { connect, poolWait } = exchange.limits
    const limit = Math.min(connect, poolWait)
    if (limit !== Infinity) this.deadline = exchange.deadlines.schedule(startedAt + limit, () => this.expire())
  }

  private expire(): void {
    const { exchange } = this.owner
    const { connect, poolWait } = exchange.limits
    if (poolWait < connect && this.owner.onPoolWait()) this.grant()
    else if (poolWait <= connect) this.fail(timeoutError(exchange, "poolWait", poolWait))
    else this.fail(timeoutError(exchange, "connect", connect))
  }

  grant(): void {
    this.granted = true
    const { resume } = this
    this.stop()
    if (resume === undefined) return
    this.owner.exchange.marks.end("queue")
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
    this.owner.exchange.onAbort = undefined
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
