import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs"
import * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { content, cut, site, tagOf } from "./support/downloads.js"
import { live, patched, place } from "./support/savedFiles.js"
import * as Server from "./support/server.js"

const diskError = (method: string) =>
  new PlatformError.SystemError({ reason: "Unknown", module: "FileSystem", method, description: "ENOSPC" })

/** A file handle of Node whose writes fail after so many bytes. */
const fullAfter = (file: FileSystem.File, bytes: number): FileSystem.File => {
  let written = 0
  return new Proxy(file, {
    get: (target, name) => {
      if (name === "writeAll") {
        return (chunk: Uint8Array) =>
          Effect.suspend(() => {
            written += chunk.length
            return written > bytes ? Effect.fail(diskError("writeAll")) : target.writeAll(chunk)
          })
      }
      if (name === "sync" && bytes === 0) return Effect.fail(diskError("sync"))
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })
}

describe("a file that toFile replaces", () => {
  live(
    "keeps its mode",
    Effect.gen(function* () {
      const { at, names, save } = yield* place
      for (const mode of [0o600, 0o640, 0o444, 0o755, 0o664, 0o4750]) {
        const name = `file-${mode.toString(8)}`
        writeFileSync(at(name), "old")
        chmodSync(at(name), mode)
        yield* save(name)
        assert.strictEqual(readFileSync(at(name), "utf8"), content)
        assert.strictEqual((statSync(at(name)).mode & 0o7777).toString(8), mode.toString(8))
      }
      assert.lengthOf(names(), 6)
    })
  )

  it.scopedLive(
    "keeps its owner and group, or its group alone, and loses set-user-ID and set-group-ID if the owner changes",
    () =>
      Effect.gen(function* () {
        for (const [allowed, expected, mode] of [
          ["both", ["7:8"], 0o6755],
          ["group", ["7:8", "own:8"], 0o755],
          ["none", ["7:8", "own:8"], 0o755]
        ] as const) {
          const calls: Array<string> = []
          const layer = patched((fs) => ({
            stat: (path) =>
              Effect.map(fs.stat(path), (info) =>
                path.endsWith(".part")
                  ? info
                  : { ...info, uid: Option.some(7), gid: Option.some(8), mode: (info.mode & ~0o7777) | 0o6755 }
              ),
            chown: (path, uid, gid) =>
              Effect.suspend(() => {
                calls.push(`${uid === process.getuid?.() && uid !== 7 ? "own" : uid}:${gid}`)
                assert.isTrue(path.endsWith(".part"))
                return allowed === "both" || (allowed === "group" && calls.length === 2)
                  ? Effect.void
                  : Effect.fail(diskError("chown"))
              })
          }))
          const { at, save } = yield* place
          writeFileSync(at("file"), "old")
          yield* Effect.provide(save("file"), layer)
          assert.deepStrictEqual(calls, [...expected])
          assert.strictEqual(statSync(at("file")).mode & 0o7777, mode)
        }
      })
  )

  live(
    "is not readable by other users while it is written if the old file was not",
    Effect.gen(function* () {
      const { at, request, names } = yield* place
      writeFileSync(at("file"), "old", { mode: 0o600 })
      const modes: Array<number> = []
      yield* ClientResponse.toFile(request, at("file"), {
        onProgress: () =>
          Effect.sync(() => {
            for (const name of names()) modes.push(statSync(at(name)).mode & 0o777)
          })
      })
      assert.deepStrictEqual(modes, [0o600, 0o600])
    })
  )

  live(
    "has the default mode if the file is new",
    Effect.gen(function* () {
      const { at, save } = yield* place
      writeFileSync(at("other"), "")
      yield* save("file")
      assert.strictEqual(statSync(at("file")).mode, statSync(at("other")).mode)
    })
  )

  live(
    "can have a name of 255 bytes",
    Effect.gen(function* () {
      const { at, names, save } = yield* place
      const name = "n".repeat(255)
      yield* save(name)
      assert.strictEqual(readFileSync(at(name), "utf8"), content)
      assert.deepStrictEqual(names(), [name])
    })
  )

  live(
    "keeps its content and mode after an interruption",
    Effect.gen(function* () {
      const { at, names, session } = yield* place
      const started = yield* Deferred.make<void>()
      const server = yield* Server.always(Server.plays(Server.request, Server.send(cut(5)), Server.stall))
      writeFileSync(at("file"), "old", { mode: 0o640 })
      const fiber = yield* Effect.fork(
        ClientResponse.toFile(session.get(`http://a.test:${server.port}/file`), at("file"), {
          onProgress: () => Effect.asVoid(Deferred.succeed(started, undefined))
        })
      )
      yield* Deferred.await(started)
      assert.lengthOf(names(), 2)
      assert.strictEqual(readFileSync(at("file"), "utf8"), "old")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(names(), ["file"])
      assert.strictEqual(readFileSync(at("file"), "utf8"), "old")
      assert.strictEqual(statSync(at("file")).mode & 0o777, 0o640)
    })
  )

  live(
    "keeps its content after 304",
    Effect.gen(function* () {
      const { at, names, session } = yield* place
      const a = yield* site(() => "HTTP/1.1 304 Not Modified\r\n\r\n")
      writeFileSync(at("file"), "old")
      const head = yield* ClientResponse.toFile(session.get(a.to("a.test")), at("file"))
      assert.strictEqual(head.status, 304)
      assert.deepStrictEqual(names(), ["file"])
      assert.strictEqual(readFileSync(at("file"), "utf8"), "old")
    })
  )

  const failures: ReadonlyArray<
    readonly [what: string, patch: (fs: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>]
  > = [
    [
      "a write",
      (fs) => ({ open: (path, options) => Effect.map(fs.open(path, options), (file) => fullAfter(file, 3)) })
    ],
    [
      "the first write or the sync",
      (fs) => ({ open: (path, options) => Effect.map(fs.open(path, options), (file) => fullAfter(file, 0)) })
    ],
    ["the change of the mode", () => ({ chmod: () => Effect.fail(diskError("chmod")) })],
    ["the rename", () => ({ rename: () => Effect.fail(diskError("rename")) })]
  ]
  for (const [what, patch] of failures) {
    it.scopedLive(`keeps its content if ${what} fails`, () =>
      Effect.gen(function* () {
        const { at, names, save } = yield* place
        writeFileSync(at("file"), "old", { mode: 0o640 })
        const exit = yield* Effect.exit(Effect.provide(save("file"), patched(patch)))
        assert.strictEqual(tagOf(exit), "SystemError")
        assert.deepStrictEqual(names(), ["file"])
        assert.strictEqual(readFileSync(at("file"), "utf8"), "old")
        assert.strictEqual(statSync(at("file")).mode & 0o777, 0o640)
      })
    )
  }

  it.scopedLive("stays open until the write that is in progress at an interruption has ended", () =>
    Effect.gen(function* () {
      const { names, save } = yield* place
      const writing = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      let closed = false
      let writtenAfter = false
      const layer = patched((fs) => ({
        open: (path, options) =>
          Effect.map(
            Effect.tap(fs.open(path, options), () => Effect.addFinalizer(() => Effect.sync(() => (closed = true)))),
            (file) =>
              new Proxy(file, {
                get: (target, name) =>
                  name === "writeAll"
                    ? // Like Node's: an interruption does not cancel a write in progress.
                      () =>
                        Effect.flatMap(
                          Effect.forkDaemon(
                            Effect.zipRight(
                              Deferred.await(go),
                              Effect.sync(() => (writtenAfter ||= closed))
                            )
                          ),
                          (written) => Effect.zipRight(Deferred.succeed(writing, undefined), Fiber.join(written))
                        )
                    : Reflect.get(target, name, target)
              })
          )
      }))
      const fiber = yield* Effect.fork(Effect.provide(save("file"), layer))
      yield* Deferred.await(writing)
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow()
      assert.isFalse(closed)
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual([closed, writtenAfter, names()], [true, false, []])
    })
  )
})
