import { assert, describe, it } from "@effect/vitest"
import { Array as Arr } from "effect"
import * as fc from "fast-check"
import { sortAddresses } from "../../../../src/internal/network/dial/sortAddresses.js"
import type { Address } from "../../../../src/Resolver.js"

const address = (text: string): Address => ({ address: text, family: text.includes(":") ? 6 : 4 })

const sorted = (list: ReadonlyArray<string>, turn: number) => {
  const addresses = list.map(address)
  assert.isTrue(Arr.isNonEmptyReadonlyArray(addresses))
  return Arr.isNonEmptyReadonlyArray(addresses) ? sortAddresses(addresses, turn).map((each) => each.address) : []
}

describe("sortAddresses", () => {
  const rows: ReadonlyArray<[string, ReadonlyArray<string>, number, ReadonlyArray<string>]> = [
    ["one address", ["1.1.1.1"], 3, ["1.1.1.1"]],
    ["families take turns", ["::1", "::2", "::3", "1.1.1.1"], 0, ["::1", "1.1.1.1", "::2", "::3"]],
    ["the resolver's first family is first", ["1.1.1.1", "1.1.1.2", "::1"], 0, ["1.1.1.1", "::1", "1.1.1.2"]],
    [
      "the next turn begins with the next address",
      ["1.1.1.1", "1.1.1.2", "1.1.1.3"],
      1,
      ["1.1.1.2", "1.1.1.3", "1.1.1.1"]
    ],
    ["and so on", ["1.1.1.1", "1.1.1.2", "1.1.1.3"], 2, ["1.1.1.3", "1.1.1.1", "1.1.1.2"]],
    ["and round", ["1.1.1.1", "1.1.1.2", "1.1.1.3"], 3, ["1.1.1.1", "1.1.1.2", "1.1.1.3"]],
    ["a turn keeps the family", ["::1", "::2", "1.1.1.1", "1.1.1.2"], 1, ["::2", "1.1.1.2", "::1", "1.1.1.1"]]
  ]
  it.each(rows)("%s", (_, list, turn, expected) => {
    assert.deepStrictEqual(sorted(list, turn), expected)
  })

  it("never loses, adds or duplicates an address, and keeps the first family", () => {
    const one = fc.oneof(fc.ipV4(), fc.ipV6())
    fc.assert(
      fc.property(fc.uniqueArray(one, { minLength: 1, maxLength: 20 }), fc.nat(1000), (list, turn) => {
        const out = sorted(list, turn)
        assert.deepStrictEqual([...out].sort(), [...list].sort())
        assert.strictEqual(address(out[0] ?? "").family, address(list[0] ?? "").family)
      }),
      { seed: 8305 }
    )
  })
})
