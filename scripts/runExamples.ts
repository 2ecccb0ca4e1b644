/**
 * Runs every program in `examples` and prints the comment at its head and its output. Each must end by itself, with
 * exit code 0. Arguments select programs by the beginning of their names: `npm run examples -- 17 recipe`. `--in
 * <folder>` runs those of a generated tree instead.
 */
import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { build } from "esbuild"
import { report, root, scratch } from "./project.js"

const [flag = "", folder = "", ...others] = process.argv.slice(2)
const isElsewhere = flag === "--in"

/** The folder whose examples run. */
const tree = isElsewhere ? join(root, folder) : root

/** Milliseconds that one program may take. */
const limit = 60_000

/** How many programs run at the same time. */
const lanes = Math.max(2, availableParallelism())

/**
 * Bundles the programs once, with what they share in common files. Starting a program with tsx takes four seconds of a
 * core, most of them for the thousand modules of Effect and @effect/platform-node; a bundled one takes half a second.
 */
const bundle = async (): Promise<string> => {
  const directory = scratch("run-examples")
  await build({
    absWorkingDir: tree,
    entryPoints: names.map((name) => join("examples", name)),
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: true,
    logLevel: "warning",
    // CommonJS packages inside the bundle require modules of Node.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);'
    }
  })
  return directory
}

/** The comment at the head of a program, on one line. */
const descriptionOf = (name: string): string => {
  const [, comment = ""] = /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(join(tree, "examples", name), "utf8")) ?? []
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .filter((line) => !line.startsWith("Run it with"))
    .join(" ")
    .trim()
}

interface Outcome {
  readonly ended: string
  readonly output: string
  readonly millis: number
}

const run = (directory: string, name: string): Promise<Outcome> =>
  new Promise((resolve) => {
    const from = performance.now()
    const path = join(directory, name.replace(/\.ts$/, ".mjs"))
    const child = spawn(process.execPath, ["--enable-source-maps", path], { cwd: tree, timeout: limit })
    const output: Array<Buffer> = []
    child.stdout.on("data", (chunk) => output.push(chunk))
    child.stderr.on("data", (chunk) => output.push(chunk))
    child.on("close", (code, signal) => {
      resolve({
        ended: code === null ? `by ${signal}` : `with ${code}`,
        output: Buffer.concat(output).toString().trimEnd(),
        millis: Math.round(performance.now() - from)
      })
    })
  })

/** Programs that interrupt themselves. On Effect 4, they end with code 130, as shells expect. */
const interrupted = "34-crawler.ts"

const found: Array<string> = []

const print = (name: string, { ended, millis, output }: Outcome): void => {
  console.log(`\n==== ${name.replace(/\.ts$/, "")}: ${descriptionOf(name)}\n`)
  console.log(output.replace(/^(?=.)/gm, "  "))
  console.log(`\n---- ended ${ended} after ${millis} ms`)
  if (ended !== "with 0" && !(isElsewhere && name === interrupted && ended === "with 130"))
    found.push(`examples/${name} ended ${ended}`)
}

const wanted = isElsewhere ? others : process.argv.slice(2)
const names = readdirSync(join(tree, "examples"))
  .filter((name) => name.endsWith(".ts"))
  .filter((name) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)))
  .sort()

const directory = await bundle()
const started = performance.now()
const outcomes = new Map<string, Outcome>()
const queue = names.values()
let printed = 0

/** Prints the outcomes in the order of the names, each as early as this order allows. */
const printReady = (): void => {
  for (; printed < names.length; printed++) {
    const name = names[printed] ?? ""
    const outcome = outcomes.get(name)
    if (outcome === undefined) return
    print(name, outcome)
  }
}

const work = async () => {
  for (const name of queue) {
    outcomes.set(name, await run(directory, name))
    printReady()
  }
}

await Promise.all(Array.from({ length: lanes }, work))
report(
  names.length === 0 ? ["no example has such a name"] : found,
  `${names.length} examples ran in ${Math.round((performance.now() - started) / 1000)} s`
)
