/**
 * Whether the work of a function grows in proportion to its input. It is measured at two sizes and compared, so that
 * the speed of the machine does not matter; the least of several runs counts, and where the result is in doubt there
 * are more of them, so that a busy machine cannot turn linear work into anything else.
 */
import { assert } from "@effect/vitest"
import { cpuTime } from "./time.js"

/** A function, and an input that makes it slow. */
export interface Growing<A> {
  readonly name: string
  /** The approximate length of the smaller input; the larger one is `factor` times as long. */
  readonly size: number
  readonly build: (size: number) => A
  readonly run: (input: A) => unknown
}

const factor = 16

/**
 * Linear work takes 16 times as long, and up to four times of that where the collector has to run for the larger input
 * only. Quadratic work takes 256 times as long.
 */
const limit = 100

/** Milliseconds of CPU time for the larger input. A function that takes less is certainly not quadratic. */
const negligible = 20

const rounds = 40

/** Milliseconds after which the result is certain: linear work of these sizes takes a fraction of that. */
const hopeless = 1000

/** Milliseconds of CPU time, to which other processes of the machine do not add. */
const once = <A>({ run }: Growing<A>, input: A): number => {
  const spent = cpuTime()
  run(input)
  return spent()
}

/** The ratio of the times for the larger and the smaller input; 0 if both are negligible. */
export const growthOf = <A>(growing: Growing<A>): number => {
  const small = growing.build(growing.size)
  const large = growing.build(growing.size * factor)
  let least = Infinity
  let most = Infinity
  for (let round = 0; round < rounds; round++) {
    most = Math.min(most, once(growing, large))
    if (most < negligible) return 0
    least = Math.min(least, once(growing, small), once(growing, small))
    if (round < 2) continue
    if (most / least < limit || most > hopeless) break
  }
  return most / least
}

/** Fails if the work grows faster than the input. */
export const assertLinear = <A>(growing: Growing<A>): void => {
  const growth = growthOf(growing)
  assert.isBelow(growth, limit, `${growing.name}: ${factor} times the input takes ${growth.toFixed(1)} times as long`)
}
