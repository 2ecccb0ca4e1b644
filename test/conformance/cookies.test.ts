/**
 * The http-state corpus in the public API of the jar.
 */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as CookieJar from "effect-http-session/CookieJar"

interface Row {
  readonly test: string
  readonly received: ReadonlyArray<string>
  readonly "sent-to"?: string
  readonly sent: ReadonlyArray<{ readonly name: string; readonly value: string }>
}

const file = fileURLToPath(new URL("../../../shared/suites/http-state-cookies.json", import.meta.url))
const present = existsSync(file)
const rows: ReadonlyArray<Row> = present ? JSON.parse(readFileSync(file, "utf8")) : []

/**
 * Rows with another outcome. The corpus disabled this one, because no browser passes it: RFC 6265bis section 5.1.4
 * compares paths as they are sent, and "%6F" is not "o".
 */
const different: Readonly<Record<string, Row["sent"]>> = { DISABLED_PATH0029: [] }

describe.skipIf(!present)("the http-state corpus", () => {
  it("has all its rows", () => assert.strictEqual(rows.length, 222))

  for (const row of rows) {
    it.effect(row.test, () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2026, 0, 1))
        const jar = yield* CookieJar.make()
        const from = `http://home.example.org/cookie-parser?${row.test}`
        yield* jar.setCookies(row.received, from)
        const to = new URL(row["sent-to"] ?? `/cookie-parser-result?${row.test}`, from)
        const sent = yield* jar.filterCookies(to)
        assert.deepStrictEqual(
          sent.map(({ name, value }) => ({ name, value })),
          (different[row.test] ?? row.sent).map(({ name, value }) => ({ name, value }))
        )
      })
    )
  }
})
