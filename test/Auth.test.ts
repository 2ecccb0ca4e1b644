import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Either, Redacted } from "effect"
import * as Auth from "../src/Auth.js"
import { authorizationOf } from "../src/internal/request/authorization.js"

const base64 = (hex: string) => `Basic ${Buffer.from(hex, "hex").toString("base64")}`

describe("Auth.basic", () => {
  for (const [what, credentials, value] of [
    ["name and password (aiohttp's example)", Auth.basic("nkim", "pwd"), "Basic bmtpbTpwd2Q="],
    ["RFC 7617, section 2", Auth.basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
    ["RFC 7617, section 2.1: UTF-8", Auth.basic("test", "123£"), "Basic dGVzdDoxMjPCow=="],
    ["latin1", Auth.basic("é", "£", "latin1"), base64("e93aa3")],
    ["no password", Auth.basic("user"), "Basic dXNlcjo="],
    ["no name", Auth.basic("", "pass"), "Basic OnBhc3M="],
    ["colons in the password", Auth.basic("a", "b:c"), "Basic YTpiOmM="],
    ["redacted", Auth.basic(Redacted.make("nkim"), Redacted.make("pwd")), "Basic bmtpbTpwd2Q="],
    ["an emoji", Auth.basic("u", "😀"), base64("753af09f9880")]
  ] as const) {
    it(what, () => {
      assert.deepStrictEqual(authorizationOf(credentials), Either.right(value))
    })
  }

  for (const [what, credentials] of [
    ["a colon in the name", Auth.basic("a:b", "s3cr3t")],
    ["CR and LF in the password", Auth.basic("a", "s3cr3t\r\nx: y")],
    ["LF in the name", Auth.basic("a\n", "s3cr3t")],
    ["NUL", Auth.basic("a", "s3cr3t\0")],
    ["DEL", Auth.basic("a", "s3cr3t\x7f")],
    ["a character outside latin1", Auth.basic("a", "s3cr3t€", "latin1")],
    ["U+010A, which truncates to LF", Auth.basic("a", "s3cr3t\u010a", "latin1")],
    ["a lone surrogate", Auth.basic("a", "s3cr3t\ud800")],
    ["a lone low surrogate", Auth.basic("a\udc00", "s3cr3t")]
  ] as const) {
    it(`refuses ${what} and does not show it`, () => {
      const result = authorizationOf(credentials)
      assert.isTrue(Either.isLeft(result))
      assert.notInclude(String(Either.getLeft(result)), "s3cr3t")
    })
  }

  it("refuses credentials whose password was wiped", () => {
    const password = Redacted.make("pwd")
    Redacted.unsafeWipe(password)
    assert.isTrue(Either.isLeft(authorizationOf(Auth.basic("a", password))))
  })
})

describe("Auth.bearer", () => {
  it("accepts a token", () => {
    assert.deepStrictEqual(authorizationOf(Auth.bearer("a.b-c_d~e+f/g==")), Either.right("Bearer a.b-c_d~e+f/g=="))
    assert.deepStrictEqual(authorizationOf(Auth.bearer(Redacted.make("t"))), Either.right("Bearer t"))
  })

  for (const token of ["", "a b", "a\r\nx: y", "é", "a\t", "\u010a"]) {
    it(`refuses ${JSON.stringify(token)}`, () => {
      assert.isTrue(Either.isLeft(authorizationOf(Auth.bearer(token))))
    })
  }
})

describe("Auth", () => {
  it("is never printed", () => {
    for (const credentials of [Auth.basic("us3r", "s3cr3t"), Auth.bearer("s3cr3t")]) {
      const shown = `${String(credentials)} ${JSON.stringify(credentials)} ${inspect(credentials, { depth: 9 })}`
      assert.notInclude(shown, "s3cr3t")
      assert.notInclude(shown, "us3r")
    }
  })
})
