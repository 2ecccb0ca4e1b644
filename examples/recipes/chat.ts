import { Console, Effect, Option, Queue, Ref, Schedule, Schema, Stream } from "effect"
import { Auth, WebSocket } from "effect-http-session"

const Said = Schema.parseJson(Schema.Struct({ from: Schema.String, text: Schema.String }))

/** Prints received messages and sends the lines of `input`. Reconnects until the server closes with 1000. */
export const chat = (url: string, token: string, input: Queue.Dequeue<string>) =>
  Effect.gen(function* () {
    /** A line that may not have been sent, because its connection ended. */
    const unsent = yield* Ref.make(Option.none<string>())

    const sendAll = (socket: WebSocket.WebSocket) =>
      Effect.gen(function* () {
        const line = Option.getOrUndefined(yield* Ref.get(unsent)) ?? (yield* Queue.take(input))
        yield* Ref.set(unsent, Option.some(line))
        yield* socket.send(line)
        yield* Ref.set(unsent, Option.none())
      }).pipe(Effect.forever, Effect.ignore)

    yield* WebSocket.connect(
      url,
      // The end of the connection interrupts this fiber.
      (socket) => Effect.zipRight(Console.log("connected"), Effect.forkScoped(sendAll(socket))),
      { auth: Auth.bearer(token), heartbeat: "20 seconds", reconnect: Schedule.spaced("1 second") }
    ).pipe(
      Stream.filter(WebSocket.isText),
      Stream.mapEffect(({ data }) => Schema.decode(Said)(data)),
      Stream.runForEach(({ from, text }) => Console.log(`${from}: ${text}`))
    )
  })
