import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs"
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { content, tagOf } from "./support/downloads.js"
import { live, place } from "./support/savedFiles.js"

describe("a symbolic link that toFile writes through", () => {
  live(
    "stays, and its target is replaced and keeps its mode",
    Effect.gen(function* () {
      const { at, names, save } = yield* place
      mkdirSync(at("real"))
      writeFileSync(at("real/file"), "old", { mode: 0o600 })
      symlinkSync("real/file", at("link"))
      yield* save("link")
      assert.strictEqual(readlinkSync(at("link")), "real/file")
      assert.strictEqual(readFileSync(at("real/file"), "utf8"), content)
      assert.strictEqual(lstatSync(at("real/file")).mode & 0o7777, 0o600)
      assert.deepStrictEqual(names(), ["link", "real"])
      assert.deepStrictEqual(readdirSync(at("real")), ["file"])
    })
  )

  live(
    "stays, and a target that does not exist is created",
    Effect.gen(function* () {
      const { at, names, save } = yield* place
      mkdirSync(at("real"))
      symlinkSync("real/file", at("link"))
      yield* save("link")
      assert.isTrue(lstatSync(at("link")).isSymbolicLink())
      assert.strictEqual(readFileSync(at("real/file"), "utf8"), content)
      assert.deepStrictEqual(names(), ["link", "real"])
    })
  )

  for (const exists of [true, false]) {
    live(
      `stays, with all links of a chain through folders, to a file that ${exists ? "exists" : "does not exist"}`,
      Effect.gen(function* () {
        const { at, names, save } = yield* place
        mkdirSync(at("x/y"), { recursive: true })
        mkdirSync(at("z"))
        if (exists) writeFileSync(at("x/file"), "old")
        // "folder/.." is x, because the system resolves the link first.
        symlinkSync("x/y", at("folder"))
        symlinkSync("folder/../second", at("first"))
        symlinkSync(at("z/third"), at("x/second"))
        symlinkSync("../x/file", at("z/third"))
        yield* save("first")
        for (const link of ["first", "x/second", "z/third", "folder"])
          assert.isTrue(lstatSync(at(link)).isSymbolicLink())
        assert.isTrue(lstatSync(at("x/file")).isFile())
        assert.strictEqual(readFileSync(at("x/file"), "utf8"), content)
        assert.deepStrictEqual(names(), ["first", "folder", "x", "z"])
        assert.deepStrictEqual(readdirSync(at("x")).sort(), ["file", "second", "y"])
      })
    )
  }

  live(
    "has the temporary file beside its target and not beside itself",
    Effect.gen(function* () {
      const { at, names, request } = yield* place
      mkdirSync(at("real"))
      symlinkSync("real/file", at("link"))
      const seen: Array<ReadonlyArray<string>> = []
      yield* ClientResponse.toFile(request, at("link"), {
        onProgress: () => Effect.sync(() => void seen.push(names(), readdirSync(at("real"))))
      })
      assert.deepStrictEqual(seen[0], ["link", "real"])
      assert.match(seen[1]?.join() ?? "", /^file\.[0-9a-f]{12}\.part$/)
    })
  )

  live(
    "fails the download before the request is sent if it leads to itself or into a missing folder",
    Effect.gen(function* () {
      const { a, at, names, save } = yield* place
      symlinkSync("loop", at("loop"))
      symlinkSync("two", at("one"))
      symlinkSync("one", at("two"))
      symlinkSync("no/file", at("nowhere"))
      for (const name of ["loop", "one", "nowhere", "no/folder"]) {
        assert.strictEqual(tagOf(yield* Effect.exit(save(name))), "SystemError", name)
      }
      assert.deepStrictEqual(names(), ["loop", "nowhere", "one", "two"])
      assert.deepStrictEqual(yield* a.requests, [])
    })
  )
})
