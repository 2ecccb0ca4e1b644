/**
 * What the tour travels through: servers on the loopback, and certificates made a moment ago.
 */
import { Context, Effect, Layer, Schema } from "effect"
import { WebSocketServer } from "ws"
import { type Standard, standard } from "../support/certificates.js"
import { handle } from "../support/httpbin.js"
import { type Handler, type Server, serve } from "../support/server.js"

/** The JSON with which httpbin answers most requests. */
export const Echo = Schema.Struct({
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  received: Schema.Number,
  data: Schema.String
})

export class World extends Context.Tag("World")<
  World,
  {
    readonly certificates: Standard
    readonly plain: Server
    readonly secure: Server
    readonly expired: Server
    readonly wrongHost: Server
  }
>() {}

async function* countdown(): AsyncIterable<Uint8Array> {
  for (const n of [3, 2, 1]) yield Buffer.from(`id: ${n}\nevent: tick\ndata: ${n}\n\n`)
  yield Buffer.from("event: liftoff\ndata: 0\n\n")
}

const withEvents: Handler = (request) =>
  request.path === "/events" ? { headers: { "content-type": "text/event-stream" }, body: countdown() } : handle(request)

/** Repeats every message, with the name of the room. */
const chatServer = (): WebSocketServer => {
  const server = new WebSocketServer({ noServer: true })
  server.on("connection", (socket) => {
    socket.on("message", (data) => socket.send(JSON.stringify({ room: "tour", text: String(data) })))
  })
  return server
}

export const worldLayer: Layer.Layer<World> = Layer.scoped(
  World,
  Effect.gen(function* () {
    const certificates = yield* standard()
    const chat = chatServer()
    return {
      certificates,
      plain: yield* serve(withEvents, {
        onUpgrade: (request, socket, head) =>
          chat.handleUpgrade(request, socket, head, (open) => chat.emit("connection", open))
      }),
      secure: yield* serve(handle, { tls: certificates.good }),
      expired: yield* serve(handle, { tls: certificates.expired }),
      wrongHost: yield* serve(handle, { tls: certificates.wrongHost })
    }
  })
)
