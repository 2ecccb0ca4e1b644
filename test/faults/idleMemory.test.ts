/**
 * The memory of an idle connection.
 */
import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Session from "effect-http-session/Session"
import * as Server from "../support/server.js"
import { untilValue } from "../support/wait.js"

setFlagsFromString("--expose-gc")
const gc: () => void = runInNewContext("gc")

const collected = Effect.promise(async () => {
  await setImmediate()
  gc()
})

describe("an idle connection", () => {
  it.scopedLive("does not keep the request that opened it in memory", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.plays(Server.request, Server.respond(200, "ok"), Server.stall))
      const session = yield* Session.Session
      const body = yield* Effect.suspend(() => {
        const data = new Uint8Array(1000)
        const body = new WeakRef(data)
        return Effect.as(ClientResponse.text(session.post(at.url, { data })), body)
      })
      yield* untilValue(
        Effect.map(collected, () => body.deref()),
        (found) => found === undefined
      )
      assert.strictEqual((yield* session.connector.stats).idle, 1)
    }).pipe(Effect.provide(Session.layer({})))
  )
})
