/** Functions of Schedule of Effect 3 that tests use, on Effect 4. */
import { type Effect, Schedule } from "effect"

type Any = Schedule.Schedule<any, any, any, any>

export const intersect = (...given: ReadonlyArray<any>): any =>
  given.length === 1 ? (self: Any) => Schedule.max([self, given[0]]) : Schedule.max([given[0], given[1]])

export const tapInput = (...given: ReadonlyArray<any>): any => {
  const run = (self: Any, f: (input: any) => Effect.Effect<any, any, any>) =>
    Schedule.tap(self, ({ input }) => f(input))
  return given.length === 1 ? (self: Any) => run(self, given[0]) : run(given[0], given[1])
}
