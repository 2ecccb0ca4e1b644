import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as PlatformMultipart from "@effect/platform/Multipart"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as ClientRequest from "../src/ClientRequest.js"
import { receivedParts } from "../src/internal/response/body/receivedParts.js"
import * as Multipart from "../src/Multipart.js"
import { failure, prepared, send, values, wire } from "./internal/request/support.js"

const url = "http://h/"
const boundary = "b0undary"

/** Sends the body twice and checks that both times are equal and have the Content-Length. */
const sent = (data: ClientRequest.Data, options?: ClientRequest.RequestOptions) =>
  Effect.gen(function* () {
    const request = wire(prepared("POST", url, { ...options, data }))
    const first = yield* send(request.body)
    const second = yield* send(request.body)
    assert.isTrue(first.ended, String(first.error))
    assert.isTrue(first.bytes.equals(second.bytes))
    const [length] = values(request, "content-length")
    if (length === undefined) assert.deepStrictEqual(values(request, "transfer-encoding"), ["chunked"])
    else assert.strictEqual(Number(length), first.bytes.length)
    return { text: first.bytes.toString(), bytes: first.bytes, length, type: values(request, "content-type")[0] }
  })

const lines = (...texts: ReadonlyArray<string>) => texts.map((text) => `${text}\r\n`).join("")

