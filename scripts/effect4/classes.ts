/** Rewrites classes of services and references. */
import ts from "typescript"
import type { Rewriter } from "./rewriter.js"

/** The type of the value of a reference, which its default determines. */
const valueType = (options: ts.Expression | undefined, file: Rewriter): string | undefined => {
  if (options === undefined || !ts.isObjectLiteralExpression(options)) return undefined
  const value = options.properties.find((each) => each.name?.getText(file.source) === "defaultValue")
  if (value === undefined || !ts.isPropertyAssignment(value)) return undefined
  const { initializer } = value
  if (ts.isArrowFunction(initializer) && initializer.type !== undefined) return file.emit(initializer.type)
  const type = file.checker?.getTypeAtLocation(initializer).getCallSignatures()[0]?.getReturnType()
  if (type === undefined) return undefined
  if (type.flags & ts.TypeFlags.BooleanLike) return "boolean"
  if (type.flags & ts.TypeFlags.NumberLike) return "number"
  if (type.flags & ts.TypeFlags.StringLike) return "string"
  return undefined
}

export const classDeclaration = (node: ts.ClassDeclaration, file: Rewriter): string | undefined => {
  const base = node.heritageClauses?.[0]?.types[0]
  if (base === undefined || node.name === undefined || !ts.isCallExpression(base.expression)) return undefined
  const outer = base.expression
  if (!ts.isCallExpression(outer.expression)) return undefined
  const made = outer.expression
  if (file.is(made.expression, "effect/Context", "Tag")) {
    const head = file.text.slice(node.getStart(file.source), base.getStart(file.source))
    const [first] = node.members
    const start = first === undefined ? node.end : first.getStart(file.source)
    const members = node.members.map((member, index) => {
      const end = node.members[index + 1]?.getStart(file.source) ?? node.end
      return file.emit(member) + file.text.slice(member.end, end)
    })
    const rest = file.text.slice(base.end, start) + members.join("")
    const context = file.need("effect/Context")
    return `${head}${context}.Service${file.types(outer)}()(${file.args(made.arguments)})${rest}`
  }
  if (file.is(made.expression, "effect/Context", "Reference")) {
    const [id, options] = outer.arguments
    const type = valueType(options, file)
    if (type === undefined || id === undefined || options === undefined) {
      file.problem(node, "the type of this reference's value is not known; annotate the result of its defaultValue")
      return undefined
    }
    const exported = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true ? "export " : ""
    const context = file.need("effect/Context")
    const value = `${context}.Reference<${type}>(${file.emit(id)}, ${file.emit(options)})`
    return `${exported}const ${node.name.text}: ${context}.Reference<${type}> = ${value}`
  }
  return undefined
}
