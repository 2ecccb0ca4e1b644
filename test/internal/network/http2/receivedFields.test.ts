import { assert, describe, it } from "@effect/vitest"
import { Http2Head } from "../../../../src/internal/network/http2/head.js"
import type { DecodedFields } from "../../../../src/internal/network/http2/hpack/decodedFields.js"
import { headOf, ReceivedHeads, trailersOf } from "../../../../src/internal/network/http2/receivedFields.js"

const fieldsOf = (...texts: ReadonlyArray<string>): DecodedFields => ({
  names: texts.filter((_, index) => index % 2 === 0),
  values: texts.filter((_, index) => index % 2 === 1),
  neverIndexed: [],
  size: 0,
  exceeded: undefined
})

const head = (...texts: ReadonlyArray<string>): Http2Head => headTo("GET", ...texts)

const headTo = (method: string, ...texts: ReadonlyArray<string>): Http2Head => {
  const made = headOf(fieldsOf(...texts), method)
  if (made instanceof Http2Head) return made
  throw new Error(`${made.description} (${made.excerpt})`)
}

/** Reason, description and excerpt; the code must be PROTOCOL_ERROR. */
const wrong = (...texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const made = headOf(fieldsOf(...texts), "GET")
  if (made instanceof Http2Head) return ["made a head"]
  assert.strictEqual(made.code, 1)
  return [made.reason, made.description, made.excerpt]
}

const ok = [":status", "200"] as const

