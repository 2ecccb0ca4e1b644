/** Rewrites one source text for Effect 4. */
import ts from "typescript"
import { comments } from "./comments.js"
import { tidied } from "./imports.js"
import { emitNode } from "./nodes.js"
import { Rewriter } from "./rewriter.js"

export interface Rewritten {
  readonly text: string
  /** Members without a counterpart, with file and line. */
  readonly problems: ReadonlyArray<string>
}

const withImports = (body: string, lines: ReadonlyArray<string>): string => {
  if (lines.length === 0) return body
  const first = body.search(/^import /m)
  const at = first === -1 ? 0 : first
  return `${body.slice(0, at)}${lines.join("\n")}\n${body.slice(at)}`
}

/** Rewrites a file of a program, whose types the rules may use. */
export const rewriteFile = (path: string, source: ts.SourceFile, checker: ts.TypeChecker | undefined): Rewritten => {
  const file = new Rewriter(path, source, checker, emitNode)
  let body = ""
  let at = 0
  for (const statement of source.statements) {
    body += source.text.slice(at, statement.getStart(source)) + file.emit(statement)
    at = statement.end
  }
  body += source.text.slice(at)
  const complete = tidied(withImports(body, file.addedImports(body)))
  return { text: comments(complete, (program) => rewriteText(path, program).text), problems: file.problems }
}

/** Rewrites a program without types, such as an example in a page. */
export const rewriteText = (path: string, text: string): Rewritten =>
  rewriteFile(path, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true), undefined)
