/**
 * Every program in examples ends by itself, with exit code 0. Two at a time; what one of them prints is shown if it does
 * not. With names as arguments only those: `npm run examples -- 17`.
 */
import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { report, root } from "./project.js"

/** The longest that one may take. */
const limit = 60_000

const wanted = process.argv.slice(2)
const names = readdirSync(join(root, "examples"))
  .filter((name) => name.endsWith(".ts"))
  .filter((name) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)))

interface Outcome {
  readonly ended: string
  readonly output: string
}

const run = (name: string): Promise<Outcome> =>
  new Promise((resolve) => {
    const tsx = join(root, "node_modules/tsx/dist/cli.mjs")
    const child = spawn(process.execPath, [tsx, join("examples", name)], { cwd: root, timeout: limit })
    const output: Array<Buffer> = []
    child.stdout.on("data", (chunk) => output.push(chunk))
    child.stderr.on("data", (chunk) => output.push(chunk))
    child.on("close", (code, signal) => {
      resolve({ ended: code === null ? `by ${signal}` : `with ${code}`, output: Buffer.concat(output).toString() })
    })
  })

const found: Array<string> = []
const queue = names.values()
const work = async () => {
  for (const name of queue) {
    const from = performance.now()
    const { ended, output } = await run(name)
    console.log(`${name} ended ${ended} after ${Math.round(performance.now() - from)} ms`)
    if (ended === "with 0") continue
    console.log(output)
    found.push(`examples/${name} ended ${ended}`)
  }
}

await Promise.all([work(), work()])
report(names.length === 0 ? ["no example has such a name"] : found, `${names.length} examples run`)
