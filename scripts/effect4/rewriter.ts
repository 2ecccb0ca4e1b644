/** A file that is rewritten for Effect 4: its imports, and the queries that rules use. */
import { posix } from "node:path"
import ts from "typescript"
import { exportsOf } from "./declarations.js"
import { barrels, gone, members, modules } from "./names.js"

/** A name that a file imports from Effect: a namespace (`member` is undefined) or a member of a module. */
export interface Imported {
  readonly module: string
  readonly member: string | undefined
}

/** A rule for a node: its new text, or `undefined` to leave it to other rules. */
export type Rule<Node extends ts.Node> = (node: Node, file: Rewriter) => string | undefined

/** The path of a module in Effect 4. */
export const moduleOf = (module: string): string => modules[module] ?? module

/** The last part of a module's path. */
const lastOf = (module: string): string => module.slice(module.lastIndexOf("/") + 1)

export const isEffectModule = (module: string): boolean => /^(?:effect|@effect)(?:\/|$)/.test(module)

export class Rewriter {
  readonly path: string
  readonly text: string
  readonly source: ts.SourceFile
  readonly checker: ts.TypeChecker | undefined
  readonly imported = new Map<string, Imported>()
  /** New local names of imports. */
  readonly renamed = new Map<string, string>()
  readonly problems: Array<string> = []
  private readonly needed = new Map<string, string>()
  private readonly support = new Map<string, Set<string>>()
  private readonly identifiers = new Set<string>()
  private readonly emitNode: (node: ts.Node, file: Rewriter) => string | undefined

  constructor(
    path: string,
    source: ts.SourceFile,
    checker: ts.TypeChecker | undefined,
    emitNode: (node: ts.Node, file: Rewriter) => string | undefined
  ) {
    this.path = path
    this.source = source
    this.text = source.text
    this.checker = checker
    this.emitNode = emitNode
    this.collect()
  }

  private collect(): void {
    const visit = (node: ts.Node): void => {
      if (ts.isIdentifier(node)) this.identifiers.add(node.text)
      ts.forEachChild(node, visit)
    }
    visit(this.source)
    for (const statement of this.source.statements) {
      if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue
      const module = statement.moduleSpecifier.text
      const bindings = statement.importClause?.namedBindings
      if (!isEffectModule(module) || bindings === undefined) continue
      if (ts.isNamespaceImport(bindings)) {
        this.imported.set(bindings.name.text, { module, member: undefined })
        this.rename(bindings.name.text, lastOf(module), lastOf(moduleOf(module)))
        continue
      }
      for (const element of bindings.elements) {
        const name = (element.propertyName ?? element.name).text
        const local = element.name.text
        if (barrels.has(module) && /^[A-Z]/.test(name) && !(module === "effect" && /^[a-z]/.test(name))) {
          this.imported.set(local, { module: `${module}/${name}`, member: undefined })
          this.rename(local, name, lastOf(moduleOf(`${module}/${name}`)))
        } else {
          this.imported.set(local, { module, member: name })
          this.rename(local, name, members[module]?.[name] ?? name)
        }
      }
    }
  }

  /** Renames an import to its name in Effect 4, unless the file uses that name otherwise. */
  private rename(local: string, from: string, to: string): void {
    if (local === from && to !== from && !this.identifiers.has(to)) this.renamed.set(local, to)
  }

  /** The local name of an import. */
  localOf(name: string): string {
    return this.renamed.get(name) ?? name
  }

  emit(node: ts.Node): string {
    return this.emitNode(node, this) ?? this.inner(node)
  }

  /** The text of a node, with its children rewritten. */
  inner(node: ts.Node): string {
    let out = ""
    let at = node.getStart(this.source)
    ts.forEachChild(node, (child) => {
      const start = child.getStart(this.source)
      if (start < at) return
      out += this.text.slice(at, start) + this.emit(child)
      at = child.end
    })
    return out + this.text.slice(at, node.end)
  }

  /** The text of a node in the source. */
  plain(node: ts.Node): string {
    return this.text.slice(node.getStart(this.source), node.end)
  }

  args(nodes: ReadonlyArray<ts.Node>): string {
    return nodes.map((node) => this.emit(node)).join(", ")
  }

  types(node: { readonly typeArguments?: ts.NodeArray<ts.TypeNode> | undefined }): string {
    return node.typeArguments === undefined ? "" : `<${this.args(node.typeArguments)}>`
  }

  /** The module and member that an expression such as `Effect.map` names. */
  memberOf(node: ts.Node): readonly [module: string, member: string] | undefined {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      const found = this.imported.get(node.expression.text)
      return found === undefined || found.member !== undefined ? undefined : [found.module, node.name.text]
    }
    if (ts.isQualifiedName(node) && ts.isIdentifier(node.left)) {
      const found = this.imported.get(node.left.text)
      return found === undefined || found.member !== undefined ? undefined : [found.module, node.right.text]
    }
    if (ts.isIdentifier(node)) {
      const found = this.imported.get(node.text)
      return found?.member === undefined ? undefined : [found.module, found.member]
    }
    return undefined
  }

  /** Whether a node names a member of a module. */
  is(node: ts.Node, module: string, ...names: ReadonlyArray<string>): boolean {
    const found = this.memberOf(node)
    return found !== undefined && found[0] === module && names.includes(found[1])
  }

  /** The local name of a module of Effect 4. Adds an import if the file has none. */
  need(module: string): string {
    for (const [local, found] of this.imported) {
      if (found.member === undefined && moduleOf(found.module) === module && !gone.has(found.module)) {
        this.needed.set(module, this.localOf(local))
        return this.localOf(local)
      }
    }
    const known = this.needed.get(module)
    if (known !== undefined) return known
    const name = module === "effect/Array" ? "Arr" : lastOf(module)
    const local = this.identifiers.has(name) && !this.imported.has(name) ? `${name}4` : name
    this.needed.set(module, local)
    return local
  }

  /** The local name of a helper of `effect4/test/support`, which no test uses. Adds the import. */
  helper(file: string, name: string): string {
    const names = this.support.get(file) ?? new Set()
    this.support.set(file, names.add(name))
    return `$${name}`
  }

  problem(node: ts.Node, text: string): void {
    const { line } = this.source.getLineAndCharacterOfPosition(node.getStart(this.source))
    this.problems.push(`${this.path}:${line + 1} ${text}`)
  }

  /** Records a problem if Effect 4 does not have a member. */
  check(node: ts.Node, module: string, member: string): void {
    const names = exportsOf(module)
    if (names === undefined) this.problem(node, `${module} does not exist in Effect 4 (${member}); add a rule`)
    else if (!names.has(member)) this.problem(node, `${module} of Effect 4 has no ${member}; add a rule or a name`)
  }

  /** The lines of the imports that rules added. */
  addedImports(body: string): ReadonlyArray<string> {
    const lines: Array<string> = []
    for (const [module, local] of this.needed) {
      const has = new RegExp(`^import (?:type )?(?:\\* as ${local} from|\\{[^}]*\\b${local}\\b[^}]*\\} from)`, "m")
      if (!has.test(body)) lines.push(`import * as ${local} from "${module}"`)
    }
    for (const [file, names] of this.support) {
      const target = posix.relative(posix.dirname(this.path), `test/support/effect4/${file}.js`)
      lines.push(
        `import { ${[...names]
          .sort()
          .map((name) => `${name} as $${name}`)
          .join(", ")} } from "${target.startsWith(".") ? target : `./${target}`}"`
      )
    }
    return lines
  }
}
