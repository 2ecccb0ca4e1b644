/** Finds the module of Effect that declares the type of an object, and the name of the type. */
import ts from "typescript"
import type { Rewriter } from "./rewriter.js"

/** The module of Effect that declares a symbol, such as "Either". */
const declaredIn = (symbol: ts.Symbol | undefined): string | undefined => {
  for (const declaration of symbol?.declarations ?? []) {
    const found = /node_modules\/(?:effect|@effect\/[\w-]+)\/dist\/dts\/([\w/]+)\.d\.ts$/.exec(
      declaration.getSourceFile().fileName
    )
    if (found?.[1] !== undefined) return found[1]
  }
  return undefined
}

/** The module that declares the property of an access. */
export const ownerOf = (node: ts.PropertyAccessExpression, file: Rewriter): string | undefined => {
  const symbol = file.checker?.getSymbolAtLocation(node.name)
  return declaredIn(symbol)
}

/** The module and the name of the type of an expression; for a union, those of its first part that Effect declares. */
export const typeOf = (node: ts.Node, file: Rewriter): readonly [module: string, name: string] | undefined => {
  const type = file.checker?.getTypeAtLocation(node)
  if (type === undefined) return undefined
  for (const part of type.isUnion() ? type.types : [type]) {
    for (const symbol of [part.aliasSymbol, part.getSymbol()]) {
      const module = declaredIn(symbol)
      if (module !== undefined && symbol !== undefined) return [module, symbol.name]
    }
  }
  return undefined
}

/** The module that declares the property of a member of an object literal. */
export const contextOwnerOf = (node: ts.ObjectLiteralElementLike, file: Rewriter): string | undefined => {
  if (node.name === undefined || !ts.isObjectLiteralExpression(node.parent)) return undefined
  const type = file.checker?.getContextualType(node.parent)
  if (type === undefined) return undefined
  const name = node.name.getText(file.source)
  for (const part of type.isUnion() ? type.types : [type]) {
    const module = declaredIn(part.getProperty(name))
    if (module !== undefined) return module
  }
  return undefined
}
