/**
 * A program that leaves its session open: it ends when it has nothing more to do. It writes for how many milliseconds
 * it went on after its last output.
 */
import { writeSync } from "node:fs"
import { Effect, ManagedRuntime } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Session from "../../../src/Session.js"
import { stopwatch } from "../time.js"

const runtime = ManagedRuntime.make(Session.layer())

const text = await runtime.runPromise(Session.get(process.argv[2] ?? "").pipe(ClientResponse.text))
const stats = await runtime.runPromise(Effect.flatMap(Session.Session, (session) => session.connector.stats))
writeSync(1, `${text} idle=${stats.idle}\n`)
const since = stopwatch()
process.once("exit", () => writeSync(1, `${Math.round(since())}\n`))
