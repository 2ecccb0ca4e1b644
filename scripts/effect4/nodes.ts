/** Rewrites the nodes of a file. The first rule that applies wins. */
import ts from "typescript"
import { calls } from "./calls.js"
import { classDeclaration } from "./classes.js"
import { importDeclaration, placeOf } from "./imports.js"
import { isSkipped } from "./leftOut.js"
import { properties } from "./names.js"
import { moduleOf, type Rewriter } from "./rewriter.js"
import { server } from "./servers.js"
import { shimOf } from "./shims.js"
import { isTagOf, tagText } from "./tags.js"
import { typeReference } from "./typeReferences.js"
import { contextOwnerOf, ownerOf, typeOf } from "./types.js"

const isTest = (file: Rewriter): boolean => file.path.startsWith("test/")

/** Skips a test of `skipped`. */
const skip = (node: ts.CallExpression, file: Rewriter): string | undefined => {
  const [title] = node.arguments
  return isTest(file) &&
    title !== undefined &&
    ts.isStringLiteral(title) &&
    /^it\b/.test(node.expression.getText(file.source)) &&
    isSkipped(file.path, title.text)
    ? `it.skip(${title.getText(file.source)}, () => {})`
    : undefined
}

const call = (node: ts.CallExpression, file: Rewriter): string | undefined => {
  const left = skip(node, file)
  if (left !== undefined) return left
  const made = server(node, file)
  if (made !== undefined) return made
  const found = file.memberOf(node.expression)
  if (found !== undefined) {
    const [module, member] = found
    const table = calls[module]
    if (table !== undefined && Object.hasOwn(table, member)) {
      const made = table[member]?.(node, file)
      if (made !== undefined) return made
    }
  }
  if (ts.isCallExpression(node.expression) && file.is(node.expression.expression, "effect/Config", "literal")) {
    const literals = node.expression.arguments
    return `${file.need("effect/Config")}.Literals([${file.args(literals)}], ${file.args(node.arguments)})`
  }
  if (ts.isPropertyAccessExpression(node.expression)) {
    const { expression, name } = node.expression
    if (name.text === "unsafePoll" && ownerOf(node.expression, file) === "Fiber") {
      return `(${file.emit(expression)}.pollUnsafe() ?? null)`
    }
    if (name.text === "get" && isTest(file) && ownerOf(node.expression, file) === "KeyValueStore") {
      return `${file.helper("stores", "stored")}(${file.inner(node)})`
    }
    if (name.text === "unsafeInterruptAsFork") return `${file.emit(expression)}.interruptUnsafe()`
  }
  return undefined
}

/** Rewrites a `new` expression of a class that tests create by a helper. */
const instance = (node: ts.NewExpression, file: Rewriter): string | undefined =>
  isTest(file) && file.is(node.expression, "@effect/platform/Error", "SystemError")
    ? `${file.helper("files", "systemError")}(${file.args(node.arguments ?? [])})`
    : undefined

/** Rewrites a member of a namespace, as a value or a type. */
const member = (node: ts.PropertyAccessExpression | ts.QualifiedName, file: Rewriter): string | undefined => {
  const found = file.memberOf(node)
  if (found === undefined) return undefined
  const [module, name] = found
  const shim = shimOf(module, name, file)
  if (shim !== undefined) return shim
  const left = ts.isQualifiedName(node) ? node.left : node.expression
  if (module === "effect/Effect" && name === "ignoreLogged") {
    return `${file.localOf(left.getText(file.source))}.ignore({ log: "Debug" })`
  }
  if (module === "effect/TestContext") return `${file.need("effect/testing/TestClock")}.layer()`
  // Streams emit arrays in Effect 4.
  if (module === "effect/Chunk" && /^to(?:Readonly)?Array$/.test(name))
    return `${file.need("effect/Function")}.identity`
  if (module === "effect/Chunk") return `${file.need("effect/Array")}.${name}`
  if (module === "effect/Effect" && name === "clock") return `${file.need("effect/Clock")}.Clock`
  if (module === "effect/Effect" && name === "yieldNow") return `${file.localOf(left.getText(file.source))}.yieldNow`
  const [to, renamed] = placeOf(module, name)
  if (to !== moduleOf(module)) return `${file.need(to)}.${renamed}`
  file.check(node, to, renamed)
  return `${file.localOf(left.getText(file.source))}.${renamed}`
}

