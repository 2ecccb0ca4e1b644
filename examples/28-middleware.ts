/**
 * Middleware: a custom one and those of the package, against a server that fails.
 */
import { KeyValueStore } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Redacted } from "effect"
import { Auth, ClientRequest, ClientResponse, Middleware, Session } from "effect-http-session"
import { type Handler, serve } from "./support/server.js"

/** Rejects every other request for /flaky, requires a token for /token and a password for /digest, and counts requests. */
const troubled = Effect.suspend(() => {
  let asked = 0
  const answer: Handler = ({ headers, path }) => {
    asked++
    if (path === "/flaky" && asked % 2 === 1) return { status: 503, headers: { "retry-after": "0" } }
    if (path === "/token" && headers.authorization !== "Bearer token-2") return { status: 401 }
    if (path === "/digest" && headers.authorization === undefined) {
      const challenge = 'Digest realm="r", qop="auth", nonce="n", algorithm=SHA-256'
      return { status: 401, headers: { "www-authenticate": challenge } }
    }
    if (path === "/cached") return { headers: { "cache-control": "max-age=60" }, body: "fresh" }
    return path === "/down" ? { status: 500 } : { body: `hello ${headers["x-caller"]}` }
  }
  return Effect.map(serve(answer), ({ url }) => ({ url, asked: () => asked }))
})

/** A custom middleware. */
const named: Middleware.Middleware = (request, next) => next(ClientRequest.setHeader(request, "x-caller", "billing"))

/** Middlewares with state are effects, run once for the session. */
const Resilient = Layer.unwrapEffect(
  Effect.gen(function* () {
    let tokens = 0
    const cache = yield* Middleware.cache()
    const breaker = yield* Middleware.circuitBreaker({ failures: 2 })
    const bearer = yield* Middleware.bearerRefresh({ token: Effect.sync(() => Redacted.make(`token-${++tokens}`)) })
    const budget = yield* Middleware.retryBudget()
    const retry = Middleware.retry({ budget, while: (outcome) => "status" in outcome && outcome.status === 503 })
    return Session.layer({ middlewares: [bearer, cache, breaker, named, retry] })
  })
)

const program = Effect.gen(function* () {
  const { asked, url } = yield* troubled
  const text = (path: string, options?: ClientRequest.RequestOptions) =>
    Session.get(url + path, options).pipe(ClientResponse.text)

  yield* Console.log("retried:       ", yield* text("/flaky"), `(${asked()} requests)`)
  yield* Console.log("new token:     ", yield* text("/token"))

  yield* text("/cached")
  const before = asked()
  yield* Console.log("cached:        ", yield* text("/cached"), `(${asked() - before} requests)`)

  const digest = yield* Middleware.digest(Auth.basic("user", "pass"))
  yield* Console.log("digest:        ", yield* text("/digest", { middlewares: [digest, named] }))

  yield* text("/down")
  yield* text("/down")
  const open = yield* Effect.flip(text("/down"))
  yield* Console.log("circuit open:  ", open._tag, open._tag === "MiddlewareError" ? open.reason : "")
  yield* Console.log("none at all:   ", yield* text("/", { middlewares: [] }))
})

NodeRuntime.runMain(
  program.pipe(Effect.provide(Resilient.pipe(Layer.provide(KeyValueStore.layerMemory))), Effect.scoped)
)