describe("make", () => {
  it.live("writes each part with its headers, and announces the length", () =>
    Effect.gen(function* () {
      const data = Multipart.make(
        [
          Multipart.part("title", "A report"),
          Multipart.part("meta", "{}", { contentType: "application/json" }),
          Multipart.part("raw", Uint8Array.of(0x61), { filename: "raw.json" }),
          Multipart.part("bytes", Uint8Array.of(0x62)),
          Multipart.part("empty", new Uint8Array(0), { filename: "empty.bin", headers: { "X-Part": "1" } }),
          Multipart.part("form", { a: "1", b: ["2", "3"] }),
          Multipart.part("typed", "<a/>", { headers: { "content-type": "application/xml" }, contentType: "text/plain" })
        ],
        { boundary }
      )
      const { length, text, type } = yield* sent(data)
      assert.strictEqual(type, "multipart/form-data; boundary=b0undary")
      assert.strictEqual(data.contentType, type)
      assert.isDefined(length)
      assert.strictEqual(
        text,
        lines(
          "--b0undary",
          'Content-Disposition: form-data; name="title"',
          "",
          "A report",
          "--b0undary",
          'Content-Disposition: form-data; name="meta"',
          "Content-Type: application/json",
          "",
          "{}",
          "--b0undary",
          'Content-Disposition: form-data; name="raw"; filename="raw.json"',
          "Content-Type: application/json",
          "",
          "a",
          "--b0undary",
          'Content-Disposition: form-data; name="bytes"; filename="bytes"',
          "Content-Type: application/octet-stream",
          "",
          "b",
          "--b0undary",
          'Content-Disposition: form-data; name="empty"; filename="empty.bin"',
          "Content-Type: application/octet-stream",
          "X-Part: 1",
          "",
          "",
          "--b0undary",
          'Content-Disposition: form-data; name="form"',
          "",
          "a=1&b=2&b=3",
          "--b0undary",
          'Content-Disposition: form-data; name="typed"',
          "content-type: application/xml",
          "",
          "<a/>",
          "--b0undary--"
        )
      )
    })
  )

  it.live("writes a body without parts", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* sent(Multipart.make([], { boundary }))).text, "--b0undary--\r\n")
    })
  )

  it.live("writes names in UTF-8, with quotes and line ends percent-encoded", () =>
    Effect.gen(function* () {
      const data = Multipart.make([Multipart.part('n"ä\r\n', "x", { filename: 'fi"le é\n.txt' })], { boundary })
      const { text } = yield* sent(data)
      assert.include(text, 'Content-Disposition: form-data; name="n%22ä%0D%0A"; filename="fi%22le é%0A.txt"\r\n')
      assert.include(text, "Content-Type: text/plain\r\n")
    })
  )

  it.live("streams parts, chunked unless all lengths are known", () =>
    Effect.gen(function* () {
      const stream = Stream.make(Buffer.from("ab"), Buffer.from("c"))
      const known = yield* sent(Multipart.make([Multipart.part("s", stream, { contentLength: 3 })], { boundary }))
      const unknown = yield* sent(Multipart.make([Multipart.part("s", stream)], { boundary }))
      assert.isDefined(known.length)
      assert.isUndefined(unknown.length)
      assert.strictEqual(known.text, unknown.text)
      assert.include(known.text, 'name="s"; filename="s"\r\nContent-Type: application/octet-stream\r\n\r\nabc\r\n')
      for (const contentLength of [2, 4]) {
        const request = prepared("POST", url, {
          data: Multipart.make([Multipart.part("s", stream, { contentLength })])
        })
        const result = yield* send(wire(request).body)
        assert.isFalse(result.ended)
        assert.deepInclude(result.error, { _tag: "RequestBodyError", reason: "Length" })
      }
    })
  )

  it.live("does not send a part a second time that can be read only once", () =>
    Effect.gen(function* () {
      const data = Multipart.make([Multipart.part("s", ClientRequest.oneShot(Stream.make(Buffer.from("a"))))])
      const { body } = wire(prepared("POST", url, { data }))
      assert.deepInclude(body, { replayable: false })
      assert.isTrue((yield* send(body)).ended)
      assert.deepInclude((yield* send(body)).error, { reason: "NotReplayable" })
    })
  )

  it.live("makes other types than form-data, nests, and takes the boundary of a Content-Type header", () =>
    Effect.gen(function* () {
      const inner = Multipart.make([Multipart.part(undefined, "x")], { subtype: "alternative", boundary: "in" })
      const outer = Multipart.make([Multipart.part(undefined, inner)], { subtype: "mixed", boundary: "o ut" })
      const { text, type } = yield* sent(outer)
      assert.strictEqual(type, 'multipart/mixed; boundary="o ut"')
      assert.strictEqual(
        text,
        lines(
          "--o ut",
          "Content-Type: multipart/alternative; boundary=in",
          "",
          "--in",
          "",
          "x",
          "--in--",
          "",
          "--o ut--"
        )
      )
      const headers = { "content-type": "multipart/form-data; boundary=mine" }
      const other = yield* sent(Multipart.make([Multipart.part("a", "b")]), { headers })
      assert.include(other.text, "--mine--")
      assert.strictEqual(other.type, headers["content-type"])
      const without = { headers: { "content-type": "multipart/form-data" }, data: Multipart.make([]) }
      assert.deepInclude(failure("POST", url, without), { _tag: "InvalidRequest", option: "content-type" })
    })
  )

  it("makes random boundaries of 192 bits that never repeat", () => {
    const seen = new Set(Array.from({ length: 1000 }, () => Multipart.make([]).contentType))
    assert.strictEqual(seen.size, 1000)
    for (const type of seen) assert.match(type, /^multipart\/form-data; boundary=[0-9a-f]{48}$/)
  })

  it("fails the request if a value would break a part's head", () => {
    for (const bad of ["\0", "\x01", "\x1f", "\x7f", "\ud800"]) {
      const parts = [
        Multipart.part(`a${bad}`, "x"),
        Multipart.part("a", "x", { filename: `f${bad}` }),
        Multipart.part("a", "x", { contentType: `a/b${bad}` }),
        Multipart.part("a", "x", { headers: { "x-a": bad } }),
        Multipart.part("a", "x", { headers: [[`x${bad}`, "a"]] })
      ]
      for (const part of parts) {
        assert.deepInclude(failure("POST", url, { data: Multipart.make([part]) }), {
          _tag: "InvalidRequest",
          option: "data"
        })
      }
    }
    for (const bad of ["\r\nX-Evil: 1", "\n"]) {
      for (const options of [{ contentType: `a/b${bad}` }, { headers: { "x-a": `a${bad}b` } }]) {
        const data = Multipart.make([Multipart.part("a", "x", options)])
        assert.deepInclude(failure("POST", url, { data }), { _tag: "InvalidRequest" })
      }
    }
    for (const options of [
      { boundary: "" },
      { boundary: "a\r\nb" },
      { boundary: "a " },
      { boundary: "é" },
      { boundary: "a".repeat(71) },
      { subtype: "a b" },
      { subtype: "" }
    ]) {
      assert.deepInclude(failure("POST", url, { data: Multipart.make([], options) }), { _tag: "InvalidRequest" })
    }
    assert.deepInclude(failure("POST", url, { data: Multipart.make([Multipart.part(undefined, "x")]) }), {
      _tag: "InvalidRequest"
    })
  })

  it.live("makes bodies that Node's own parser reads, whatever they hold", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.tuple(fc.string({ unit: "grapheme", minLength: 1 }), fc.uint8Array({ maxLength: 60 }), fc.boolean()),
            { maxLength: 4 }
          ),
          async (fields) => {
            const clean = fields.map(
              ([name, bytes, file]) => [name.replace(/[\0-\x1f\x7f]/g, "_"), bytes, file] as const
            )
            const parts = clean.map(([name, bytes, file]) =>
              file ? Multipart.part(name, bytes) : Multipart.part(name, Buffer.from(bytes).toString("hex"))
            )
            const data = await Effect.runPromise(sent(Multipart.make(parts)))
            const form = await new Response(new Uint8Array(data.bytes), {
              headers: { "content-type": data.type ?? "" }
            }).formData()
            const got = [...form.entries()]
            assert.lengthOf(got, clean.length)
            for (const [i, [name, value]] of got.entries()) {
              const [expected, bytes] = clean[i] ?? []
              assert.strictEqual(name, expected)
              if (typeof value === "string") assert.strictEqual(value, Buffer.from(bytes ?? []).toString("hex"))
              else assert.deepStrictEqual(new Uint8Array(await value.arrayBuffer()), new Uint8Array(bytes ?? []))
            }
          }
        ),
        { numRuns: 60, seed: 7 }
      )
    )
  )
})

