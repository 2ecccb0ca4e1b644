import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { Readable } from "node:stream"
import * as Zlib from "node:zlib"
import * as HttpBody from "@effect/platform/HttpBody"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ClientRequest from "../../../../src/ClientRequest.js"
import { currentEnvironment } from "../../../../src/internal/effect/fiberState.js"
import { redirectTo } from "../../../../src/internal/request/retarget.js"
import { prepared, type Sent, send, wire } from "../support.js"

const url = "http://h/"
const bodyOf = (data: ClientRequest.Data, options?: ClientRequest.RequestOptions) =>
  wire(prepared("POST", url, { ...options, data })).body
const bytes = (...texts: ReadonlyArray<string>): Stream.Stream<Uint8Array> =>
  Stream.fromIterable(texts.map((text) => Buffer.from(text)))
const error = (sent: Sent) => {
  assert.isFalse(sent.ended)
  return sent.error
}

const big = Buffer.alloc(200_000, "abcdefghij")

describe("a request body", () => {
  for (const slow of [false, true]) {
    it.live(`is sent unchanged, ${slow ? "waiting for each drain" : "at once"}, any number of times`, () =>
      Effect.gen(function* () {
        const table: ReadonlyArray<readonly [ClientRequest.Data, string]> = [
          [bytes("a", "", "bc"), "abc"],
          [Stream.empty, ""],
          [HttpBody.stream(bytes("abc"), "a/b", 3), "abc"],
          [HttpBody.raw("text"), "text"],
          [HttpBody.raw(new Blob(["blob"])), "blob"],
          [HttpBody.raw(["a", Uint8Array.of(98)]), "ab"]
        ]
        for (const [data, text] of table) {
          const body = bodyOf(data)
          for (const _ of [1, 2]) {
            const sent = yield* send(body, slow)
            assert.isTrue(sent.ended, String(sent.error))
            assert.strictEqual(sent.bytes.toString(), text)
          }
        }
      })
    )
  }

  it.live("has no empty chunks", () =>
    Effect.gen(function* () {
      const sent = yield* send(bodyOf(bytes("", "a", "", "b", "")))
      assert.deepStrictEqual(
        sent.chunks.map((chunk) => chunk.toString()),
        ["a", "b"]
      )
    })
  )

  it.live("that is longer or shorter than declared fails without writing an excess byte", () =>
    Effect.gen(function* () {
      for (const [texts, written] of [
        [["ab", "cd", "e"], "abcd"],
        [["abcde"], ""],
        [["ab", "c"], "abc"]
      ] as const) {
        const sent = yield* send(bodyOf(HttpBody.stream(bytes(...texts), "a/b", 4)))
        assert.deepInclude(error(sent), { _tag: "RequestBodyError", reason: "Length", phase: "send", method: "POST" })
        assert.strictEqual(sent.bytes.toString(), written)
      }
    })
  )

  it.live("that fails, dies or interrupts itself fails with its cause, and is not completed", () =>
    Effect.gen(function* () {
      const boom = new Error("boom")
      for (const end of [Stream.fail(boom), Stream.die(boom)]) {
        const sent = yield* send(bodyOf(Stream.concat(bytes("ab"), end)))
        const failure = error(sent)
        assert.deepInclude(failure, { _tag: "RequestBodyError", reason: "Source" })
        assert.strictEqual((failure as { readonly cause: unknown }).cause, boom)
        assert.strictEqual(sent.bytes.toString(), "ab")
      }
      const interrupted = yield* send(bodyOf(Stream.concat(bytes("ab"), Stream.fromEffect(Effect.interrupt))))
      assert.deepInclude(error(interrupted), { _tag: "RequestBodyError", reason: "Source" })
    })
  )

  it.live("refuses chunks that are not bytes", () =>
    Effect.gen(function* () {
      const data: HttpBody.Raw = HttpBody.raw(Readable.from([{ no: "bytes" }]))
      assert.deepInclude(error(yield* send(bodyOf(data))), { _tag: "RequestBodyError", reason: "Encode" })
      assert.deepInclude(error(yield* send(bodyOf(HttpBody.raw(42)))), { _tag: "RequestBodyError", reason: "Encode" })
    })
  )

  it.live("releases a cancelled source, and writes nothing afterwards", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const data = bytes("a").pipe(
        Stream.concat(Stream.fromEffect(Effect.zipRight(Deferred.succeed(opened, undefined), Effect.never))),
        Stream.ensuring(Deferred.succeed(closed, undefined))
      )
      const fiber = yield* Effect.fork(send(bodyOf(data)))
      yield* Deferred.await(opened)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(closed)
    })
  )

  it.live("can be cancelled while it waits for a drain or compresses", () =>
    Effect.gen(function* () {
      for (const compress of [undefined, "gzip"] as const) {
        const closed = yield* Deferred.make<void>()
        const data = Stream.repeatValue(big).pipe(Stream.ensuring(Deferred.succeed(closed, undefined)))
        const body = bodyOf(data, { compress })
        assert.strictEqual(body?._tag, "Stream")
        if (body?._tag !== "Stream") return
        const stuck = yield* Deferred.make<void>()
        const source = body.start({
          write: () => {
            Deferred.unsafeDone(stuck, Effect.void)
            return false
          },
          onDrain: undefined,
          end: () => assert.fail("it ended"),
          fail: () => assert.fail("it failed")
        })
        yield* Deferred.await(stuck)
        source.cancel()
        source.cancel()
        yield* Deferred.await(closed)
      }
    })
  )

  it.live("is compressed while it is sent", () =>
    Effect.gen(function* () {
      const decoders = { deflate: Zlib.inflateSync, gzip: Zlib.gunzipSync, br: Zlib.brotliDecompressSync }
      for (const compress of ["deflate", "gzip", "br"] as const) {
        for (const slow of [false, true]) {
          for (const data of [big, Stream.fromIterable([big, Buffer.alloc(0), big]), "x"]) {
            const request = wire(prepared("POST", url, { data, compress }))
            assert.include(request.head, `Content-Encoding: ${compress}\r\n`)
            const sent = yield* send(request.body, slow)
            assert.isTrue(sent.ended)
            const expected = data === "x" ? "x" : data === big ? big.toString() : big.toString().repeat(2)
            assert.isTrue(decoders[compress](sent.bytes).toString() === expected)
          }
        }
      }
    })
  )

  it.live("that fails during compression is not completed", () =>
    Effect.gen(function* () {
      const sent = yield* send(bodyOf(Stream.concat(bytes("ab"), Stream.fail("boom")), { compress: "gzip" }))
      assert.deepInclude(error(sent), { _tag: "RequestBodyError", reason: "Source", cause: "boom" })
    })
  )

  it.live("reports progress before compression, and chunks before they are written", () =>
    Effect.gen(function* () {
      for (const compress of [undefined, "gzip"] as const) {
        const seen: Array<ClientRequest.Progress> = []
        const chunks: Array<readonly [number, number]> = []
        const request = prepared("POST", url, {
          data: big,
          compress,
          onProgress: (progress) => Effect.sync(() => seen.push(progress))
        })
        const environment = yield* currentEnvironment
        const context = {
          environment,
          onChunk: (chunk: Uint8Array, transferred: number) =>
            Effect.sync(() => chunks.push([chunk.length, transferred]))
        }
        const sent = yield* send(wire(request, undefined, context).body)
        assert.isTrue(sent.ended)
        assert.deepStrictEqual(chunks, [
          [65536, 65536],
          [65536, 131072],
          [65536, 196608],
          [3392, 200000]
        ])
        assert.deepStrictEqual(
          seen,
          chunks.map(([, transferred]) => ({ direction: "upload", transferred, total: Option.some(200000) }))
        )
      }
    })
  )

  it.live("runs with the References and the Clock of the requesting fiber", () => {
    class Flag extends Context.Reference<Flag>()("test/Flag", { defaultValue: () => "unset" }) {}
    const data = Stream.fromEffect(Effect.map(Flag, (flag) => Buffer.from(flag)))
    return Effect.gen(function* () {
      const environment = yield* currentEnvironment
      const sent = yield* send(wire(prepared("POST", url, { data }), undefined, { environment }).body)
      assert.strictEqual(sent.bytes.toString(), "set")
      assert.isAbove(yield* Clock.currentTimeMillis, 0)
    }).pipe(Effect.provideService(Flag, "set"))
  })

  it.live("opens a file for each attempt, and keeps its declared length", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "body-"))),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
      )
      const path = Path.join(directory, "é.bin")
      Fs.writeFileSync(path, big)
      const request = wire(prepared("POST", url, { data: yield* HttpBody.file(path) }))
      assert.include(request.head, "Content-Length: 200000\r\n")
      for (const _ of [1, 2]) assert.isTrue((yield* send(request.body)).bytes.equals(big))
      Fs.writeFileSync(path, "short")
      assert.deepInclude(error(yield* send(request.body)), { reason: "Length" })
      Fs.writeFileSync(path, Buffer.concat([big, big]))
      const grown = yield* send(request.body)
      assert.deepInclude(error(grown), { reason: "Length" })
      assert.isAtMost(grown.bytes.length, big.length)
      Fs.rmSync(path)
      assert.deepInclude(error(yield* send(request.body)), { reason: "Source" })
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))
  )
})

