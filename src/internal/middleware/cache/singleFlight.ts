/** Single-flight: concurrent misses for the same key share one request. */
import * as Effect from "effect/Effect"

/**
 * How the waiting requests continue. "stored": use the stored response. "standsIn": a stale response may replace an
 * error. "alone": each sends its own request. "unstored": the same, and the next requests with this key do not wait
 * either. "again": the first request was interrupted, and another one takes its place.
 */
export type Landing = "stored" | "standsIn" | "alone" | "unstored" | "again"

/** One request in flight that others may wait for. */
export class Flight {
  /** Whether the flight ends with the end of a body. */
  carried = false
  /** Reads the body to its end, because other requests wait for it. */
  hurry: () => void = () => {}
  private landing: Landing | undefined = undefined
  private readonly onEnd: (landing: Landing) => void
  private readonly waiting = new Set<(landing: Landing) => void>()

  constructor(onEnd: (landing: Landing) => void) {
    this.onEnd = onEnd
  }

  get wanted(): boolean {
    return this.waiting.size > 0
  }

  /** Ends the flight; only the first call counts. */
  end(landing: Landing): void {
    if (this.landing !== undefined) return
    this.landing = landing
    this.onEnd(landing)
    for (const told of [...this.waiting]) told(landing)
    this.waiting.clear()
  }

  get wait(): Effect.Effect<Landing> {
    return Effect.async<Landing>((resume) => {
      if (this.landing !== undefined) {
        resume(Effect.succeed(this.landing))
        return
      }
      const told = (landing: Landing) => resume(Effect.succeed(landing))
      this.waiting.add(told)
      this.hurry()
      return Effect.sync(() => this.waiting.delete(told))
    })
  }
}

/** Most keys remembered whose last response was not stored. Requests with these keys do not wait for each other. */
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
    const flight = new Flight((landing) => {
      if (shared) this.flights.delete(key)
      if (landing === "stored") this.unshared.delete(key)
      else if (landing === "unstored") this.unshare(key)
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
