/**
 * Recipe: a crawler that stops cleanly on SIGINT. The example presses Control-C itself, after a few pages.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { crawl, polite } from "./recipes/crawler.js"
import { type Handler, serve } from "./support/server.js"

/** Serves an unlimited number of pages, each with links to ten others. */
const pages = (onPage: (count: number) => void): Handler => {
  let count = 0
  return ({ path }) => {
    onPage(++count)
    const links = Array.from({ length: 10 }, (_, i) => `<a href="${path === "/" ? "" : path}/${i}">${i}</a>`)
    return { headers: { "content-type": "text/html" }, body: links.join("\n") }
  }
}

const program = Effect.gen(function* () {
  const server = yield* serve(pages((count) => count === 8 && process.kill(process.pid, "SIGINT")))
  // The session has closed its sockets; the server notices a moment later.
  const stopped = Effect.delay(server.connections, "5 millis").pipe(
    Effect.repeat({ until: (open) => open === 0 }),
    Effect.zipRight(Console.log("stopped by SIGINT; the server has no open connection"))
  )
  yield* crawl(new URL(server.url)).pipe(
    Effect.provide(polite(() => true)),
    Effect.onInterrupt(() => stopped)
  )
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
