/**
 * Makes `assert.deepStrictEqual` tell Options apart. chai compares objects that can be iterated by what they yield, and an
 * Option yields itself, wrapped, to Effect.gen: without this, `Option.none()` equals every `Option.some`.
 */
import { Option } from "effect"
import { chai } from "vitest"

type Options = Parameters<typeof chai.util.eql>[2]

const comparator = (left: unknown, right: unknown): boolean | null => {
  if (!Option.isOption(left) || !Option.isOption(right)) return null
  return Option.isSome(left) && Option.isSome(right)
    ? chai.util.eql(left.value, right.value, options)
    : Option.isNone(left) && Option.isNone(right)
}

const options: Options = { comparator }

chai.config.deepEqual = (left: unknown, right: unknown): boolean => chai.util.eql(left, right, options)
