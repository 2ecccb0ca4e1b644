/**
 * One variant in a process of its own, which waits for its turns: in each it requests a URL over and over again and
 * tells how many requests a second that gave, what they cost and how many connections it opened in that turn. Usage:
 * client.js <variant> [the PEM of the authority that a client over TLS trusts]
 */
import { Socket } from "node:net"
import { serve } from "./turns.js"
import { http2Variants, secureVariants, variants } from "./variants.js"

/** Milliseconds of a turn before it is measured, in which connections that had been given up are opened again. */
const leadIn = 50

const [, , name, ca] = process.argv
const variant = await (ca === undefined ? variants[name]() : (secureVariants[name] ?? http2Variants[name])(ca))

let requests = 0
let connections = 0
let running = false

// All clients open a connection by this, those over TLS too.
const { connect } = Socket.prototype
Socket.prototype.connect = function (...args) {
  connections++
  return connect.apply(this, args)
}

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis))

const measure = async (workers, millis) => {
  await sleep(leadIn)
  const before = { requests, cpu: process.cpuUsage(), time: performance.now() }
  await sleep(millis)
  const cpu = process.cpuUsage(before.cpu)
  const elapsed = performance.now() - before.time
  const count = requests - before.requests
  running = false
  await workers
  return { perSecond: (count / elapsed) * 1000, cpu: (cpu.user + cpu.system) / count, connections }
}

/** `start` makes workers that run while `running`. */
const takeTurns = (start) =>
  serve(({ concurrency, millis, url }) => {
    running = true
    connections = 0
    return measure(start(url, concurrency), millis)
  })

const times = (concurrency, make) => Array.from({ length: concurrency }, make)

if (variant.kind === "promise") {
  takeTurns((url, concurrency) =>
    Promise.all(
      times(concurrency, async () => {
        while (running) {
          await variant.once(url)
          requests++
        }
      })
    )
  )
} else {
  const { Effect, Runtime } = variant
  const loop = (one, url) =>
    Effect.whileLoop({
      while: () => running,
      body: () => one(url),
      step: () => {
        requests++
      }
    })
  // Workers are fibers of the context they were started in, so that services and spans are theirs.
  const inContext = (one) =>
    Effect.flatMap(Effect.runtime(), (runtime) => {
      takeTurns((url, concurrency) =>
        Runtime.runPromise(runtime)(
          Effect.all(
            times(concurrency, () => loop(one, url)),
            { concurrency: "unbounded", discard: true }
          )
        )
      )
      return Effect.never
    })
  const program = variant.use === undefined ? inContext(variant.one) : variant.use(inContext)
  Effect.runFork(Effect.scoped(Effect.provide(program, variant.layer)))
}
