/** Body types of Node and the web as `data` and as parts, and text in other charsets. */
import { Stream as OldStream, Readable } from "node:stream"
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as ClientRequest from "../../../src/ClientRequest.js"
import { encodeText } from "../../../src/internal/http/textEncoder.js"
import * as Multipart from "../../../src/Multipart.js"
import { failure, prepared, type Sent, send, values, wire } from "./support.js"

const url = "http://h/"

interface Going {
  readonly sent: Sent
  readonly again: Sent
  readonly type: string | undefined
  readonly length: string | undefined
}

/** The sent bytes of the first and the second attempt. */
const going = (data: ClientRequest.Data, options?: ClientRequest.RequestOptions): Effect.Effect<Going> =>
  Effect.gen(function* () {
    const request = wire(prepared("POST", url, { ...options, data }))
    const sent = yield* send(request.body)
    const again = yield* send(request.body)
    return { sent, again, type: values(request, "content-type")[0], length: values(request, "content-length")[0] }
  })

const webStream = <A>(...items: ReadonlyArray<A>): ReadableStream<A> =>
  new ReadableStream({
    start(controller) {
      for (const item of items) controller.enqueue(item)
      controller.close()
    }
  })

async function* generated(): AsyncGenerator<Uint8Array | string> {
  yield "ä"
  yield Uint8Array.of(98)
}

const many: AsyncIterable<string | Uint8Array> = { [Symbol.asyncIterator]: generated }

/** A form like those of the form-data package: an old-style stream that starts when it is piped. */
class PackageForm extends OldStream {
  readonly known: boolean
  readonly broken: boolean
  destroyed = 0
  constructor(known: boolean, broken = false) {
    super()
    this.known = known
    this.broken = broken
  }
  getBoundary(): string {
    return "b0undary"
  }
  getHeaders(): Record<string, string> {
    return { "content-type": "multipart/form-data; boundary=b0undary" }
  }
  hasKnownLength(): boolean {
    return this.known
  }
  getLengthSync(): number {
    return 4
  }
  destroy(): void {
    this.destroyed++
  }
  override pipe<T extends NodeJS.WritableStream>(to: T): T {
    const piped = super.pipe(to)
    setImmediate(() => {
      this.emit("data", "form")
      if (this.broken) this.emit("error", new Error("broken"))
      else this.emit("end")
    })
    return piped
  }
}

/** The types of the package declare a Readable. */
const asData = (data: object): ClientRequest.Data =>
  Object.assign<{ readonly data: ClientRequest.Data }, object>({ data: "" }, { data }).data

const packageForm = (known: boolean): ClientRequest.Data => asData(new PackageForm(known))

interface Row {
  readonly name: string
  readonly data: () => ClientRequest.Data
  readonly text: string
  readonly type?: string
  readonly length?: string
  /** Whether the body can be sent again. */
  readonly again: boolean
}

const rows: ReadonlyArray<Row> = [
  { name: "a Blob", data: () => new Blob(["blob"]), text: "blob", length: "4", again: true },
  {
    name: "a Blob with a type",
    data: () => new Blob(["{}"], { type: "a/b" }),
    text: "{}",
    type: "a/b",
    length: "2",
    again: true
  },
  { name: "an empty Blob", data: () => new Blob([]), text: "", length: "0", again: true },
  {
    name: "a File",
    data: () => new File(["x"], "x.txt", { type: "text/plain" }),
    text: "x",
    type: "text/plain",
    length: "1",
    again: true
  },
  { name: "an ArrayBuffer", data: () => Uint8Array.of(97, 98).buffer, text: "ab", length: "2", again: true },
  {
    name: "a DataView",
    data: () => new DataView(Uint8Array.of(97, 98, 99).buffer, 1),
    text: "bc",
    length: "2",
    again: true
  },
  { name: "an Int32Array", data: () => Int32Array.of(0x64636261), text: "abcd", length: "4", again: true },
  { name: "a ReadableStream", data: () => webStream(Uint8Array.of(97), Uint8Array.of(98)), text: "ab", again: false },
  { name: "a ReadableStream of text", data: () => webStream("a", "ä"), text: "aä", again: false },
  { name: "the body of a Response", data: () => new Response("abc").body ?? "", text: "abc", again: false },
  { name: "a Readable", data: () => Readable.from([Buffer.from("a"), "b"]), text: "ab", again: false },
  { name: "an async generator", data: generated, text: "äb", again: false },
  { name: "an AsyncIterable", data: () => many, text: "äb", again: false },
  {
    name: "a form of form-data",
    data: () => packageForm(true),
    text: "form",
    type: "multipart/form-data; boundary=b0undary",
    length: "4",
    again: false
  },
  {
    name: "a form of form-data with unknown length",
    data: () => packageForm(false),
    text: "form",
    type: "multipart/form-data; boundary=b0undary",
    again: false
  },
  {
    name: "URLSearchParams",
    data: () => new URLSearchParams("a=1&b=ä+b"),
    text: "a=1&b=%C3%A4+b",
    type: "application/x-www-form-urlencoded",
    length: "14",
    again: true
  }
]

