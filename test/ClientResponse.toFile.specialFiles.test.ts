import { execFileSync } from "node:child_process"
import { once } from "node:events"
import {
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { breaksOnce, content, cut, rest, site, tagOf } from "./support/downloads.js"
import { live, patched, place, scripted } from "./support/savedFiles.js"
import * as Server from "./support/server.js"

const { response } = Server

describe("toFile into a FIFO, a device, a socket or a folder", () => {
  const fifo = (path: string) => Effect.sync(() => void execFileSync("mkfifo", [path]))

  /** Reads a FIFO to its end. */
  const readAll = (path: string) =>
    Effect.async<string>((resume) => {
      let text = ""
      createReadStream(path)
        .on("data", (chunk) => (text += chunk))
        .on("close", () => resume(Effect.succeed(text)))
    })

  live(
    "writes the bytes straight into a FIFO, which stays",
    Effect.gen(function* () {
      const { at, names, save } = yield* place
      yield* fifo(at("pipe"))
      symlinkSync("pipe", at("link"))
      for (const name of ["pipe", "link"]) {
        const [head, text] = yield* Effect.all([save(name), readAll(at("pipe"))], { concurrency: 2 })
        assert.deepStrictEqual([head.status, text], [200, content])
        assert.isTrue(lstatSync(at("pipe")).isFIFO())
        assert.deepStrictEqual(names(), ["link", "pipe"])
      }
    })
  )

  live(
    "writes a body larger than a pipe holds",
    Effect.gen(function* () {
      const { at, session } = yield* place
      const large = "0123456789".repeat(50_000)
      const a = yield* site(() => response(200, large))
      yield* fifo(at("pipe"))
      const save = ClientResponse.toFile(session.get(a.to("a.test")), at("pipe"))
      const [, text] = yield* Effect.all([save, readAll(at("pipe"))], { concurrency: 2 })
      assert.strictEqual(text.length, large.length)
      assert.isTrue(text === large)
    })
  )

  live(
    "continues into a FIFO after a break",
    Effect.gen(function* () {
      const { at, session } = yield* place
      const a = yield* site(breaksOnce)
      yield* fifo(at("pipe"))
      const save = ClientResponse.toFile(session.get(a.to("a.test")), at("pipe"))
      const [, text] = yield* Effect.all([save, readAll(at("pipe"))], { concurrency: 2 })
      assert.strictEqual(text, content)
    })
  )

  const unresumable: ReadonlyArray<
    readonly [what: string, answers: ReadonlyArray<string>, asked: number, tag: string]
  > = [
    ["there is no validator", [cut(5, []), cut(20)], 1, "ClientPayloadError"],
    ["the server sends the whole file", [cut(5), cut(20)], 2, "ClientPayloadError"],
    ["the server sends another part", [cut(5), rest(4)], 2, "ClientPayloadError"],
    ["the server responds with 416", [cut(5), response(416)], 2, "ClientPayloadError"],
    ["the server responds with 304", [cut(5), "HTTP/1.1 304 Same\r\n\r\n"], 2, "ClientPayloadError"],
    ["the server responds with 410", [cut(5), response(410)], 2, "ClientResponseError"]
  ]
  for (const [what, answers, asked, tag] of unresumable) {
    live(
      `fails after a break instead of writing bytes to a FIFO twice: ${what}`,
      Effect.gen(function* () {
        const { at } = yield* place
        const { at: server, request } = yield* scripted(answers)
        yield* fifo(at("pipe"))
        const save = Effect.exit(ClientResponse.toFile(request, at("pipe")))
        const [exit, text] = yield* Effect.all([save, readAll(at("pipe"))], { concurrency: 2 })
        assert.strictEqual(tagOf(exit), tag)
        assert.strictEqual(text, content.slice(0, 5))
        assert.lengthOf(yield* server.requests, asked)
      })
    )
  }

  live(
    "can be interrupted while a FIFO has no reader",
    Effect.gen(function* () {
      const { a, at, save } = yield* place
      yield* fifo(at("pipe"))
      const opening = yield* Deferred.make<void>()
      const layer = patched((fs) => ({
        open: (path, options) => Effect.zipRight(Deferred.succeed(opening, undefined), fs.open(path, options))
      }))
      for (let round = 0; round < 3; round++) {
        const fiber = yield* Effect.fork(Effect.provide(save("pipe"), layer))
        yield* Deferred.await(opening)
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual(yield* a.requests, [])
      // The abandoned opens have released their threads, so that the next download can open the FIFO.
      const [, text] = yield* Effect.all([save("pipe"), readAll(at("pipe"))], { concurrency: 2 })
      assert.strictEqual(text, content)
    })
  )

  live(
    "can be interrupted while a write waits for the reader of a FIFO, and then closes it",
    Effect.gen(function* () {
      const { at, session } = yield* place
      const large = "0123456789".repeat(50_000)
      const a = yield* site(() => response(200, large))
      yield* fifo(at("pipe"))
      const fiber = yield* Effect.fork(ClientResponse.toFile(session.get(a.to("a.test")), at("pipe")))
      const reader = createReadStream(at("pipe"), { highWaterMark: 1024 })
      yield* Effect.promise(() => once(reader, "readable"))
      yield* Fiber.interrupt(fiber)
      // The reader takes the rest of the write, and then the end of the file.
      reader.resume()
      yield* Effect.promise(() => once(reader, "close"))
    })
  )

  live(
    "fails with the system's error if the reader of a FIFO ends",
    Effect.gen(function* () {
      const { at, session } = yield* place
      const a = yield* site(() => response(200, "0123456789".repeat(500_000)))
      yield* fifo(at("pipe"))
      const fiber = yield* Effect.fork(Effect.exit(ClientResponse.toFile(session.get(a.to("a.test")), at("pipe"))))
      const reader = createReadStream(at("pipe"), { highWaterMark: 1024 })
      yield* Effect.promise(() => once(reader, "data"))
      reader.destroy()
      assert.strictEqual(tagOf(yield* Fiber.join(fiber)), "SystemError")
    })
  )

  it.scopedLive("writes the bytes straight into a character device", () =>
    Effect.gen(function* () {
      const { at, names, save } = yield* place
      writeFileSync(at("tty"), "")
      const { ino } = statSync(at("tty"))
      const layer = patched((fs) => ({
        stat: (path) => Effect.map(fs.stat(path), (info) => ({ ...info, type: "CharacterDevice" as const }))
      }))
      yield* Effect.provide(save("tty"), layer)
      assert.strictEqual(readFileSync(at("tty"), "utf8"), content)
      assert.strictEqual(statSync(at("tty")).ino, ino)
      assert.deepStrictEqual(names(), ["tty"])
    })
  )

  it.scopedLive("fails before the request is sent if the path is a folder, a socket or a block device", () =>
    Effect.gen(function* () {
      const { a, at, names, save } = yield* place
      mkdirSync(at("folder"))
      symlinkSync("folder", at("link"))
      writeFileSync(at("disk"), "old")
      yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(at("socket"), () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const layer = patched((fs) => ({
        stat: (path) =>
          Effect.map(fs.stat(path), (info) =>
            path.endsWith("disk") ? { ...info, type: "BlockDevice" as const } : info
          )
      }))
      for (const [name, is] of [
        ["folder", "a directory"],
        ["folder/", "a directory"],
        ["link", "a directory"],
        ["socket", "a socket"],
        ["disk", "a block device"],
        ["missing/", "one of a directory"]
      ] as const) {
        const error = yield* Effect.flip(Effect.provide(save(name), layer))
        assert.strictEqual(error._tag, "SystemError", name)
        assert.include(error.message, `got ${is}`)
      }
      assert.deepStrictEqual(names(), ["disk", "folder", "link", "socket"])
      assert.strictEqual(readFileSync(at("disk"), "utf8"), "old")
      assert.deepStrictEqual(yield* a.requests, [])
      assert.isFalse(existsSync(at("missing")))
    })
  )
})
