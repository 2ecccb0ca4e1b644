/**
 * A program that leaves its session over HTTP/2 open, and sends one request: it ends when it has nothing more to do. All
 * limits are off, so that no timer keeps it alive.
 */
import { writeSync } from "node:fs"
import { Duration, ManagedRuntime } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Session from "../../../src/Session.js"
import { stopwatch } from "../time.js"

const forever = Duration.infinity
const timeout = { total: forever, connect: forever, poolWait: forever, send: forever, headers: forever, body: forever }
const layer = Session.layer({ connector: { http2: { mode: "prior-knowledge" } }, timeout })
const runtime = ManagedRuntime.make(layer)

const text = await runtime.runPromise(Session.get(process.argv[2] ?? "").pipe(ClientResponse.text))
writeSync(1, `${text}\n`)
const since = stopwatch()
process.once("exit", () => writeSync(1, `${Math.round(since())}\n`))
