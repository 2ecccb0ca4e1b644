/** The time limits of the phases of an exchange: how long sending, the head and the body may take without activity. */
import type { ClientError } from "../../../Errors.js"
import { IdleTimer } from "../../transport/idleTimer.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Exchange } from "../../transport/transport.js"
import { phaseTimeout } from "./connectionErrors.js"

/** The members of a connection that its timer uses. */
export interface PhaseTimerOwner {
  readonly wire: NetworkStream
  /** Whether the consumer of the body applies backpressure; then time does not count. */
  readonly isPaused: () => boolean
  /** Called when the limit is over. */
  readonly cut: (error: ClientError) => void
}

export class PhaseTimer {
  private readonly owner: PhaseTimerOwner
  private readonly idle = new IdleTimer()

  constructor(owner: PhaseTimerOwner) {
    this.owner = owner
  }

  /** Starts the limit of a phase and ends that of the previous phase. An infinite limit starts no timer. */
  start(exchange: Exchange, phase: "send" | "headers" | "body", limit: number, now?: number): void {
    this.idle.end()
    if (limit !== Infinity) this.begin(exchange, phase, limit, now)
  }

  // Apart from `start`, because a closure costs memory even where it is not made.
  private begin(exchange: Exchange, phase: "send" | "headers" | "body", limit: number, now: number | undefined): void {
    const { owner } = this
    const onTimeout = () => owner.cut(phaseTimeout(exchange, owner.wire, phase, limit))
    this.idle.start(exchange.deadlines, limit, () => owner.isPaused(), onTimeout, now)
  }

  /** Records activity of the peer. */
  touch(now: number): void {
    this.idle.touch(now)
  }

  end(): void {
    this.idle.end()
  }
}
