/** A cache in files, used by one process after another. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { outputOf } from "./support/child.js"
import { originServer } from "./support/proxied.js"
import { proxyServer } from "./support/proxyServer.js"

describe("a cache in files", () => {
  it.scopedLive(
    "answers the next process with equal credentials only, and shows no secret",
    () =>
      Effect.gen(function* () {
        let count = 0
        const origin = yield* originServer("plain", {
          answer: (_, response) => void response.writeHead(200, { "cache-control": "max-age=600" }).end(String(++count))
        })
        const proxy = yield* proxyServer()
        const folder = yield* Effect.acquireRelease(
          Effect.promise(() => mkdtemp(join(tmpdir(), "cache-"))),
          (path) => Effect.promise(() => rm(path, { recursive: true }))
        )
        const get = (...pairs: ReadonlyArray<readonly [token: string, password: string]>) =>
          outputOf("cachedGet", [
            `http://127.0.0.1:${origin.port}/?key=s3cret`,
            folder,
            ...pairs.flatMap(([token, password]) => [token, proxy.url.replace("://", `://u:${password}@`)])
          ])
        assert.strictEqual(yield* get(["s3cret1", "s3cret"], ["s3cret2", "s3cret"]), "1,2")
        assert.strictEqual(yield* get(["s3cret1", "s3cret"], ["s3cret1", "s3cret2"], ["s3cret2", "s3cret"]), "1,3,2")
        const files = yield* Effect.promise(() => readdir(folder))
        assert.isAbove(files.length, 1)
        for (const file of files) {
          const text = yield* Effect.promise(() => readFile(join(folder, file), "utf8"))
          assert.notInclude(file + text, "s3cret")
          assert.notInclude(text, Buffer.from("u:s3cret").toString("base64").slice(0, 10))
        }
      }),
    60_000
  )
})