describe("headOf", () => {
  it("a head has the status, no reason, version 2, and its fields without :status", () => {
    const made = head(
      ":status",
      "404",
      "content-type",
      "text/plain",
      "set-cookie",
      "a=1",
      "date",
      "x",
      "set-cookie",
      "b=2"
    )
    assert.deepStrictEqual(
      [made.status, made.reason, made.version, made.count, made.lengthVerified, made.deviations],
      [404, "", "2", 4, true, 0]
    )
    assert.deepStrictEqual(
      [0, 1, 2, 3].map((index) => [made.name(index), made.value(index)]),
      [
        ["content-type", "text/plain"],
        ["set-cookie", "a=1"],
        ["date", "x"],
        ["set-cookie", "b=2"]
      ]
    )
    assert.strictEqual(made.get("set-cookie"), "a=1")
    assert.deepStrictEqual(made.getAll("set-cookie"), ["a=1", "b=2"])
    assert.deepStrictEqual(made.getAll("none"), [])
    assert.strictEqual(made.get(":status"), undefined)
    assert.isFalse(made.toleratesTruncatedCoding)
  })

  it("a value is UTF-8 if it is valid UTF-8 and latin1 otherwise, and raw keeps its bytes", () => {
    const utf8 = Buffer.from("grüße").toString("latin1")
    const made = head(...ok, "a", utf8, "b", "gr\xfc\xdfe", "c", "plain")
    assert.deepStrictEqual([made.value(0), made.value(1), made.value(2)], ["grüße", "gr\xfc\xdfe", "plain"])
    assert.strictEqual(made.get("a"), "grüße")
    assert.deepStrictEqual(
      made.raw().map((pair) => pair.map((bytes) => Buffer.from(bytes).toString("latin1"))),
      [
        ["a", utf8],
        ["b", "gr\xfc\xdfe"],
        ["c", "plain"]
      ]
    )
  })

  it("a head without other fields has none", () => {
    const made = head(...ok)
    assert.deepStrictEqual([made.count, made.raw().length, made.get("a")], [0, 0, undefined])
  })

  it("names and values may use the first and last characters that the grammar allows", () => {
    const made = head(...ok, "!#$%&'*+-.^_`|~09az", "", "a", "\x80\xff", "b", "a\tb c", "__proto__", "x")
    assert.deepStrictEqual([made.count, made.value(0), made.value(2)], [4, "", "a\tb c"])
    assert.strictEqual(made.get("__proto__"), "x")
  })

  describe(":status", () => {
    for (const status of ["100", "103", "199", "200", "599", "600", "999"]) {
      it(`:status ${status} is taken`, () => assert.strictEqual(head(":status", status).status, Number(status)))
    }
    for (const status of [
      "",
      "2x0",
      "20",
      "2000",
      "099",
      "000",
      " 200",
      "200 ",
      "+200",
      "2.0",
      "0x1",
      "1e2",
      "２００"
    ]) {
      it(`:status ${JSON.stringify(status)} is a violation`, () => {
        const latin1 = Buffer.from(status).toString("latin1")
        assert.deepStrictEqual(wrong(":status", latin1).slice(0, 2), [
          "StatusLine",
          "expected a :status from 100 to 999"
        ])
      })
    }
    it("101 is a violation, because HTTP/2 has no upgrades", () => {
      assert.deepStrictEqual(wrong(":status", "101"), [
        "StatusLine",
        "expected a :status other than 101, which HTTP/2 does not have",
        ":status: 101"
      ])
    })
    it("a missing :status, one after a field, and two of them are violations", () => {
      assert.deepStrictEqual(wrong(), ["StatusLine", "expected :status, got no fields", ""])
      assert.deepStrictEqual(wrong("a", "b"), ["StatusLine", "expected :status as the first field", "a: b"])
      assert.strictEqual(wrong("a", "b", ":status", "200")[0], "StatusLine")
      assert.deepStrictEqual(wrong(...ok, ":status", "200"), [
        "Header",
        "expected one :status in front of all fields, got another one",
        ":status: 200"
      ])
    })
    it("another pseudo-header is a violation", () => {
      for (const name of [":path", ":method", ":", ":x"]) {
        assert.strictEqual(wrong(...ok, name, "/")[1], "expected no pseudo-header but :status in front of all fields")
        assert.strictEqual(wrong(name, "/", ...ok)[0], "StatusLine")
      }
    })
  })

  describe("names", () => {
    const cases: ReadonlyArray<readonly [name: string, got: string]> = [
      ["Date", 'got "D"'],
      ["datE", 'got "E"'],
      ["da te", "got a space"],
      ["date ", "got a space"],
      ["da:te", 'got ":"'],
      ["date\r", "got CR"],
      ["da\nte", "got LF"],
      ["da\0te", 'got "\\x00"'],
      ["d\xe4te", 'got "\\xe4"'],
      ["da(te", 'got "("']
    ]
    for (const [name, got] of cases) {
      it(`the name ${JSON.stringify(name)} is a violation described as ${got}`, () => {
        const [reason, description] = wrong(...ok, name, "x")
        assert.strictEqual(reason, "Header")
        assert.strictEqual(description, `expected the lower-case characters of a token in a field name, ${got}`)
      })
    }
    it("an empty name is a violation", () => {
      assert.strictEqual(wrong(...ok, "", "x")[1], "expected a field name, got an empty one")
    })
    it("a field of a connection is a violation, in the head and in trailers", () => {
      for (const name of ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"]) {
        const description = `expected no field of HTTP/1.1 connections, got ${name}`
        assert.deepStrictEqual(wrong(...ok, name, "x").slice(0, 2), ["Header", description])
        assert.include(trailersOf(fieldsOf(name, "x")), { description })
      }
    })
  })

  describe("values", () => {
    for (const code of [0x00, 0x01, 0x08, 0x0a, 0x0b, 0x0d, 0x1f, 0x7f]) {
      it(`a value with byte ${code} anywhere is a violation`, () => {
        const char = String.fromCharCode(code)
        for (const value of [char, `a${char}`, `${char}a`, `a${char}b`]) {
          const [reason, description] = wrong(...ok, "x", value)
          assert.strictEqual(reason, "Header")
          assert.match(description, /^expected printable characters in the value, got /)
        }
      })
    }
    it("white space at an end of a value is a violation, inside it is not", () => {
      for (const value of [" ", "\t", " a", "a ", "\ta", "a\t"]) {
        assert.strictEqual(wrong(...ok, "x", value)[1], "expected a field value without white space at its ends")
      }
      assert.strictEqual(head(...ok, "x", "a \t b").value(0), "a \t b")
    })
    it("the excerpt shows the field up to its fault and hides secrets", () => {
      assert.deepStrictEqual(wrong(...ok, "x-note", "one\rtwo").slice(1), [
        "expected printable characters in the value, got CR",
        "x-note: one\\r"
      ])
      for (const texts of [
        ["set-cookie", "id=s3cr3t-1\r\nx: y"],
        ["Set-Cookie", "id=s3cr3t-1"],
        ["x", "a\r\nauthorization: Bearer s3cr3t-1"],
        ["x-api-key ", "s3cr3t-1"]
      ]) {
        const [reason, , excerpt] = wrong(...ok, ...texts)
        assert.strictEqual(reason, "Header")
        assert.notInclude(excerpt, "s3cr3t-1")
      }
    })
    it("the excerpt of a field of 100 KiB has at most 100 characters", () => {
      for (const value of [`${"x".repeat(100_000)}\r`, `\r${"x".repeat(100_000)}`, `${"x".repeat(100_000)} `]) {
        assert.isAtMost(wrong(...ok, "x", value)[2].length, 100)
      }
    })
  })

  describe("content-length", () => {
    it("the length is known if there is a body, and only then", () => {
      const fields = ["content-length", "5"]
      assert.strictEqual(head(...ok, ...fields).contentLength, 5)
      assert.strictEqual(head(...ok).contentLength, undefined)
      assert.strictEqual(headTo("HEAD", ...ok, ...fields).contentLength, undefined)
      for (const status of ["103", "204", "304"]) {
        assert.strictEqual(head(":status", status, ...fields).contentLength, undefined)
        assert.strictEqual(head(":status", status, ...fields).get("content-length"), "5")
      }
    })
    it("a repeated length is taken with the same text and refused with another", () => {
      assert.strictEqual(head(...ok, "content-length", "5", "content-length", "5").contentLength, 5)
      for (const other of ["6", "05"]) {
        assert.strictEqual(
          wrong(...ok, "content-length", "5", "content-length", other)[1],
          "expected one Content-Length, got different ones"
        )
      }
    })
    it("a length of 0, with leading zeros, and of 2^53 - 1 is taken", () => {
      for (const [text, length] of [
        ["0", 0],
        ["007", 7],
        ["9007199254740991", 2 ** 53 - 1]
      ] as const) {
        assert.strictEqual(head(...ok, "content-length", text).contentLength, length)
      }
    })
    it("a length that is not a single number is a violation, even without a body", () => {
      for (const text of ["", "+5", "-1", "5,5", "5, 5", "0x5", "5.0", "1e2", "9007199254740992", `${2n ** 64n}`]) {
        assert.strictEqual(wrong(...ok, "content-length", text)[0], "Header", text)
        assert.strictEqual(wrong(":status", "204", "content-length", text)[0], "Header", text)
      }
    })
  })
})

