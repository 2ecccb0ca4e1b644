/** Multipart responses: headers, parts without headers, transfer encodings, file names. */
import * as PlatformMultipart from "@effect/platform/Multipart"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { parse } from "../src/internal/http/contentDisposition.js"
import { transferDecoder } from "../src/internal/http/transferEncoding.js"
import { receivedParts } from "../src/internal/response/body/receivedParts.js"
import * as Multipart from "../src/Multipart.js"
import { multipartReason } from "./support/clientErrors.js"

const type = "multipart/mixed; boundary=b"

/** A message in pieces of `size` bytes. */
const message = (text: string, size = Infinity, contentType = type) => {
  const bytes = Buffer.from(text, "latin1")
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, Math.min(bytes.length, at + size)))
  return { headers: { "content-type": contentType }, stream: Stream.fromIterable(pieces) }
}

const sizes = [1, 2, 3, 7, Infinity]

/** Each part as a line. */
const read = (source: ReturnType<typeof message>) =>
  receivedParts(source).pipe(
    Stream.mapEffect((part) =>
      part._tag === "File"
        ? Effect.map(part.contentEffect, (bytes) => `${part.key}|${part.name}|${Buffer.from(bytes).toString("latin1")}`)
        : Effect.succeed(`${part.key}=${part.value}`)
    ),
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray)
  )

const rows: ReadonlyArray<readonly [name: string, text: string, parts: ReadonlyArray<string>]> = [
  ["without headers", "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", ["=one", "=two"]],
  ["without headers and body", "--b\r\n\r\n--b\r\n\r\n\r\n--b--", ["=", "="]],
  ["with a preamble and an epilogue", "x\r\n--bx\r\n\r\n--b\r\n\r\none\r\n--b--\r\nend\r\n--b\r\n", ["=one"]],
  ["with white space behind the boundary", "--b \t\r\n\r\none\r\n--b--  \r\n", ["=one"]],
  ["with content similar to a boundary", "--b\r\n\r\n\r\n--bb\r\n-b\r\n--b--", ["=\r\n--bb\r\n-b"]],
  ["with line breaks in the body", "--b\r\n\r\na\r\n\r\nb\r\n\r\n--b--", ["=a\r\n\r\nb\r\n"]],
  ["with folded headers", '--b\r\nContent-Disposition: form-data;\r\n name="a"\r\n\r\n1\r\n--b--', ["a=1"]],
  ["with headers in any case", '--b\r\ncontent-DISPOSITION: form-data; name="a"\r\n\r\n1\r\n--b--', ["a=1"]],
  [
    "with unquoted names",
    "--b\r\nContent-Disposition: form-data; name=a; filename=my file.txt\r\n\r\n1\r\n--b--",
    ["a|my file.txt|1"]
  ],
  [
    "with a filename in UTF-8",
    '--b\r\nContent-Disposition: form-data; name="a"; filename="\xc3\xa4.txt"\r\n\r\n1\r\n--b--',
    ["a|ä.txt|1"]
  ],
  [
    "with a filename in Latin-1",
    '--b\r\nContent-Disposition: form-data; name="a"; filename="\xe4.txt"\r\n\r\n1\r\n--b--',
    ["a|ä.txt|1"]
  ],
  [
    "with a filename in segments",
    "--b\r\nContent-Disposition: attachment; filename*0*=UTF-8''f-%c3; filename*1*=%a4.txt\r\n\r\n1\r\n--b--",
    ["|f-ä.txt|1"]
  ],
  ["in base64", "--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n--b--", ["=hello"]],
  ["in BASE64 without padding", "--b\r\nContent-Transfer-Encoding: BASE64\r\n\r\naGVsbG8\r\n--b--", ["=hello"]],
  [
    "in quoted-printable",
    "--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db =E4=\r\nc \r\nd=\r\n--b--",
    ["=a=b \ufffdc\r\nd"]
  ],
  ["in 8bit", "--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\na=3D\r\n--b--", ["=a=3D"]],
  [
    "with a file in base64",
    '--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\nContent-Transfer-Encoding: base64\r\n\r\nAP8=\r\n--b--',
    ["f|x|\x00\xff"]
  ],
  ["with a range", "--b\r\nContent-Type: image/png\r\nContent-Range: bytes 0-1/9\r\n\r\n\x89P\r\n--b--", ["||\x89P"]],
  ["with text in a charset", "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe4\r\n--b--", ["=ä"]],
  ["without parts", "--b--", []]
]

