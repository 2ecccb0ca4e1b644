/** Runs vitest on Bun and Deno, without the tests of `skips.ts`. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../project.js"
import type { TestReport } from "../testReport.js"
import { folder, type OtherRuntime, runVitest } from "./runtimes.js"
import { skips } from "./skips.js"

const testsIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(join(root, directory))
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `${directory}/${file}`)

/** The tests of the public modules, of faults and of TLS. */
const files: ReadonlyArray<string> = ["test", "test/faults", "test/faults/http2", "test/internal/network/tls"].flatMap(
  testsIn
)

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Matches the full names of all tests except the skipped ones. "*" stands for any text. */
const patternFor = (name: OtherRuntime): string => {
  const skipped = skips.filter(({ on }) => on.includes(name)).map(({ test }) => test.split("*").map(escaped).join(".*"))
  return skipped.length === 0 ? "" : `^(?! ?(?:${skipped.join("|")})$)`
}

const isSkipped = (name: OtherRuntime, file: string): boolean =>
  skips.some(({ on, test }) => test === file && on.includes(name))

const failuresOf = ({ testResults }: TestReport): ReadonlyArray<string> =>
  testResults.flatMap(({ assertionResults, message, name, status }) => {
    const failed = assertionResults.filter((test) => test.status === "failed")
    if (failed.length === 0) return status === "failed" ? [`${name}: ${message ?? ""}`] : []
    return failed.map((test) => `${test.fullName}: ${(test.failureMessages?.[0] ?? "").slice(0, 500)}`)
  })

/** Runs the tests on a runtime. Returns the failures. */
export const runTests = async (name: OtherRuntime): Promise<ReadonlyArray<string>> => {
  const output = join(folder, `tests-${name}.json`)
  const projects = ["--project", "unit", "--project", "network"]
  const reporters = ["--reporter=json", `--outputFile=${output}`]
  const pattern = `--testNamePattern=${patternFor(name)}`
  // Timing tests of faults get a second chance, and all tests more time: these runtimes start slower than Node.
  const times = ["--retry=1", "--testTimeout=120000"]
  const run = await runVitest(
    name,
    ...[...projects, ...reporters, ...times, pattern],
    ...files.filter((file) => !isSkipped(name, file))
  )
  const ended = `ended with ${run.code}: ${run.output.slice(-2000)}`
  try {
    const results: TestReport = JSON.parse(readFileSync(output, "utf8"))
    console.log(`${name}: ${results.numPassedTests} tests passed`)
    const found = failuresOf(results).map((failure) => `${name}: ${failure}`)
    return found.length === 0 && run.code !== 0 ? [`${name}: vitest ${ended}`] : found
  } catch {
    return [`${name}: vitest wrote no report and ${ended}`]
  }
}
