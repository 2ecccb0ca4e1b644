import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { parseSetCookie } from "../../../src/internal/cookies/parse.js"
import { cpuTime } from "../../support/time.js"

const piece = fc.oneof(
  fc.constantFrom("a", "=", ";", " ", "\t", ",", '"', "Path=/", "Domain=.x", "Expires=", "Max-Age=", "-1", "Secure"),
  fc.constantFrom("\x00", "\r", "\n", "\x7f", "é", "\ud800", "__Host-", "SameSite=Lax"),
  fc.string({ unit: "binary" })
)
const lines = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""))

describe("parseSetCookie", () => {
  it("never throws, and keeps its limits", () =>
    fc.assert(
      fc.property(lines, (line) => {
        const parsed = parseSetCookie(line)
        if (parsed === undefined) return
        assert.isTrue(line.includes(parsed.name) && line.includes(parsed.value))
        assert.isFalse(/[\x00-\x08\x0a-\x1f\x7f;]/.test(parsed.name + parsed.value))
        assert.isFalse(parsed.name.includes("="))
        assert.isAtMost(parsed.name.length + parsed.value.length, 4096)
        assert.isFalse(Number.isNaN(parsed.maxAge) || Number.isNaN(parsed.expires))
      }),
      { seed: 6265, numRuns: 2000 }
    ))

  it("reads the cookies that a server writes", () => {
    const text = fc.stringMatching(/^[!#-+\--:<>-~]{1,20}$/)
    fc.assert(
      fc.property(
        fc.stringMatching(/^[!#-+\--:<>-~]{1,20}$/).filter((s) => !s.includes("=")),
        text,
        fc.nat(),
        (name, value, age) => {
          const parsed = parseSetCookie(
            `${name}=${value}; max-age=${age}; PATH=/p; secure;HttpOnly ;Partitioned; SameSite = lax`
          )
          assert.deepStrictEqual(parsed, {
            name,
            value,
            domain: undefined,
            path: "/p",
            secure: true,
            httpOnly: true,
            partitioned: true,
            sameSite: "lax",
            maxAge: age,
            expires: undefined
          })
        }
      ),
      { seed: 6265 }
    )
  })

  it("uses the last SameSite, even an unknown one", () => {
    assert.strictEqual(parseSetCookie("a=b; SameSite=Strict; SameSite=Lax")?.sameSite, "lax")
    assert.isUndefined(parseSetCookie("a=b; SameSite=Strict; SameSite=bogus")?.sameSite)
  })

  const hostile: ReadonlyArray<readonly [name: string, line: (n: number) => string]> = [
    ["a long attribute", (n) => `a=b; Path=${"/".repeat(n)}`],
    ["many semicolons", (n) => `a=b${";".repeat(n)}`],
    ["many spaced semicolons", (n) => `a=b${" ;\t".repeat(n / 3)}`],
    ["a long date", (n) => `a=b; Expires=${"1 ".repeat(n / 2)}`],
    ["a date of colons", (n) => `a=b; Expires=${"1:".repeat(500)}${" ;Expires=1:1:".repeat(n / 14)}`],
    ["a long age", (n) => `a=b; Max-Age=${"9".repeat(n)}`],
    ["spaces before", (n) => `${" ".repeat(n)}a=b`],
    ["spaces within", (n) => `a${" ".repeat(n)}=${" ".repeat(n)}b`],
    ["equals signs", (n) => "=".repeat(n)],
    ["equals signs in an attribute", (n) => `a=b; ${"=".repeat(n)}`]
  ]
  for (const [name, line] of hostile) {
    it(`takes time proportional to the length at most: ${name}`, () => {
      const text = line(1_000_000)
      const spent = cpuTime()
      parseSetCookie(text)
      // Quadratic work would take minutes.
      assert.isBelow(spent(), 1000)
    })
  }
})