describe("file", () => {
  it.live("streams the file each time it is sent, with its length, name and type", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "multipart-"))),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
      )
      const content = "x".repeat(300_000)
      for (const [name, text] of [
        ["up é.json", content],
        ["empty", ""]
      ] as const) {
        const path = Path.join(directory, name)
        Fs.writeFileSync(path, text)
        const file = yield* Multipart.file("report", path, { headers: { "x-part": "1" } })
        const result = yield* sent(Multipart.make([file]))
        assert.isDefined(result.length)
        assert.include(result.text, `name="report"; filename="${name}"\r\n`)
        assert.include(
          result.text,
          `Content-Type: ${text === "" ? "application/octet-stream" : "application/json"}\r\nx-part: 1\r\n\r\n${text}\r\n`
        )
      }
      const absent = yield* Effect.flip(Multipart.file("a", Path.join(directory, "absent")))
      assert.strictEqual(absent._tag, "SystemError")
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))
  )
})

describe("a web form", () => {
  it.live("is sent as browsers send it", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("a", "line\nend")
      form.append('q"', new File(["content"], "f.txt", { type: "text/plain" }))
      form.append("b", new Blob(["blob"]))
      const { bytes, length, text, type } = yield* sent(form)
      assert.isDefined(length)
      assert.include(text, 'name="a"\r\n\r\nline\r\nend\r\n')
      assert.include(text, 'name="q%22"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n')
      const read = yield* Effect.promise(() =>
        new Response(new Uint8Array(bytes), { headers: { "content-type": type ?? "" } }).formData()
      )
      assert.deepStrictEqual([...read.keys()], ["a", 'q"', "b"])
    })
  )

  for (const size of [0, 1, 65_536, 262_144, 262_145, 1_000_000]) {
    it.live(`and a multipart message hold a Blob of ${size} bytes`, () =>
      Effect.gen(function* () {
        const content = Buffer.alloc(size, "0123456789")
        const form = new FormData()
        form.append("a", "text")
        form.append("b", new Blob([content]), "b.bin")
        const parts = Multipart.make([
          Multipart.part("a", "text"),
          Multipart.part("b", new Blob([content]), { filename: "b.bin" })
        ])
        for (const data of [form, parts]) {
          const { bytes, length, type } = yield* sent(data)
          assert.isDefined(length)
          const read = yield* Effect.promise(() =>
            new Response(new Uint8Array(bytes), { headers: { "content-type": type ?? "" } }).formData()
          )
          assert.strictEqual(read.get("a"), "text")
          const file = read.get("b")
          assert.instanceOf(file, File)
          assert.isTrue(Buffer.from(yield* Effect.promise(() => file.arrayBuffer())).equals(content))
        }
      })
    )
  }

  it.live("fails with the error of a Blob that cannot be read", () =>
    Effect.gen(function* () {
      const blob = new Blob(["content"])
      const gone = new Error("the file has changed")
      Object.defineProperty(blob, "arrayBuffer", { value: () => Promise.reject(gone) })
      const request = wire(prepared("POST", url, { data: Multipart.make([Multipart.part("b", blob)]) }))
      const { error } = yield* send(request.body)
      assert.deepInclude(error, { _tag: "RequestBodyError", reason: "Source", cause: gone })
    })
  )
})

