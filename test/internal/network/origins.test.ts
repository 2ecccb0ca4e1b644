/**
 * The state that a network keeps about origins.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { Network } from "../../../src/internal/network/network.js"
import { Pool } from "../../../src/internal/transport/pool.js"
import * as Server from "../../support/server.js"
import { untilValue } from "../../support/wait.js"
import { dialer, networkOn } from "./http1/support.js"

const { always, answers, fin, plays, request, respond, response, stall } = Server

/** Entries in all maps and sets of an object, and of its pool. */
const entries = (owner: object): number =>
  Object.values(owner).reduce((sum: number, value) => {
    if (value instanceof Map || value instanceof Set) return sum + value.size
    return value instanceof Pool ? sum + entries(value) : sum
  }, 0)

const remembered = (network: Network) => Effect.sync(() => entries(network))

describe("a network that has connected once to each of 150 origins", () => {
  const rows: ReadonlyArray<readonly [name: string, play: Server.Play, mayKeep: number]> = [
    ["that end their connections afterwards", plays(request, respond(200, "ok"), fin, stall), 0],
    ["that close with the response", answers(() => response(200, "ok", ["Connection: close"])), 0],
    ["whose connections are closed at last", answers(() => response(200, "ok")), 150]
  ]
  for (const [name, play, mayKeep] of rows) {
    it.scopedLive(`keeps no state of origins ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* always(play)
        const { network, session } = yield* networkOn(dialer(at.port))
        yield* Effect.forEach(
          Array.from({ length: 150 }, (_, index) => `http://origin-${index}.test/`),
          (url) =>
            Effect.map(session.get(url, { timeout: Infinity }).pipe(ClientResponse.text), (text) =>
              assert.strictEqual(text, "ok")
            ),
          { concurrency: 20, discard: true }
        )
        yield* untilValue(
          Effect.sync(() => network.stats()),
          ({ acquired, idle }) => acquired === 0 && idle <= mayKeep
        )
        yield* network.closeIdle
        yield* untilValue(remembered(network), (count) => count === 0)
      })
    )
  }
})
