/** Counts the exchanges that wait for a connection and the connections in use. Shutdown waits until both are zero. */
import * as Effect from "effect/Effect"
import { atMost } from "../transport/deadlines.js"
import type { Exchange } from "../transport/transport.js"

export class InFlight {
  /** Exchanges that wait for a slot or dial. */
  private readonly pending = new Set<Exchange>()
  /** Connections in use. */
  private connections = 0
  private onQuiet: (() => void) | undefined = undefined

  /** Whether more than one connection is in use. */
  get hasSeveral(): boolean {
    return this.connections > 1
  }

  /** Exchanges that have no connection yet. */
  get waiting(): Iterable<Exchange> {
    return this.pending
  }

  enter(exchange: Exchange): void {
    this.pending.add(exchange)
  }

  /** Call when the exchange has a connection or has failed. */
  leave(exchange: Exchange): void {
    this.pending.delete(exchange)
    this.check()
  }

  /** Counts a connection as in use. */
  addConnection(): void {
    this.connections++
  }

  /** Counts a connection as no longer in use. Call `check` when its slot is free, which may start another exchange. */
  removeConnection(): void {
    this.connections--
  }

  /** Waits until nothing is in flight, for at most `millis` milliseconds. */
  waitUntilQuiet(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isQuiet) return Effect.void
      return atMost(millis, (done) => {
        this.onQuiet = done
        if (this.isQuiet) done()
      })
    })
  }

  /** Ends the wait of `waitUntilQuiet` if nothing is in flight. */
  check(): void {
    if (this.isQuiet) this.onQuiet?.()
  }

  private get isQuiet(): boolean {
    return this.connections === 0 && this.pending.size === 0
  }
}
