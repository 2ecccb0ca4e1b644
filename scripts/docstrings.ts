/** Checks that every public module and export has a docstring with text, and every export `@since` and `@category`. */
import { join, relative } from "node:path"
import ts from "typescript"
import { compilerOptions, publicModules, report, root } from "./project.js"

const files = publicModules.filter((name) => name !== "index").map((name) => join(root, "src", `${name}.ts`))
const program = ts.createProgram(files, compilerOptions())
const checker = program.getTypeChecker()
const found: Array<string> = []
let exports = 0

const where = (node: ts.Node): string => {
  const file = node.getSourceFile()
  return `${relative(root, file.fileName)}(${file.getLineAndCharacterOfPosition(node.getStart()).line + 1})`
}

/** The statement of a declaration, before which its comment stands. */
const commented = (declaration: ts.Declaration): ts.Node =>
  ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration

const check = (name: string, declaration: ts.Declaration): void => {
  const node = commented(declaration)
  const tags = ts.getJSDocTags(node).map((tag) => tag.tagName.text)
  const texts = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)
  if (tags.includes("internal")) return
  exports++
  if (texts.length === 0) {
    found.push(`${where(node)}: ${name} has no docstring`)
    return
  }
  if (texts.every((doc) => (ts.getTextOfJSDocComment(doc.comment) ?? "").trim() === "")) {
    found.push(`${where(node)}: the docstring of ${name} says nothing`)
  }
  for (const tag of ["since", "category"]) {
    if (!tags.includes(tag)) found.push(`${where(node)}: ${name} has no @${tag}`)
  }
}

for (const path of files) {
  const file = program.getSourceFile(path)
  const symbol = file && checker.getSymbolAtLocation(file)
  if (file === undefined || symbol === undefined) {
    found.push(`${relative(root, path)}: exports nothing`)
    continue
  }
  if (!/^\/\*\*(?:(?!\*\/)[\s\S])*@since(?:(?!\*\/)[\s\S])*\*\//.test(file.text)) {
    found.push(`${relative(root, path)}: the module's docstring has no @since`)
  }
  for (const exported of checker.getExportsOfModule(symbol)) {
    const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    for (const declaration of target.declarations ?? []) {
      // A re-export is documented at its declaration, if that is public.
      check(exported.name, declaration)
    }
  }
}

report(found, `${exports} exports of ${files.length} modules are documented`)
