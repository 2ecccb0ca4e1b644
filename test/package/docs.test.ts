/** The documents exist, their links lead to existing targets, and they show the code of aiohttp beside the code of this package. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { groupsOf } from "../../site/sidebar.js"
import { slugify } from "../../site/slugify.js"

const root = fileURLToPath(new URL("../../", import.meta.url))
const text = (path: string) => readFileSync(join(root, path), "utf8")

const documents = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
]

const anchors = (markdown: string): ReadonlySet<string> =>
  new Set([...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => slugify(heading)))

const withoutCode = (markdown: string) => markdown.replace(/^```[\s\S]*?^```/gm, "")

/** The pages of the sections of aiohttp's "Advanced Client Usage", in its order. */
const sections = [
  "client-session",
  "custom-request-headers",
  "cookies",
  "response-headers-and-cookies",
  "redirects",
  "uploading-pre-compressed-data",
  "tracing",
  "connectors",
  "limiting-connection-pool-size",
  "tuning-the-dns-cache",
  "resolving-using-custom-nameservers",
  "unix-domain-sockets",
  "ssl-control-for-tcp-sockets",
  "proxy-support",
  "shutdown"
]

/** The topics in the order in which a user learns them. */
const groups = [
  "Start",
  "Requests",
  "Responses and bodies",
  "Streaming and files",
  "Errors",
  "Timeouts and retries",
  "Cookies",
  "TLS",
  "Proxies",
  "Connections",
  "Tracing",
  "Testing",
  "WebSockets and events",
  "HTTP/2",
  "Runtimes",
  "Migration",
  "Recipes",
  "Reference"
]

