/** Events between two steps: a response before its request, an end before a wait for it, a listener that never returns. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Tracing from "effect-http-session/Tracing"
import { makeHub } from "../../src/internal/transport/signalHub.js"
import * as Server from "../support/server.js"
import { sessionOn, until } from "../support/stages.js"
import { promptly } from "../support/steps.js"

/** A server that answers with the path's first word, unless it is asked to stall. */
const peer = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly sockets: Array<Net.Socket>; readonly close: () => void }>((resume) => {
    const sockets: Array<Net.Socket> = []
    const server = Net.createServer((socket) => {
      sockets.push(socket)
      socket.on("error", () => {})
      socket.on("data", (data) => {
        const path = /^GET \/(\w*)/.exec(data.toString("latin1"))?.[1] ?? ""
        if (path !== "stall") socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const close = () => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, sockets, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe("a response", () => {
  it.scopedLive("that arrives before its request was written answers no request", () =>
    Effect.gen(function* () {
      const at = yield* peer
      const { connector, session } = yield* sessionOn({})
      const text = (path: string) => session.get(`${at.url}/${path}`).pipe(ClientResponse.text)
      // While another connection is in use, a request is written at the end of a turn.
      const stalled = yield* Effect.fork(text("stall"))
      yield* until(() => at.sockets.length === 1)
      yield* text("warm")
      yield* until(() => Effect.runSync(connector.stats).idle === 1)
      const [, idle] = at.sockets
      const answer = yield* Effect.async<string, unknown>((resume) => {
        setTimeout(() => {
          idle?.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
          resume(text("secret"))
        }, 1)
      })
      assert.strictEqual(answer, "secret")
      yield* Fiber.interrupt(stalled)
    })
  )
})

/** Waits for so many turns of the microtask queue. */
const microtasks = (count: number) =>
  Effect.promise(async () => {
    for (let turn = 0; turn < count; turn++) await undefined
  })

/** The number of operations after which a fiber yields. */
const yields = Array.from({ length: 24 }, (_, index) => index + 10)

describe("an event", () => {
  it.live("that ends the signals reaches a reader that is about to wait", () =>
    Effect.gen(function* () {
      for (const ops of yields) {
        for (let turns = 0; turns < 24; turns++) {
          const hub = makeHub()
          const reader = yield* Effect.fork(Stream.runDrain(hub.stream).pipe(Effect.withMaxOpsBeforeYield(ops)))
          yield* microtasks(turns)
          hub.end()
          yield* promptly(Fiber.join(reader), `the reader of ${ops} operations after ${turns} turns`)
        }
      }
    })
  )

  it.live("that ends the last request reaches a connector that is about to wait", () =>
    Effect.gen(function* () {
      for (const ops of yields.slice(0, 8)) {
        for (let turns = 0; turns < 16; turns += 2) {
          const scope = yield* Scope.make()
          const server = yield* Scope.extend(Server.server([Server.plays(Server.request, Server.stall)]), scope)
          const { connector, session } = yield* Scope.extend(sessionOn({}), scope)
          const fiber = yield* Effect.fork(session.get(server.url).pipe(ClientResponse.text))
          yield* until(() => Effect.runSync(server.requests).length === 1)
          const closing = yield* Effect.fork(connector.close.pipe(Effect.withMaxOpsBeforeYield(ops)))
          yield* microtasks(turns)
          yield* Fiber.interruptFork(fiber)
          yield* promptly(Fiber.join(closing), `the close of ${ops} operations after ${turns} turns`, 3000)
          yield* Scope.close(scope, Exit.void)
        }
      }
    })
  )
})

describe("a listener", () => {
  for (const signal of ["onConnectionCreateStart", "onConnectionCreateEnd", "onRequestHeadersSent"] as const) {
    it.scopedLive(`that dies at ${signal} holds no slot if a middleware continues`, () =>
      Effect.gen(function* () {
        const at = yield* peer
        let died = false
        const dieOnce = Effect.suspend(() => {
          if (died) return Effect.void
          died = true
          return Effect.die("it is for a test")
        })
        const { connector, session } = yield* sessionOn(
          { limit: 1 },
          {
            middlewares: [(request, next) => Effect.catchAllCause(next(request), () => next(request))],
            traceConfigs: [Tracing.traceConfig({ [signal]: () => dieOnce })]
          }
        )
        assert.strictEqual(yield* session.get(`${at.url}/ok`).pipe(ClientResponse.text), "ok")
        assert.isTrue(died)
        yield* until(() => Effect.runSync(connector.stats).acquired === 0)
      })
    )
  }

  for (const signal of ["onResponseEnd", "onResponseChunkReceived"] as const) {
    it.scopedLive(`that never ends at ${signal} holds its request for the total limit at most`, () =>
      Effect.gen(function* () {
        const at = yield* peer
        const { session } = yield* sessionOn(
          {},
          { traceConfigs: [Tracing.traceConfig({ [signal]: () => Effect.never })] }
        )
        const asked = session.get(`${at.url}/ok`, { timeout: "200 millis" }).pipe(ClientResponse.text, Effect.exit)
        yield* promptly(asked, "the request", 3000)
      })
    )
  }
})
