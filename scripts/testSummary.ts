/**
 * Summarizes vitest's JSON reports: prints every failed test by name with the start of its failure, then one line,
 * `N passed, N failed`.
 */
import { readFileSync } from "node:fs"
import { relative } from "node:path"
import type { TestReport } from "./testReport.js"

const startOf = (failure: string) => failure.split("\n").slice(0, 6).join("\n    ").slice(0, 1_000)

const failures = (report: TestReport): ReadonlyArray<string> =>
  report.testResults.flatMap((file) => {
    const where = relative(process.cwd(), file.name)
    const failed = file.assertionResults.filter((test) => test.status === "failed")
    // A file that cannot be loaded has no tests.
    if (failed.length === 0) return file.status === "failed" ? [`${where}\n    ${startOf(file.message ?? "")}`] : []
    return failed.map((test) => `${where}: ${test.fullName}\n    ${startOf(test.failureMessages?.[0] ?? "")}`)
  })

const sum = { passed: 0, failed: 0, skipped: 0 }
for (const path of process.argv.slice(2)) {
  try {
    const report: TestReport = JSON.parse(readFileSync(path, "utf8"))
    const failed = failures(report)
    for (const failure of failed) console.log(`failed test: ${failure}`)
    sum.passed += report.numPassedTests
    sum.failed += Math.max(report.numFailedTests, failed.length)
    sum.skipped += report.numPendingTests
  } catch {
    console.log(`no report at ${path}`)
    sum.failed += 1
  }
}
const skipped = sum.skipped === 0 ? "" : `, ${sum.skipped} skipped`
console.log(`${sum.passed} passed, ${sum.failed} failed${skipped}`)
