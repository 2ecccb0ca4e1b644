/** A line of a chat over a WebSocket, and a stream of events. */
import { Effect, Schema, Stream } from "effect"
import { Session, Sse } from "effect-http-session"
import { fact, section } from "./print.js"
import { World } from "./world.js"

const Chat = Schema.Struct({ room: Schema.String, text: Schema.String })

export const live = Effect.gen(function* () {
  yield* section("Live: a WebSocket, and server-sent events")
  const { plain } = yield* World

  const line = yield* Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* Session.webSocket(`${plain.url.replace("http", "ws")}/chat`, { compress: true })
      yield* socket.send("hello")
      return yield* socket.receiveJson(Chat)
    })
  )
  yield* fact("chat", `[${line.room}] ${line.text}`)

  const events = yield* Sse.connect(`${plain.url}/events`, { reconnect: false }).pipe(
    Stream.map(({ data, event }) => `${event} ${data}`),
    Stream.runCollect
  )
  yield* fact("events", [...events].join(", "))
})
