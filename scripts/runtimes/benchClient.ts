/**
 * A client of `runtimeBench.ts`: `benchClient.ts fetch` or `benchClient.ts decoder`. Each line of its input starts a
 * turn, in which it requests JSON repeatedly, and prints its requests per second of CPU time.
 */
import { createInterface } from "node:readline"
import { Effect, ManagedRuntime } from "effect"
import { ClientResponse, Session } from "effect-http-session"

export interface Turn {
  readonly url: string
  readonly concurrency: number
  readonly millis: number
}

const byFetch = async ({ concurrency, millis, url }: Turn): Promise<number> => {
  const end = performance.now() + millis
  let count = 0
  const work = async () => {
    while (performance.now() < end) {
      await (await fetch(url)).json()
      count++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return count
}

const runtime = ManagedRuntime.make(Session.layer())

const byDecoder = ({ concurrency, millis, url }: Turn): Promise<number> => {
  const end = performance.now() + millis
  let count = 0
  const work = Effect.whileLoop({
    while: () => performance.now() < end,
    body: () => Session.get(url).pipe(ClientResponse.json),
    step: () => {
      count++
    }
  })
  const workers = Effect.all(
    Array.from({ length: concurrency }, () => work),
    { concurrency: "unbounded", discard: true }
  )
  return runtime.runPromise(Effect.map(workers, () => count))
}

const measure = process.argv[2] === "fetch" ? byFetch : byDecoder

for await (const line of createInterface({ input: process.stdin })) {
  const turn: Turn = JSON.parse(line)
  const before = process.cpuUsage()
  const count = await measure(turn)
  const { system, user } = process.cpuUsage(before)
  console.log((count / (user + system)) * 1_000_000)
}
