/**
 * One file of cookies, and several processes.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as NodeKeyValueStore from "@effect/platform-node/NodeKeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CookieJar from "effect-http-session/CookieJar"

describe("layerPersisted", () => {
  it.scopedLive("loses no cookie of processes that share a file", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "jar-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
      )
      const script = fileURLToPath(new URL("./support/children/jar.ts", import.meta.url))
      const children = ["a", "b", "c"].map((name) =>
        spawn(process.execPath, ["--import", "tsx", script, folder, name, "40"], { stdio: ["pipe", "pipe", "inherit"] })
      )
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const child of children) child.kill("SIGKILL")
        })
      )
      // All processes set their cookies at the same time, and report when they have.
      yield* Effect.promise(() => Promise.all(children.map((child) => once(child.stdout, "data"))))
      for (const child of children) {
        const exit = once(child, "exit")
        child.stdin.end()
        assert.deepStrictEqual((yield* Effect.promise(() => exit))[0], 0)
      }
      const store = yield* Effect.provide(KeyValueStore.KeyValueStore, NodeKeyValueStore.layerFileSystem(folder))
      const jar = yield* Layer.build(
        Layer.provide(CookieJar.layerPersisted(), Layer.succeed(KeyValueStore.KeyValueStore, store))
      )
      assert.strictEqual(yield* Context.get(jar, CookieJar.CookieJar).size, 120)
    })
  )
})
