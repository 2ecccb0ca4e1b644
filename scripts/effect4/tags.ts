/** Rewrites tags and fields of Effect's values that differ in Effect 4. */
import ts from "typescript"
import { tags } from "./names.js"
import type { Rewriter } from "./rewriter.js"
import { typeOf } from "./types.js"

/** Helpers for the fields of a cause, which is a list of reasons in Effect 4. */
const causeFields: Readonly<Record<string, string>> = {
  _tag: "causeTag",
  cause: "causeInner",
  defect: "causeDefect",
  error: "causeError",
  left: "causeLeft",
  right: "causeRight"
}

/** Rewrites a field of a cause. */
export const isTagOf = (node: ts.PropertyAccessExpression, file: Rewriter): string | undefined => {
  const name = node.name.text
  if (!Object.hasOwn(causeFields, name)) return undefined
  if (typeOf(node.expression, file)?.[0] !== "Cause") return undefined
  if (!/^(?:Cause|Fail|Die|Interrupt|Sequential|Parallel|Empty)$/.test(typeOf(node.expression, file)?.[1] ?? ""))
    return undefined
  return `${file.helper("causes", causeFields[name] ?? "")}(${file.emit(node.expression)})`
}

/** The expression whose tag a comparison reads. */
const compared = (node: ts.Expression): ts.Expression | undefined => {
  const { parent } = node
  if (ts.isConditionalExpression(parent) && parent.condition !== node) return compared(parent)
  if (ts.isBinaryExpression(parent)) return parent.left === node ? parent.right : parent.left
  if (ts.isCaseClause(parent) && ts.isSwitchStatement(parent.parent.parent)) return parent.parent.parent.expression
  if (ts.isCallExpression(parent) && /\b(?:s|deepS)trictEqual|\bequal$/.test(parent.expression.getText())) {
    return parent.arguments.find((each) => each !== node)
  }
  return undefined
}

/** Rewrites a tag in a comparison, such as `result._tag === "Left"`. */
export const tagText = (node: ts.StringLiteral, file: Rewriter): string | undefined => {
  for (const [owner, table] of Object.entries(tags)) {
    const text = Object.hasOwn(table, node.text) ? table[node.text] : undefined
    if (text === undefined) continue
    // These tags exist only in Effect's own types and in tests of their errors.
    if (owner === "ParseResult" || owner === "Error") return JSON.stringify(text)
    const other = compared(node)
    if (other === undefined) continue
    if (ts.isPropertyAccessExpression(other) && other.name.text === "_tag") {
      if (typeOf(other.expression, file)?.[0] === owner) return JSON.stringify(text)
    }
  }
  return undefined
}
