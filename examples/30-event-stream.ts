/**
 * Server-sent events: continued after a lost connection, and decoded by event name.
 */
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schedule, Schema, Stream } from "effect"
import { Session, Sse } from "effect-http-session"

const words = ["one", "two", "three", "four", "five"]

/** Sends numbers from the one after Last-Event-ID. The first connection breaks in the middle. */
const count = (response: ServerResponse, last: number, broken: boolean): void => {
  response.writeHead(200, { "Content-Type": "text/event-stream" })
  response.write(": comments keep a connection alive\n\n")
  for (const [i, word] of words.entries()) {
    if (i + 1 <= last) continue
    response.write(`id: ${i + 1}\nevent: number\ndata: ${JSON.stringify({ word })}\n\n`)
    if (broken && i === 2) {
      setTimeout(() => response.destroy(), 50)
      return
    }
  }
  response.end("event: done\ndata: that was all\n\n")
}

const server = Effect.acquireRelease(
  Effect.async<Server>((resume) => {
    let connections = 0
    const http = createServer((request, response) => {
      console.log("  server: connection", ++connections, "Last-Event-ID:", request.headers["last-event-id"] ?? "none")
      count(response, Number(request.headers["last-event-id"] ?? 0), connections === 1)
    })
    http.listen(0, "127.0.0.1", () => resume(Effect.succeed(http)))
  }),
  (http) =>
    Effect.async<void>((resume) => {
      http.closeAllConnections()
      http.close(() => resume(Effect.void))
    })
)

const program = Effect.gen(function* () {
  const http = yield* server
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/count`

  const events = Sse.connect(url, {
    idleTimeout: "30 seconds",
    reconnect: Schedule.intersect(Schedule.exponential("100 millis"), Schedule.recurs(5))
  }).pipe(
    Sse.decode({
      number: Schema.parseJson(Schema.Struct({ word: Schema.String })),
      done: Schema.String
    })
  )

  yield* events.pipe(
    Stream.takeUntil((event) => event.event === "done"),
    Stream.runForEach((event) =>
      event.event === "number" ? Console.log("number:", event.data.word, event.id) : Console.log("done:", event.data)
    )
  )
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