describe("ReceivedHeads", () => {
  it("the same fields for the same method give one head", () => {
    const heads = new ReceivedHeads()
    const fields = fieldsOf(...ok, "content-length", "5")
    const first = heads.of(fields, "GET")
    assert.strictEqual(heads.of(fields, "GET"), first)
    assert.deepInclude(heads.of(fields, "HEAD"), { contentLength: undefined })
    assert.deepInclude(heads.of(fields, "GET"), { contentLength: 5 })
  })
  it("a violation is described each time", () => {
    const heads = new ReceivedHeads()
    const fields = fieldsOf(...ok, "A", "b")
    assert.deepStrictEqual(heads.of(fields, "GET"), heads.of(fields, "GET"))
  })
})

describe("trailersOf", () => {
  it("trailers are kept in order, as text, without fields that are not allowed in trailers", () => {
    const utf8 = Buffer.from("ü").toString("latin1")
    const trailers = fieldsOf("grpc-status", "0", "content-length", "5", "set-cookie", "a=b", "x", utf8, "x", "2")
    assert.deepStrictEqual(trailersOf(trailers), [
      ["grpc-status", "0"],
      ["x", "ü"],
      ["x", "2"]
    ])
  })
  it("trailers without fields are empty", () => assert.deepStrictEqual(trailersOf(fieldsOf()), []))
  it("a pseudo-header and an invalid field in trailers are violations", () => {
    for (const texts of [
      [":status", "200"],
      ["a", "b", ":status", "200"],
      ["A", "b"],
      ["a", "b\n"],
      ["", "b"]
    ]) {
      assert.include(trailersOf(fieldsOf(...texts)), { code: 1, reason: "Header" })
    }
  })
})
