/**
 * Measures the growth of RSS over many requests, 50 at a time: the highest RSS in the first and in the last fifth.
 * Usage: longRun.js <URL> <number of requests>
 */
import { Effect } from "effect"
import { ClientResponse, Session } from "../dist/bundle/index.js"

const [, , url, given] = process.argv
const total = Number(given)

let left = total
let early = 0
let late = 0
const rss = () => process.memoryUsage().rss
// The highest RSS counts, because collections of the heap change it.
const look = () => {
  if (left > total * 0.8) early = Math.max(early, rss())
  else if (left < total * 0.2) late = Math.max(late, rss())
}
const watch = setInterval(look, 20)

const program = Effect.gen(function* () {
  const session = yield* Session.Session
  const worker = Effect.whileLoop({
    while: () => left > 0,
    body: () => {
      left--
      return ClientResponse.json(session.get(url))
    },
    step: () => {}
  })
  yield* Effect.all(
    Array.from({ length: 50 }, () => worker),
    { concurrency: "unbounded", discard: true }
  )
})
await Effect.runPromise(Effect.provide(program, Session.layer({})))
clearInterval(watch)
console.log(JSON.stringify({ early: early / 1024 / 1024, late: late / 1024 / 1024 }))
