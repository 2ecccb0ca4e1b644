/** Three ways to fail, each caught by its tag. */
import { Duration, Effect } from "effect"
import { ClientResponse, Session, Testing } from "effect-http-session"
import { fact, section } from "./print.js"
import { World } from "./world.js"

export const errors = Effect.gen(function* () {
  yield* section("Errors: values, caught by tag")
  const { plain } = yield* World
  const cut = yield* Testing.server([
    [
      { _tag: "Expect", what: "head" },
      { _tag: "Send", data: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345" },
      { _tag: "Reset" }
    ]
  ])

  yield* Session.get(`${plain.url}/status/503`, { raiseForStatus: true }).pipe(
    ClientResponse.text,
    Effect.catchTag("ClientResponseError", (error) => fact(error._tag, `${error.status}, "${error.body}"`))
  )
  yield* Session.get(`${plain.url}/delay/500`, { timeout: "30 millis" }).pipe(
    ClientResponse.text,
    Effect.catchTag("TotalTimeoutError", (error) =>
      fact(error._tag, `${Duration.format(error.limit)} ran out in phase ${error.phase}`)
    )
  )
  yield* Session.get(cut.url).pipe(
    ClientResponse.text,
    Effect.catchTag("ClientPayloadError", (error) =>
      fact(error._tag, `${error.reason}: ${error.received} of ${error.expected} bytes, then a reset`)
    )
  )
}).pipe(Effect.scoped)