describe("the documentation", () => {
  for (const path of documents) {
    it(`of ${path} links to existing targets`, () => {
      for (const [, target = ""] of withoutCode(text(path)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue
        const [file = "", anchor] = target.split("#")
        const to = file === "" ? path : normalize(join(dirname(path), file))
        assert.isTrue(existsSync(join(root, to)), `${path} links to ${target}`)
        if (anchor !== undefined) assert.isTrue(anchors(text(to)).has(anchor), `${path} links to ${target}`)
      }
    })
  }

  it("names existing tests", () => {
    for (const path of documents) {
      for (const [, named = ""] of text(path).matchAll(/`(test\/[\w./-]+\.ts)`/g)) {
        assert.isTrue(existsSync(join(root, named)), `${path} names ${named}`)
      }
    }
  })

  for (const name of sections) {
    it(`has aiohttp's code beside the Effect code in docs/${name}.md`, () => {
      const page = text(`docs/${name}.md`)
      assert.include(page, "```python")
      assert.include(page, "```ts")
    })
  }

  it("has an index that names every page, by groups in the order in which a program needs them", () => {
    const index = text("docs/index.md")
    assert.deepStrictEqual(
      groupsOf(index).map(([title]) => title),
      groups.filter((title) => title !== "HTTP/2" || existsSync(join(root, "docs/http2.md")))
    )
    const named = groupsOf(index).flatMap(([, items]) => items.map(({ link }) => link.slice(1)))
    assert.deepStrictEqual([...new Set(named)], named, "a page belongs to one group")
    const pages = documents.filter((path) => path !== "README.md").map((path) => path.replace("docs/", "").slice(0, -3))
    assert.sameMembers([...named, "index"], pages)
  })

  it("leads from each section of aiohttp's documentation to its page, in the order of the sections", () => {
    const [, table = ""] = text("docs/aiohttp-differences.md").split(/^## /m)
    const named = [...table.matchAll(/\]\(([a-z-]+)\.md\)/g)].map(([, name = ""]) => name)
    assert.deepStrictEqual([...new Set(named)].slice(0, sections.length), sections)
    for (const name of new Set(named)) assert.include(text(`docs/${name}.md`), "```python", name)
  })

  it("names test files that exist and contain tests", () => {
    for (const path of ["SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]) {
      const named = [...text(path).matchAll(/`(test\/[^`<]+\.ts)`/g)].map(([, file = ""]) => file)
      for (const file of named) {
        const folder = dirname(file)
        const pattern = new RegExp(
          `^${file
            .slice(folder.length + 1)
            .replaceAll(".", "\\.")
            .replaceAll("*", ".*")}$`
        )
        const found = existsSync(join(root, folder))
          ? readdirSync(join(root, folder)).filter((name) => pattern.test(name))
          : []
        assert.isNotEmpty(found, `${path}: ${file}`)
        for (const name of found.filter((each) => each.endsWith(".test.ts"))) {
          assert.match(text(`${folder}/${name}`), /\b(?:it|itFault|itH2Fault|live)\b[\w.]*\(/, `${path}: ${name}`)
        }
      }
    }
  })

  it("backs each guarantee and each limit of SECURITY.md by a test", () => {
    const { Limits: limits = "", "Guarantees and their tests": rules = "" } = Object.fromEntries(
      text("SECURITY.md")
        .split(/^## /m)
        .map((section) => [section.slice(0, section.indexOf("\n")), section.slice(section.indexOf("\n"))])
    )
    for (const section of [rules, limits]) {
      const rows = section.split("\n").filter((line) => line.startsWith("| "))
      const [, , ...bodies] = rows
      assert.isNotEmpty(bodies)
      for (const row of bodies) assert.match(row.split("|").at(-2) ?? "", /`test\/[^`]+\.test\.ts`/, row)
    }
  })

  it("opens the README with one sentence and ten lines that run", () => {
    const [, title = "", sentence = "", code = ""] =
      text("README.md").match(/^# (.+)\n\n(.+)\n\n```ts\n([\s\S]*?)\n```\n/) ?? []
    assert.strictEqual(title, "effect-http-session")
    assert.match(sentence, /^An HTTP client for .*\.$/)
    assert.isAtMost(code.split("\n").length, 10)
    assert.include(code, "Effect.runPromise(")
  })

  it("shows in the README each usual task, in the order in which it is needed", () => {
    const tasks = [...text("README.md").matchAll(/^### (.+)$/gm)].map(([, task = ""]) => task)
    assert.deepStrictEqual(tasks, [
      "A session",
      "Download a file",
      "Upload a file",
      "Send a form",
      "Cookies and errors",
      "Retry",
      "Stream a response",
      "Follow server-sent events",
      "Open a WebSocket",
      "Test without a network"
    ])
  })

  it("names a version of every client that the README compares, and a page for each feature", () => {
    const [, table = ""] = text("README.md").match(/^## Comparison\n\n((?:\|.*\n)+)/m) ?? []
    const [clients = "", , ...features] = table.trim().split("\n")
    for (const client of clients.split("|").slice(3, -1)) assert.match(client, / \d+\.\d+ /)
    for (const feature of features) {
      if (!feature.startsWith("| HTTP/2") || existsSync(join(root, "docs/http2.md"))) {
        assert.match(feature, /^\| \[[^\]]+\]\(docs\//)
      }
    }
  })

  it("has package examples that import only modules of the package", () => {
    const { files } = JSON.parse(text("package.json")) as { readonly files: ReadonlyArray<string> }
    assert.include(files, "examples")
    const sources = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
    for (const source of sources.filter((path) => path.endsWith(".ts"))) {
      for (const [, target = ""] of text(`examples/${source}`).matchAll(/ from "(\.\.?\/[^"]+)\.js"/g)) {
        const path = join("examples", dirname(source), `${target}.ts`)
        assert.isTrue(path.startsWith("examples/") || files.includes(path), `${source}: ${path}`)
      }
    }
  })

  it("shows the recipes as they are in the files that the examples run", () => {
    const page = text("docs/recipes.md")
    const examples = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"))
    for (const name of readdirSync(join(root, "examples/recipes"))) {
      const path = `examples/recipes/${name}`
      assert.include(page, `\`\`\`ts\n${text(path)}\`\`\`\n`, `expected docs/recipes.md to contain ${path} as it is`)
      const target = `./recipes/${name.replace(/\.ts$/, ".js")}`
      assert.isTrue(
        examples.some((example) => text(`examples/${example}`).includes(`"${target}"`)),
        `expected an example to run ${path}`
      )
    }
    for (const [, path = ""] of page.matchAll(/`(examples\/[\w-]+\.ts)`/g)) {
      assert.isTrue(existsSync(join(root, path)), `docs/recipes.md names ${path}`)
    }
  })

  it("is in the package as far as the README links to it", () => {
    const { files } = JSON.parse(text("package.json")) as { readonly files: ReadonlyArray<string> }
    for (const [, target = ""] of withoutCode(text("README.md")).matchAll(/\]\(([^)\s#]+)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const published = files.some((file) => target === file || `${dirname(target)}/*.md` === file)
      assert.isTrue(published, target)
    }
  })
})
