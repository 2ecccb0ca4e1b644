/**
 * Keeps a session over HTTP/2 under load for a long time. Its server restarts every 10 seconds, with GOAWAY and with
 * SIGKILL in turn, and 30 % of the requests are interrupted. Fails if memory or sockets grow, if a resource is left at
 * the end, or if a POST arrives twice.
 *
 * npm run soak                         30 minutes
 * SOAK_MINUTES=2 npm run soak
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as HttpBody from "@effect/platform/HttpBody"
import { Cause, Duration, Effect, Exit, Fiber, Random, Schedule, Stream } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Ssl } from "effect-http-session"
import { freePort } from "../test/peers/peer.js"
import { standard } from "../test/support/certificates.js"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const minutes = Number(process.env.SOAK_MINUTES ?? 30)
const workers = 60
const restartEvery = Duration.seconds(10)
const interruptedShare = 0.3
const sampleEvery = Duration.seconds(Math.max(2, minutes))

const script = fileURLToPath(new URL("soakServer.mjs", import.meta.url))

/** How often the POST with each id has arrived at any of the servers. Has a fixed size, so that only a leak grows. */
const deliveries = new Uint8Array(32 * 1024 * 1024)
const outcomes = new Map<string, number>()

const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1)

const startServer = (args: ReadonlyArray<string>): ChildProcess => {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] })
  let rest = ""
  child.stdout?.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n")
    rest = lines.pop() ?? ""
    for (const id of lines) deliveries[Number(id)]++
  })
  return child
}

/** Starts the server. Succeeds with an effect that restarts it for ever. The Scope ends the last one. */
const restarting = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    let child = startServer(args)
    let restarts = 0
    const ended = (signal: NodeJS.Signals) =>
      Effect.async<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        if (child.exitCode !== null || child.signalCode !== null) resume(Effect.dieMessage("the server died"))
        else child.kill(signal)
      })
    const restart = Effect.gen(function* () {
      yield* Effect.sleep(restartEvery)
      yield* ended(restarts++ % 2 === 0 ? "SIGTERM" : "SIGKILL")
      child = startServer(args)
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
    return Effect.forever(restart)
  })

const bytes = new Uint8Array(20_000).fill(120)
const streamed = HttpBody.stream(Stream.fromIterable([bytes, bytes, bytes]))

let ids = 0

/** Sends one request of a random kind. */
const request = (session: Session.SessionService, url: string) =>
  Effect.gen(function* () {
    const kind = yield* Random.nextIntBetween(0, 6)
    const headers = { "x-id": String(++ids) }
    switch (kind) {
      case 0:
        return yield* ClientResponse.bytes(session.get(`${url}/large`))
      case 1:
        return yield* ClientResponse.text(session.get(`${url}/slow`))
      case 2:
        return yield* ClientResponse.text(session.post(`${url}/post`, { headers, data: bytes }))
      case 3:
        return yield* ClientResponse.bytes(session.post(`${url}/echo`, { headers, data: streamed }))
      case 4:
        return yield* ClientResponse.text(session.post(`${url}/post`, { headers, json: { some: "json" } }))
      default:
        return yield* ClientResponse.text(session.get(`${url}/small`))
    }
  })

/** Sends requests for ever, one at a time. Pauses after a refused connection, like a program would. */
const worker = (session: Session.SessionService, url: string) =>
  Effect.gen(function* () {
    const isInterrupted = (yield* Random.next) < interruptedShare
    const fiber = yield* Effect.fork(request(session, url))
    if (isInterrupted) {
      yield* Effect.sleep(yield* Random.nextIntBetween(0, 30))
      yield* Fiber.interrupt(fiber)
    }
    const exit = yield* Fiber.await(fiber)
    const outcome = Exit.match(exit, {
      onSuccess: () => "success",
      onFailure: (cause) =>
        Cause.isInterruptedOnly(cause)
          ? "interrupted"
          : cause._tag === "Fail"
            ? cause.error._tag
            : `defect: ${Cause.pretty(cause)}`.slice(0, 500)
    })
    count(outcomes, outcome)
    if (outcome !== "success" && outcome !== "interrupted") yield* Effect.sleep("20 millis")
  }).pipe(Effect.forever)

