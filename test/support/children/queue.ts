/**
 * What a request costs that waits in the queue: tells the bytes of heap for each, and those of a bare fiber.
 */
import { writeSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { Effect, ManagedRuntime } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Session from "../../../src/Session.js"

const runtime = ManagedRuntime.make(Session.layer({ connector: { limit: 10 } }))
const session = await runtime.runPromise(Session.Session)
const get = session.get(process.argv[2] ?? "").pipe(ClientResponse.text)

const waiting = async (count: number): Promise<void> => {
  while ((await Effect.runPromise(session.connector.stats)).waiting < count) await setImmediate()
}
const heap = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** What a fiber costs that waits for nothing. */
const fibers = heap()
for (let index = 0; index < 1000; index++) Effect.runFork(Effect.never)
await setImmediate()
const fiber = (heap() - fibers) / 1000

// The first ones compile what they run, and take the slots.
for (let index = 0; index < 110; index++) Effect.runFork(get)
await waiting(100)
const before = heap()
for (let index = 0; index < 1000; index++) Effect.runFork(get)
await waiting(1100)
const each = (heap() - before) / 1000
writeSync(1, JSON.stringify({ each, fiber, waiting: (await Effect.runPromise(session.connector.stats)).waiting - 100 }))
process.exit(0)