describe("data", () => {
  for (const { again, data, length, name, text, type = "application/octet-stream" } of rows) {
    it.live(`accepts ${name}`, () =>
      Effect.gen(function* () {
        const out = yield* going(data())
        assert.isTrue(out.sent.ended, String(out.sent.error))
        assert.strictEqual(out.sent.bytes.toString(), text)
        assert.strictEqual(out.type, type)
        assert.strictEqual(out.length, length)
        assert.strictEqual(out.again.ended, again)
        if (again) assert.strictEqual(out.again.bytes.toString(), text)
        else assert.deepInclude(out.again.error, { _tag: "RequestBodyError", reason: "NotReplayable" })
      })
    )
  }

  it.live("accepts a FormData with a File", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("a", "1")
      form.append("f", new File(["content"], "f.txt", { type: "text/plain" }))
      const { sent, type } = yield* going(form)
      assert.match(type ?? "", /^multipart\/form-data; boundary=/)
      assert.include(sent.bytes.toString(), 'name="f"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n')
    })
  )

  it.live("that is a stream can be sent only once, also by two requests", () =>
    Effect.gen(function* () {
      for (const data of [Readable.from(["a"]), webStream("a"), generated(), packageForm(true)]) {
        yield* going(data)
        assert.deepInclude((yield* going(data)).sent.error, { _tag: "RequestBodyError", reason: "NotReplayable" })
      }
    })
  )

  it.live("that fails while it is read fails the request with the cause", () =>
    Effect.gen(function* () {
      const cause = new Error("boom")
      const failing = (async function* () {
        yield "a"
        throw cause
      })()
      const { sent } = yield* going(failing)
      assert.deepInclude(sent.error, { _tag: "RequestBodyError", reason: "Source", cause })
      const form = new PackageForm(false, true)
      assert.deepInclude((yield* going(asData(form))).sent.error, { _tag: "RequestBodyError", reason: "Source" })
      assert.strictEqual(form.destroyed, 1)
    })
  )

  it.live("that contains anything but bytes and text fails the request", () =>
    Effect.gen(function* () {
      const { sent } = yield* going(HttpBody.raw(Readable.from([{ no: "bytes" }])))
      assert.deepInclude(sent.error, { _tag: "RequestBodyError", reason: "Encode" })
    })
  )

  it.live("keeps the caller's Content-Type and Content-Length", () =>
    Effect.gen(function* () {
      const headers = { "content-type": "image/png", "content-length": "2" }
      const out = yield* going(Readable.from(["ab"]), { headers })
      assert.deepInclude(out, { type: "image/png", length: "2" })
      const wrong = yield* going(Readable.from(["abc"]), { headers })
      assert.deepInclude(wrong.sent.error, { _tag: "RequestBodyError", reason: "Length" })
    })
  )
})

