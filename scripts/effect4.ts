/** Writes the edition for Effect 4 into `effect4/build`: `tsx scripts/effect4.ts [manifest | folder...]`. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import ts from "typescript"
import { prose } from "./effect4/comments.js"
import { isLeftOut } from "./effect4/leftOut.js"
import { manifestOf } from "./effect4/manifest.js"
import { patched } from "./effect4/patches.js"
import { rewriteFile, rewriteText } from "./effect4/rewrite.js"

const root = new URL("../", import.meta.url).pathname
const edition = join(root, "effect4")
const target = join(edition, "build")

/** The paths of the files below a folder, relative to the root. */
const filesIn = (area: string, base = root): ReadonlyArray<string> =>
  existsSync(join(base, area))
    ? readdirSync(join(base, area), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(base.length).replace(/^\//, "").replaceAll("\\", "/"))
    : []

const text = (path: string): string => readFileSync(join(root, path), "utf8")

const write = (path: string, content: string): void => {
  const to = join(target, path)
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(to, content)
}

/** The versions of the source and of the edition. */
const versions = ["package.json", "effect4/package.json"].map((path) => String(JSON.parse(text(path)).version))

/** Writes the package.json and the files that the installation and the compiler need. */
const writeManifest = (): void => {
  write("package.json", manifestOf(text("package.json"), text("effect4/package.json")))
  for (const name of ["tsconfig.json", "tsconfig.build.json", "vitest.config.ts", "package-lock.json"]) {
    if (existsSync(join(edition, name))) write(name, text(`effect4/${name}`))
  }
  for (const name of ["LICENSE", "SECURITY.md", "tsconfig.base.json"]) write(name, text(name))
}

/** Rewrites the programs and the names in pages. Returns the uses without a counterpart in Effect 4. */
const writePages = (): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const pages = ["README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ...filesIn("docs")]
  for (const page of pages) {
    if (page.endsWith(".svg")) write(page, text(page))
    if (!page.endsWith(".md")) continue
    const isOfBoth = page === "docs/effect-3-and-4.md"
    const [source, failed] = patched(page, text(page))
    problems.push(...failed)
    write(page, isOfBoth ? source : prose(source, rewriting(page, problems)))
  }
  return problems
}

/** Rewrites the programs of a page. */
const rewriting =
  (page: string, problems: Array<string>) =>
  (code: string): string => {
    const made = rewriteText(page, code)
    problems.push(...made.problems)
    return made.text
  }

const programOf = (): ts.Program => {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile)
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  return ts.createProgram(fileNames, options)
}

/** Adapts paths to files beside the repository, because the generated tree is two folders deeper. */
const deeper = (content: string): string => content.replace(/((?:\.\.\/)+)shared\//g, "../../$1shared/")

/** Rewrites the sources in folders. Returns the uses without a counterpart in Effect 4. */
const writeSources = (areas: ReadonlyArray<string>): ReadonlyArray<string> => {
  const program = programOf()
  const checker = program.getTypeChecker()
  const problems: Array<string> = []
  for (const area of areas) {
    rmSync(join(target, area), { recursive: true, force: true })
    for (const path of filesIn(area)) {
      if (existsSync(join(edition, path)) || isLeftOut(path)) continue
      const source = path.endsWith(".ts") ? program.getSourceFile(join(root, path)) : undefined
      if (source === undefined && path.endsWith(".ts")) {
        write(path, rewriteText(path, text(path)).text)
        continue
      }
      if (source === undefined) {
        mkdirSync(dirname(join(target, path)), { recursive: true })
        cpSync(join(root, path), join(target, path))
        continue
      }
      const made = rewriteFile(path, source, checker)
      const [content, failed] = patched(
        path,
        made.text.replace(`const version = "${versions[0]}"`, `const version = "${versions[1]}"`)
      )
      problems.push(...made.problems, ...failed)
      write(path, area === "test" ? deeper(content) : content)
    }
    if (existsSync(join(edition, area))) cpSync(join(edition, area), join(target, area), { recursive: true })
  }
  return problems
}

const given = process.argv.slice(2)
writeManifest()
if (given[0] !== "manifest") {
  const problems = [...writePages(), ...writeSources(given.length > 0 ? given : ["src", "test", "examples"])]
  if (problems.length > 0) {
    console.error(`${problems.length} uses without a counterpart in Effect 4:\n${problems.join("\n")}`)
    process.exitCode = 1
  }
}