describe("parts", () => {
  for (const [name, text, parts] of rows) {
    it.effect(`reads a message ${name}, in pieces of any size`, () =>
      Effect.gen(function* () {
        for (const size of sizes)
          assert.deepStrictEqual(yield* read(message(text, size)), parts, `in pieces of ${size}`)
      })
    )
  }

  it.effect("provides the headers of each part", () =>
    Effect.gen(function* () {
      const text =
        '--b\r\nContent-ID: <1>\r\nX-A: 1\r\nContent-Disposition: inline; filename="a"; size=1\r\n\r\n\r\n--b\r\n\r\n\r\n--b--'
      const [first, second] = Chunk.toReadonlyArray(yield* Stream.runCollect(receivedParts(message(text))))
      assert.strictEqual(first?.headers["content-id"], "<1>")
      assert.strictEqual(first?.headers["x-a"], "1")
      const disposition = Option.getOrThrow(first?.disposition ?? Option.none())
      assert.deepInclude(disposition, { type: "inline", filename: Option.some("a") })
      assert.strictEqual(disposition.parameters.size, "1")
      assert.isTrue(PlatformMultipart.isFile(first))
      assert.isTrue(PlatformMultipart.isField(second))
      assert.deepStrictEqual({ ...second?.headers }, {})
      assert.deepStrictEqual(second?.disposition, Option.none())
    })
  )

  it.effect("reads the parts of a nested part", () =>
    Effect.gen(function* () {
      const text =
        "--b\r\nContent-Type: multipart/related; boundary=c\r\n\r\n--c\r\n\r\none\r\n--c--\r\n\r\n--b\r\n\r\ntwo\r\n--b--"
      const inner = receivedParts(message(text, 5)).pipe(
        Stream.flatMap((part) =>
          part._tag === "File" ? Multipart.parts({ headers: part.headers, stream: part.content }) : Stream.make(part)
        ),
        Stream.runFold("", (all, part) => `${all} ${part._tag === "Field" ? part.value : ""}`)
      )
      assert.strictEqual(yield* inner, " one two")
    })
  )

  it.effect("skips content that is not read", () =>
    Effect.gen(function* () {
      const file = (name: string) =>
        `--b\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\n\r\n${name.repeat(100)}\r\n`
      for (const size of sizes) {
        const parts = yield* Stream.runCollect(receivedParts(message(`${file("x")}${file("y")}--b--`, size)))
        assert.strictEqual(
          Chunk.toReadonlyArray(parts)
            .map(({ key }) => key)
            .join(),
          "x,y"
        )
        const [first] = Chunk.toReadonlyArray(parts)
        const late = yield* Effect.flip(first?._tag === "File" ? first.contentEffect : Effect.void)
        assert.strictEqual(late._tag, "MultipartError")
      }
    })
  )

  it.effect("provides content once", () =>
    Effect.gen(function* () {
      const text = '--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n1\r\n--b--'
      const twice = Stream.runForEach(receivedParts(message(text)), (part) =>
        part._tag === "File" ? Effect.zipRight(part.contentEffect, part.contentEffect) : Effect.void
      )
      assert.strictEqual((yield* Effect.flip(twice))._tag, "MultipartError")
    })
  )

  for (const [name, text, contentType = type] of [
    ["without its final boundary", "--b\r\n\r\none\r\n"],
    ["truncated in a boundary", "--b\r\n\r\none\r\n--b"],
    ["without any boundary", "one"],
    ["with an invalid header", "--b\r\nno header\r\n\r\none\r\n--b--"],
    ["with too many bytes of headers", `--b\r\nA: ${"x".repeat(20_000)}\r\n\r\none\r\n--b--`],
    ["of another type", "--b--", "text/plain; boundary=b"],
    ["without a boundary parameter", "--b--", "multipart/mixed"]
  ] as const) {
    it.effect(`fails for a message ${name}`, () =>
      Effect.gen(function* () {
        for (const size of sizes) {
          const error = yield* Effect.flip(read(message(text, size, contentType)))
          assert.strictEqual(multipartReason(error), "Parse")
        }
      })
    )
  }

  it.effect("fails with the error of the body", () =>
    Effect.gen(function* () {
      const { headers, stream } = message('--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n1')
      const broken = { headers, stream: Stream.concat(stream, Stream.fail("broken" as const)) }
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(receivedParts(broken))), "broken")
    })
  )
})

