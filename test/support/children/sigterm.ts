/**
 * A program that a signal ends: one request in flight that will be answered, one that will not, one in the queue.
 */
import { writeSync } from "node:fs"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Session from "../../../src/Session.js"

const base = process.argv[2] ?? ""
const tell = (text: string) => Effect.sync(() => void writeSync(1, `${text}\n`))

/** A daemon outlives the main fiber, so that the close of the session ends it. */
const fetch = (name: string) =>
  Session.get(`${base}/${name}`).pipe(
    ClientResponse.text,
    Effect.matchEffect({
      onFailure: (error) => tell(`${name} ${error._tag}`),
      onSuccess: (text) => tell(`${name} ${text}`)
    }),
    Effect.forkDaemon
  )

const main = Effect.all([fetch("slow"), fetch("never"), fetch("queued")]).pipe(
  Effect.zipRight(Effect.never),
  Effect.provide(
    Layer.fresh(Session.layer({ connector: { limit: 2, gracefulShutdownTimeout: "3 seconds" }, timeout: Infinity }))
  ),
  Effect.ensuring(
    Effect.suspend(() => tell(`left ${process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name)).length}`))
  )
)

NodeRuntime.runMain(main, { disableErrorReporting: true })
