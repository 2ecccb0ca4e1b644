/**
 * One sending for requests that are alike: the others wait for what is stored of it.
 */
import * as Effect from "effect/Effect"

/**
 * What those who waited find: it is stored; what is stored may stand in for an error; nothing is there, and each asks
 * for itself ("alone"), the next time without waiting ("unstored"); or its asker has gone away, and another of them
 * asks in its place ("again").
 */
export type Landing = "stored" | "standsIn" | "alone" | "unstored" | "again"

/** One request that others may wait for. */
export class Flight {
  /** Whether its end comes with the end of a body. */
  carried = false
  /** Reads on, whatever its asker does with the body: others wait. */
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

  /** The first time counts. */
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

/** Requests alike that are remembered to have had nothing to store: they do not wait for each other. */
const remembered = 1024

/** Those under way, by what makes requests alike. */
export class Flights {
  private readonly flights = new Map<string, Flight>()
  private readonly unshared = new Set<string>()

  get(key: string): Flight | undefined {
    return this.flights.get(key)
  }

  /** Others wait for it from here on, unless what came last was not stored. */
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
