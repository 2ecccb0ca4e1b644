/**
 * Runs one variant of a large transfer in its own process. The answer to a turn has the time of the transfer and the
 * growth of RSS since the end of the first turn. Usage: stream.js <variant>
 */
import { streamVariants } from "./streamVariants.js"
import { serve } from "./turns.js"

const { run } = streamVariants[process.argv[2]]

let first
let highest = 0
const look = () => {
  highest = Math.max(highest, process.memoryUsage().rss)
}

serve(async ({ size, url }) => {
  const watch = setInterval(look, 50)
  const start = performance.now()
  const transferred = await run(url, size)
  const millis = performance.now() - start
  clearInterval(watch)
  if (transferred !== size) throw new Error(`expected ${size} bytes, got ${transferred}`)
  look()
  if (first === undefined) {
    first = process.memoryUsage().rss
    highest = first
  }
  return { millis, grown: (highest - first) / 1024 / 1024 }
})
