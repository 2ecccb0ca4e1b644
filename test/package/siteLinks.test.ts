/** The check of links in the built site: a browser test shows the site itself. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { brokenLinks } from "../../site/links.js"

/** A folder with these files, removed when its Scope closes. */
const folderOf = (files: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "site-links-"))
      mkdirSync(join(folder, "api"))
      for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

const brokenIn = (files: Readonly<Record<string, string>>) => Effect.map(folderOf(files), brokenLinks)

describe("the check of links", () => {
  it.scoped("accepts files, folders with an index, existing fragments, and links to other sites", () =>
    Effect.gen(function* () {
      const found = yield* brokenIn({
        "index.html": `<a href="/api/"></a><a href="page.html#a%20b"></a><a href="https://example.com/"></a><img src="/x.svg">`,
        "page.html": `<h2 id="a b">a</h2><a href="#a%20b"></a><a href="./api/index.html"></a>`,
        "x.svg": "<svg/>",
        "api/index.html": `<a href="../page.html"></a>`
      })
      assert.deepStrictEqual(found, [])
    })
  )

  it.scoped("reports missing files and missing fragments", () =>
    Effect.gen(function* () {
      const found = yield* brokenIn({
        "index.html": `<a href="/gone.html"></a><a href="api/"></a><a href="page.html#gone"></a>`,
        "page.html": `<a href="#none"></a><img src="gone.svg">`
      })
      assert.strictEqual(found.length, 5, found.join("\n"))
    })
  )

  it.scoped("reports scripts, styles and pictures of other sites", () =>
    Effect.gen(function* () {
      const found = yield* brokenIn({
        "index.html": `<script src="https://cdn.example/x.js"></script><link rel="stylesheet" href="https://cdn.example/x.css">`
      })
      assert.strictEqual(found.length, 2, found.join("\n"))
    })
  )
})
