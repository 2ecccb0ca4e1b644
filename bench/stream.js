/**
 * One way to transfer much, in a process of its own, which waits for its turns: in each it transfers so many bytes and
 * tells the time and by how much its memory has grown since the end of the first turn. Usage: stream.js <variant>
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
  if (transferred !== size) throw new Error(`${transferred} bytes in place of ${size}`)
  look()
  if (first === undefined) {
    first = process.memoryUsage().rss
    highest = first
  }
  return { millis, grown: (highest - first) / 1024 / 1024 }
})
