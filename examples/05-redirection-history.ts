/**
 * Redirects: the history, limits, credentials, and a custom policy.
 *
 * Run it with `npx tsx examples/05-redirection-history.ts`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { type ClientRequest, ClientResponse, Session } from "effect-http-session"
import { type Handler, serve } from "./support/server.js"

/** A site with redirects, the last of which leads to another site. */
const around =
  (elsewhere: string): Handler =>
  ({ path }) => {
    switch (path) {
      case "/some/redirect/":
        return { status: 301, headers: { location: "/some/other/url/" } }
      case "/loop":
        return { status: 302, headers: { location: "/loop" } }
      case "/away":
        return { status: 302, headers: { location: elsewhere }, body: "the way out" }
      default:
        return { body: "arrived" }
    }
  }

const program = Effect.gen(function* () {
  const other = yield* serve(({ headers }) => ({ body: `authorization there: ${headers.authorization ?? "none"}` }))
  const { url } = yield* serve(around(`${other.url}/`))

  const hops = yield* Session.get(`${url}/some/redirect/`).pipe(
    ClientResponse.use((response) =>
      Effect.succeed([...response.history, response].map((hop) => `${hop.status} ${new URL(hop.url).pathname}`))
    )
  )
  yield* Console.log("history:     ", hops)

  // The redirect itself; its history is empty.
  const found = yield* Session.get(`${url}/some/redirect/`, { allowRedirects: false }).pipe(ClientResponse.discard)
  yield* Console.log("not followed:", found.status, Option.getOrNull(found.header("location")))

  // A loop fails with an error that contains the hops.
  yield* Session.get(`${url}/loop`, { maxRedirects: 3 }).pipe(
    ClientResponse.discard,
    Effect.catchTag("TooManyRedirects", (error) =>
      Console.log("a loop:      ", `${error.history.length} redirects, ${error.limit} followed`)
    )
  )

  // Credentials stay at their origin.
  const headers = { Authorization: "Bearer s3cret" }
  const there = yield* Session.get(`${url}/away`, { headers }).pipe(ClientResponse.text)
  yield* Console.log("elsewhere:   ", there)

  // A custom policy: a redirect that it rejects is the final response.
  const onRedirect = (redirect: ClientRequest.Redirect) =>
    Effect.succeed(redirect.crossOrigin ? Option.none() : Option.some(redirect.next))
  const stayed = yield* Session.get(`${url}/away`, { onRedirect }).pipe(ClientResponse.text)
  yield* Console.log("policed:     ", stayed)
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
