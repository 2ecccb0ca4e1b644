/** Stores the body of a response once it is complete. */
import * as Effect from "effect/Effect"
import { currentEnvironment } from "../../effect/fiberState.js"
import { run } from "../../effect/fibers.js"
import type { Response } from "../../response/response.js"
import type { SessionCore } from "../../session/sessionCore.js"
import { listenTo } from "./cacheBody.js"
import type { Flight } from "./singleFlight.js"

/** How the requests that wait for the body continue if it is not stored. */
const resultWhenLost = { abandoned: "again", broken: "alone", large: "unstored" } as const

/** How a body is stored, and what depends on it. */
export interface Keeper {
  /** The flight for which other requests may wait. */
  readonly flight: Flight | undefined
  /** The session, whose `close` waits for the store. */
  readonly core: SessionCore | undefined
  /** Largest body to store, in bytes. */
  readonly limit: number
  /** Stores the body, given in base64. */
  readonly put: (body: string) => Effect.Effect<void>
  /** Runs if the body exceeds `limit`. */
  readonly gone: Effect.Effect<void>
}

/** Stores the body of a response while its reader reads it. The reader does not wait for the store. */
export const keepBody = (response: Response, { core, flight, gone, limit, put }: Keeper): Effect.Effect<void> =>
  Effect.map(currentEnvironment, (environment) => {
    const keep = (effect: Effect.Effect<void>): void => {
      const fiber = run(environment, effect)
      core?.keep(fiber)
    }
    let large = false
    if (flight !== undefined) flight.carried = true
    response.tapBody((from) => {
      const { body, hurry } = listenTo(from, {
        limit,
        hurries: () => flight?.wanted === true,
        onComplete: (bytes) =>
          keep(
            Effect.ensuring(
              put(Buffer.from(bytes).toString("base64")),
              Effect.sync(() => flight?.end("stored"))
            )
          ),
        onLost: (why) => {
          if (why === "large" && !large) keep(gone)
          large ||= why === "large"
          flight?.end(resultWhenLost[why])
        }
      })
      if (flight !== undefined) flight.hurry = hurry
      if (flight?.wanted === true) hurry()
      return body
    })
  })
