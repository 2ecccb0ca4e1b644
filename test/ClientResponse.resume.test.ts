/** `toFile` with `resume: true`: the files that one run leaves, and how the next run continues. */
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  createReadStream,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import type { RequestOptions } from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { content, cut, etag, folder, isCut, rest, tagOf } from "./support/downloads.js"
import * as Server from "./support/server.js"
import * as Sites from "./support/sites.js"

const { response } = Server

/** The beginning of a head: a connection that ends without a byte would be followed by another one at once. */
const unanswered = "HTTP/1.1 2"

/** A folder, and a server with one answer for each request; "" closes without an answer. Each run has its own session. */
const runs = (answers: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const directory = yield* folder
    let next = 0
    const play: Server.Play = (peer): Effect.Effect<void> =>
      Effect.flatMap(peer.request, () => {
        const answer = answers[next++] ?? response(500, "one request too many")
        return Effect.zipRight(
          peer.send(answer === "" ? unanswered : answer),
          isCut(answer) ? peer.fin : Effect.suspend(() => play(peer))
        )
      })
    const server = yield* Server.always(play)
    const at = (name: string) => join(directory, name)
    const url = `http://a.test:${server.port}/file`
    const run = (
      options: {
        readonly url?: string
        readonly request?: RequestOptions
        readonly file?: ClientResponse.FileOptions
      } = {}
    ) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { session } = yield* Sites.sessionWith()
          const request = session.get(options.url ?? url, options.request)
          return yield* Effect.exit(ClientResponse.toFile(request, at("file"), { resume: true, ...options.file }))
        })
      ).pipe(Effect.provide(NodeFileSystem.layer))
    const names = () => readdirSync(directory).sort()
    const unfinished = () => names().find((name) => name.endsWith(".unfinished"))
    return { at, names, run, server, unfinished, url }
  })

const ranges = (server: Server.Server) =>
  Effect.map(server.requests, (all) => all.map(({ header }) => [header("range"), header("if-range")]))

const none = [undefined, undefined]
const from = (offset: number, validator = '"v1"') => [`bytes=${offset}-`, validator]

/** Breaks at once, four times, so that a run fails. */
const breaks = (offset: number) => [cut(offset), "", "", ""]

const dated = ["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:49:39 GMT"]

const live = (name: string, test: Effect.Effect<void, unknown, Scope.Scope>) => it.scopedLive(name, () => test)

