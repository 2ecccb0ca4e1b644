/** Stores the body of a response once it is complete. */
import * as Effect from "effect/Effect"
import { currentEnvironment } from "../../effect/fiberState.js"
import { run } from "../../effect/fibers.js"
import type { Response } from "../../response/response.js"
import type { SessionCore } from "../../session/sessionCore.js"
import { copyWhileRead } from "./cacheBody.js"
import type { Flight } from "./singleFlight.js"

/** How the requests that wait for the body continue if it is not stored. */
const resultWhenLost = { abandoned: "again", broken: "alone", large: "unstored" } as const

/** How a body is stored, and what depends on it. */
export interface KeepOptions {
  /** The flight for which other requests may wait. */
  readonly flight: Flight | undefined
  /** The session, whose `close` waits for the store. */
  readonly core: SessionCore | undefined
  /** Largest body to store, in bytes. */
  readonly limit: number
  /** Stores the body, given in base64. */
  readonly put: (body: string) => Effect.Effect<void>
  /** Runs if the body exceeds `limit`. */
  readonly onTooLarge: Effect.Effect<void>
}

/** Stores the body of a response while its reader reads it. The reader does not wait for the store. */
export const keepBody = (
  response: Response,
  { core, flight, onTooLarge, limit, put }: KeepOptions
): Effect.Effect<void> =>
  Effect.map(currentEnvironment, (environment) => {
    const runDetached = (effect: Effect.Effect<void>): void => {
      const fiber = run(environment, effect)
      core?.keep(fiber)
    }
    let wasTooLarge = false
    if (flight !== undefined) flight.endsWithBody = true
    response.tapBody((from) => {
      const { body, hurry } = copyWhileRead(from, {
        limit,
        hurries: () => flight?.isAwaited === true,
        onComplete: (bytes) =>
          runDetached(
            Effect.ensuring(
              put(Buffer.from(bytes).toString("base64")),
              Effect.sync(() => flight?.end("stored"))
            )
          ),
        onLost: (why) => {
          if (why === "large" && !wasTooLarge) runDetached(onTooLarge)
          wasTooLarge ||= why === "large"
          flight?.end(resultWhenLost[why])
        }
      })
      if (flight !== undefined) flight.hurry = hurry
      if (flight?.isAwaited === true) hurry()
      return body
    })
  })
