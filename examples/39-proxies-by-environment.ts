/**
 * Recipe: proxies chosen by the environment, NO_PROXY, and the message if the proxy fails.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { FromEnvironment, fetchPage, routed } from "./recipes/environmentProxy.js"
import { proxyServer } from "./support/proxy.js"
import { serve } from "./support/server.js"

const program = Effect.gen(function* () {
  const { port, url } = yield* serve(() => ({ body: "the page" }))
  const proxy = yield* proxyServer({ auth: { user: "ada", password: "pass" } })
  const show = (what: string, page: string) => Console.log(what.padEnd(26), page, `(${proxy.seen.length} by the proxy)`)

  // As a shell would set them: HTTP_PROXY=http://ada:pass@proxy:3128 NO_PROXY=localhost node program.js
  process.env.HTTP_PROXY = proxy.url.replace("//", "//ada:pass@")
  process.env.NO_PROXY = "localhost"
  yield* Effect.gen(function* () {
    yield* show("by HTTP_PROXY:", yield* fetchPage(`http://127.0.0.1:${port}/`))
    yield* show("past it, by NO_PROXY:", yield* fetchPage(url))
  }).pipe(Effect.provide(FromEnvironment))

  yield* show(
    "by route:",
    yield* fetchPage(`http://127.0.0.1:${port}/`).pipe(Effect.provide(routed(process.env.HTTP_PROXY)))
  )

  const absent = "http://localhost:1"
  yield* show("a proxy that is not there:", yield* fetchPage(url).pipe(Effect.provide(routed(absent))))
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
