/**
 * One variant in a process of its own: warms up, measures, prints one line of JSON.
 * Usage: node client.js <variant> <url> <concurrency> <seconds>
 */
import { warmUp } from "./processes.js"
import { variants } from "./variants.js"

const [, , name, url, concurrencyText, secondsText] = process.argv
const concurrency = Number(concurrencyText)
const seconds = Number(secondsText)

let requests = 0
let stopped = false

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis))

const measure = async (workers) => {
  await sleep(warmUp * 1000)
  const before = { requests, cpu: process.cpuUsage(), time: performance.now() }
  await sleep(seconds * 1000)
  const cpu = process.cpuUsage(before.cpu)
  const elapsed = performance.now() - before.time
  const count = requests - before.requests
  stopped = true
  await workers
  console.log(
    JSON.stringify({
      name,
      concurrency,
      perSecond: (count / elapsed) * 1000,
      cpu: (cpu.user + cpu.system) / count,
      user: cpu.user / count
    })
  )
}

const workers = (worker) => Promise.all(Array.from({ length: concurrency }, worker))

const variant = await variants[name](concurrency)

if (variant.kind === "promise") {
  await measure(
    workers(async () => {
      while (!stopped) {
        await variant.once(url)
        requests++
      }
    })
  )
} else {
  const { Effect } = variant
  const loop = (one) =>
    Effect.whileLoop({
      while: () => !stopped,
      body: () => one(url),
      step: () => {
        requests++
      }
    })
  // Workers are fibers of the context they were started in, so that services and spans are theirs.
  const inContext = (one) =>
    Effect.zipRight(
      Effect.fork(Effect.promise(() => measure(Promise.resolve()))),
      Effect.all(
        Array.from({ length: concurrency }, () => loop(one)),
        { concurrency: "unbounded", discard: true }
      )
    )
  const program = variant.use === undefined ? inContext(variant.one) : variant.use(inContext)
  await Effect.runPromise(Effect.scoped(Effect.provide(program, variant.layer)))
}
process.exit(0)
