/**
 * A program with requests in every phase, which SIGTERM ends: under `runMain`, or by the runtime's `dispose` alone,
 * after which only leaked resources keep the process alive. Prints how the requests ended, and which resources
 * remained.
 */
import { writeSync } from "node:fs"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, ManagedRuntime } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import type { ClientError } from "../../../src/Errors.js"
import * as Session from "../../../src/Session.js"

const [mode = "", plain = "", secure = "", silent = ""] = process.argv.slice(2)

const counts = (names: ReadonlyArray<string>): Record<string, number> => {
  const out: Record<string, number> = {}
  for (const name of names) out[name] = (out[name] ?? 0) + 1
  return out
}

const live = Layer.fresh(
  Session.layer({
    timeout: Infinity,
    connector: {
      ssl: false,
      limit: 0,
      limitPerHost: 50,
      gracefulShutdownTimeout: "500 millis",
      resolver: { resolve: () => Effect.never }
    }
  })
)

const ended: Array<string> = []
const tagAndSubject = (error: ClientError) => ("subject" in error ? `${error._tag} ${error.subject}` : error._tag)

/** Daemons outlive the main fiber, so that the close of the session ends them. */
const requests = (url: string, count: number) =>
  Effect.forEach(
    Array.from({ length: count }),
    () =>
      Session.get(url).pipe(
        ClientResponse.text,
        Effect.match({ onFailure: tagAndSubject, onSuccess: (text) => text }),
        Effect.tap((text) => Effect.sync(() => ended.push(text))),
        Effect.forkDaemon
      ),
    { discard: true }
  )

const all = requests(`${plain}/body`, 20).pipe(
  Effect.zipRight(requests(`${plain}/never`, 60)),
  Effect.zipRight(requests(`${secure}/never`, 30)),
  Effect.zipRight(requests("http://name.test/", 10)),
  Effect.zipRight(requests(silent, 10))
)

let before: Record<string, number> = {}
const look = Effect.sync(() => {
  before = counts(process.getActiveResourcesInfo())
})

const tell = Effect.sync(() => {
  const left: Record<string, number> = {}
  for (const [name, count] of Object.entries(counts(process.getActiveResourcesInfo()))) {
    if (count > (before[name] ?? 0)) left[name] = count - (before[name] ?? 0)
  }
  writeSync(1, `${JSON.stringify({ ended: counts(ended), left })}\n`)
})

/** Closed handles are removed in the next turns. */
const turns = Effect.repeatN(
  Effect.async<void>((resume) => {
    setImmediate(() => resume(Effect.void))
  }),
  5
)

if (mode === "runMain") {
  // The handle that keeps the main fiber alive exists from the next turn on.
  const main = Effect.zipRight(turns, look).pipe(
    Effect.zipRight(Effect.provide(Effect.zipRight(all, Effect.never), live)),
    Effect.ensuring(Effect.zipRight(turns, tell))
  )
  NodeRuntime.runMain(main, { disableErrorReporting: true })
} else {
  const runtime = ManagedRuntime.make(live)
  process.once("SIGTERM", () => {
    void runtime.dispose().then(() => Effect.runPromise(Effect.zipRight(turns, tell)))
  })
  await Effect.runPromise(look)
  await runtime.runPromise(all)
}
