/**
 * Runs one client in its own process. In each turn, workers send one request after the other. The answer to a turn has
 * the requests per second, the CPU time per request, the number of opened connections and, on demand, the percentiles
 * of the response times. Usage: client.js <client> <file of clients> [arguments of the client]
 */
import { Socket } from "node:net"
import { serve } from "./turns.js"

/**
 * Milliseconds before the measurement of a turn, in which the client opens connections that were closed since the last.
 */
const leadIn = 50

const [, , name, set, ...given] = process.argv
const { clients } = await import(`./clients/${set}.js`)
const client = await clients[name](...given)

let requests = 0
let connections = 0
let running = false
let times

// Counts connections. All clients open them by this method, also over TLS.
const { connect } = Socket.prototype
Socket.prototype.connect = function (...args) {
  connections++
  return connect.apply(this, args)
}

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis))

const percentile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]

const measure = async (workers, millis, timed) => {
  await sleep(leadIn)
  times = timed ? [] : undefined
  const before = { requests, cpu: process.cpuUsage(), time: performance.now() }
  await sleep(millis)
  const cpu = process.cpuUsage(before.cpu)
  const elapsed = performance.now() - before.time
  const count = requests - before.requests
  running = false
  const sorted = times?.sort((a, b) => a - b)
  await workers
  return {
    perSecond: (count / elapsed) * 1000,
    cpu: (cpu.user + cpu.system) / count,
    connections,
    ...(timed ? { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) } : {})
  }
}

/** `start` runs the workers while `running` is true. Each worker takes the URLs in turn and starts at another one. */
const takeTurns = (start) =>
  serve(({ concurrency, millis, timed = false, urls }) => {
    running = true
    connections = 0
    const workers = Array.from({ length: concurrency }, (_, worker) => {
      let at = worker
      return { worker, next: () => urls[at++ % urls.length] }
    })
    return measure(start(workers), millis, timed)
  })

const done = (began) => {
  requests++
  times?.push(performance.now() - began)
}

/** The current time, or 0 if response times are not measured, because reading the clock takes time. */
const now = () => (times === undefined ? 0 : performance.now())

if (client.kind === "promise") {
  takeTurns((workers) =>
    Promise.all(
      workers.map(async ({ next, worker }) => {
        while (running) {
          const began = now()
          await client.once(next(), worker)
          done(began)
        }
      })
    )
  )
} else {
  const { Effect, Runtime } = client
  const loop = (one, { next, worker }) => {
    let began = 0
    return Effect.whileLoop({
      while: () => running,
      body: () => {
        began = now()
        return one(next(), worker)
      },
      step: () => done(began)
    })
  }
  // Workers run in the context of the program, so that they have its services and its parent span.
  const inContext = (one) =>
    Effect.flatMap(Effect.runtime(), (runtime) => {
      takeTurns((workers) =>
        Runtime.runPromise(runtime)(
          Effect.all(
            workers.map((worker) => loop(one, worker)),
            { concurrency: "unbounded", discard: true }
          )
        )
      )
      return Effect.never
    })
  const program = client.use === undefined ? inContext(client.one) : client.use(inContext)
  Effect.runFork(Effect.scoped(Effect.provide(program, client.layer)))
}
