/**
 * Framing of requests: Content-Length, Transfer-Encoding and Expect.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import * as Stream from "effect/Stream"
import type { RequestOptions } from "../../../src/ClientRequest.js"
import { makeDefaults } from "../../../src/internal/request/sessionDefaults.js"
import { bareDefaults, failure, lines, prepared, wire } from "./support.js"

const url = "http://h/x"

describe("request framing", () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const stream = Stream.make(bytes)
  const table: ReadonlyArray<
    readonly [what: string, method: string, options: RequestOptions | undefined, lines: ReadonlyArray<string>]
  > = [
    ["no body", "GET", undefined, []],
    ["no body", "DELETE", undefined, []],
    ["no body", "POST", undefined, ["Content-Length: 0"]],
    ["no body", "PUT", {}, ["Content-Length: 0"]],
    ["bytes", "POST", { data: bytes }, ["Content-Length: 3", "Content-Type: application/octet-stream"]],
    ["text", "POST", { data: "é" }, ["Content-Length: 2", "Content-Type: text/plain; charset=utf-8"]],
    ["empty text", "POST", { data: "" }, ["Content-Length: 0", "Content-Type: text/plain; charset=utf-8"]],
    ["an empty form", "POST", { data: {} }, ["Content-Length: 0", "Content-Type: application/x-www-form-urlencoded"]],
    ["GET with data", "GET", { data: "a" }, ["Content-Length: 1", "Content-Type: text/plain; charset=utf-8"]],
    [
      "the caller's type",
      "POST",
      { data: bytes, headers: { "content-type": "image/gif" } },
      ["content-type: image/gif", "Content-Length: 3"]
    ],
    [
      "compressed already",
      "POST",
      { data: bytes, headers: { "content-encoding": "deflate" } },
      ["content-encoding: deflate", "Content-Length: 3", "Content-Type: application/octet-stream"]
    ],
    [
      "compress",
      "POST",
      { data: bytes, compress: true },
      ["Content-Encoding: deflate", "Transfer-Encoding: chunked", "Content-Type: application/octet-stream"]
    ],
    ["compress without a body", "GET", { compress: true }, []],
    [
      "compress with an empty body",
      "POST",
      { text: "", compress: "br" },
      ["Content-Length: 0", "Content-Type: text/plain; charset=utf-8"]
    ],
    [
      "chunked",
      "POST",
      { data: bytes, chunked: true },
      ["Transfer-Encoding: chunked", "Content-Type: application/octet-stream"]
    ],
    ["a stream", "POST", { data: stream }, ["Transfer-Encoding: chunked", "Content-Type: application/octet-stream"]],
    [
      "a stream with a length",
      "POST",
      { data: HttpBody.stream(stream, "a/b", 3) },
      ["Content-Length: 3", "Content-Type: a/b"]
    ],
    [
      "a stream whose length a header says",
      "POST",
      { data: stream, headers: { "Content-Length": "3" } },
      ["Content-Length: 3", "Content-Type: application/octet-stream"]
    ],
    [
      "expect100",
      "POST",
      { data: bytes, expect100: true },
      ["Content-Length: 3", "Content-Type: application/octet-stream", "Expect: 100-continue"]
    ],
    [
      "an Expect header",
      "POST",
      { data: bytes, headers: { expect: "100-Continue" } },
      ["Content-Length: 3", "Content-Type: application/octet-stream", "Expect: 100-continue"]
    ],
    ["RFC 9110 10.1.1: no Expect without content", "GET", { expect100: true }, []]
  ]
  const others = /^(?:Host|Accept|Accept-Encoding|User-Agent): /
  for (const [what, method, options, expected] of table) {
    it(`of ${what} for ${method} is correct`, () => {
      const request = wire(prepared(method, url, options))
      assert.deepStrictEqual(
        lines(request).filter((line) => !others.test(line)),
        expected
      )
      assert.strictEqual(request.expectContinue, expected.includes("Expect: 100-continue"))
      assert.strictEqual(
        request.body === undefined,
        expected.every((line) => !/^content-type/i.test(line))
      )
    })
  }

  const refused: ReadonlyArray<readonly [what: string, options: RequestOptions, option: string]> = [
    ["data and json", { data: "", json: 1 }, "data"],
    ["text and json", { text: "", json: 1 }, "text"],
    ["text and data", { text: "", data: "" }, "data"],
    [
      "compress and Content-Encoding",
      { data: "a", compress: true, headers: { "content-encoding": "gzip" } },
      "compress"
    ],
    ["chunked and Content-Length", { data: "a", chunked: true, headers: { "content-length": "1" } }, "chunked"],
    [
      "chunked and Transfer-Encoding",
      { data: "a", chunked: true, headers: { "transfer-encoding": "chunked" } },
      "transfer-encoding"
    ],
    ["Transfer-Encoding", { data: "a", headers: [["Transfer-Encoding", "chunked"]] }, "transfer-encoding"],
    ["two lengths", { data: "a", headers: { "Content-Length": "1", "content-length": "1" } }, "content-length"],
    [
      "a length and a coding",
      {
        data: "a",
        headers: new Map([
          ["Content-Length", "1"],
          ["Transfer-Encoding", "chunked"]
        ])
      },
      "transfer-encoding"
    ],
    [
      "two Hosts",
      {
        headers: [
          ["Host", "a"],
          ["host", "a"]
        ]
      },
      "host"
    ],
    ["the length +1", { data: "a", headers: { "content-length": "+1" } }, "content-length"],
    ["the length 0x1", { data: "a", headers: { "content-length": "0x1" } }, "content-length"],
    ["the length 1, 1", { data: "a", headers: { "content-length": "1, 1" } }, "content-length"],
    ["a length without a body", { headers: { "content-length": "5" } }, "content-length"],
    ["chunked: false without a length", { data: stream, chunked: false }, "chunked"],
    ["compress and Content-Length", { data: "a", compress: "gzip", headers: { "content-length": "1" } }, "compress"],
    ["another expectation", { data: "a", headers: { expect: "200-ok" } }, "expect"],
    ["Host with a path", { headers: { host: "a/b" } }, "host"],
    ["Host with userinfo", { headers: { host: "a@b" } }, "host"],
    ["Host with an empty label", { headers: { host: "a..b" } }, "host"],
    ["Host with a label that is too long", { headers: { host: "a".repeat(64) } }, "host"],
    ["Host with a spelling of IPv4", { headers: { host: "127.1:80" } }, "host"],
    ["Host with a malformed address", { headers: { host: "[:::]" } }, "host"],
    ["Host with a port out of range", { headers: { host: "a:65536" } }, "host"],
    ["serverHostname without a name", { serverHostname: "" }, "serverHostname"],
    ["serverHostname with an empty label", { serverHostname: "a..b" }, "serverHostname"],
    ["serverHostname with a port", { serverHostname: "a:443" }, "serverHostname"],
    ["serverHostname with a zone", { serverHostname: "fe80::1%eth0" }, "serverHostname"],
    ["serverHostname with a space", { serverHostname: "a b" }, "serverHostname"],
    ["serverHostname that is too long", { serverHostname: `${"abcdefg.".repeat(31)}abcdef` }, "serverHostname"],
    ["serverHostname that is a pattern", { serverHostname: "*.test" }, "serverHostname"],
    ["a negative number", { maxRedirects: -1 }, "maxRedirects"],
    ["a fraction", { maxRedirects: 0.5 }, "maxRedirects"],
    ["NaN", { maxBodySize: Number.NaN }, "maxBodySize"],
    ["a negative time", { timeout: -5 }, "timeout"],
    ["a negative time of a phase", { timeout: { body: -5 } }, "timeout"],
    ["a time that is NaN", { timeout: Number.NaN }, "timeout"],
    ["a media type with a line end", { data: HttpBody.text("a", "a/b\r\nX-Evil: 1") }, "content-type"]
  ]
  for (const [what, options, option] of refused) {
    it(`refuses ${what} ${option}`, () => {
      const error = failure("POST", url, options)
      assert.strictEqual(error._tag, "InvalidRequest", error.message)
      assert.deepInclude(error, { option, host: "h", method: "POST" })
    })
  }

  it("names the option form in the error for a form in another option", () => {
    for (const [data, place] of [
      [new Map([[1, 2]]), "a pair of name and value"],
      [new Date(), "expected a record or pairs"]
    ] as const) {
      const error = failure("POST", url, Object.assign<RequestOptions, object>({}, { data }))
      assert.deepInclude(error, { _tag: "InvalidRequest", option: "data" })
      assert.include(error.message, place)
    }
  })

  it("names the URL of a WebSocket with its original scheme", () => {
    const error = failure("GET", "ws://u:hidden@h:81/a", {})
    assert.deepInclude(error, { _tag: "InvalidURL", reason: "Scheme" })
    assert.match(error.message, /"ws:\/\/[^"]*h:81\/a"/)
    assert.notInclude(error.message, "hidden")
  })

  it("refuses wrong types of data at run time", () => {
    const compress: string = "lzma"
    const options = Object.assign({ data: "a" }, { compress })
    const error = failure("POST", url, Object.assign<RequestOptions, object>({}, options))
    assert.deepInclude(error, { _tag: "InvalidRequest", option: "compress" })
  })

  it("fails if a body does not have its declared length", () => {
    for (const length of ["2", "4"]) {
      assert.deepInclude(failure("POST", url, { data: bytes, headers: { "content-length": length } }), {
        _tag: "RequestBodyError",
        reason: "Length"
      })
    }
  })

  it("uses neither chunks nor Expect over HTTP/1.0", () => {
    const old = makeDefaults({ version: "1.0" })
    assert.deepInclude(failure("POST", url, { data: stream }, old), { _tag: "InvalidRequest", option: "version" })
    assert.isFalse(wire(prepared("POST", url, { data: bytes, expect100: true }, old)).expectContinue)
  })

  it("serialises JSON", () => {
    const body = (options: RequestOptions, defaults = bareDefaults) => {
      const sent = wire(prepared("POST", url, options, defaults)).body
      return sent?._tag === "Bytes" ? Buffer.from(sent.bytes).toString() : undefined
    }
    for (const [value, text] of [
      [0, "0"],
      [[], "[]"],
      ["", '""'],
      [false, "false"],
      [null, "null"]
    ] as const) {
      assert.strictEqual(body({ json: value }), text)
    }
    assert.isUndefined(body({ json: undefined }))
    const own = makeDefaults({ jsonSerialize: (value) => Buffer.from(`<${String(value)}>`) })
    assert.strictEqual(body({ json: 1 }, own), "<1>")
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    let deep: unknown = []
    for (let i = 0; i < 100_000; i++) deep = [deep]
    for (const json of [cyclic, 1n, () => 1, deep]) {
      assert.deepInclude(failure("POST", url, { json }), { _tag: "RequestBodyError", reason: "Encode" })
    }
  })

  it("serialises forms", () => {
    const form = (data: NonNullable<RequestOptions["data"]>) => {
      const sent = wire(prepared("POST", url, { data })).body
      return sent?._tag === "Bytes" ? Buffer.from(sent.bytes).toString() : undefined
    }
    assert.strictEqual(form({ a: "b c", é: "ü" }), "a=b+c&%C3%A9=%C3%BC")
    assert.strictEqual(
      form([
        ["a", "1"],
        ["a", "2"]
      ]),
      "a=1&a=2"
    )
    assert.strictEqual(
      form({ a: ["1", 2], b: true, c: undefined, d: null, e: { f: "g" } }),
      "a=1&a=2&b=true&e%5Bf%5D=g"
    )
    assert.strictEqual(form({ a: "*~-._!'()" }), "a=%2A~-._%21%27%28%29")
    assert.strictEqual(form(new URLSearchParams("a=b&a=%20")), "a=b&a=+")
  })

  it("refuses forms that are nested too deep or contain themselves", () => {
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    let deep: Record<string, unknown> = { end: "1" }
    for (let i = 0; i < 100_000; i++) deep = { a: deep }
    for (const data of [cyclic, deep, new Date(), Promise.resolve("x")]) {
      const options: RequestOptions = JSON.parse("{}")
      Object.assign(options, { data })
      assert.deepInclude(failure("POST", url, options), { _tag: "InvalidRequest", option: "data" })
    }
  })
})