describe("toFile with resume: true", () => {
  live(
    "leaves an unfinished file that the next run completes",
    Effect.gen(function* () {
      const { at, names, run, server, unfinished } = yield* runs([...breaks(5), rest(5)])
      assert.strictEqual(tagOf(yield* run()), "ServerDisconnectedError")
      assert.match(names().join(), /^file\.[0-9a-f]{12}\.unfinished$/)
      assert.isTrue(readFileSync(at(unfinished() ?? ""), "latin1").startsWith("01234{"))
      const exit = yield* run()
      assert.isTrue(Exit.isSuccess(exit) && exit.value.status === 206)
      assert.deepStrictEqual(names(), ["file"])
      assert.strictEqual(readFileSync(at("file"), "utf8"), content)
      assert.deepStrictEqual(yield* ranges(server), [none, from(5), from(5), from(5), from(5)])
    })
  )

  live(
    "continues over many runs, also by date",
    Effect.gen(function* () {
      const { at, names, run, server } = yield* runs([
        cut(3, dated),
        ...["", "", ""],
        rest(3, 5, []),
        ...["", "", ""],
        rest(5, 11, []),
        rest(11, 20, [])
      ])
      const date = "Sun, 06 Nov 1994 08:49:37 GMT"
      assert.isTrue(Exit.isFailure(yield* run()))
      assert.isTrue(Exit.isFailure(yield* run()))
      assert.isTrue(Exit.isSuccess(yield* run()))
      assert.deepStrictEqual(names(), ["file"])
      assert.strictEqual(readFileSync(at("file"), "utf8"), content)
      assert.deepStrictEqual(
        (yield* ranges(server)).filter(([, validator]) => validator !== date),
        [none]
      )
    })
  )

  live(
    "leaves an unfinished file after an interruption",
    Effect.gen(function* () {
      const directory = yield* folder
      const server = yield* Server.server([
        Server.plays(Server.request, Server.send(cut(5)), Server.stall),
        Server.plays(Server.request, Server.send(rest(5)))
      ])
      const { session } = yield* Sites.sessionWith()
      const started = yield* Deferred.make<void>()
      const save = ClientResponse.toFile(session.get(`http://a.test:${server.port}/file`), join(directory, "file"), {
        resume: true,
        onProgress: () => Effect.asVoid(Deferred.succeed(started, undefined))
      }).pipe(Effect.provide(NodeFileSystem.layer))
      const fiber = yield* Effect.fork(save)
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.lengthOf(readdirSync(directory), 1)
      yield* save
      assert.deepStrictEqual(readdirSync(directory), ["file"])
      assert.strictEqual(readFileSync(join(directory, "file"), "utf8"), content)
    })
  )

  const anew: ReadonlyArray<{
    readonly what: string
    readonly answers: ReadonlyArray<string>
    readonly asked: ReadonlyArray<ReadonlyArray<string | undefined>>
  }> = [
    { what: "sends the whole file", answers: [cut(20)], asked: [from(5)] },
    { what: "sends another part", answers: [rest(4), cut(20)], asked: [from(5), none] },
    {
      what: "sends a part of another version",
      answers: [rest(5, 20, ['ETag: "v2"']), cut(20)],
      asked: [from(5), none]
    },
    { what: "has no such part", answers: [response(416), cut(20)], asked: [from(5), none] },
    {
      what: "sends the whole file, which breaks",
      answers: [cut(7, ['ETag: "v2"']), rest(7, 20, ['ETag: "v2"'])],
      asked: [from(5), from(7, '"v2"')]
    }
  ]
  for (const { answers, asked, what } of anew) {
    live(
      `starts over if the server ${what}`,
      Effect.gen(function* () {
        const { at, names, run, server } = yield* runs([...breaks(5), ...answers])
        assert.isTrue(Exit.isFailure(yield* run()))
        assert.strictEqual(tagOf(yield* run()), "Success")
        assert.deepStrictEqual(names(), ["file"])
        assert.strictEqual(readFileSync(at("file"), "utf8"), content)
        assert.deepStrictEqual((yield* ranges(server)).slice(4), asked)
      })
    )
  }

  live(
    "starts over if the URL differs, even with the same ETag",
    Effect.gen(function* () {
      const { at, run, server, url } = yield* runs([...breaks(5), rest(5), cut(20)])
      assert.isTrue(Exit.isFailure(yield* run()))
      assert.isTrue(Exit.isSuccess(yield* run({ url: `${url}?other` })))
      assert.strictEqual(readFileSync(at("file"), "utf8"), content)
      assert.deepStrictEqual((yield* ranges(server)).slice(4), [from(5), none])
    })
  )

  live(
    "continues if a redirect leads to another URL each time",
    Effect.gen(function* () {
      const { at, run, server } = yield* runs([
        Sites.redirect(302, "/signed?1"),
        ...breaks(5),
        Sites.redirect(302, "/signed?2"),
        rest(5)
      ])
      assert.isTrue(Exit.isFailure(yield* run()))
      assert.isTrue(Exit.isSuccess(yield* run()))
      assert.strictEqual(readFileSync(at("file"), "utf8"), content)
      assert.deepStrictEqual((yield* ranges(server)).slice(5), [from(5), from(5)])
    })
  )

  live(
    "keeps an unfinished file if a run gets an error, and removes it after 304",
    Effect.gen(function* () {
      const { at, names, run, unfinished } = yield* runs([...breaks(5), response(503), "", "HTTP/1.1 304 Same\r\n\r\n"])
      writeFileSync(at("file"), "old")
      assert.strictEqual(tagOf(yield* run()), "ServerDisconnectedError")
      const bytes = readFileSync(at(unfinished() ?? ""))
      assert.strictEqual(tagOf(yield* run()), "ClientResponseError")
      assert.strictEqual(tagOf(yield* run()), "ServerDisconnectedError")
      assert.deepStrictEqual(readFileSync(at(unfinished() ?? "")), bytes)
      assert.strictEqual(readFileSync(at("file"), "utf8"), "old")
      assert.isTrue(Exit.isSuccess(yield* run({ request: { headers: { "If-None-Match": '"old"' } } })))
      assert.deepStrictEqual(names(), ["file"])
      assert.strictEqual(readFileSync(at("file"), "utf8"), "old")
    })
  )

  const nothing: ReadonlyArray<
    readonly [what: string, answers: ReadonlyArray<string>, request: RequestOptions, file: ClientResponse.FileOptions]
  > = [
    ["a file without a validator", [cut(5, []), "", "", ""], {}, {}],
    ["a body that is too large", [cut(20)], { maxBodySize: 10 }, {}],
    ["a part that the request has asked for", [rest(5, 7)], { headers: { Range: "bytes=5-" } }, {}],
    ["an error", [response(404)], {}, {}],
    ["a run with another resume", breaks(5), {}, { resume: 3 }],
    ["a run that may not resume", [cut(5)], {}, { resume: false }]
  ]
  for (const [what, answers, request, file] of nothing) {
    live(
      `leaves nothing of ${what}`,
      Effect.gen(function* () {
        const { names, run, server } = yield* runs(answers)
        assert.isTrue(Exit.isFailure(yield* run({ request, file })))
        assert.deepStrictEqual(names(), [])
        assert.lengthOf(yield* server.requests, answers.length)
      })
    )
  }

  live(
    "writes the part that the request itself asks for, and does not mix it with an unfinished file",
    Effect.gen(function* () {
      const { at, names, run } = yield* runs([...breaks(5), rest(7)])
      assert.isTrue(Exit.isFailure(yield* run()))
      assert.isTrue(Exit.isSuccess(yield* run({ request: { headers: { Range: "bytes=7-" } } })))
      assert.deepStrictEqual(names(), ["file"])
      assert.strictEqual(readFileSync(at("file"), "utf8"), content.slice(7))
    })
  )

  const damages: ReadonlyArray<readonly [what: string, damage: (path: string) => void]> = [
    ["is empty", (path) => truncateSync(path, 0)],
    ["is cut", (path) => truncateSync(path, 40)],
    ["lacks its last byte", (path) => truncateSync(path, statSync(path).size - 1)],
    ["has a byte more", (path) => writeFileSync(path, "x", { flag: "a" })],
    ["has bytes before", (path) => writeFileSync(path, Buffer.concat([Buffer.from("x"), readFileSync(path)]))],
    ["has impossible facts", (path) => writeFileSync(path, '01234{"offset":5}0000000c\0toFile1')],
    ["has an impossible length", (path) => writeFileSync(path, "01234zzzzzzzz\0toFile1")]
  ]
  for (const [what, damage] of damages) {
    live(
      `starts over if the unfinished file ${what}`,
      Effect.gen(function* () {
        const { at, names, run, server, unfinished } = yield* runs([...breaks(5), cut(20)])
        assert.isTrue(Exit.isFailure(yield* run()))
        damage(at(unfinished() ?? ""))
        assert.isTrue(Exit.isSuccess(yield* run()))
        assert.deepStrictEqual(names(), ["file"])
        assert.strictEqual(readFileSync(at("file"), "utf8"), content)
        assert.deepStrictEqual((yield* ranges(server)).slice(4), [none])
      })
    )
  }

  const traps: ReadonlyArray<readonly [what: string, lay: (path: string, victim: string) => void]> = [
    ["a symbolic link to another file", (path, victim) => symlinkSync(victim, path)],
    ["a hard link of another file", (path, victim) => linkSync(victim, path)],
    ["a FIFO", (path) => void execFileSync("mkfifo", [path])],
    ["a folder", (path) => mkdirSync(path)]
  ]
  for (const [what, lay] of traps) {
    live(
      `starts over if ${what} has the name of the unfinished file, and does not write to it`,
      Effect.gen(function* () {
        const { at, names, run, unfinished } = yield* runs([...breaks(5), cut(20)])
        assert.isTrue(Exit.isFailure(yield* run()))
        const name = unfinished() ?? ""
        const victim = join(yield* folder, "victim")
        writeFileSync(victim, readFileSync(at(name)))
        const before = readFileSync(victim)
        rmSync(at(name))
        lay(at(name), victim)
        assert.isTrue(Exit.isSuccess(yield* run()))
        assert.strictEqual(readFileSync(at("file"), "utf8"), content)
        assert.deepStrictEqual(readFileSync(victim), before)
        assert.isUndefined(unfinished())
        if (what !== "a folder") assert.deepStrictEqual(names(), ["file"])
      })
    )
  }

  live(
    "gives the unfinished file to only one of several concurrent runs",
    Effect.gen(function* () {
      const directory = yield* folder
      let breaking = true
      const play: Server.Play = (peer) =>
        Effect.flatMap(peer.request, ({ header }) => {
          const ranged = header("range") !== undefined
          return Effect.zipRight(
            peer.send(breaking ? (ranged ? unanswered : cut(5)) : ranged ? rest(5) : cut(20)),
            peer.fin
          )
        })
      const server = yield* Server.always(play)
      const { session } = yield* Sites.sessionWith()
      const save = ClientResponse.toFile(session.get(`http://a.test:${server.port}/file`), join(directory, "file"), {
        resume: true
      }).pipe(Effect.provide(NodeFileSystem.layer))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(save)))
      breaking = false
      const before = (yield* server.requests).length
      yield* Effect.all([save, save, save], { concurrency: 3 })
      const asked = (yield* ranges(server)).slice(before)
      assert.deepStrictEqual(asked.map(([range]) => range ?? "").sort(), ["", "", "bytes=5-"])
      assert.deepStrictEqual(readdirSync(directory), ["file"])
      assert.strictEqual(readFileSync(join(directory, "file"), "utf8"), content)
    })
  )

  live(
    "keeps the mode of an old file, and keeps the unfinished file private",
    Effect.gen(function* () {
      const { at, run, unfinished } = yield* runs([...breaks(5), rest(5)])
      assert.isTrue(Exit.isFailure(yield* run()))
      writeFileSync(at("file"), "old")
      chmodSync(at("file"), 0o640)
      const modes: Array<number> = []
      const onProgress = () =>
        Effect.sync(() => {
          for (const name of readdirSync(join(at("file"), ".."))) modes.push(statSync(at(name)).mode & 0o777)
        })
      assert.isDefined(unfinished())
      assert.isTrue(Exit.isSuccess(yield* run({ file: { onProgress } })))
      assert.deepStrictEqual(modes.sort(), [0o600, 0o640].sort())
      assert.strictEqual(statSync(at("file")).mode & 0o777, 0o640)
    })
  )

  live(
    "counts progress from the first byte of the file",
    Effect.gen(function* () {
      const { run } = yield* runs([...breaks(5), rest(5)])
      assert.isTrue(Exit.isFailure(yield* run()))
      const seen: Array<number> = []
      const onProgress = ({ transferred }: { readonly transferred: number }) =>
        Effect.sync(() => void seen.push(transferred))
      assert.isTrue(Exit.isSuccess(yield* run({ file: { onProgress } })))
      assert.strictEqual(seen[seen.length - 1], 20)
      assert.isTrue(seen.every((count) => count > 5))
    })
  )

  live(
    "leaves nothing beside a FIFO",
    Effect.gen(function* () {
      const { at, names, run } = yield* runs(breaks(5))
      execFileSync("mkfifo", [at("file")])
      const reader = Effect.async<void>((resume) => {
        createReadStream(at("file"))
          .on("data", () => {})
          .on("close", () => resume(Effect.void))
      })
      const [exit] = yield* Effect.all([run(), reader], { concurrency: 2 })
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(names(), ["file"])
    })
  )
})

describe("the metadata of an unfinished file", () => {
  live(
    "holds no URL, which may contain a secret",
    Effect.gen(function* () {
      const { at, run, unfinished, url } = yield* runs(breaks(5))
      assert.isTrue(Exit.isFailure(yield* run({ url: `${url}?signature=s3cr3t-s` })))
      const text = readFileSync(at(unfinished() ?? ""), "latin1")
      assert.include(text, '"validator":"\\"v1\\""')
      assert.notInclude(text, "a.test")
      assert.notInclude(text, "s3cr3t-s")
      assert.include(text, etag.slice(6, 8))
    })
  )
})
