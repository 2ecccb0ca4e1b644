/** Reads the exports of the modules of the installed Effect 4. */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import ts from "typescript"

/** The packages of Effect 4, installed beside the generated tree. */
const installed = new URL("../../effect4/build/node_modules/", import.meta.url).pathname

const fileOf = (module: string): string | undefined => {
  const [first = "", second, ...rest] = module.split("/")
  const scoped = first.startsWith("@")
  const name = scoped ? `${first}/${second}` : first
  const inner = (scoped ? rest : [second, ...rest].filter((part) => part !== undefined)).join("/")
  const base = join(installed, name, "dist")
  return [`${inner === "" ? "index" : inner}.d.ts`, `${inner}/index.d.ts`]
    .map((path) => join(base, path))
    .find((path) => existsSync(path))
}

const cache = new Map<string, ReadonlySet<string> | undefined>()

const namesIn = (path: string): ReadonlySet<string> => {
  const names = new Set<string>()
  const file = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest)
  for (const statement of file.statements) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause, moduleSpecifier } = statement
      if (exportClause === undefined && moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier)) {
        const { text } = moduleSpecifier
        const target = join(dirname(path), text.replace(/\.[jt]s$/, ".d.ts"))
        for (const name of (text.startsWith(".") ? namesIn(target) : exportsOf(text)) ?? []) names.add(name)
      } else if (exportClause !== undefined && ts.isNamedExports(exportClause)) {
        for (const element of exportClause.elements) names.add(element.name.text)
      } else if (exportClause !== undefined) {
        names.add(exportClause.name.text)
      }
      continue
    }
    if (!ts.canHaveModifiers(statement)) continue
    if (ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) !== true) continue
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) if (ts.isIdentifier(name)) names.add(name.text)
    } else if ("name" in statement && statement.name !== undefined && ts.isIdentifier(statement.name as ts.Node)) {
      names.add((statement.name as ts.Identifier).text)
    }
  }
  return names
}

/** The exported names of a module of Effect 4; `undefined` if the module does not exist. */
export const exportsOf = (module: string): ReadonlySet<string> | undefined => {
  if (!cache.has(module)) {
    const path = fileOf(module)
    cache.set(module, path === undefined ? undefined : namesIn(path))
  }
  return cache.get(module)
}
