/**
 * Compares the errors of TLS and the supported features on Node, Bun and Deno with both tables in docs/runtimes.md.
 * `--write` writes the tables. Fails if a runtime accepts a server that Node rejects, or reports `Handshake` for an
 * error for which Node has a more exact reason.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { report } from "./project.js"
import { folder, install, otherRuntimes, type RuntimeName, runProgram } from "./runtimes/runtimes.js"
import { section, table } from "./runtimes/section.js"
import { tlsSites } from "./runtimes/tlsSites.js"

type Results = ReadonlyMap<string, string>

/** The outcomes that a program prints. */
const ask = (name: RuntimeName, program: string, file: string): Effect.Effect<Results> =>
  Effect.promise(async () => {
    const { code, output } = await runProgram(name, `scripts/runtimes/${program}.ts`, file)
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
  const results = yield* Effect.forEach(names, (name) => ask(name, "tlsClient", file))
  const support = yield* Effect.forEach(names, (name) => ask(name, "supportClient", file))
  const [node, ...others] = results
  const rows = sites.sites.map(({ name }) => [name, ...results.map((each) => each.get(name) ?? "")])
  const found = sites.sites.flatMap(({ name }) =>
    others.flatMap((each) => problemsOf(name, node?.get(name) ?? "", each.get(name) ?? ""))
  )
  const features = [...(support[0]?.keys() ?? [])].map((name) => [name, ...support.map((each) => each.get(name) ?? "")])
  const shown = [
    section("tls", table(["server", "Node", "Bun", "Deno"], rows)),
    section("support", table(["feature", "Node 20", "Bun", "Deno"], features))
  ]
  return shown.includes(false)
    ? [...found, "docs/runtimes.md has other tables: run `tsx scripts/tlsErrors.ts --write`"]
    : found
})

install()
const found = await Effect.runPromise(Effect.scoped(program))
report(found, "TLS errors and features are as docs/runtimes.md shows")
