import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { parseDate } from "../../../src/internal/cookies/date.js"

const june = Date.UTC(2021, 5, 9, 10, 18, 14)

const dates: ReadonlyArray<readonly [text: string, expected: number | undefined]> = [
  ["Wed, 09 Jun 2021 10:18:14 GMT", june],
  ["Wednesday, 09-Jun-21 10:18:14 GMT", june],
  ["Wed Jun  9 10:18:14 2021", june],
  ["09 Jun 2021 10:18:14 -0000", june],
  ["09 Jun 2021 10:18:14 +0100", june],
  ["9 jUNE 2021 10:18:14", june],
  ["2021 9 Jun 10:18:14", june],
  ["10:18:14 9 Jun 2021", june],
  ["Jun/9/21 10:18:14", june],
  ["9 Jun 21 10:18:14pm", june],
  ["9th Jun 2021CE 10:18:14", june],
  ["9 Jun 2021 1:8:4", Date.UTC(2021, 5, 9, 1, 8, 4)],
  ["Tue, 1 Jan 70 00:00:00 GMT", 0],
  ["1 Jan 69 00:00:00", Date.UTC(2069, 0, 1)],
  ["1 Jan 10 00:00:00", Date.UTC(2010, 0, 1)],
  ["1 Jan 99 00:00:00", Date.UTC(1999, 0, 1)],
  ["29 Feb 2024 00:00:00", Date.UTC(2024, 1, 29)],
  ["29 Feb 2023 00:00:00", undefined],
  ["31 Apr 2021 00:00:00", undefined],
  ["1 Jan 1601 00:00:00", Date.UTC(1601, 0, 1)],
  ["1 Jan 1600 00:00:00", undefined],
  ["1 Jan 199 00:00:00", undefined],
  ["1 Jan 20211 00:00:00", undefined],
  ["0 Jan 2021 00:00:00", undefined],
  ["32 Jan 2021 00:00:00", undefined],
  ["001 Jan 2021 00:00:00", undefined],
  ["1 Jan 2021 24:00:00", undefined],
  ["1 Jan 2021 23:60:00", undefined],
  ["1 Jan 2021 23:59:60", undefined],
  ["1 Jan 2021 77:88:99", undefined],
  ["1 Jan 2021 00:00", undefined],
  ["1 Jan 2021", undefined],
  ["Jan 2021 00:00:00", undefined],
  ["1 2021 00:00:00", undefined],
  ["1 Jan 00:00:00", undefined],
  ["1 Foo 2021 00:00:00", undefined],
  ["２１ Jan 2021 00:00:00", undefined],
  ["2021-06-09T10:18:14Z", undefined],
  ["", undefined],
  [";;;", undefined]
]

describe("parseDate", () => {
  for (const [text, expected] of dates) {
    it(JSON.stringify(text), () => assert.strictEqual(parseDate(text), expected))
  }

  it("reads every date that Date writes", () =>
    fc.assert(
      fc.property(
        fc.date({ min: new Date(Date.UTC(1601, 0, 1)), max: new Date(Date.UTC(9999, 11, 31)), noInvalidDate: true }),
        (date) => {
          const seconds = Math.floor(date.getTime() / 1000) * 1000
          assert.strictEqual(parseDate(date.toUTCString()), seconds)
        }
      ),
      { seed: 6265 }
    ))
})