describe("parts", () => {
  it.live("yields the parts of a response as they arrive", () =>
    Effect.gen(function* () {
      const data = Multipart.make([
        Multipart.part("a", "1"),
        Multipart.part("f", Buffer.from("two"), { filename: "f.bin" })
      ])
      const { bytes, type } = yield* sent(data)
      const source = {
        headers: { "content-type": type ?? "" },
        stream: Stream.fromIterable(bytes).pipe(Stream.map((byte) => Uint8Array.of(byte)))
      }
      const found = yield* receivedParts(source).pipe(
        Stream.mapEffect((part) =>
          PlatformMultipart.isFile(part)
            ? Effect.map(part.contentEffect, (content) => `${part.key} ${part.name} ${Buffer.from(content)}`)
            : Effect.succeed(`${part.key} ${part._tag === "Field" ? part.value : ""}`)
        ),
        Stream.runCollect
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(found), ["a 1", "f f.bin two"])
      const cut = Stream.take(source.stream, bytes.length - 20)
      const error = yield* Effect.flip(Stream.runDrain(receivedParts({ ...source, stream: cut })))
      assert.strictEqual(error._tag, "MultipartError")
      const none = yield* Effect.flip(Stream.runDrain(receivedParts({ ...source, headers: {} })))
      assert.strictEqual(none._tag, "MultipartError")
    })
  )
})

/** A file whose bytes only its stream has, which is how programs pass stored files to `fetch`. */
class StoredFile extends File {
  private readonly stored: string

  constructor(stored: string, name: string) {
    super([], name, { type: "text/plain" })
    this.stored = stored
  }
  override get size(): number {
    return this.stored.length
  }
  override stream() {
    return new Blob([this.stored]).stream()
  }
}

describe("a file with a stream of its own", () => {
  it.live("is sent from its stream, also if it is small", () =>
    Effect.gen(function* () {
      const file = new StoredFile("hello", "a.txt")
      const form = new FormData()
      form.append("f", file)
      const [asField, asPart, asBody] = [
        yield* sent(form),
        yield* sent(Multipart.make([Multipart.part("f", file)], { boundary })),
        yield* sent(file)
      ]
      assert.include(asField.text, "\r\n\r\nhello\r\n")
      assert.include(asPart.text, "\r\n\r\nhello\r\n")
      assert.strictEqual(asBody.text, "hello")
    })
  )
})
