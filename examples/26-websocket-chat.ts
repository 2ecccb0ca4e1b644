/**
 * WebSockets: a chat room with two guests, in one program with its server.
 */
import type { AddressInfo } from "node:net"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Fiber, Schema, Stream } from "effect"
import { Auth, Session, WebSocket } from "effect-http-session"
import { WebSocketServer } from "ws"

const Said = Schema.Struct({ from: Schema.String, text: Schema.String })

/** A guest's token is its name. The server sends each message to all guests. */
const room = Effect.acquireRelease(
  Effect.async<WebSocketServer>((resume) => {
    const server = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      perMessageDeflate: true,
      handleProtocols: (offered) => (offered.has("chat.v2") ? "chat.v2" : false),
      verifyClient: ({ req }, done) =>
        done(req.headers.authorization?.startsWith("Bearer ") === true, 401, "Who are you?")
    })
    server.on("connection", (guest, request) => {
      const from = request.headers.authorization?.slice("Bearer ".length) ?? "nobody"
      guest.on("message", (data) => {
        const said = JSON.stringify({ from, text: String(data) })
        for (const client of server.clients) client.send(said)
      })
    })
    server.on("listening", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
    })
)

const program = Effect.gen(function* () {
  const server = yield* room
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/room`

  const refused = yield* Effect.flip(Effect.scoped(Session.webSocket(url)))
  if (refused._tag === "WSServerHandshakeError") {
    yield* Console.log(`without a token: ${refused.status} ${refused.body}`)
  }

  const enter = (name: string) =>
    Session.webSocket(url, {
      auth: Auth.bearer(name),
      protocols: ["chat.v2", "chat.v1"],
      compress: true,
      heartbeat: "30 seconds"
    })

  const anna = yield* enter("anna")
  const ben = yield* enter("ben")
  yield* Console.log("protocol:", anna.protocol, "extensions:", anna.response.headers["sec-websocket-extensions"])

  // Anna receives three messages and leaves; her stream ends because she closes.
  const hearing = yield* anna.messages.pipe(
    Stream.filter(WebSocket.isText),
    Stream.mapEffect((message) => Schema.decode(Schema.parseJson(Said))(message.data)),
    Stream.take(3),
    Stream.runForEach(({ from, text }) => Console.log(`anna hears ${from}: ${text.slice(0, 20)}`)),
    Effect.fork
  )
  yield* ben.send("Is anybody here?")
  yield* Console.log("ben hears himself:", yield* ben.receiveJson(Said))
  yield* anna.send("I am.")
  yield* Console.log("ben hears:", yield* ben.receiveJson(Said))
  yield* ben.send("x".repeat(2000))
  const long = yield* ben.receiveJson(Said)
  yield* Console.log(`ben hears ${long.text.length} letters, which were compressed on the way`)
  yield* Fiber.join(hearing)

  yield* Console.log("anna leaves:", yield* anna.close(1000, "good night"), yield* anna.closeCode)
  // Ben's WebSocket closes with the Scope.
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
