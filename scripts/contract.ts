/**
 * Compiles the usage programs of the public contract against `src`, if the directory of the contract exists.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { compilerOptions, problems, report, root, scratch, write } from "./project.js"

const usage = join(root, "../shared/contract/usage")

/** Changes of the public API since the contract was written: in a program, the text of each key becomes its value. */
const changes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // `Session.upgrade`, and a 101 response that the request did not ask for.
  "20-errors.ts": { "| Errors.WebSocketError": "| Errors.WebSocketError | Errors.UpgradeError" }
}

const programOf = (name: string): string => {
  const text = readFileSync(join(usage, name), "utf8")
  return Object.entries(changes[name] ?? {}).reduce((now, [from, to]) => {
    if (!now.includes(from)) throw new Error(`${name} does not have "${from}"`)
    return now.replace(from, to)
  }, text)
}

if (!existsSync(usage)) {
  console.log("SKIPPED: the contract's usage programs are not beside the repository")
} else {
  const names = readdirSync(usage).filter((name) => name.endsWith(".ts"))
  // Copied, so that their imports resolve.
  const directory = scratch("usage")
  write(directory, new Map(names.map((name) => [name, programOf(name)])))
  const paths = names.map((name) => join(directory, name))
  const program = ts.createProgram(paths, compilerOptions())
  report(problems(program, new Set(paths)), `${names.length} usage programs compile`)
}
