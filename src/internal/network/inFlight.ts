/**
 * What a network has to finish before it is quiet: exchanges without a connection, and connections in use.
 */
import * as Effect from "effect/Effect"
import { atMost } from "../transport/deadlines.js"
import type { Exchange } from "../transport/transport.js"

export class InFlight {
  /** Exchanges in the queue or dialling. */
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

  /** The exchange has a connection, or will have none. */
  leave(exchange: Exchange): void {
    this.pending.delete(exchange)
    this.check()
  }

  /** A connection is in use until `released`. */
  used(): void {
    this.connections++
  }

  /** `check` follows once the slot of the connection is free, which may begin another exchange. */
  released(): void {
    this.connections--
  }

  /** Waits until nothing is in flight, so many milliseconds at most. */
  ended(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isQuiet) return Effect.void
      return atMost(millis, (done) => {
        this.onQuiet = done
        if (this.isQuiet) done()
      })
    })
  }

  /** Ends the wait of `ended` where nothing is in flight. */
  check(): void {
    if (this.isQuiet) this.onQuiet?.()
  }

  private get isQuiet(): boolean {
    return this.connections === 0 && this.pending.size === 0
  }
}
