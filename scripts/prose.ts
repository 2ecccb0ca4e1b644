/**
 * Counts phrases that are hard to read, because they do not name the agent or are archaic, in comments, pages and names
 * of tests. More than four in a thousand words fail. The count only shows where to look: replacing the words does not
 * make a text readable.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { report, root } from "./project.js"

const limit = 4

const phrases = new RegExp(
  [
    String.raw`\bwhat (?:is|was|has|comes?|came|goes|can|may|must|does|they|it|we|an?|the|others|\w+s)\b`,
    String.raw`\b(?:who|whose|whoever|whom|nobody|somebody|anybody|everybody)\b`,
    String.raw`\b(?:has|have|had|is|was|are|were) (?:come|gone|told|been told)\b`,
    String.raw`\b(?:is|are|was|were) (?:no|none)\b`,
    String.raw`\b(?:tells?|told|heard|hears?)\b`,
    String.raw`\bgiv(?:es?|en) (?:back|up)\b`,
    String.raw`\b(?:is|are|has|have) to be\b`,
    String.raw`\bof (?:ours|theirs)\b`
  ].join("|"),
  "gi"
)

const countWords = (text: string): number => text.split(/\s+/).filter((word) => /\w/.test(word)).length

const withoutExamples = (text: string): string => text.replace(/```[\s\S]*?```/g, "")

/** The comments of a module without their examples. */
const commentsOf = (text: string): string =>
  [...text.matchAll(/\/\*[\s\S]*?\*\/|(?:^|\s)\/\/ .*$/gm)].map(([comment]) => withoutExamples(comment)).join("\n")

/** The texts of a string or of a template; an expression in a template counts as one word. */
const textOf = (node: ts.Node): string | undefined => {
  if (ts.isStringLiteralLike(node)) return node.text
  if (!ts.isTemplateExpression(node)) return undefined
  return node.head.text + node.templateSpans.map((span) => `x${span.literal.text}`).join("")
}

const namers = new Set(["describe", "it", "test", "itFault", "live", "effect", "scoped", "scopedLive"])

/** Whether a call declares a test or a group: `it(`, `it.scoped(`, `describe.skipIf(condition)(`, `it.each(rows)(`. */
const isNaming = (callee: ts.Expression): boolean => {
  if (ts.isIdentifier(callee)) return namers.has(callee.text)
  return (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) && isNaming(callee.expression)
}

/** The names of the tests and groups of a test file. */
const namesOf = (text: string): string => {
  const names: Array<string> = []
  const visit = (node: ts.Node): void => {
    const first = ts.isCallExpression(node) && isNaming(node.expression) ? node.arguments[0] : undefined
    const name = first && textOf(first)
    if (name !== undefined) names.push(name)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile("test.ts", text, ts.ScriptTarget.ES2022))
  return names.join("\n")
}

const under = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(folder, path))

const verbose = process.argv.includes("--list")
const found: Array<string> = []

const measure = (kind: string, paths: ReadonlyArray<string>, read: (text: string) => string): void => {
  let words = 0
  let hits = 0
  for (const path of paths) {
    const text = read(readFileSync(join(root, path), "utf8"))
    words += countWords(text)
    for (const line of text.split("\n")) {
      const matches = line.match(phrases)
      if (matches === null) continue
      hits += matches.length
      if (verbose) console.log(`${path}: ${line.trim()}`)
    }
  }
  const rate = (1000 * hits) / words
  console.log(`${kind}: ${rate.toFixed(1)} in a thousand of ${words} words`)
  if (rate > limit) found.push(`${kind}: ${rate.toFixed(1)} in a thousand words, at most ${limit}`)
}

measure("comments of src", under("src", ".ts"), commentsOf)
measure("docs", under("docs", ".md"), withoutExamples)
measure("test names", under("test", ".test.ts"), namesOf)
measure("comments of test", under("test", ".ts"), commentsOf)

report(found, "the prose is plain")
