import { assert, describe, it } from "@effect/vitest"
import { Redacted, Stream } from "effect"
import type { RequestOptions } from "../../../../src/ClientRequest.js"
import { HpackDecoder } from "../../../../src/internal/network/http2/hpack/decoder.js"
import { HpackEncoder } from "../../../../src/internal/network/http2/hpack/encoder.js"
import { encodeRequest, fieldsOf } from "../../../../src/internal/network/http2/requestFields.js"
import { acceptEncoding, userAgent } from "../../../../src/internal/request/automaticHeaders.js"
import { makeDefaults } from "../../../../src/internal/request/sessionDefaults.js"
import type { WireRequest } from "../../../../src/internal/transport/transport.js"
import { bareDefaults, prepared, wire } from "../../request/support.js"

const unlimited = { maxHeadSize: 2 ** 30, maxHeaders: 2 ** 30, maxLineSize: 2 ** 30 }

const made = (method: string, url: string, options?: RequestOptions, cookies?: string, defaults = bareDefaults) => {
  const request = prepared(method, url, options, defaults)
  const wireRequest = wire(request, cookies)
  const { origin } = request.target
  return { wireRequest, route: { origin }, fields: fieldsOf(wireRequest, origin) }
}

/** The fields as lines, without those that the client adds by itself. */
const own = (options: RequestOptions, cookies?: string): ReadonlyArray<string> =>
  linesOf(made("GET", "http://h/x", options, cookies).fields).filter(
    (line) => !/^(:|accept: |accept-encoding: |user-agent: )/.test(line)
  )

