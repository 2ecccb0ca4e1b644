/** A chain of redirects, and the history of its response. */
import { Effect } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { fact, section } from "./print.js"
import { World } from "./world.js"

export const redirects = Effect.gen(function* () {
  yield* section("Redirects, with their history")
  const { plain } = yield* World
  const path = (url: string) => new URL(url).pathname

  const hops = yield* Session.get(`${plain.url}/redirect/3`).pipe(
    ClientResponse.use((response) =>
      Effect.succeed([...response.history, response].map(({ status, url }) => `${status} ${path(url)}`))
    )
  )
  yield* fact("followed", hops.join(" → "))

  const kept = yield* Session.get(`${plain.url}/redirect/3`, { allowRedirects: false }).pipe(ClientResponse.discard)
  yield* fact("allowRedirects: false", kept.status)

  yield* Session.get(`${plain.url}/redirect/9`, { maxRedirects: 2 }).pipe(
    ClientResponse.discard,
    Effect.catchTag("TooManyRedirects", ({ history, limit }) =>
      fact("maxRedirects: 2", `TooManyRedirects after ${limit}, ${history.length} responses kept`)
    )
  )
})
