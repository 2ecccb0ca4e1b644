/**
 * Cookie safety: by default a jar ignores cookies from IP addresses, and Secure cookies need https. Options allow both,
 * the latter for trustworthy origins.
 *
 * Run it with `npx tsx examples/07-cookie-safety.ts`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import { serve } from "./support/server.js"

const server = serve(({ headers, path }) =>
  path === "/login"
    ? { headers: { "set-cookie": ["sid=1; Path=/", "token=2; Path=/; Secure"] }, body: "welcome" }
    : { body: headers.cookie ?? "no cookie" }
)

const visit = (origin: string) =>
  Session.get(`${origin}/login`).pipe(
    ClientResponse.discard,
    Effect.zipRight(Session.get(`${origin}/`).pipe(ClientResponse.text))
  )

const program = Effect.gen(function* () {
  const { port, url } = yield* server
  const address = `http://127.0.0.1:${port}`

  yield* Console.log("strict:       ", yield* Effect.provide(visit(address), Session.layer()))

  const Unsafe = Session.layer({ cookieJar: { unsafe: true } })
  yield* Console.log("unsafe:       ", yield* Effect.provide(visit(address), Unsafe))

  // The same with custom parts.
  const UnsafeParts = Session.layerWithoutDependencies().pipe(
    Layer.provide([Connector.layerTcp(), CookieJar.layer({ unsafe: true })])
  )
  yield* Console.log("the same:     ", yield* Effect.provide(visit(address), UnsafeParts))

  // Secure cookies for a development server without TLS.
  yield* Console.log("by name:      ", yield* Effect.provide(visit(url), Session.layer()))
  const Development = Session.layer({ cookieJar: { treatAsSecureOrigin: url } })
  yield* Console.log("as if secure: ", yield* Effect.provide(visit(url), Development))
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
