/**
 * Compares the errors of TLS on Node, Bun and Deno, and checks the table in docs/runtimes.md; `--write` writes it. Fails
 * where a runtime accepts what Node refuses, or reports `Handshake` where Node is more exact.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { report } from "./project.js"
import { folder, install, otherRuntimes, type RuntimeName, runProgram } from "./runtimes/runtimes.js"
import { section, table } from "./runtimes/section.js"
import { tlsSites } from "./runtimes/tlsSites.js"

type Results = ReadonlyMap<string, string>

const ask = (name: RuntimeName, file: string): Effect.Effect<Results> =>
  Effect.promise(async () => {
    const { code, output } = await runProgram(name, "scripts/runtimes/tlsClient.ts", file)
    const line = output.split("\n").find((text) => text.startsWith("[["))
    if (code !== 0 || line === undefined) throw new Error(`${name} ended with ${code}: ${output}`)
    const rows: ReadonlyArray<readonly [string, string]> = JSON.parse(line)
    return new Map(rows)
  })

const names: ReadonlyArray<RuntimeName> = ["node", ...otherRuntimes]

const problemsOf = (row: string, node: string, other: string): ReadonlyArray<string> => {
  if (other === "accepted" && node !== "accepted") return [`${row}: accepted, on Node ${node}`]
  if (node === "accepted" && other !== "accepted") return [`${row}: ${other}, on Node accepted`]
  return / Handshake/.test(other) && !/ Handshake/.test(node) ? [`${row}: ${other}, on Node ${node}`] : []
}

const program = Effect.gen(function* () {
  const sites = yield* tlsSites
  const file = join(folder, "tlsSites.json")
  yield* Effect.sync(() => writeFileSync(file, JSON.stringify(sites)))
  const results = yield* Effect.forEach(names, (name) => ask(name, file))
  const [node, ...others] = results
  const rows = sites.sites.map(({ name }) => [name, ...results.map((each) => each.get(name) ?? "")])
  const found = sites.sites.flatMap(({ name }) =>
    others.flatMap((each) => problemsOf(name, node?.get(name) ?? "", each.get(name) ?? ""))
  )
  const shown = section("tls", table(["server", "Node", "Bun", "Deno"], rows))
  return shown ? found : [...found, "docs/runtimes.md has another table: run `tsx scripts/tlsErrors.ts --write`"]
})

install()
const found = await Effect.runPromise(Effect.scoped(program))
report(found, "TLS errors are as docs/runtimes.md shows")
