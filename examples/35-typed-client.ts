/**
 * Recipe: a typed client of an API as a layer, over a server and over a mock.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Redacted } from "effect"
import { closeIfDone, Issues } from "./recipes/issues.js"
import { json, serve } from "./support/server.js"

const program = Effect.gen(function* () {
  const server = yield* serve(({ headers, method, path }) => {
    if (headers.authorization !== "Bearer s3cret") return json({ error: "who are you?" }, 401)
    const number = Number(path.split("/").at(-1))
    return json(
      method === "PATCH" ? { state: "closed" } : { number, title: number === 7 ? "Done: rest" : "Open: work" }
    )
  })
  const both = Effect.all([closeIfDone(7), closeIfDone(8)])
  yield* Console.log(
    "live:    ",
    yield* Effect.provide(both, Issues.live(Redacted.make("s3cret"), `${server.url}/v1/`))
  )

  const refused = Effect.provide(closeIfDone(7), Issues.live(Redacted.make("wrong"), `${server.url}/v1/`))
  yield* Console.log("refused: ", (yield* Effect.flip(refused)).message.replace(/:\d+/, ""))

  const mocked = Issues.mock(() => Response.json({ number: 7, title: "Done: mocked" }))
  yield* Console.log("mocked:  ", yield* Effect.provide(closeIfDone(7), mocked))

  const malformed = Issues.mock(() => Response.json({ number: "seven" }))
  const error = yield* Effect.flip(Effect.provide(closeIfDone(7), Layer.fresh(malformed)))
  yield* Console.log("decoding:", error._tag)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
