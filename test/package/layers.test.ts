/** Folders of `src/internal` import downwards only, types included; public modules are named by type from anywhere. */
import { readdirSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const src = new URL("../../src/", import.meta.url)

/** From the ground up: a folder may import those before it, and itself. "" is `src/internal` itself. */
const floors = [
  "effect",
  "",
  "http",
  "errors",
  "transport",
  "cookies",
  "network/tls",
  "network/http1",
  "network/http2/hpack",
  "network/http2",
  "network/dial",
  "network",
  "response/body",
  "response",
  "request/body",
  "request",
  "webSocket",
  "proxy",
  "tracing",
  "session",
  "session/service",
  "session/files",
  "platform",
  "middleware",
  "middleware/cache",
  "middleware/digest",
  "mock",
  "testing"
]

const files = (readdirSync(new URL("internal/", src), { recursive: true, encoding: "utf8" }) as ReadonlyArray<string>)
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
  .map((path) => path.replaceAll("\\", "/"))
  .sort()

const folderOf = (path: string): string => posix.dirname(path).replace(/^\.$/, "")

/** The files of `internal` that a file imports, by value or by type. */
const importsOf = (path: string): ReadonlyArray<string> =>
  [
    ...readFileSync(new URL(`internal/${path}`, src), "utf8").matchAll(/^(?:import|export|\} from)\b[^"]*"(\.[^"]+)"/gm)
  ].flatMap(([, name = ""]) => {
    const target = posix.join("internal", posix.dirname(path), name).replace(/\.js$/, ".ts")
    return target.startsWith("internal/") ? [target.slice("internal/".length)] : []
  })

describe("src/internal", () => {
  it("has only folders that are on a floor", () => {
    assert.deepStrictEqual(
      [...new Set(files.map(folderOf))].filter((folder) => !floors.includes(folder)),
      []
    )
  })

  it("has at most 24 files in each folder", () => {
    const folders = files.map(folderOf)
    const large = [...new Set(folders)].filter((folder) => folders.filter((other) => other === folder).length > 24)
    assert.deepStrictEqual(large, [])
  })

  it("imports downwards only", () => {
    const upwards = files.flatMap((path) =>
      importsOf(path)
        .filter((target) => floors.indexOf(folderOf(target)) > floors.indexOf(folderOf(path)))
        .map((target) => `${path} imports ${target}`)
    )
    assert.deepStrictEqual(upwards, [])
  })

  it("has no cycle of files", () => {
    const circles: Array<string> = []
    const done = new Set<string>()
    const visit = (path: string, trail: ReadonlyArray<string>): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "))
      else if (!done.has(path)) {
        for (const target of importsOf(path)) visit(target, [...trail, path])
        done.add(path)
      }
    }
    for (const path of files) visit(path, [])
    assert.deepStrictEqual(circles, [])
  })
})
