/** The pages name every option, every member of a public type and every function of the public modules. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import ts from "typescript"

const root = fileURLToPath(new URL("../../", import.meta.url))
const text = (path: string) => readFileSync(`${root}${path}`, "utf8")

const pages = [
  "README.md",
  ...readdirSync(`${root}docs`)
    // The catalogue is generated from the source, so it names everything there without a word about its use.
    .filter((name) => name.endsWith(".md") && name !== "error-catalogue.md")
    .map((name) => `docs/${name}`)
]

/** Types that another specification describes: HTTP Archive 1.2. */
const describedElsewhere: ReadonlySet<string> = new Set(["Har.Har", "Har.Entry"])

const parse = (name: string, source: string) => ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true)

/** Names used as properties or identifiers in a block of code; text in strings and comments does not count. */
const namesInBlock = (code: string): ReadonlyArray<string> => {
  const names: Array<string> = []
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(parse("block.ts", code))
  return names
}

/** The examples of a page. */
const blocksOf = (page: string): ReadonlyArray<string> =>
  [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = ""]) => code)

/** Names in the code of a page; words of its sentences do not count. */
const namesInPage = (page: string): ReadonlyArray<string> => {
  const blocks = blocksOf(page).flatMap(namesInBlock)
  const prose = page.replace(/^```[\s\S]*?^```/gm, "")
  const inline = [...prose.matchAll(/`([^`\n]+)`/g)].flatMap(([, code = ""]) => code.match(/[A-Za-z_]\w*/g) ?? [])
  return [...blocks, ...inline]
}

const named: ReadonlySet<string> = new Set(pages.flatMap((path) => namesInPage(text(path))))

/** Members that need an example. */
const shown = [
  ...["params", "encoded", "expect100", "autoDecompress", "proxyHeaders", "fallbackCharset", "jsonSerialize"],
  ...["textWith", "jsonWith", "toCurl", "autoPing", "autoClose", "nameless", "layerPersisted", "NodeFileSystem"],
  ...["localAddress", "noDelay", "tcpKeepAlive", "forceClose"],
  ...["passphrase", "minVersion", "ciphers", "alpn", "bundledCa", "onKeyLog", "crlFile"],
  ...["collect", "waterfall", "waterfallHtml", "waterfallSvg", "record", "metrics"]
]

const isExported = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node) &&
  (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)

const nameOf = (node: ts.Node): string | undefined => {
  const isSignature = ts.isPropertySignature(node) || ts.isMethodSignature(node)
  const isOfClass = ts.isPropertyDeclaration(node) || ts.isMethodDeclaration(node) || ts.isGetAccessorDeclaration(node)
  if (!isSignature && !(isOfClass && ts.isClassLike(node.parent))) return undefined
  // Symbols and `_tag` are not options.
  return ts.isIdentifier(node.name) && node.name.text !== "_tag" ? node.name.text : undefined
}

/** The members of a declaration, at any depth of its types; bodies of functions are not part of them. */
const membersOf = (declaration: ts.Node): ReadonlyArray<string> => {
  const members: Array<string> = []
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node)) return
    const name = nameOf(node)
    if (name !== undefined) members.push(name)
    if (ts.isArrowFunction(node)) node.parameters.forEach(visit)
    else ts.forEachChild(node, visit)
  }
  visit(declaration)
  return members
}

type Declared = readonly [owner: string, name: string]

const namesOfVariables = (module: string, statement: ts.VariableStatement): ReadonlyArray<Declared> =>
  statement.declarationList.declarations
    .filter(({ name }) => !name.getText().endsWith("TypeId"))
    .flatMap((declaration) => {
      const name = declaration.name.getText()
      return [name, ...membersOf(declaration)].map((each): Declared => [`${module}.${name}`, each])
    })

const namesOfStatement = (module: string, statement: ts.Statement): ReadonlyArray<Declared> => {
  if (!isExported(statement)) return []
  if (ts.isVariableStatement(statement)) return namesOfVariables(module, statement)
  const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
  if (!isType && !ts.isClassDeclaration(statement)) return []
  const name = statement.name?.text ?? ""
  const owner = `${module}.${name}`
  if (describedElsewhere.has(owner)) return []
  return [...(isType ? [] : [name]), ...membersOf(statement)].map((each): Declared => [owner, each])
}

const modules = readdirSync(`${root}src`).filter((name) => name.endsWith(".ts") && name !== "index.ts")

describe("the pages", () => {
  for (const file of modules) {
    const module = file.slice(0, -".ts".length)
    it(`name every option, member and function of ${module}`, () => {
      const declared = parse(file, text(`src/${file}`)).statements.flatMap((each) => namesOfStatement(module, each))
      const missing = declared.filter(([, name]) => !named.has(name)).map(([owner, name]) => `${name} (${owner})`)
      assert.isEmpty(missing, `expected a page of docs to name each of these: ${[...new Set(missing)].join(", ")}`)
    })
  }

  it("have examples of options that need one", () => {
    const used = new Set(pages.flatMap((path) => blocksOf(text(path)).flatMap(namesInBlock)))
    assert.isEmpty(shown.filter((name) => !used.has(name)))
  })

  it("are read by names in code only, so that a word of a sentence does not count", () => {
    const page = 'A sentence with `limit`.\n\n```ts\nf({ total: "text" }) // comment\n```\n\n```sh\ncurl\n```\n'
    assert.deepStrictEqual(namesInPage(page), ["f", "total", "limit"])
  })

  it("are compared with the options that the source declares", () => {
    const source = `
      export interface O { readonly a?: number; readonly b: { readonly c: string } }
      export class E { readonly d: string; get e() { const f: { g: 1 } = { g: 1 }; return f } }
      export const h = (options: { readonly i?: boolean }) => ({ j: options })
      interface P { k: 1 }`
    const found = parse("m.ts", source).statements.flatMap((each) => namesOfStatement("M", each))
    assert.deepStrictEqual(found, [
      ["M.O", "a"],
      ["M.O", "b"],
      ["M.O", "c"],
      ["M.E", "E"],
      ["M.E", "d"],
      ["M.E", "e"],
      ["M.h", "h"],
      ["M.h", "i"]
    ])
  })
})
