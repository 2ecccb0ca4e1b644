/** Single-flight: concurrent misses for the same key share one request. */
import * as Effect from "effect/Effect"
import { cancellable } from "../../effect/callback.js"

/**
 * How the waiting requests continue. "stored": they use the stored response. "standsIn": they may use a stale response
 * instead of an error. "alone": each sends its own request. "unstored": the same, and later requests with this key do
 * not wait either. "again": the first request was interrupted, and one of them takes its place.
 */
export type FlightResult = "stored" | "standsIn" | "alone" | "unstored" | "again"

/** One request in flight that others may wait for. */
export class Flight {
  /** Whether the end of a body ends the flight. */
  endsWithBody = false
  /** Continues to read the body even if its reader pauses, because other requests wait for it. */
  hurry: () => void = () => {}
  private result: FlightResult | undefined = undefined
  private readonly onEnd: (result: FlightResult) => void
  private readonly waiting = new Set<(result: FlightResult) => void>()

  constructor(onEnd: (result: FlightResult) => void) {
    this.onEnd = onEnd
  }

  /** Whether other requests wait for this one. */
  get isAwaited(): boolean {
    return this.waiting.size > 0
  }

  /** Ends the flight. Only the first call counts. */
  end(result: FlightResult): void {
    if (this.result !== undefined) return
    this.result = result
    this.onEnd(result)
    for (const waiter of [...this.waiting]) waiter(result)
    this.waiting.clear()
  }

  get wait(): Effect.Effect<FlightResult> {
    return cancellable<FlightResult>((resume) => {
      if (this.result !== undefined) {
        resume(Effect.succeed(this.result))
        return
      }
      const waiter = (result: FlightResult) => resume(Effect.succeed(result))
      this.waiting.add(waiter)
      this.hurry()
      return () => this.waiting.delete(waiter)
    })
  }
}

/** How many keys of responses that were not stored are remembered. Requests with them do not wait for each other. */
const remembered = 1024

/** The flights in progress, by key. */
export class Flights {
  private readonly flights = new Map<string, Flight>()
  private readonly unshared = new Set<string>()

  get(key: string): Flight | undefined {
    return this.flights.get(key)
  }

  /** Starts a flight. Later requests wait for it, unless the last response with this key was not stored. */
  begin(key: string): Flight {
    const shared = !this.unshared.has(key)
    const flight = new Flight((result) => {
      if (shared) this.flights.delete(key)
      if (result === "stored") this.unshared.delete(key)
      else if (result === "unstored") this.unshare(key)
    })
    if (shared) this.flights.set(key, flight)
    return flight
  }

  private unshare(key: string): void {
    this.unshared.add(key)
    const [oldest] = this.unshared.size > remembered ? this.unshared : []
    if (oldest !== undefined) this.unshared.delete(oldest)
  }
}
