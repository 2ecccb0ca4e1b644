/** Writes the edition for Effect 4 into `effect4/build`: `tsx scripts/effect4.ts [folder...]`. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import ts from "typescript"
import { patched } from "./effect4/patches.js"
import { rewriteFile } from "./effect4/rewrite.js"

const root = new URL("../", import.meta.url).pathname
const edition = join(root, "effect4")
const target = join(edition, "build")

const filesIn = (folder: string): ReadonlyArray<string> =>
  existsSync(folder)
    ? (readdirSync(folder, { recursive: true, encoding: "utf8" }) as ReadonlyArray<string>).map((path) =>
        path.replaceAll("\\", "/")
      )
    : []

/** The files of a folder of the edition, which replace those of the source. */
const replaced = new Set(
  ["src", "test", "examples"].flatMap((area) => filesIn(join(edition, area)).map((path) => `${area}/${path}`))
)

const programOf = (): ts.Program => {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile)
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  return ts.createProgram(fileNames, options)
}

const write = (path: string, text: string): void => {
  const to = join(target, path)
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(to, text)
}

const areas = process.argv.length > 2 ? process.argv.slice(2) : ["src", "test", "examples"]
const program = programOf()
const checker = program.getTypeChecker()
const problems: Array<string> = []
let count = 0
for (const area of areas) {
  rmSync(join(target, area), { recursive: true, force: true })
  for (const inner of filesIn(join(root, area))) {
    const path = `${area}/${inner}`
    const from = join(root, path)
    if (replaced.has(path) || !/\.\w+$/.test(path)) continue
    const source = path.endsWith(".ts") ? program.getSourceFile(from) : undefined
    if (source === undefined) {
      if (!path.endsWith("/") && !readdirSafe(from)) write(path, readFileSync(from, "utf8"))
      continue
    }
    const made = rewriteFile(relative(root, from), source, checker)
    problems.push(...made.problems)
    const [text, failed] = patched(path, made.text)
    problems.push(...failed)
    write(path, text)
    count++
  }
  if (existsSync(join(edition, area))) cpSync(join(edition, area), join(target, area), { recursive: true })
}

function readdirSafe(path: string): boolean {
  try {
    readdirSync(path)
    return true
  } catch {
    return false
  }
}

console.log(`${count} files written to effect4/build`)
if (problems.length > 0) {
  console.error(`${problems.length} uses without a counterpart in Effect 4:\n${problems.join("\n")}`)
  process.exitCode = 1
}