/** Rewrites tests of @effect/vitest, which always have a Scope in Effect 4. */
const tests: Readonly<Record<string, string>> = { scoped: "effect", scopedLive: "live" }

const test = (node: ts.PropertyAccessExpression): string | undefined =>
  ts.isIdentifier(node.expression) && node.expression.text === "it" && Object.hasOwn(tests, node.name.text)
    ? `it.${tests[node.name.text]}`
    : undefined

/** Rewrites a property of one of Effect's values. */
const property = (node: ts.PropertyAccessExpression, file: Rewriter): string | undefined => {
  const name = node.name.text
  // A level of logs is its own name in Effect 4.
  if (name === "label" && ownerOf(node, file) === "LogLevel") return `${file.emit(node.expression)}.toUpperCase()`
  if (name === "poll" && isTest(file) && ownerOf(node, file) === "Fiber") {
    return `${file.helper("fibers", "poll")}(${file.emit(node.expression)})`
  }
  if (name === "reason" && isTest(file) && ownerOf(node, file) === "Error") {
    return `${file.helper("files", "reasonOf")}(${file.emit(node.expression)})`
  }
  for (const [owner, table] of Object.entries(properties)) {
    if (!Object.hasOwn(table, name)) continue
    if (ownerOf(node, file) !== owner) continue
    return `${file.emit(node.expression)}${file.text.slice(node.expression.end, node.name.getStart(file.source))}${table[name]}`
  }
  return undefined
}

/** Rewrites a member of an object that a function of Effect takes, such as `onLeft`. */
const option = (node: ts.ObjectLiteralElementLike, file: Rewriter): string | undefined => {
  const name = node.name?.getText(file.source) ?? ""
  for (const [owner, table] of Object.entries(properties)) {
    if (!Object.hasOwn(table, name) || contextOwnerOf(node, file) !== owner) continue
    if (ts.isPropertyAssignment(node)) return `${table[name]}: ${file.emit(node.initializer)}`
    if (ts.isMethodDeclaration(node)) return `${table[name]}${file.inner(node).slice(name.length)}`
  }
  return undefined
}

/** Rewrites a part of a destructured value, such as `{ currentContext: context }`. */
const binding = (node: ts.BindingElement, file: Rewriter): string | undefined => {
  const key = node.propertyName ?? node.name
  if (!ts.isIdentifier(key) || !ts.isObjectBindingPattern(node.parent) || node.initializer !== undefined)
    return undefined
  for (const [owner, table] of Object.entries(properties)) {
    if (!Object.hasOwn(table, key.text)) continue
    if (typeOf(node.parent, file)?.[0] !== owner) continue
    return `${table[key.text]}: ${node.name.getText(file.source)}`
  }
  return undefined
}

/** Rewrites a local name that was renamed, outside of members and imports. */
const identifier = (node: ts.Identifier, file: Rewriter): string | undefined => {
  const renamed = file.renamed.get(node.text)
  if (renamed === undefined) return undefined
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return undefined
  if (ts.isQualifiedName(parent) && parent.right === node) return undefined
  if ((ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) && parent.name === node) return undefined
  return ts.isShorthandPropertyAssignment(parent) ? `${node.text}: ${renamed}` : renamed
}

/** The new text of a node, or `undefined` if only its children may change. */
export const emitNode = (node: ts.Node, file: Rewriter): string | undefined => {
  if (ts.isImportDeclaration(node)) return importDeclaration(node, file)
  if (ts.isClassDeclaration(node)) return classDeclaration(node, file)
  if (ts.isCallExpression(node)) return call(node, file)
  if (ts.isNewExpression(node)) return instance(node, file)
  if (ts.isTypeReferenceNode(node)) return typeReference(node, file)
  if (ts.isQualifiedName(node)) return member(node, file)
  if (ts.isPropertyAccessExpression(node))
    return test(node) ?? member(node, file) ?? isTagOf(node, file) ?? property(node, file)
  if (ts.isStringLiteral(node)) return tagText(node, file)
  if (ts.isPropertyAssignment(node) || ts.isMethodDeclaration(node)) {
    return ts.isObjectLiteralExpression(node.parent) ? option(node, file) : undefined
  }
  if (ts.isBindingElement(node)) return binding(node, file)
  if (ts.isIdentifier(node)) return identifier(node, file)
  return undefined
}
