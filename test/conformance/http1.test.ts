import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { parse } from "../support/replies.js"
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

/** curl's exit codes that mean the reply is at fault. */
const mustFail: ReadonlySet<number> = new Set([8, 18, 52, 56, 61, 63, 100])

const suite = (name: string) => new URL(`../../../shared/suites/${name}`, import.meta.url)

const rows = <A>(name: string, run: (rows: ReadonlyArray<A>) => void) => {
  const url = suite(name)
  const here = existsSync(url)
  describe.skipIf(!here)(here ? name : `${name}, which is not here`, () => {
    const replies: ReadonlyArray<A> = here ? JSON.parse(readFileSync(url, "utf8")) : []
    it("has rows", () => assert.isNotEmpty(replies))
    run(replies)
  })
}

const verdictOf = (result: string): Rows.Verdict => (result === "complete" ? "accept" : "refuse")

// `parse` cuts each reply at every place, and into single bytes.
rows<CurlReply>("curl-replies.json", (replies) => {
  for (const { test, name, curlErrorcode, rawBase64 } of replies) {
    const code = Number(curlErrorcode)
    const own = Rows.curlDiffering[test] ?? Rows.curlSilent[test]
    const expected = own?.[0] ?? (code === 0 ? "accept" : "refuse")
    it(`${test}: ${name}: ${expected}`, () => {
      const outcome = parse(Buffer.from(rawBase64, "base64"))
      assert.strictEqual(verdictOf(outcome.result), expected, JSON.stringify(outcome))
    })
  }

  it("differs from curl only in rows that say why", () => {
    const names = new Map(replies.map((reply) => [reply.test, Number(reply.curlErrorcode)]))
    for (const [test, [verdict]] of Object.entries(Rows.curlDiffering)) {
      const code = names.get(test)
      assert.isDefined(code, test)
      assert.strictEqual(verdict, code === 0 ? "refuse" : "accept", test)
    }
    for (const [test, code] of names) {
      assert.strictEqual(Object.hasOwn(Rows.curlSilent, test), code !== 0 && !mustFail.has(code ?? 0), test)
    }
  })
})

rows<RawReply>("wpt-h1-parsing.json", (replies) => {
  for (const { name, rawBase64 } of replies) {
    const expected = Rows.h1Parsing[name]
    it(`${name}: ${expected}`, () => {
      const outcome = parse(Buffer.from(rawBase64, "base64"))
      assert.strictEqual(verdictOf(outcome.result), expected, JSON.stringify(outcome))
      if (expected === "refuse") return
      assert.strictEqual(outcome.body, "Test.")
      assert.deepStrictEqual(outcome.headers, [
        ["X-Frame-Options", Rows.h1Values[name] ?? "DENY"],
        ["Content-Length", "5"]
      ])
    })
  }
})

rows<ContentLength>("wpt-content-lengths.json", (lengths) => {
  for (const { input, output } of lengths) {
    const why = Rows.contentLengthDiffering[input]
    it(`${JSON.stringify(input)}: ${why === undefined ? output : "refuse"}`, () => {
      const outcome = parse(`HTTP/1.1 200 OK\r\n${input}\r\n\r\n${"x".repeat(42)}`)
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

describe("docs/conformance.md", () => {
  const text = readFileSync(new URL("../../docs/conformance.md", import.meta.url), "utf8")
  const lines = new Set(text.split("\n"))

  it.each(Object.entries({ ...Rows.curlDiffering, ...Rows.curlSilent }))("has %s", (test, [verdict, why]) => {
    assert.isTrue(lines.has(`| ${test} | ${verdict} | ${why} |`), `| ${test} | ${verdict} | ${why} |`)
  })

  it.each(Object.entries(Rows.contentLengthDiffering))("has %j", (input, why) => {
    const line = `| \`${input.replaceAll("\r\n", "\\r\\n")}\` | refuse | ${why} |`
    assert.isTrue(lines.has(line), line)
  })

  it.each(Object.entries(Rows.h1Parsing))("has h1-parsing %s", (name, verdict) => {
    assert.isTrue(lines.has(`| ${name} | ${verdict} |`), `| ${name} | ${verdict} |`)
  })
})
