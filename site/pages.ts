/**
 * The pages that VitePress renders: the repository's Markdown with links that work in the site, one page for each
 * program, and the home page from the README. TypeDoc adds the reference.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pages, root, site } from "./project.js"

const read = (path: string): string => readFileSync(join(root, path), "utf8")

const programs = readdirSync(join(root, "examples"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -".ts".length))

/** Applies a function to the text of a page outside of its blocks of code. */
const outsideCode = (markdown: string, change: (text: string) => string): string =>
  markdown
    .split(/^(```[\s\S]*?^```)/m)
    .map((part, index) => (index % 2 === 0 ? change(part) : part))
    .join("")

/** Where the target of a link in the repository is in the site, which has all pages of `docs` and the root in one folder. */
const targetInSite = (target: string): string => {
  const [path = "", anchor] = target.split("#")
  const page = path.replace(/^(?:\.\.\/|docs\/)+/, "")
  const inSite = page === "examples" ? "/examples/" : page === "index.md" ? "contents.md" : page
  return anchor === undefined ? inSite : `${inSite}#${anchor}`
}

/** Links, and names of programs, which become links. */
const forSite = (markdown: string): string =>
  outsideCode(markdown, (text) =>
    text
      .replace(/\]\(([^)\s]+)\)/g, (link, target: string) =>
        /^(?:[a-z]+:|#)/.test(target) ? link : `](${targetInSite(target)})`
      )
      .replace(/`examples\/([\w-]+)\.ts`/g, (name, program: string) =>
        programs.includes(program) ? `[${name}](/examples/${program})` : name
      )
  )

const write = (name: string, markdown: string): void => writeFileSync(join(pages, name), markdown)

/** The first sentences of a program say what it shows. */
const introductionOf = (source: string): string =>
  (source.match(/^\/\*\*([\s\S]*?)\*\//)?.[1] ?? "").replace(/^ *\* ?/gm, "").trim()

const programPage = (name: string): string => {
  const source = read(`examples/${name}.ts`)
  return `# ${name}\n\n${introductionOf(source)}\n\nRun it with \`npx tsx examples/${name}.ts\`.\n\n\`\`\`ts\n${source}\`\`\`\n`
}

const listOf = (title: string, items: ReadonlyArray<string>): string => `# ${title}\n\n${items.join("\n")}\n`

const firstSentence = (text: string): string => text.replaceAll("\n", " ").split(/[.:;] /)[0] ?? ""

/** The README under a heading with links to the first pages; its own title stands there already. */
const home = (readme: string): string => `---
layout: home
hero:
  name: effect-http-session
  text: An HTTP client for Effect
  tagline: Sessions, cookies, connections, TLS and proxies under control. Every failure is a value with a type, and every resource ends with its Scope.
  actions:
    - { theme: brand, text: Start, link: /start }
    - { theme: alt, text: Documentation, link: /contents }
    - { theme: alt, text: Recipes, link: /recipes }
---

${readme.replace(/^# .*\n/, "")}`

/** Writes everything but the reference, into an empty folder. */
export const writePages = (): void => {
  rmSync(pages, { recursive: true, force: true })
  mkdirSync(join(pages, "examples"), { recursive: true })
  mkdirSync(join(pages, "public"))
  cpSync(join(site, "logo.svg"), join(pages, "public/logo.svg"))
  for (const name of readdirSync(join(root, "docs"))) {
    if (name.endsWith(".svg")) cpSync(join(root, "docs", name), join(pages, name))
    if (name.endsWith(".md")) write(name === "index.md" ? "contents.md" : name, forSite(read(`docs/${name}`)))
  }
  for (const name of ["SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"])
    write(name, forSite(read(name)))
  write("index.md", home(forSite(read("README.md"))))
  for (const name of programs) write(`examples/${name}.md`, programPage(name))
  write(
    "examples/index.md",
    listOf("Programs", [
      "Each runs in a clone of the repository, against servers on the loopback.\n",
      ...programs.map(
        (name) => `- [${name}](${name}.md): ${firstSentence(introductionOf(read(`examples/${name}.ts`)))}`
      )
    ])
  )
}

/** TypeDoc omits the comment that a module begins with. */
export const introduceModules = (): void => {
  const names = readdirSync(join(pages, "api"))
    .filter((name) => name !== "index.md")
    .map((name) => name.slice(0, -".md".length))
  const introductions = names.map((name) => introductionOf(read(`src/${name}.ts`)).replace(/\s*@since[\s\S]*/, ""))
  names.forEach((name, index) => {
    const page = readFileSync(join(pages, `api/${name}.md`), "utf8")
    write(
      `api/${name}.md`,
      page.replace(`# ${name}\n`, () => `# ${name}\n\n${introductions[index]}\n`)
    )
  })
  write(
    "api/index.md",
    listOf("Reference", [
      "Every module of the package, generated from its docstrings.\n",
      ...names.map((name, index) => `- [${name}](${name}.md): ${firstSentence(introductions[index] ?? "")}`)
    ])
  )
}
