/**
 * Events of a socket between the dial and the first request of its connection.
 */
import type * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { failure } from "../../../support/exits.js"
import { nonce, outcome } from "../../../support/itFault.js"
import * as Server from "../../../support/server.js"
import { timed } from "../../../support/time.js"
import { untilValue } from "../../../support/wait.js"
import { dialer, sessionOn } from "./support.js"

/** Waits for the event, which a later listener would miss. */
const closes = (socket: Net.Socket) =>
  Effect.async<void>((resume) => {
    socket.once("close", () => setImmediate(() => resume(Effect.void)))
  })

const limits = { timeout: "15 seconds" } as const
const foreign = Server.response(200, "foreign")

describe("a connection before its first request", () => {
  it.scopedLive("that has received bytes serves no request", () =>
    Effect.gen(function* () {
      const at = yield* Server.server([Server.plays(Server.send(foreign), Server.stall)])
      const session = yield* sessionOn(
        dialer(at.port, {
          ready: (socket, index) =>
            index > 0
              ? Effect.void
              : Effect.asVoid(
                  untilValue(
                    Effect.sync(() => socket.bytesRead),
                    (read) => read > 0
                  )
                )
        })
      )
      const exit = yield* Effect.exit(session.get(at.url, limits).pipe(ClientResponse.text))
      assert.strictEqual(outcome(exit), "BadHttpMessage")
      if (Exit.isFailure(exit) && exit.cause._tag === "Fail" && exit.cause.error._tag === "BadHttpMessage") {
        assert.strictEqual(exit.cause.error.reason, "Unsolicited")
      }
      yield* nonce(session, at)
      const { acquired, connecting, idle, waiting } = yield* session.connector.stats
      assert.deepStrictEqual(
        { acquired, connecting, idle, waiting },
        { acquired: 0, connecting: 0, idle: 1, waiting: 0 }
      )
      yield* untilValue(at.connections, (open) => open === 1)
    })
  )

  for (const [name, end] of [
    ["closed by its peer", closes],
    [
      "destroyed",
      (socket: Net.Socket) =>
        Effect.zipLeft(
          closes(socket),
          Effect.sync(() => socket.destroy()),
          { concurrent: true }
        )
    ]
  ] as const) {
    for (const method of ["GET", "POST"] as const) {
      it.scopedLive(`that is ${name} is removed, and its ${method} is sent on a new connection`, () =>
        Effect.gen(function* () {
          const at = yield* Server.server([name === "destroyed" ? Server.stall : Server.reset])
          const session = yield* sessionOn(
            dialer(at.port, { ready: (socket, index) => (index > 0 ? Effect.void : end(socket)) })
          )
          const data = Stream.make(new Uint8Array([1]))
          const options = method === "GET" ? limits : { ...limits, data: ClientRequest.oneShot(data) }
          const sent = session.request(method, `${at.url}/nonce?own`, options).pipe(ClientResponse.text)
          assert.strictEqual(yield* sent, "own")
          assert.deepStrictEqual(
            (yield* at.requests).map((request) => request.method),
            [method]
          )
          const { acquired, connecting, idle, waiting } = yield* session.connector.stats
          assert.deepStrictEqual(
            { acquired, connecting, idle, waiting },
            { acquired: 0, connecting: 0, idle: 1, waiting: 0 }
          )
          const { active } = yield* timed(session.connector.close)
          assert.isBelow(active, 500)
        })
      )

      it.scopedLive(`that is ${name}, like the next one, fails its ${method} with a retryable error`, () =>
        Effect.gen(function* () {
          const at = yield* Server.always(name === "destroyed" ? Server.stall : Server.reset)
          const session = yield* sessionOn(dialer(at.port, { ready: end }))
          const exit = yield* Effect.exit(session.request(method, at.url, limits))
          assert.strictEqual(outcome(exit), "ServerDisconnectedError")
          const error = failure(exit)
          assert.deepStrictEqual([error.phase, error.attempt], ["connect", 2])
        })
      )
    }
  }
})
