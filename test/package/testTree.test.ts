/**
 * Rules of the test tree: folders mirror `src/internal`, and tests change nothing that other files share.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const root = new URL("../../", import.meta.url)

const filesUnder = (folder: string): ReadonlyArray<string> =>
  (readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" }) as ReadonlyArray<string>)
    .filter((path) => path.endsWith(".ts"))
    .map((path) => posix.join(folder, path.replaceAll("\\", "/")))

/** Peers have a configuration of their own, in which no two files share modules. */
const sharing = filesUnder("test").filter((path) => !path.startsWith("test/peers/"))

/** The names that a module imports from another one. */
const importedFrom = (module: string, text: string): ReadonlyArray<string> =>
  [...text.matchAll(/import\s*\{([^}]*)\}\s*from\s*"([^"]+)"/g)]
    .filter(([, , from]) => from === module)
    .flatMap(([, names = ""]) => names.split(",").map((name) => name.trim().split(" as ")[0] ?? ""))

describe("the test tree", () => {
  it("has the folders of src/internal in test/internal and no others", () => {
    const unknown = [...new Set(filesUnder("test/internal").map((path) => posix.dirname(path)))].filter(
      (folder) => !existsSync(new URL(folder.replace(/^test\//, "src/"), root))
    )
    assert.deepStrictEqual(unknown, [])
  })

  // `layer` replaces properties of the `it` that it is called with. Files of a worker share that `it`, so the tests of
  // later files would run in a runtime that is closed already.
  it("imports neither `layer` nor the namespace of @effect/vitest", () => {
    const offenders = sharing.filter((path) => {
      const text = readFileSync(new URL(path, root), "utf8")
      return importedFrom("@effect/vitest", text).includes("layer") || /import\s*\*[^;"]*"@effect\/vitest"/.test(text)
    })
    assert.deepStrictEqual(offenders, [])
  })

  it("does not mock modules", () => {
    const pattern = /\bvi\.(?:mock|doMock|stubGlobal|stubEnv)\(/
    assert.deepStrictEqual(
      sharing.filter((path) => pattern.test(readFileSync(new URL(path, root), "utf8"))),
      []
    )
  })
})