describe("a transfer decoder", () => {
  const decode = (encoding: string, text: string, size: number) => {
    const decoder = transferDecoder(encoding)
    const out: Array<Uint8Array> = []
    for (let at = 0; at < text.length; at += size)
      out.push(decoder.push(Buffer.from(text.slice(at, at + size), "latin1")))
    return Buffer.concat([...out, decoder.end()])
  }

  it("decodes pieces of any size to the same bytes", () => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 7) % 256))
    const base64 = bytes.toString("base64").replace(/.{76}/g, "$&\r\n")
    const quoted = Array.from(bytes, (byte) => `=${byte.toString(16).padStart(2, "0").toUpperCase()}`)
      .join("")
      .replace(/.{72}/g, "$&=\r\n")
    for (const size of [1, 2, 3, 4, 5, 77, 100_000]) {
      assert.isTrue(decode("base64", base64, size).equals(bytes))
      assert.isTrue(decode("quoted-printable", quoted, size).equals(bytes))
      assert.isTrue(decode("quoted-printable", "=41".repeat(10_000), size).equals(Buffer.alloc(10_000, "A")))
    }
  })

  it("keeps text that is not an escape", () => {
    assert.strictEqual(decode("quoted-printable", "a=ZZ b= \r\nc\t\r\n", 4).toString(), "a=ZZ bc\r\n")
    assert.strictEqual(decode("x-own", "a=41", 2).toString(), "a=41")
  })
})

describe("Content-Disposition", () => {
  for (const [value, filename] of [
    ['attachment; filename*0="foo."; filename*1="html"', "foo.html"],
    ["attachment; filename*0=foo.; filename*1=html", "foo.html"],
    ['attachment; filename*1="html"; filename*0="foo."', "foo.html"],
    ["attachment; filename*0*=UTF-8''foo-%c3%a4; filename*1=\".html\"", "foo-ä.html"],
    ["attachment; filename*0*=UTF-8''foo-%c3; filename*1*=%a4.html", "foo-ä.html"],
    ["attachment; filename*0*=iso-8859-1''f%e9; filename*1*=.txt", "fé.txt"],
    ['attachment; filename*0="foo"; filename*2="bar"', "foo"],
    ['attachment; filename*0="foo"; filename*01="bar"', "foo"],
    ['attachment; filename*1="foo."; filename*2="html"', undefined],
    ["attachment; filename*0*=no-such''a", undefined],
    ["attachment; filename*0*=UTF-8''%e9", undefined],
    ['attachment; filename="foo.html"; filename*0="a"; filename*1="b"', "foo.html"],
    ["attachment; filename=foo bar.txt", "foo bar.txt"],
    ["attachment; filename=foo[1](2).html", "foo[1](2).html"],
    ['attachment; filename="foo', "foo"],
    ['attachment; filename="foo bar.txt; x', "foo bar.txt; x"],
    ["attachment; filename=a.txt; filename*=UTF-8''%e2%82%ac.txt", "€.txt"]
  ] as const) {
    it(`${value} has the filename ${filename}`, () => {
      assert.strictEqual(Option.getOrUndefined(Option.flatMap(parse(value), (found) => found.filename)), filename)
    })
  }
})
