/** Writes the generated sections of docs/runtimes.md. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../project.js"

const page = join(root, "docs/runtimes.md")

/** A Markdown table with escaped cells and aligned columns, as the formatter writes it. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const lines = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")))
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)))
  const [first = [], ...rest] = lines.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
  const dashes = widths.map((width) => "-".repeat(width))
  return [first, dashes, ...rest].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
}

/** With `--write`, replaces the section with this name. Otherwise returns whether the page has the text. */
export const section = (name: string, text: string): boolean => {
  const begin = `<!-- begin ${name} -->\n`
  const end = `\n<!-- end ${name} -->`
  const before = readFileSync(page, "utf8")
  const from = before.indexOf(begin)
  const to = before.indexOf(end)
  if (from === -1 || to === -1) throw new Error(`docs/runtimes.md has no section ${name}`)
  const after = `${before.slice(0, from + begin.length)}\n${text}\n${before.slice(to)}`
  if (after === before) return true
  if (process.argv.includes("--write")) writeFileSync(page, after)
  return process.argv.includes("--write")
}
