/**
 * The cost of one response of a hostile or very fast server: prints the outcome, the growth of memory in bytes, the CPU
 * time and the longest time for which it held up the event loop, both in milliseconds, for the given path behind the server's URL.
 */
import { writeSync } from "node:fs"
import { Cause, Effect, Exit, ManagedRuntime, Option, Stream } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Session from "../../../src/Session.js"

const [url = "", path = "", way = ""] = process.argv.slice(2)

const opened = Session.get(`${url}/${path}`, {
  timeout: { total: "2 minutes" },
  maxBodySize: way === "limited" ? 5 * 1024 * 1024 : undefined
})

const sent = Session.get(`${url}/sent`).pipe(ClientResponse.text)

/**
 * Reads some bytes, waits, asks how many the server has sent meanwhile, and reads the rest slowly. The collector runs
 * in between: V8 keeps up to 64 MiB of unused buffers until then.
 */
const slowly = Effect.gen(function* () {
  let taken = 0
  let sentBytes = ""
  let chunks = 0
  yield* Stream.runForEach(ClientResponse.stream(opened), (chunk) =>
    Effect.gen(function* () {
      taken += chunk.length
      if (chunks++ === 0) {
        yield* Effect.sleep(500)
        sentBytes = yield* sent
      }
      if (chunks % 16 === 0) {
        yield* Effect.sleep(1)
        if (chunks % 128 === 0) globalThis.gc?.()
      }
    })
  )
  return `${taken} ${sentBytes}`
})

/** Reads only the first bytes. */
const first = Stream.runFold(Stream.take(ClientResponse.stream(opened), 1), 0, (sum, chunk) => sum + chunk.length).pipe(
  Effect.map((bytes) => (bytes > 0 && bytes <= 1024 * 1024 ? "some" : `${bytes} bytes`))
)

const ways: Readonly<Record<string, Effect.Effect<string, unknown, Session.Session>>> = {
  text: Effect.map(ClientResponse.text(opened), (text) => String(text.length)),
  limited: Effect.map(ClientResponse.bytes(opened), (bytes) => String(bytes.length)),
  first,
  slowly
}

const outcome = (exit: Exit.Exit<string, unknown>): string => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return typeof error === "object" && error !== null && "_tag" in error
    ? `${String(error._tag)} ${"reason" in error ? String(error.reason) : ""}`
    : Cause.pretty(exit.cause)
}

/**
 * Watches how long the event loop is held up; the function returns the longest time in milliseconds. At most the CPU
 * time of the process counts, because other processes may hold it up as well.
 */
const watchLoop = (): (() => number) => {
  const tick = 10
  let longest = 0
  let last = { cpu: process.cpuUsage(), time: performance.now() }
  const look = () => {
    const now = { cpu: process.cpuUsage(), time: performance.now() }
    const spent = (now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system) / 1000
    longest = Math.max(longest, Math.min(now.time - last.time - tick, spent))
    last = now
  }
  const timer = setInterval(look, tick)
  return () => {
    clearInterval(timer)
    look()
    return longest
  }
}

const runtime = ManagedRuntime.make(Session.layer())
await runtime.runPromise(Session.get(`${url}/warm`).pipe(ClientResponse.text))
globalThis.gc?.()
const before = process.memoryUsage().rss
const cpu = process.cpuUsage()
const longestHold = watchLoop()
const exit = await runtime.runPromise(Effect.exit(ways[way] ?? Effect.die(`no way ${way}`)))
const { system, user } = process.cpuUsage(cpu)
const grown = process.resourceUsage().maxRSS * 1024 - before
const delay = longestHold()
writeSync(1, JSON.stringify({ outcome: outcome(exit), grown, cpu: (system + user) / 1000, delay }))
await runtime.dispose()
