/**
 * One large transfer in a process of its own, timed when it is done the second time, as the first one compiles what it
 * runs. Memory is watched from the beginning of the first one. Usage: node stream.js <variant> <url> <MiB>
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
await run(url, size)
const start = performance.now()
const transferred = await run(url, size)
const millis = performance.now() - start
clearInterval(watch)
if (transferred !== size) throw new Error(`${transferred} bytes in place of ${size}`)
console.log(JSON.stringify({ name, millis, grown: (highest - before) / 1024 / 1024 }))
process.exit(0)
