/**
 * The usage programs of the public contract compile against `src`, where the contract is at hand.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { compilerOptions, problems, report, root, scratch, write } from "./project.js"

const usage = join(root, "../shared/contract/usage")

if (!existsSync(usage)) {
  console.log("SKIPPED: the contract's usage programs are not beside the repository")
} else {
  const names = readdirSync(usage).filter((name) => name.endsWith(".ts"))
  // Copied, so that their imports are found from here.
  const directory = scratch("usage")
  write(directory, new Map(names.map((name) => [name, readFileSync(join(usage, name), "utf8")])))
  const paths = names.map((name) => join(directory, name))
  const program = ts.createProgram(paths, compilerOptions())
  report(problems(program, new Set(paths)), `${names.length} usage programs compile`)
}
