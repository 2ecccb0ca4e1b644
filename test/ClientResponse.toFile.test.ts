import { execFileSync } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, type Scope } from "effect"
import type { Progress, RequestOptions } from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { ClientPayloadError } from "effect-http-session/Errors"
import { make } from "./internal/response/support.js"
import {
  assertFailed,
  assertWhole,
  breaksOnce,
  content,
  cut,
  download,
  etag,
  folder,
  isCut,
  rest,
  site,
  tagOf
} from "./support/downloads.js"
import { failure } from "./support/exits.js"
import * as Server from "./support/server.js"
import * as Sites from "./support/sites.js"

const { response } = Server

/** Answers one request after the other with these; "" closes the connection without an answer. */
const scripted = (answers: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    let next = 0
    const play: Server.Play = (peer): Effect.Effect<void> =>
      Effect.flatMap(peer.request, () => {
        const answer = answers[next++] ?? response(500, "one request too many")
        return Effect.zipRight(peer.send(answer), isCut(answer) ? peer.fin : Effect.suspend(() => play(peer)))
      })
    const at = yield* Server.always(play)
    const { connector, session } = yield* Sites.sessionWith()
    return { at, connector, request: session.get(`http://a.test:${at.port}/file`), session }
  })

const dated = (modified: string, more: ReadonlyArray<string> = []): ReadonlyArray<string> => [
  `Last-Modified: ${modified}`,
  "Date: Sun, 06 Nov 1994 08:49:39 GMT",
  ...more
]

describe("toFile", () => {
  const outcomes: ReadonlyArray<{
    readonly name: string
    readonly answers: ReadonlyArray<string>
    /** The Range of each request. */
    readonly ranges: ReadonlyArray<string | undefined>
    readonly resume?: number
    readonly fails?: string
  }> = [
    { name: "writes a file in one go", answers: [cut(20)], ranges: [undefined] },
    {
      name: "continues by ETag, twice",
      answers: [cut(5), rest(5, 11), rest(11)],
      ranges: [undefined, "bytes=5-", "bytes=11-"]
    },
    {
      name: "continues by date",
      answers: [cut(5, dated("Sun, 06 Nov 1994 08:49:37 GMT")), rest(5, 20, [])],
      ranges: [undefined, "bytes=5-"]
    },
    { name: "begins anew where the server sends all", answers: [cut(5), cut(20)], ranges: [undefined, "bytes=5-"] },
    {
      name: "continues the file that the server has sent anew",
      answers: [cut(5), cut(7, ['ETag: "v2"']), rest(7, 20, ['ETag: "v2"'])],
      ranges: [undefined, "bytes=5-", "bytes=7-"]
    },
    {
      name: "begins anew where the ETag is weak",
      answers: [cut(5, ['ETag: W/"v1"']), cut(20)],
      ranges: [undefined, undefined]
    },
    {
      name: "begins anew where the date is as young as the response",
      answers: [cut(5, dated("Sun, 06 Nov 1994 08:49:39 GMT")), cut(20)],
      ranges: [undefined, undefined]
    },
    {
      name: "begins anew where the body was coded",
      answers: [cut(5, [etag, "Content-Encoding: foo"]), cut(20)],
      ranges: [undefined, undefined]
    },
    {
      name: "begins anew after another part than it has asked for",
      answers: [cut(5), rest(4), cut(20)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "begins anew after a part of another version",
      answers: [cut(5), rest(5, 20, ['ETag: "v2"']), cut(20)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "begins anew after 416",
      answers: [cut(5), response(416), cut(20)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "continues after a lost connection",
      answers: [cut(5), "", rest(5)],
      ranges: [undefined, "bytes=5-", "bytes=5-"]
    },
    {
      name: "continues after the lost connection of a file that begins anew",
      answers: [cut(5, []), "", cut(20)],
      ranges: [undefined, undefined, undefined]
    },
    {
      name: "does not continue after more breaks than allowed",
      answers: [cut(5), rest(5, 6), rest(6, 7)],
      ranges: [undefined, "bytes=5-", "bytes=6-"],
      resume: 2,
      fails: "ClientPayloadError"
    },
    {
      name: "does not end with a part that ends before the file",
      answers: [
        cut(5),
        `HTTP/1.1 206 Part\r\n${etag}\r\nContent-Range: bytes 5-19/20\r\nContent-Length: 3\r\n\r\n567`,
        rest(8)
      ],
      ranges: [undefined, "bytes=5-", "bytes=8-"]
    },
    {
      name: "does not continue after any break where none is allowed",
      answers: [cut(5)],
      ranges: [undefined],
      resume: 0,
      fails: "ClientPayloadError"
    },
    { name: "writes no error", answers: [response(404)], ranges: [undefined], fails: "ClientResponseError" },
    {
      name: "writes no error that follows a break",
      answers: [cut(5), response(410)],
      ranges: [undefined, "bytes=5-"],
      fails: "ClientResponseError"
    },
    {
      name: "does not send a request again that has had no answer, nor from a new connection",
      answers: ["", ""],
      ranges: [undefined, undefined],
      fails: "ServerDisconnectedError"
    },
    {
      name: "does not continue a part that the caller has asked for",
      answers: [rest(5, 7)],
      ranges: [undefined],
      fails: "ClientPayloadError"
    }
  ]
  for (const { answers, fails, name, ranges, resume } of outcomes) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const { at, connector, request } = yield* scripted(answers)
        const outcome = yield* download(request, resume === undefined ? {} : { resume })
        const asked = yield* at.requests
        assert.deepStrictEqual(
          asked.map(({ header }) => header("range")),
          ranges
        )
        for (const { header } of asked) {
          assert.strictEqual(header("accept-encoding"), "identity")
          assert.strictEqual(header("if-range") === undefined, header("range") === undefined)
        }
        if (fails === undefined) {
          assertWhole(outcome)
          assert.isTrue(Exit.isSuccess(outcome.exit) && outcome.exit.value.status === 200)
        } else assertFailed(outcome, fails)
        assert.strictEqual((yield* connector.stats).acquired, 0)
      })
    )
  }

  it.scopedLive("counts the bytes of all parts against maxBodySize and withMaxBodySize", () =>
    Effect.gen(function* () {
      const begin = `HTTP/1.1 200 OK\r\n${etag}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n`
      const attempt = (options: RequestOptions, size: Option.Option<number>) =>
        Effect.gen(function* () {
          let count = 0
          const server = yield* Server.always((peer) =>
            Effect.zipRight(
              peer.request,
              Effect.suspend(() => Effect.zipRight(peer.send(count++ === 0 ? begin : rest(5)), peer.fin))
            )
          )
          const { session } = yield* Sites.sessionWith()
          const request = session.get(`http://a.test:${server.port}/file`, options)
          return yield* HttpIncomingMessage.withMaxBodySize(download(request), size)
        })
      for (const [options, size] of [
        [{ maxBodySize: 19 }, Option.none()],
        [{}, Option.some(19)]
      ] as const) {
        const outcome = yield* attempt(options, size)
        assertFailed(outcome, "ClientPayloadError")
        assert.propertyVal(failure(outcome.exit), "reason", "TooLarge")
      }
      assertWhole(yield* attempt({ maxBodySize: 20 }, Option.some(20)))
    })
  )

  it.live("does not repeat an effect with a response that does not come from a session", () =>
    Effect.gen(function* () {
      let runs = 0
      const request = Effect.sync(() => {
        runs++
        const made = make({ headers: [["ETag", '"v1"']], length: content.length })
        made.push("01234")
        made.fail(new ClientPayloadError({ reason: "Incomplete", received: 5 }))
        return made.response
      })
      assertFailed(yield* Effect.scoped(download(request)), "ClientPayloadError")
      assert.strictEqual(runs, 1)
    })
  )

  it.scopedLive("reports progress over all parts", () =>
    Effect.gen(function* () {
      const { request } = yield* scripted([cut(5), rest(5)])
      const seen: Array<Progress> = []
      assertWhole(yield* download(request, { onProgress: (progress) => Effect.sync(() => void seen.push(progress)) }))
      assert.deepStrictEqual(
        seen.map(({ direction, total, transferred }) => [direction, transferred, Option.getOrNull(total)]),
        [
          ["download", 5, 20],
          ["download", 20, 20]
        ]
      )
    })
  )
})

