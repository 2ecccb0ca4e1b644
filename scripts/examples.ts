/** Compiles each block of TypeScript in README.md, docs and the docstrings of `src` as a separate file. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { compilerOptions, problems, publicModules, report, root, scratch, write } from "./project.js"

/** The fenced blocks of a text, with the line that each begins on. */
const blocks = (text: string): ReadonlyArray<{ readonly line: number; readonly code: string }> => {
  const out: Array<{ line: number; code: string }> = []
  const lines = text.split("\n")
  for (let i = 0; i < lines.length; i++) {
    if (!/^\s*```(?:ts|typescript)\b/.test(lines[i] ?? "")) continue
    const start = i + 1
    while (i + 1 < lines.length && !/^\s*```\s*$/.test(lines[i + 1] ?? "")) i++
    out.push({ line: start + 1, code: lines.slice(start, i + 1).join("\n") })
  }
  return out
}

/** The comments of a source without their stars. Each keeps its line. */
const comments = (source: string): string => {
  let inside = false
  return source
    .split("\n")
    .map((line) => {
      if (/^\s*\/\*\*/.test(line)) inside = true
      const text = inside ? line.replace(/^\s*\/?\*+\/? ?/, "") : ""
      if (line.includes("*/")) inside = false
      return text
    })
    .join("\n")
}

const markdown = [
  "README.md",
  ...(existsSync(join(root, "docs")) ? readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }) : [])
    .filter((path) => path.endsWith(".md"))
    .map((path) => join("docs", path))
].filter((path) => existsSync(join(root, path)))

const files = new Map<string, string>()
const collect = (path: string, text: string): void => {
  for (const { code, line } of blocks(text)) {
    // The export makes a block without imports a module.
    files.set(`${path.replace(/[^A-Za-z0-9]+/g, "_")}_${line}.ts`, `${code}\n\nexport {}\n`)
  }
}
for (const path of markdown) collect(path, readFileSync(join(root, path), "utf8"))
for (const name of publicModules) {
  collect(`src/${name}.ts`, comments(readFileSync(join(root, "src", `${name}.ts`), "utf8")))
}

const directory = scratch("examples")
write(directory, files)
const paths = [...files.keys()].map((name) => join(directory, name))
const program = ts.createProgram(paths, compilerOptions({ noUnusedLocals: false, noUnusedParameters: false }))
report(problems(program, new Set(paths)), `${paths.length} examples compile (named by file and line in .tmp/examples)`)
