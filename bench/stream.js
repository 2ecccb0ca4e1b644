/**
 * One large transfer in a process of its own. Usage: node stream.js <variant> <url> <MiB>
 */
import { streamVariants } from "./streamVariants.js"

const [, , name, url, mebibytes] = process.argv
const size = Number(mebibytes) * 1024 * 1024
const { run } = streamVariants[name]

await run(url, 16 * 1024 * 1024)
const before = process.memoryUsage().rss
let highest = before
const watch = setInterval(() => {
  highest = Math.max(highest, process.memoryUsage().rss)
}, 50)
const start = performance.now()
const transferred = await run(url, size)
const millis = performance.now() - start
clearInterval(watch)
if (transferred !== size) throw new Error(`${transferred} bytes in place of ${size}`)
console.log(JSON.stringify({ name, millis, grown: (highest - before) / 1024 / 1024 }))
process.exit(0)
