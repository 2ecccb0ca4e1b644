/**
 * Limits of the HTTP/1.1 parser.
 */
import { assert, describe, it } from "@effect/vitest"
import { defaultLimits, resolveLimits } from "../../../../src/internal/network/http1/limits.js"

describe("resolveLimits", () => {
  it("fills in defaults and stays finite", () => {
    assert.deepStrictEqual(resolveLimits(undefined), defaultLimits)
    assert.deepStrictEqual(resolveLimits({ maxHeaders: 5 }), { ...defaultLimits, maxHeaders: 5 })
    const lifted = resolveLimits({ maxHeadSize: Infinity, maxInformational: Infinity })
    assert.isTrue(Number.isSafeInteger(lifted.maxHeadSize))
    assert.isTrue(Number.isSafeInteger(lifted.maxTrailerSize))
    assert.isTrue(Number.isSafeInteger(lifted.maxInformational))
  })
  it("limits options to 2^30, accepts whole numbers and 0, and limits trailers like heads", () => {
    const names = ["maxLineSize", "maxHeaders", "maxHeadSize", "maxInformational", "maxChunkExtension"] as const
    for (const name of names) {
      for (const [given, limit] of [
        [Infinity, 2 ** 30],
        [2 ** 30, 2 ** 30],
        [2 ** 30 + 1, 2 ** 30],
        [2 ** 30 - 1, 2 ** 30 - 1],
        [1.9, 1],
        [0, 0]
      ] as const) {
        const limits = resolveLimits({ [name]: given })
        assert.strictEqual(limits[name], limit, `${name}: ${given}`)
        assert.strictEqual(limits.maxTrailerSize, limits.maxHeadSize)
      }
      for (const given of [-1, Number.NaN]) assert.throws(() => resolveLimits({ [name]: given }), RangeError, name)
    }
  })
  it.each([Number.NaN, -1])("refuses %s", (value) => {
    assert.throws(() => resolveLimits({ maxLineSize: value }), RangeError)
  })
})
