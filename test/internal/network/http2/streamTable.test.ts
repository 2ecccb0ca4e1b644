/**
 * The table of open streams against a Map.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { StreamTable } from "../../../../src/internal/network/http2/streamTable.js"

interface Entry {
  readonly id: number
  nextInBucket: Entry | undefined
}

describe("StreamTable", () => {
  it("has the same entries as a Map, listed by id", () => {
    const ids = fc.integer({ min: 0, max: 2000 }).map((index) => index * 2 + 1)
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), ids), { maxLength: 2000 }), (steps) => {
        const table = new StreamTable<Entry>()
        const map = new Map<number, Entry>()
        for (const [adds, id] of steps) {
          if (!adds) {
            table.delete(id)
            map.delete(id)
          } else if (!map.has(id)) {
            const entry: Entry = { id, nextInBucket: undefined }
            table.add(entry)
            map.set(id, entry)
          }
          assert.strictEqual(table.get(id), map.get(id))
          assert.strictEqual(table.size, map.size)
        }
        const expected = [...map.values()].sort((a, b) => a.id - b.id)
        assert.deepStrictEqual(
          table.all().map(({ id }) => id),
          expected.map(({ id }) => id)
        )
        for (const { id } of expected) assert.isTrue(table.has(id))
      }),
      { numRuns: 30 }
    )
  })
})