interface Sample {
  readonly heap: number
  readonly rss: number
  readonly sockets: number
}

const sample: Effect.Effect<Sample> = Effect.sync(() => {
  collect()
  const { external, heapUsed, rss } = process.memoryUsage()
  const sockets = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length
  return { heap: heapUsed + external, rss, sockets }
})

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const mebibytes = (size: number): string => `${(size / 1024 / 1024).toFixed(1)} MiB`

/** Describes the failures of the run. */
const problemsOf = (samples: ReadonlyArray<Sample>, left: object): ReadonlyArray<string> => {
  const quarter = Math.max(1, Math.floor(samples.length / 4))
  const out: Array<string> = []
  for (const what of ["heap", "rss", "sockets"] as const) {
    const early = median(samples.slice(quarter, 2 * quarter).map((row) => row[what]))
    const late = median(samples.slice(-quarter).map((row) => row[what]))
    const shown = what === "sockets" ? String : mebibytes
    console.log(`${what}: second quarter ${shown(early)}, last quarter ${shown(late)}`)
    // A quarter more and 8 MiB more, or 8 sockets: less than one connection or one buffer a minute would add.
    if (late > early * 1.25 + (what === "sockets" ? 8 : 8 * 1024 * 1024)) out.push(`${what} grows`)
  }
  let delivered = 0
  const twice: Array<number> = []
  for (const [id, times] of deliveries.entries()) {
    if (times > 0) delivered++
    if (times > 1) twice.push(id)
  }
  console.log(`POSTs delivered: ${delivered}, more than once: ${twice.length}`)
  if (twice.length > 0) out.push(`delivered more than once: ${twice.slice(0, 5)}`)
  for (const [name, value] of Object.entries(left)) if (value !== 0) out.push(`${name} is ${value} at the end`)
  for (const outcome of outcomes.keys()) if (outcome.startsWith("defect")) out.push(outcome)
  return out
}

const soak = Effect.gen(function* () {
  const { ca, good } = yield* standard()
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "soak-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const [cert, key] = [join(folder, "good.pem"), join(folder, "good.key")]
  writeFileSync(cert, good.cert)
  writeFileSync(key, good.key)
  const port = yield* freePort
  const restarts = yield* restarting([String(port), cert, key])
  const connector = yield* Connector.tcp({ http2: { mode: "require" }, ssl: yield* Ssl.context({ ca }) })
  const session = yield* Session.make({ timeout: "20 seconds" }).pipe(
    Effect.provideService(Connector.Connector, connector),
    Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
  )
  const url = `https://localhost:${port}`
  const samples: Array<Sample> = []
  const sampling = Effect.map(sample, (row) => {
    samples.push(row)
    const total = [...outcomes.values()].reduce((a, b) => a + b, 0)
    console.log(`${total} requests, heap ${mebibytes(row.heap)}, RSS ${mebibytes(row.rss)}, ${row.sockets} sockets`)
  }).pipe(Effect.schedule(Schedule.spaced(sampleEvery)))
  yield* Effect.all([restarts, sampling, ...Array.from({ length: workers }, () => worker(session, url))], {
    concurrency: "unbounded",
    discard: true
  }).pipe(Effect.timeoutOption(Duration.minutes(minutes)))
  // Waits until interrupted requests have ended, a turn later, and resets were confirmed, within a second.
  yield* Effect.sleep("2 seconds")
  yield* connector.closeIdle
  yield* Effect.sleep("500 millis")
  const { acquired, connecting, idle, streams, waiting } = yield* connector.stats
  const sockets = (yield* sample).sockets
  console.log(Object.fromEntries(outcomes))
  return problemsOf(samples, { acquired, connecting, idle, streams, waiting, sockets })
})

const problems = await Effect.runPromise(Effect.scoped(soak))
for (const problem of problems) console.error(problem)
process.exit(problems.length === 0 ? 0 : 1)
