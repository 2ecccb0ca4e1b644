import { assert, describe, it } from "@effect/vitest"
import { canonicalHost, comparableHost, namedHost } from "../../../src/internal/http/host.js"

describe("namedHost", () => {
  const hosts: ReadonlyArray<readonly [given: string, name: string, ip: 0 | 4 | 6]> = [
    ["example.com", "example.com", 0],
    ["EXAMPLE.com.", "example.com", 0],
    ["localhost", "localhost", 0],
    ["a_b.example", "a_b.example", 0],
    ["b\u00fccher.example", "xn--bcher-kva.example", 0],
    ["XN--BCHER-KVA.example.", "xn--bcher-kva.example", 0],
    ["127.0.0.1", "127.0.0.1", 4],
    ["::1", "::1", 6],
    ["[::1]", "::1", 6],
    ["0:0:0:0:0:0:0:1", "::1", 6],
    ["2001:DB8::1", "2001:db8::1", 6],
    ["a".repeat(63), "a".repeat(63), 0],
    [`${"abcdefg.".repeat(31)}abcde.`, `${"abcdefg.".repeat(31)}abcde`, 0]
  ]
  for (const [given, name, ip] of hosts) {
    it(`reads ${JSON.stringify(given.slice(0, 60))} as ${name.slice(0, 60)}`, () => {
      assert.deepStrictEqual(namedHost(given), { name, ip })
      assert.deepStrictEqual(namedHost(name), { name, ip })
      assert.strictEqual(comparableHost(given), name)
    })
  }

  const refused: ReadonlyArray<unknown> = [
    "",
    ".",
    "..",
    ".a",
    "a..b",
    "a..",
    "a b",
    " a",
    "a ",
    "a\r\nb",
    "a\r",
    "\na",
    "a\tb",
    "a\0b",
    "a\x7f",
    "b\u00fc\r\ncher.test",
    "\tb\u00fccher.test",
    "b\u00fccher.test/evil.test",
    "evil.test@b\u00fccher.test",
    "b\u00fccher.test:80",
    "b\u00fccher%2etest",
    "a/b",
    "a\\b",
    "a?b",
    "a#b",
    "a@b",
    "a:80",
    "127.0.0.1:80",
    "[::1]:80",
    "[::1",
    "[127.0.0.1]",
    "fe80::1%eth0",
    "[fe80::1%25eth0]",
    "127.1",
    "0x7f.1",
    "2130706433",
    "1.2.3.4.5",
    "256.0.0.1",
    "*.example.com",
    "xn--",
    "a".repeat(64),
    `${"abcdefg.".repeat(31)}abcdef`,
    "a".repeat(65_536),
    undefined,
    null,
    42,
    {},
    ["a"]
  ]
  /** Long names are shown as their beginning and their length. */
  const shown = (given: unknown): string =>
    typeof given === "string" && given.length > 60
      ? `${given.slice(0, 60)}… of ${given.length} characters`
      : `${JSON.stringify(given)}`
  for (const given of refused) {
    it(`refuses ${shown(given)}`, () => {
      const fault = namedHost(given)
      if (typeof fault !== "string") return assert.fail(JSON.stringify(fault))
      assert.isAbove(fault.length, 5)
      if (typeof given === "string") assert.isUndefined(comparableHost(given))
    })
  }
})

describe("canonicalHost", () => {
  it("keeps the final dot of a URL's host", () => {
    assert.deepStrictEqual(canonicalHost("Example.com."), { name: "example.com.", ip: 0 })
  })

  it("refuses characters that the URL parser drops or that end the host", () => {
    for (const given of [
      "b\u00fc\tcher",
      "b\u00fc\ncher",
      "b\u00fccher/x",
      "b\u00fccher#x",
      "x@b\u00fccher",
      "b\u00fc%63her"
    ]) {
      assert.isString(canonicalHost(given), JSON.stringify(given))
    }
  })
})