describe("a part", () => {
  const head = (text: string) => text.split("\r\n\r\n")[0]?.split("\r\n").slice(1)
  const partOf = (data: ClientRequest.Data, options?: Multipart.PartOptions) =>
    Multipart.make([Multipart.part("p", data, options)], { boundary: "b" })

  for (const [name, data, expected, length] of [
    [
      "a Blob",
      () => new Blob(["x"], { type: "a/b" }),
      ['Content-Disposition: form-data; name="p"; filename="p"', "Content-Type: a/b"],
      true
    ],
    [
      "a Blob without a type",
      () => new Blob(["x"]),
      ['Content-Disposition: form-data; name="p"; filename="p"', "Content-Type: application/octet-stream"],
      true
    ],
    [
      "a File",
      () => new File(["x"], "f.png", { type: "image/png" }),
      ['Content-Disposition: form-data; name="p"; filename="f.png"', "Content-Type: image/png"],
      true
    ],
    [
      "an ArrayBuffer",
      () => Uint8Array.of(120).buffer,
      ['Content-Disposition: form-data; name="p"; filename="p"', "Content-Type: application/octet-stream"],
      true
    ],
    [
      "a Readable",
      () => Readable.from(["x"]),
      ['Content-Disposition: form-data; name="p"; filename="p"', "Content-Type: application/octet-stream"],
      false
    ],
    [
      "a ReadableStream",
      () => webStream("x"),
      ['Content-Disposition: form-data; name="p"; filename="p"', "Content-Type: application/octet-stream"],
      false
    ]
  ] as const) {
    it.live(`accepts ${name}`, () =>
      Effect.gen(function* () {
        const out = yield* going(partOf(data()))
        assert.isTrue(out.sent.ended, String(out.sent.error))
        assert.deepStrictEqual(head(out.sent.bytes.toString()), [...expected])
        assert.include(out.sent.bytes.toString(), "\r\n\r\nx\r\n--b--")
        assert.strictEqual(out.length !== undefined, length)
        assert.strictEqual(out.again.ended, length)
      })
    )
  }

  it.live("has the declared length of a stream", () =>
    Effect.gen(function* () {
      const out = yield* going(partOf(Readable.from(["ab"]), { contentLength: 2 }))
      assert.strictEqual(Number(out.length), out.sent.bytes.length)
      const wrong = yield* going(partOf(Readable.from(["abc"]), { contentLength: 2 }))
      assert.deepInclude(wrong.sent.error, { _tag: "RequestBodyError", reason: "Length" })
    })
  )

  it.live("that is a stream can be read only once, also by two messages", () =>
    Effect.gen(function* () {
      for (const data of [Readable.from(["a"]), webStream("a")]) {
        yield* going(partOf(data))
        const { sent } = yield* going(partOf(data))
        assert.isFalse(sent.ended)
        assert.deepInclude(sent.error, { _tag: "RequestBodyError" })
      }
    })
  )

  it.live("of text is encoded in its charset", () =>
    Effect.gen(function* () {
      for (const [charset, text, hex] of [
        ["iso-8859-1", "é", "e9"],
        ["ISO-8859-1", "é", "e9"],
        ["utf-8", "é", "c3a9"],
        ["windows-1252", "€", "80"],
        ["iso-8859-15", "€", "a4"],
        ["koi8-r", "я", "d1"],
        ["utf-16le", "é", "e900"],
        ["us-ascii", "a", "61"]
      ] as const) {
        const { length, sent } = yield* going(partOf(text, { contentType: `text/plain; charset=${charset}` }))
        const body = sent.bytes.subarray(sent.bytes.indexOf("\r\n\r\n") + 4, sent.bytes.indexOf("\r\n--b--"))
        assert.strictEqual(body.toString("hex"), hex, charset)
        assert.strictEqual(Number(length), sent.bytes.length)
      }
      const { sent } = yield* going(partOf("é", { headers: { "content-type": 'text/plain; charset="latin1"' } }))
      assert.include(sent.bytes.toString("latin1"), "\r\n\r\n\xe9\r\n--b--")
    })
  )

  for (const [charset, text] of [
    ["iso-8859-1", "€"],
    ["us-ascii", "é"],
    ["windows-1252", "я"],
    ["koi8-r", "é"],
    ["shift_jis", "a"],
    ["gb18030", "a"],
    ["no-such", "a"]
  ] as const) {
    it(`of text that the charset ${charset} cannot encode is rejected`, () => {
      const error = failure("POST", url, { data: partOf(text, { contentType: `text/plain; charset=${charset}` }) })
      assert.deepInclude(error, { _tag: "InvalidRequest", option: "content-type" })
      assert.include(error.message, "expected")
    })
  }

  it.live("of bytes is sent unchanged with any charset", () =>
    Effect.gen(function* () {
      const { sent } = yield* going(partOf(Uint8Array.of(0xe9), { contentType: "text/plain; charset=shift_jis" }))
      assert.include(sent.bytes.toString("latin1"), "\r\n\r\n\xe9\r\n--b--")
    })
  )
})

describe("a text", () => {
  it.live("is encoded in the charset of the Content-Type header", () =>
    Effect.gen(function* () {
      const headers = { "content-type": "text/plain; charset=iso-8859-1" }
      for (const options of [{ data: "é" }, { text: "é" }]) {
        const request = wire(prepared("POST", url, { ...options, headers }))
        assert.strictEqual((yield* send(request.body)).bytes.toString("hex"), "e9")
        assert.deepStrictEqual(values(request, "content-length"), ["1"])
        assert.deepInclude(failure("POST", url, { ...options, headers: { "content-type": "a/b; charset=none" } }), {
          _tag: "InvalidRequest",
          option: "content-type"
        })
      }
    })
  )

  it("is rejected if the charset lacks one of its characters", () => {
    assert.isString(encodeText("a\u{1f600}", "windows-1252"))
    assert.isString(encodeText("\ufffd", "windows-1252"))
    assert.isString(encodeText("a", ""))
    assert.deepStrictEqual(encodeText("a", "utf-16"), Buffer.from([0xff, 0xfe, 0x61, 0]))
    assert.deepStrictEqual(encodeText("a", "utf-16be"), Buffer.from([0, 0x61]))
    assert.deepStrictEqual(encodeText("", "koi8-u"), Buffer.alloc(0))
  })
})
