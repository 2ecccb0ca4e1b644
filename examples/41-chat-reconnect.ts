/**
 * Recipe: a chat over a WebSocket that reconnects, and sends what was typed during the break.
 */
import type { AddressInfo } from "node:net"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Queue } from "effect"
import { Session } from "effect-http-session"
import { WebSocketServer } from "ws"
import { chat } from "./recipes/chat.js"

/** Repeats what it receives. Restarts after the first message, and says goodbye after the word "bye". */
const room = (onRestart: () => void) =>
  Effect.acquireRelease(
    Effect.async<WebSocketServer>((resume) => {
      let connections = 0
      const server = new WebSocketServer({ host: "127.0.0.1", port: 0 })
      server.on("connection", (guest, request) => {
        const isFirst = ++connections === 1
        const from = request.headers.authorization?.slice("Bearer ".length)
        guest.on("message", (data) => {
          guest.send(JSON.stringify({ from, text: String(data) }))
          // 1012 is "Service Restart"; after 1000 the client does not reconnect.
          if (isFirst) guest.close(1012)
          else if (String(data) === "bye") guest.close(1000)
        })
        if (isFirst) guest.on("close", onRestart)
      })
      server.on("listening", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
  )

const program = Effect.gen(function* () {
  const input = yield* Queue.unbounded<string>()
  const server = yield* room(() => {
    console.log("(the server restarts; two lines are typed meanwhile)")
    Queue.unsafeOffer(input, "still there?")
    Queue.unsafeOffer(input, "bye")
  })
  yield* Queue.offer(input, "hello")
  yield* chat(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, "ada", input)
  yield* Console.log("the server closed the chat")
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
