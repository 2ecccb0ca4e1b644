/**
 * Runs the tour, the examples, the installed package, and the tests of the public modules, of faults and of TLS on Bun
 * and Deno. Skips the tests in `runtimes/skips.ts`, and checks that docs/runtimes.md lists them; `--write` writes the
 * list. Arguments select runtimes; `--tests` runs only tests, `--programs` only programs.
 */
import { rmSync } from "node:fs"
import { report } from "./project.js"
import { examples, installed, installPackage, tour } from "./runtimes/programs.js"
import { install, otherRuntimes } from "./runtimes/runtimes.js"
import { section, table } from "./runtimes/section.js"
import { type Skip, skips } from "./runtimes/skips.js"
import { runTests } from "./runtimes/tests.js"

const has = (argument: string): boolean => process.argv.includes(argument)

const wanted = otherRuntimes.filter((name) => !otherRuntimes.some(has) || has(name))

const row = ({ on, reason, test }: Skip): ReadonlyArray<string> => [
  `\`${test}\``,
  on.map((name) => (name === "bun" ? "Bun" : "Deno")).join(", "),
  reason
]

const found: Array<string> = section("skips", table(["test", "not on", "reason"], skips.map(row)))
  ? []
  : ["docs/runtimes.md has another list of tests: run `tsx scripts/otherRuntimes.ts --write`"]

const programs = async (): Promise<void> => {
  const consumer = installPackage()
  for (const name of wanted) {
    found.push(...(await tour(name)), ...(await examples(name)), ...(await installed(name, consumer)))
  }
  rmSync(consumer, { recursive: true })
}

if (!has("--write")) {
  install()
  if (!has("--tests")) await programs()
  if (!has("--programs")) {
    for (const name of wanted) found.push(...(await runTests(name)))
  }
}
report(found, `${wanted.join(" and ")} pass`)
