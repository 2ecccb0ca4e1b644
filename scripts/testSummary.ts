/**
 * Sums up vitest's JSON reports in one line: `N passed, N failed`.
 */
import { readFileSync } from "node:fs"

const sum = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 }
for (const path of process.argv.slice(2)) {
  try {
    const found: Partial<typeof sum> & { readonly numFailedTestSuites?: number } = JSON.parse(
      readFileSync(path, "utf8")
    )
    sum.numPassedTests += found.numPassedTests ?? 0
    sum.numFailedTests += found.numFailedTests ?? 0
    sum.numPendingTests += found.numPendingTests ?? 0
    // A file that does not load has no tests to count.
    if ((found.numFailedTests ?? 0) === 0 && (found.numFailedTestSuites ?? 0) > 0) {
      sum.numFailedTests += found.numFailedTestSuites ?? 0
    }
  } catch {
    console.log(`no report at ${path}`)
    sum.numFailedTests += 1
  }
}
const skipped = sum.numPendingTests === 0 ? "" : `, ${sum.numPendingTests} skipped`
console.log(`${sum.numPassedTests} passed, ${sum.numFailedTests} failed${skipped}`)
