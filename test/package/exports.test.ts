import { existsSync, readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const file = (path: string) => new URL(`../../${path}`, import.meta.url)
const text = (path: string) => readFileSync(file(path), "utf8")
const manifest = JSON.parse(text("package.json"))
const modules = readdirSync(file("src"))
  .filter((name) => name.endsWith(".ts") && name !== "index.ts")
  .map((name) => name.slice(0, -".ts".length))
  .sort()

/** The run-time imports, by path, without `import type` and `export type`. */
const imports = (source: string): ReadonlyArray<string> =>
  [
    ...source.replace(/\/\*[\s\S]*?\*\//g, "").matchAll(/^(?:import|export)(?! type\b)(?:[^"]*?\bfrom)?\s+"([^"]+)"/gm)
  ].map((match) => match[1] ?? "")

const sources = (readdirSync(file("src"), { recursive: true, encoding: "utf8" }) as ReadonlyArray<string>)
  .filter((path) => path.endsWith(".ts"))
  .sort()

describe("the package", () => {
  it("exports every public module as a namespace of its name", () => {
    const expected = modules.map((name) => `export * as ${name} from "./${name}.js"`)
    const lines = text("src/index.ts")
      .split("\n")
      .filter((line) => line.startsWith("export"))
    assert.deepStrictEqual([...lines].sort(), expected)
  })

  it("has one subpath for each module, and no subpath for internal modules", () => {
    assert.deepStrictEqual(manifest.exports, {
      ".": { types: "./dist/index.d.ts", module: "./dist/index.js", default: "./dist/bundle/index.js" },
      "./package.json": "./package.json",
      "./internal/*": null,
      "./*": { types: "./dist/*.d.ts", module: "./dist/*.js", default: "./dist/bundle/*.js" }
    })
    assert.deepStrictEqual(
      readdirSync(file("src"), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name),
      ["internal"]
    )
  })

  it("has no side effects, is ESM, and has effect as a peer dependency", () => {
    assert.deepStrictEqual(manifest.sideEffects, [])
    assert.strictEqual(manifest.type, "module")
    assert.deepStrictEqual(Object.keys(manifest.peerDependencies), [
      "@effect/platform",
      "@effect/platform-node",
      "effect"
    ])
    assert.deepStrictEqual(manifest.peerDependenciesMeta, { "@effect/platform-node": { optional: true } })
    for (const name of Object.keys(manifest.dependencies)) assert.notMatch(name, /^(?:@effect\/|effect$|undici$)/)
  })

  it("imports its dependencies, and depends on its imports", () => {
    const packages = new Set(
      sources
        .flatMap((path) => imports(text(`src/${path}`)))
        .filter((name) => !name.startsWith(".") && !name.startsWith("node:"))
        .map((name) => (name.startsWith("@") ? name.split("/").slice(0, 2).join("/") : (name.split("/")[0] ?? name)))
    )
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies }
    for (const name of packages) assert.property(declared, name, `${name} is imported and not declared`)
    for (const name of Object.keys(manifest.dependencies)) {
      assert.isTrue(packages.has(name), `${name} is declared and not imported`)
    }
  })

  it("imports downwards only between public and internal modules", () => {
    const broken: Array<string> = []
    for (const path of sources) {
      for (const name of imports(text(`src/${path}`))) {
        const target = name.startsWith(".")
          ? new URL(name, file(`src/${path}`)).pathname.split("/src/").pop()
          : undefined
        if (target === undefined) continue
        assert.isTrue(existsSync(file(`src/${target.replace(/\.js$/, ".ts")}`)), `${path} imports ${target}`)
        const upwards = path.startsWith("internal/") && (target === "Session.js" || target === "Connector.js")
        const sideways = path.startsWith("internal/transport/") && target.startsWith("internal/session/")
        const cores = ["Errors.ts", "Timeouts.ts", "Tracing.ts"].includes(path) && /^[A-Z]/.test(target)
        if (upwards || sideways || (cores && !["Errors.js", "Timeouts.js"].includes(target))) {
          broken.push(`${path} imports ${target}`)
        }
      }
    }
    assert.deepStrictEqual(broken, [])
  })
})
