/**
 * Checks the types that users see: the emitted declarations contain `ClientError` instead of its members, and public
 * modules do not mention types of Node's sockets.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { compilerOptions, problems, publicModules, report, root, scratch, write } from "./project.js"

const found: Array<string> = []

/** The most common expressions, whose types must be readable in an editor. */
const probe = `
import { ClientResponse, Session } from "effect-http-session"
import * as Effect from "effect/Effect"

export const got = Session.get("/")
export const posted = Session.post("/", { json: {} })
export const text = Session.get("/").pipe(ClientResponse.text)
export const json = Session.get("/").pipe(ClientResponse.json)
export const bytes = Session.get("/").pipe(ClientResponse.bytes)
export const used = Session.get("/").pipe(ClientResponse.use((response) => response.text))
export const read = Effect.scoped(Effect.flatMap(Session.get("/"), (response) => response.json))
export const pages = Session.paginate("/", (response) => response.json)
`

const directory = scratch("declarations")
write(directory, new Map([["probe.ts", probe]]))
const out = join(directory, "out")
/** Declarations for modules without types. */
const ambient = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".d.ts"))
  .map((file) => join(root, "src", file))
const program = ts.createProgram(
  [join(directory, "probe.ts"), join(root, "src/index.ts"), ...ambient],
  compilerOptions({
    noEmit: false,
    emitDeclarationOnly: true,
    declaration: true,
    stripInternal: true,
    sourceMap: false,
    rootDir: root,
    outDir: out
  })
)
const inSource = (fileName: string) => fileName.startsWith(directory) || fileName.startsWith(join(root, "src"))
const files = new Set(program.getSourceFiles().map((file) => file.fileName))
found.push(...problems(program, new Set([...files].filter(inSource))))
program.emit()

/** Names of members that appear in a declaration only if it lost the alias. */
const members = ["BadHttpMessage", "TooManyRedirects", "PoolSaturatedError"]

const emitted = readFileSync(join(out, ".tmp/declarations/probe.d.ts"), "utf8")
for (const declaration of emitted.split("\n").filter((line) => line.startsWith("export declare const"))) {
  const name = /const (\w+)/.exec(declaration)?.[1]
  if (!/\bClientError\b/.test(declaration)) found.push(`the type of "${name}" does not say ClientError: ${declaration}`)
  for (const member of members) {
    if (declaration.includes(member)) found.push(`the type of "${name}" spells the errors out: ${declaration}`)
  }
}
const probes = probe.match(/^export const/gm)?.length
const printed = emitted.match(/^export declare const/gm)?.length
if (probes !== printed) found.push(`${probes} probes and ${printed} declarations`)

const exported = new Set(publicModules)
for (const file of readdirSync(join(out, "src"))) {
  const name = file.replace(/\.d\.ts$/, "")
  if (!exported.has(name) || !file.endsWith(".d.ts")) continue
  const text = readFileSync(join(out, "src", file), "utf8").replace(/\/\*[\s\S]*?\*\//g, "")
  for (const [line] of text.matchAll(/^.*(?:from |import\()"(?:node:)?(?:net|tls|http|https|stream|dns)".*$/gm)) {
    found.push(`src/${name}.ts shows a type of Node's: ${line}`)
  }
}

report(found, `${printed} declarations print ClientError; no public module mentions node:net or its like`)