describe("a body that can be read once", () => {
  async function* generate() {
    yield Buffer.from("on")
    yield "ce"
  }
  const makers: ReadonlyArray<readonly [string, () => HttpBody.HttpBody]> = [
    ["oneShot", () => ClientRequest.oneShot(bytes("on", "ce"))],
    ["a Readable", () => HttpBody.raw(Readable.from(["on", "ce"]))],
    ["a ReadableStream", () => HttpBody.raw(new Blob(["once"]).stream())],
    ["a generator", () => HttpBody.raw(generate())]
  ]
  for (const [what, make] of makers) {
    it.live(`of ${what} is sent once, and fails the second attempt`, () =>
      Effect.gen(function* () {
        const request = prepared("POST", url, { data: make() })
        const body = wire(request).body
        assert.deepInclude(body, { _tag: "Stream", replayable: false })
        assert.strictEqual((yield* send(body)).bytes.toString(), "once")
        const again = yield* send(body)
        assert.deepInclude(error(again), { _tag: "RequestBodyError", reason: "NotReplayable" })
        assert.lengthOf(again.chunks, 0)
        const next = redirectTo(request, request.target, "POST", true)
        assert.deepInclude(error(yield* send(wire(next).body)), { reason: "NotReplayable" })
      })
    )
  }
  it.live("destroys a Readable that is no longer needed", () =>
    Effect.gen(function* () {
      const readable = new Readable({ read() {} })
      readable.push("a")
      const closed = yield* Deferred.make<void>()
      readable.once("close", () => Deferred.unsafeDone(closed, Effect.void))
      const written = yield* Deferred.make<void>()
      const body = bodyOf(HttpBody.raw(readable))
      if (body?._tag !== "Stream") return assert.fail("no stream")
      const source = body.start({
        write: () => {
          Deferred.unsafeDone(written, Effect.void)
          return true
        },
        onDrain: undefined,
        end: () => {},
        fail: () => {}
      })
      yield* Deferred.await(written)
      source.cancel()
      yield* Deferred.await(closed)
    })
  )
})
