import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

const here = fileURLToPath(new URL("./", import.meta.url))
const source = fileURLToPath(new URL("../../src", import.meta.url))

/** Loads modules in a fresh process, and reports the changes there. */
const changes = (paths: ReadonlyArray<string>) =>
  Effect.async<{ readonly modules: number; readonly changes: ReadonlyArray<string> }>((resume) => {
    const child = execFile(
      process.execPath,
      ["--import", "tsx", `${here}probe.ts`, ...paths],
      { env: { PATH: process.env.PATH ?? "" } },
      (error, stdout, stderr) => {
        if (stdout.trim() === "") resume(Effect.die(error ?? new Error(stderr)))
        else resume(Effect.sync(() => JSON.parse(stdout)))
      }
    )
    return Effect.sync(() => child.kill())
  })

describe("importing the package", () => {
  it.live(
    "changes nothing in the process, for each module",
    () =>
      Effect.gen(function* () {
        const modules = readdirSync(source).filter((file) => file.endsWith(".ts"))
        assert.deepStrictEqual(yield* changes([]), { modules: modules.length, changes: [] })
      }),
    60_000
  )

  it.live(
    "fails this test if it changes something",
    () =>
      Effect.gen(function* () {
        const found = (yield* changes(["../test/package/meddler.ts"])).changes.join("\n")
        for (const expected of [
          "globalThis.Symbol(undici.globalDispatcher.1)",
          "process.on SIGUSR2",
          "active Timeout",
          "Array.prototype.last",
          "http.Agent.prototype.addRequest",
          "process.env.MEDDLED"
        ]) {
          assert.include(found, expected)
        }
      }),
    60_000
  )
})
