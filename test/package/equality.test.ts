/** The assertions that the tests use. */
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"

describe("assert.deepStrictEqual", () => {
  it.each([
    [Option.some(1), Option.none()],
    [Option.none(), Option.some(1)],
    [[Option.some(1)], [Option.none()]],
    [{ a: Option.some(Option.none()) }, { a: Option.some(Option.some(1)) }],
    [Option.some({ b: 1 }), Option.some({ b: 2 })]
  ])("distinguishes %j from %j", (left, right) => {
    assert.throws(() => assert.deepStrictEqual<unknown>(left, right))
  })

  it("accepts equal Options", () => {
    assert.deepStrictEqual([Option.some({ b: 1 }), Option.none()], [Option.some({ b: 1 }), Option.none()])
  })
})
