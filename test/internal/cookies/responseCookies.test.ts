import * as Cookies from "@effect/platform/Cookies"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { fromLines } from "../../../src/internal/cookies/responseCookies.js"

describe("fromLines", () => {
  it("returns an empty record without lines", () => assert.strictEqual(fromLines([]), Cookies.empty))

  it("keeps decoded and raw values, and attributes", () => {
    const cookies = fromLines([
      "a=%20b; Domain=.Example.com; Path=/p; Max-Age=60; Secure; HttpOnly; SameSite=Lax; Partitioned",
      "e=%; Expires=Wed, 09-Jun-21 10:18:14 GMT",
      "plain=1; Path=x"
    ])
    assert.isTrue(Cookies.isCookies(cookies))
    assert.deepStrictEqual(Cookies.getValue(cookies, "a"), Option.some(" b"))
    const a = cookies.cookies.a
    assert.strictEqual(a?.valueEncoded, "%20b")
    assert.deepStrictEqual(a?.options, {
      domain: "example.com",
      path: "/p",
      maxAge: Duration.seconds(60),
      secure: true,
      httpOnly: true,
      partitioned: true,
      sameSite: "lax"
    })
    assert.strictEqual(cookies.cookies.e?.value, "%")
    assert.deepStrictEqual(cookies.cookies.e?.options?.expires, new Date(Date.UTC(2021, 5, 9, 10, 18, 14)))
    assert.isUndefined(cookies.cookies.plain?.options)
  })

  it("keeps the last cookie of a name, also one that a jar would drop", () => {
    const cookies = fromLines(["a=1", "a=2; Max-Age=0", "=x", "bad\x01=1"])
    assert.deepStrictEqual(Cookies.toRecord(cookies), { a: "2" })
  })

  it("treats __proto__ as an ordinary name", () => {
    const cookies = fromLines(["__proto__=evil", "constructor=1"])
    assert.deepStrictEqual(Object.keys(cookies.cookies), ["__proto__", "constructor"])
    assert.isUndefined(cookies.cookies.value)
    assert.isTrue(Option.isNone(Cookies.getValue(cookies, "toString")))
    assert.strictEqual(Object.getPrototypeOf({}), Object.prototype)
    assert.include(JSON.stringify(cookies), "__proto__")
  })
})
