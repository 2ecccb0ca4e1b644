/**
 * Client tracing: listeners for the start and the end of a request, state that they share, two different configs, and
 * data for a single request.
 *
 * Run it with `npx tsx examples/10-client-tracing.ts`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { ClientResponse, Session, Tracing } from "effect-http-session"
import { serve } from "./support/server.js"

/** A server with a redirect. */
const server = serve((request) =>
  request.path === "/some/redirect/"
    ? { status: 302, headers: { location: "/some/place/" } }
    : { body: `traced as ${request.headers["x-amzn-trace-id"] ?? "nothing"}` }
)

/** The start and the end of a request. */
const startAndEnd = Tracing.traceConfig({
  onRequestStart: () => Console.log("Starting request"),
  onRequestEnd: () => Console.log("Ending request")
})

/** State that the listeners of one request share. */
const elapsed = Tracing.traceConfig({
  ctx: () => ({ start: 0 }),
  onRequestStart: (_session, ctx, signal) =>
    Effect.sync(() => {
      ctx.start = signal.time
    }),
  onRequestEnd: (_session, ctx, signal) => Console.log(`Request took ${(signal.time - ctx.start).toFixed(1)} ms`)
})

/** One config records requests. */
const audit = Tracing.traceConfig({
  ctx: (): Array<string> => [],
  onRequestRedirect: (_session, redirects, signal) => Effect.sync(() => redirects.push(signal.location)),
  onRequestException: (_session, _redirects, signal) => Console.log(`Audit: ${signal.cause._tag}`),
  onRequestEnd: (_session, redirects, signal) =>
    Console.log(`Audit: ${signal.response.status}, redirected to ${redirects.join(", ")}`)
})

/** The other config changes the request. */
const xray = Tracing.traceConfig({
  onRequestStart: (_session, _ctx, signal, headers) => headers.set("x-amzn-trace-id", `Root=${signal.requestId}`)
})

/** A request passes its own data as `traceRequestCtx`. */
const withRequestContext = Tracing.traceConfig({
  onRequestStart: (_session, ctx) => Console.log("Context:", ctx.traceRequestCtx)
})

const program = Effect.gen(function* () {
  const { url } = yield* server
  const get = (traceConfigs: ReadonlyArray<Tracing.TraceConfig>, traceRequestCtx?: unknown) =>
    Session.get(`${url}/some/redirect/`, { traceRequestCtx }).pipe(
      ClientResponse.text,
      Effect.provide(Session.layer({ traceConfigs }))
    )
  yield* get([startAndEnd])
  yield* get([elapsed])
  yield* Console.log(yield* get([audit, xray]))
  yield* get([withRequestContext], { foo: "bar" })

  // The same signals, collected and drawn.
  const [, signals] = yield* Tracing.collect(get([]))
  yield* Console.log(Tracing.waterfall(signals, { width: 80 }))
})

NodeRuntime.runMain(Effect.scoped(program))
