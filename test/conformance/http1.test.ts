import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { parse, parseStrict } from "../support/replies.js"
import * as Rows from "./http1Rows.js"

interface CurlReply {
  readonly test: string
  readonly name: string
  readonly curlErrorcode: string
  readonly rawBase64: string
}

interface RawReply {
  readonly name: string
  readonly rawBase64: string
}

interface ContentLength {
  readonly input: string
  readonly output: number | null
}

/** Exit codes of curl for an invalid reply. */
const mustFail: ReadonlySet<number> = new Set([8, 18, 52, 56, 61, 63, 100])

const suite = (name: string) => new URL(`../../../shared/suites/${name}`, import.meta.url)

const rows = <A>(name: string, run: (rows: ReadonlyArray<A>) => void) => {
  const url = suite(name)
  const here = existsSync(url)
  describe.skipIf(!here)(here ? name : `${name}, which is not here`, () => {
    const replies: ReadonlyArray<A> = here ? JSON.parse(readFileSync(url, "utf8")) : []
    it("the tables of curl and of the specifications have rows", () => assert.isNotEmpty(replies))
    run(replies)
  })
}

const verdictOf = (result: string): Rows.Verdict => (result === "complete" ? "accept" : "reject")

const modes = [
  ["default", parse],
  ["strict", parseStrict]
] as const

// `parse` cuts each reply at every place, and into single bytes.
rows<CurlReply>("curl-replies.json", (replies) => {
  describe.each(modes)("%s", (mode, read) => {
    const differing: Rows.Differing = Rows.curlDiffering[mode]
    const silent: Rows.Differing = Rows.curlSilent[mode]
    for (const { test, name, curlErrorcode, rawBase64 } of replies) {
      const code = Number(curlErrorcode)
      const own = differing[test] ?? silent[test]
      const expected = own?.[0] ?? (code === 0 ? "accept" : "reject")
      it(`${test}: ${name}: ${expected}`, () => {
        const outcome = read(Buffer.from(rawBase64, "base64"))
        assert.strictEqual(verdictOf(outcome.result), expected, JSON.stringify(outcome))
      })
    }

    it("curl's verdict differs from the parser's only in rows that give a reason", () => {
      const names = new Map(replies.map((reply) => [reply.test, Number(reply.curlErrorcode)]))
      for (const [test, [verdict]] of Object.entries(differing)) {
        const code = names.get(test)
        assert.isDefined(code, test)
        assert.strictEqual(verdict, code === 0 ? "reject" : "accept", test)
      }
      for (const [test, code] of names) {
        assert.strictEqual(Object.hasOwn(silent, test), code !== 0 && !mustFail.has(code ?? 0), test)
      }
    })
  })
})

rows<RawReply>("wpt-h1-parsing.json", (replies) => {
  describe.each(modes)("%s", (mode, read) => {
    for (const { name, rawBase64 } of replies) {
      const expected = Rows.h1Parsing[name]?.[mode === "default" ? 0 : 1]
      it(`${name}: ${expected}`, () => {
        const outcome = read(Buffer.from(rawBase64, "base64"))
        assert.strictEqual(verdictOf(outcome.result), expected, JSON.stringify(outcome))
        if (expected !== "accept") return
        if (Rows.h1EarlyEnd.has(name)) {
          assert.isTrue(outcome.body.endsWith("Test."))
          assert.strictEqual(outcome.framing, "close")
          return
        }
        assert.strictEqual(outcome.body, "Test.")
        const value = Object.hasOwn(Rows.h1Values, name) ? Rows.h1Values[name] : "DENY"
        const length = ["Content-Length", "5"] as const
        const frame = ["X-Frame-Options", value ?? ""] as const
        assert.deepStrictEqual(outcome.headers, value === undefined ? [length] : [frame, length])
      })
    }
  })
})

rows<ContentLength>("wpt-content-lengths.json", (lengths) => {
  describe.each(modes)("%s", (_, read) => {
    for (const { input, output } of lengths) {
      const why = Rows.contentLengthDiffering[input]
      it(`${JSON.stringify(input)}: ${why === undefined ? output : "reject"}`, () => {
        const outcome = read(`HTTP/1.1 200 OK\r\n${input}\r\n\r\n${"x".repeat(42)}`)
        if (output === null || why !== undefined) {
          assert.strictEqual(outcome.result, "failed")
          assert.strictEqual(outcome.failure, "Framing")
        } else {
          assert.strictEqual(outcome.result, "complete")
          assert.strictEqual(outcome.body.length, output)
          assert.strictEqual(outcome.excess, 42 - output)
        }
      })
    }
  })
})

describe("docs/conformance.md", () => {
  const text = readFileSync(new URL("../../docs/conformance.md", import.meta.url), "utf8")
  const lines = new Set(text.split("\n"))

  it.each(Object.entries({ ...Rows.curlDiffering.strict, ...Rows.curlSilent.strict }))(
    "has %s",
    (test, [strict, why]) => {
      const row = Rows.curlDiffering.default[test] ?? Rows.curlSilent.default[test]
      const line = `| ${test} | ${row?.[0] ?? "accept"} | ${strict} | ${why} |`
      assert.isTrue(lines.has(line), line)
    }
  )

  it.each(Object.entries(Rows.contentLengthDiffering))("has %j", (input, why) => {
    const line = `| \`${input.replaceAll("\r\n", "\\r\\n")}\` | reject | ${why} |`
    assert.isTrue(lines.has(line), line)
  })

  it.each(Object.entries(Rows.h1Parsing))("has h1-parsing %s", (name, [byDefault, strict]) => {
    assert.isTrue(lines.has(`| ${name} | ${byDefault} | ${strict} |`), `| ${name} | ${byDefault} | ${strict} |`)
  })
})
