/** Rewrites the imports of a file. */
import ts from "typescript"
import { barrels, gone, members } from "./names.js"
import { isEffectModule, moduleOf, type Rewriter } from "./rewriter.js"

/** The index of the package folder that exports a module as a namespace. */
const barrelOf = (module: string): string =>
  /^(effect\/(?:encoding|http|http-api|persistence|rpc|socket|testing)|@effect\/platform-node)\//.exec(module)?.[1] ??
  "effect"

const clause = (isType: boolean, name: string, local: string): string =>
  `${isType ? "type " : ""}${name === local ? name : `${name} as ${local}`}`

/** Members that have moved to another module. */
const moved: Readonly<Record<string, Readonly<Record<string, readonly [module: string, member: string]>>>> = {
  "effect/ParseResult": { ParseError: ["effect/Schema", "SchemaError"] },
  "effect/ConfigError": { ConfigError: ["effect/Config", "ConfigError"] },
  "@effect/platform/HttpApp": { Default: ["effect/http/HttpServerResponse", "HttpServerResponse"] },
  effect: {}
}

/** The module and the name of a member in Effect 4. */
export const placeOf = (module: string, member: string): readonly [module: string, member: string] =>
  moved[module]?.[member] ?? [moduleOf(module), members[module]?.[member] ?? member]

/** The local name of a member that is imported by name. */
export const localNameOf = (file: Rewriter, local: string, member: string, to: string): string =>
  local === member && to !== member ? (file.renamed.get(local) ?? local) : local

export const importDeclaration = (node: ts.ImportDeclaration, file: Rewriter): string | undefined => {
  if (!ts.isStringLiteral(node.moduleSpecifier)) return undefined
  const module = node.moduleSpecifier.text
  const bindings = node.importClause?.namedBindings
  if (!isEffectModule(module)) return undefined
  if (bindings === undefined) return undefined
  const isType = node.importClause?.isTypeOnly === true
  const keyword = isType ? "import type" : "import"
  if (ts.isNamespaceImport(bindings)) {
    return gone.has(module) ? "" : `${keyword} * as ${file.localOf(bindings.name.text)} from "${moduleOf(module)}"`
  }
  const byModule = new Map<string, Array<string>>()
  const add = (from: string, text: string): void => {
    byModule.set(from, [...(byModule.get(from) ?? []), text])
  }
  for (const element of bindings.elements) {
    const name = (element.propertyName ?? element.name).text
    const local = element.name.text
    if (barrels.has(module) && file.imported.get(local)?.member === undefined) {
      if (gone.has(`${module}/${name}`)) continue
      const target = moduleOf(`${module}/${name}`)
      const path = target.startsWith("@effect/platform/") ? `effect/${name}` : target
      add(barrelOf(path), clause(element.isTypeOnly, path.slice(path.lastIndexOf("/") + 1), file.localOf(local)))
      continue
    }
    if (module === "@effect/opentelemetry") {
      add(name === "Otlp" ? "effect/observability/Otlp" : `${module}/${name}`, "*")
      continue
    }
    const [to, member] = placeOf(module, name)
    if (gone.has(to)) continue
    if (!barrels.has(module)) file.check(element, to, member)
    add(to, clause(element.isTypeOnly, member, file.localOf(local)))
  }
  return [...byModule]
    .map(([from, list]) =>
      list[0] === "*"
        ? `${keyword} * as ${from.slice(from.lastIndexOf("/") + 1)} from "${from}"`
        : `${keyword} { ${list.join(", ")} } from "${from}"`
    )
    .join("\n")
}

/** The identifiers of a source except those of its imports. */
const identifiersIn = (text: string): ReadonlySet<string> => {
  const names = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) return
    if (ts.isIdentifier(node)) names.add(node.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile("tidied.ts", text, ts.ScriptTarget.Latest))
  return names
}

/** Removes unused imports from Effect. */
export const tidied = (text: string): string => {
  const used = identifiersIn(text)
  return text
    .split("\n")
    .flatMap((line) => {
      const found = /^(import (?:type )?)(?:\* as (\w+)|\{ ([^}]*) \}) from ("(?:effect|@effect)\/?[^"]*")$/.exec(line)
      if (found === null) return [line]
      const [, keyword = "", namespace, names, module = ""] = found
      if (namespace !== undefined) return used.has(namespace) ? [line] : []
      const kept = (names ?? "").split(", ").filter((name) => used.has(name.replace(/^.* /, "")))
      return kept.length === 0 ? [] : [`${keyword}{ ${kept.join(", ")} } from ${module}`]
    })
    .join("\n")
}
