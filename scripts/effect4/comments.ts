/** Rewrites comments and pages: programs in fences by the rules, names in sentences by the tables. */
import { members, words } from "./names.js"
import { moduleOf } from "./rewriter.js"

const lastOf = (module: string): string => module.slice(module.lastIndexOf("/") + 1)

/** Replaces names in a sentence, such as `Effect.catchAll`. */
const sentence = (text: string): string => {
  let out = text
  for (const [module, table] of Object.entries(members)) {
    const name = lastOf(module)
    const to = lastOf(moduleOf(module))
    for (const [from, member] of Object.entries(table)) {
      out = out.replace(new RegExp(`\\b${name}\\.${from}\\b`, "g"), `${to}.${member}`)
    }
  }
  for (const [pattern, word] of words) out = out.replace(pattern, word)
  return out
}

const fence = /```(ts|tsx|typescript)\b([^\n]*)\n([\s\S]*?)```/g

/** Rewrites the text of a page or a comment. `code` rewrites the programs in it. */
export const prose = (text: string, code: (program: string) => string): string => {
  let out = ""
  let at = 0
  for (const found of text.matchAll(fence)) {
    out += sentence(text.slice(at, found.index))
    out += `\`\`\`${found[1]}${found[2]}\n${code(found[3] ?? "")}\`\`\``
    at = found.index + found[0].length
  }
  return out + sentence(text.slice(at))
}

const marker = /^\s*\* ?/

/** Rewrites the comments of a source, in whose programs each line starts with a star. */
export const comments = (source: string, code: (program: string) => string): string =>
  source.replace(/^([ \t]*)\/\*\*[\s\S]*?\*\//gm, (comment, indent: string) =>
    prose(comment, (program) => {
      const lines = program.split("\n").map((line) => line.replace(marker, ""))
      const last = lines.pop()
      const body = code(`${lines.join("\n")}\n`).replace(/\n$/, "")
      const starred = body.split("\n").map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`)
      return `${starred.join("")}${indent} * ${last?.trim() ?? ""}`
    })
  )