/** A directory, and the download of a file that is complete, into a path of it. */
const place = Effect.gen(function* () {
  const directory = yield* folder
  const a = yield* site(() => response(200, content))
  const { session } = yield* Sites.sessionWith()
  const request = session.get(a.to("a.test", "/file"))
  return {
    a,
    session,
    request,
    at: (name: string) => join(directory, name),
    names: () => readdirSync(directory).sort(),
    save: (name: string) => ClientResponse.toFile(request, join(directory, name))
  }
})

const live = (name: string, test: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
  it.scopedLive(name, () => Effect.provide(test, NodeFileSystem.layer))

/** Node's file system but for some functions. */
const patched = (patch: (fs: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({ ...fs, ...patch(fs) }))
  ).pipe(Layer.provide(NodeFileSystem.layer))

const diskError = (method: string) =>
  new PlatformError.SystemError({ reason: "Unknown", module: "FileSystem", method, description: "ENOSPC" })

/** A file handle of Node that fails to write after some bytes. */
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

  it.scopedLive("keeps its owner and group, or its group alone, without the rights of an owner that changed", () =>
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
    "may have a name of the greatest length",
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

  it.scopedLive("stays open until a write that an interruption meets has ended", () =>
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
                    ? // As Node's: an interruption does not reach a write that is under way.
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
        // "folder/.." is x, not the folder that the text says.
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

describe("toFile into a FIFO, a device, a socket or a folder", () => {
  const fifo = (path: string) => Effect.sync(() => void execFileSync("mkfifo", [path]))

  /** All that comes out of a FIFO. */
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

  const noWayBack: ReadonlyArray<readonly [what: string, answers: ReadonlyArray<string>, asked: number, tag: string]> =
    [
      ["there is no validator", [cut(5, []), cut(20)], 1, "ClientPayloadError"],
      ["the server sends all again", [cut(5), cut(20)], 2, "ClientPayloadError"],
      ["the server sends another part", [cut(5), rest(4)], 2, "ClientPayloadError"],
      ["the server has no such part", [cut(5), response(416)], 2, "ClientPayloadError"],
      ["the server says that nothing has changed", [cut(5), "HTTP/1.1 304 Same\r\n\r\n"], 2, "ClientPayloadError"],
      ["the server answers 410", [cut(5), response(410)], 2, "ClientResponseError"]
    ]
  for (const [what, answers, asked, tag] of noWayBack) {
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
      // The threads of the abandoned opens are free again: the next download has its reader.
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
      // The write ends with its reader, and the end of the file follows.
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
