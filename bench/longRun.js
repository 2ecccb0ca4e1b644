/**
 * How RSS grows over many requests, 50 at a time: from the first tenth of them to the end.
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
// RSS goes up and down with the heap's collections: the highest of a part counts.
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
