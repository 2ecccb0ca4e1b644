/**
 * Runs the tour and the tests of the public modules and of faults on Bun and Deno, without the tests that
 * `runtimes/skips.ts` lists, and checks the list in docs/runtimes.md; `--write` writes it. Names of runtimes as arguments
 * run only those, and `--tour` leaves out the tests.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { report, root } from "./project.js"
import { folder, install, otherRuntimes, runProgram, runVitest } from "./runtimes/runtimes.js"
import { section, table } from "./runtimes/section.js"
import { type Skip, skips } from "./runtimes/skips.js"

type Other = (typeof otherRuntimes)[number]

const wanted = otherRuntimes.filter(
  (name) => !otherRuntimes.some((each) => process.argv.includes(each)) || process.argv.includes(name)
)

const testFiles: ReadonlyArray<string> = ["test", "test/faults"].flatMap((directory) =>
  readdirSync(join(root, directory))
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `${directory}/${file}`)
)

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Matches the full names of all tests but the skipped ones; "*" stands for any text. */
const patternFor = (name: Other): string => {
  const skipped = skips.filter(({ on }) => on.includes(name)).map(({ test }) => test.split("*").map(escaped).join(".*"))
  return skipped.length === 0 ? "" : `^(?! ?(?:${skipped.join("|")})$)`
}

const filesFor = (name: Other): ReadonlyArray<string> =>
  testFiles.filter((file) => !skips.some(({ on, test }) => test === file && on.includes(name)))

interface Report {
  readonly numPassedTests: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: ReadonlyArray<{
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: ReadonlyArray<string> | null
    }>
  }>
}

const failuresOf = ({ testResults }: Report): ReadonlyArray<string> =>
  testResults.flatMap(({ assertionResults, message, name, status }) => {
    const failed = assertionResults.filter((test) => test.status === "failed")
    if (failed.length === 0) return status === "failed" ? [`${name}: ${message ?? ""}`] : []
    return failed.map((test) => `${test.fullName}: ${(test.failureMessages?.[0] ?? "").slice(0, 500)}`)
  })

const tour = async (name: Other): Promise<ReadonlyArray<string>> => {
  const { code, output } = await runProgram(name, "examples/tour.ts")
  if (code === 0) return []
  return [`${name}: the tour ended with ${code}: ${output.slice(-2000)}`]
}

const tests = async (name: Other): Promise<ReadonlyArray<string>> => {
  const file = join(folder, `tests-${name}.json`)
  const projects = ["--project", "unit", "--project", "network"]
  const reporters = ["--reporter=json", `--outputFile=${file}`]
  const pattern = `--testNamePattern=${patternFor(name)}`
  // Timing tests of faults get a second chance: these runtimes start slower than Node.
  const { code, output } = await runVitest(name, ...projects, ...reporters, "--retry=1", pattern, ...filesFor(name))
  try {
    const results: Report = JSON.parse(readFileSync(file, "utf8"))
    console.log(`${name}: ${results.numPassedTests} tests passed`)
    const found = failuresOf(results).map((failure) => `${name}: ${failure}`)
    return found.length === 0 && code !== 0 ? [`${name}: vitest ended with ${code}: ${output.slice(-2000)}`] : found
  } catch {
    return [`${name}: vitest wrote no report and ended with ${code}: ${output.slice(-2000)}`]
  }
}

const row = ({ on, reason, test }: Skip): ReadonlyArray<string> => [
  `\`${test}\``,
  on.map((name) => (name === "bun" ? "Bun" : "Deno")).join(", "),
  reason
]

const documented = section("skips", table(["test", "not on", "reason"], skips.map(row)))
  ? []
  : ["docs/runtimes.md has another list of tests: run `tsx scripts/otherRuntimes.ts --write`"]

const found: Array<string> = [...documented]
if (!process.argv.includes("--write")) {
  install()
  for (const name of wanted) {
    found.push(...(await tour(name)))
    if (!process.argv.includes("--tour")) found.push(...(await tests(name)))
  }
}
report(found, "the tour and the tests pass on the other runtimes")