const linesOf = (fields: ReadonlyArray<string>): ReadonlyArray<string> =>
  fields.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${fields[index + 1]}`] : []))

const decode = (decoder: HpackDecoder, block: Uint8Array) => {
  const decoded = decoder.decode(Buffer.from(block), 0, block.length, unlimited)
  return {
    fields: decoded.names.flatMap((name, index) => [name, decoded.values[index]]),
    never: decoded.neverIndexed.map((index) => decoded.names[index])
  }
}

describe("fieldsOf", () => {
  it("a request begins with its pseudo-headers, and has its fields in lower case and in their order", () => {
    const { fields } = made("POST", "https://h:8443/a?b=c#d", {
      headers: { "X-Trace-Id": "AbC", Accept: "a/b" },
      json: {}
    })
    assert.deepStrictEqual(linesOf(fields), [
      ":method: POST",
      ":scheme: https",
      ":authority: h:8443",
      ":path: /a?b=c",
      "x-trace-id: AbC",
      "accept: a/b",
      `accept-encoding: ${acceptEncoding}`,
      "content-length: 2",
      "content-type: application/json",
      `user-agent: ${userAgent}`
    ])
  })

  it("the authority is the Host line, which the caller can set", () => {
    assert.deepStrictEqual(made("GET", "http://[::1]:80/").fields.slice(4, 6), [":authority", "[::1]"])
    assert.deepStrictEqual(made("GET", "http://h/", { headers: { Host: "other:1" } }).fields.slice(4, 6), [
      ":authority",
      "other:1"
    ])
    assert.notInclude(made("GET", "http://h/", { headers: { Host: "other" } }).fields, "host")
  })

  it("an empty Host is replaced by the authority of the URL, because HTTP/2 cannot express it", () => {
    assert.deepStrictEqual(made("GET", "http://h:8080/", { headers: { Host: "" } }).fields.slice(4, 6), [
      ":authority",
      "h:8080"
    ])
  })

  it("OPTIONS for the whole server has the path *", () => {
    const { wireRequest, route } = made("OPTIONS", "http://h/")
    const fields = fieldsOf({ ...wireRequest, target: "*" }, route.origin)
    assert.deepStrictEqual(fields.slice(0, 8), [
      ":method",
      "OPTIONS",
      ":scheme",
      "http",
      ":authority",
      "h",
      ":path",
      "*"
    ])
  })

  it("CONNECT has neither a scheme nor a path", () => {
    const { wireRequest, route } = made("GET", "http://h:1/")
    const fields = fieldsOf({ ...wireRequest, method: "CONNECT", target: "h:1" }, route.origin)
    assert.deepStrictEqual(fields.slice(0, 5), [":method", "CONNECT", ":authority", "h:1", "accept"])
  })

  it("fields of a connection are left out, whatever their case", () => {
    const headers = {
      Connection: "keep-alive",
      "KEEP-ALIVE": "timeout=5",
      "Proxy-Connection": "keep-alive",
      Upgrade: "x",
      "HTTP2-Settings": "AAMAAABkAAQAAP__",
      "x-kept": "1"
    }
    assert.deepStrictEqual(own({ headers }), ["x-kept: 1"])
  })

  it("fields that Connection names are left out, before and after it", () => {
    const headers: RequestOptions["headers"] = [
      ["X-Before", "1"],
      ["Connection", "close, x-before"],
      ["X-After", "2"],
      ["Connection", "X-AFTER ,, x-none"],
      ["X-Kept", "3"]
    ]
    assert.deepStrictEqual(own({ headers }), ["x-kept: 3"])
  })

  it("TE is trailers or left out, even if Connection names it", () => {
    assert.deepStrictEqual(own({ headers: { TE: "gzip" } }), [])
    assert.deepStrictEqual(own({ headers: { TE: "trailers" } }), ["te: trailers"])
    assert.deepStrictEqual(own({ headers: { TE: "gzip;q=0.5, Trailers", Connection: "te" } }), ["te: trailers"])
    assert.deepStrictEqual(own({ headers: { TE: "trailersx" } }), [])
  })

  it("a body of unknown length has neither a length nor a transfer coding", () => {
    const { fields } = made("POST", "http://h/", { data: Stream.make(new Uint8Array(3)) })
    assert.notInclude(fields, "content-length")
    assert.notInclude(fields, "transfer-encoding")
  })

  it("cookies are one field", () => {
    assert.deepStrictEqual(own({ cookies: { b: "2" } }, "a=1; c=3"), ["cookie: a=1; c=3; b=2"])
  })

  it("a value outside ASCII is sent as UTF-8, and an empty one stays empty", () => {
    assert.deepStrictEqual(
      own({
        headers: [
          ["x-a", "ü"],
          ["x-b", ""],
          ["x-c", "a: b"]
        ]
      }),
      ["x-a: \xc3\xbc", "x-b: ", "x-c: a: b"]
    )
  })

  it("Expect is sent as a field", () => {
    assert.include(linesOf(made("POST", "http://h/", { json: {}, expect100: true }).fields), "expect: 100-continue")
  })
})

describe("encodeRequest", () => {
  it("the block decodes to the fields, the first time and later", () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    const request = made("GET", "https://h/a", { headers: { "x-a": "1" } })
    for (let round = 0; round < 4; round++) {
      assert.deepStrictEqual(decode(decoder, encodeRequest(encoder, request)).fields, request.fields)
    }
  })

  it("the block of a repeated request is kept, and encoded again when the table changes", () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    const request = made("GET", "https://h/a")
    const other = made("GET", "https://h/b", { headers: { Origin: "https://o" } })
    const send = (sent: typeof request) => {
      const block = encodeRequest(encoder, sent)
      assert.deepStrictEqual(decode(decoder, block).fields, sent.fields)
      return block
    }
    send(request)
    const kept = send(request)
    assert.strictEqual(send(request), kept)
    send(other)
    const after = send(request)
    assert.notStrictEqual(after, kept)
    assert.strictEqual(send(request), after)
    encoder.setMaxTableSize(0)
    assert.notStrictEqual(send(request), after)
    send(other)
    send(request)
  })

  it("a block that was kept for one connection is not sent on another", () => {
    const request = made("GET", "https://h/a")
    const peers = [1, 2].map(() => ({ encoder: new HpackEncoder(), decoder: new HpackDecoder() }))
    for (let round = 0; round < 3; round++) {
      for (const { encoder, decoder } of peers) {
        assert.deepStrictEqual(decode(decoder, encodeRequest(encoder, request)).fields, request.fields)
      }
    }
  })

  it("a plain GET with all default headers is encoded in less than 20 bytes from the second time on", () => {
    const encoder = new HpackEncoder()
    const request = made("GET", "https://example.com/a", {}, undefined, makeDefaults({}))
    encodeRequest(encoder, request)
    assert.isBelow(encodeRequest(encoder, request).length, 20)
  })

  it("credentials, cookies, and headers that were given as Redacted are never indexed", () => {
    const secrets = [
      ["x-mine", Redacted.make("s3cr3t-1")],
      ["Authorization", "Bearer s3cr3t-2"],
      ["X-Api-Key", "s3cr3t-3"],
      ["Proxy-Authorization", "Basic s3cr3t-4"],
      ["x-plain", "5"]
    ] as const
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    const { wireRequest, route } = made("GET", "https://h/a", { headers: secrets }, "sid=s3cr3t-6")
    for (let round = 0; round < 3; round++) {
      const request: { wireRequest: WireRequest; route: typeof route } = { wireRequest: { ...wireRequest }, route }
      const { never } = decode(decoder, encodeRequest(encoder, request))
      assert.deepStrictEqual([...never].sort(), [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-mine"
      ])
    }
  })
})
