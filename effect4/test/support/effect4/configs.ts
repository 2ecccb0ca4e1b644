/** Functions of Config of Effect 3 that tests use, on Effect 4. */
import { Config, Effect } from "effect"
import { invalidConfig } from "../../../src/internal/effect/configErrors.js"

export const mapAttempt = (...given: ReadonlyArray<any>): any => {
  const run = (self: Config.Config<any>, f: (value: any) => any) =>
    Config.mapOrFail(self, (value) =>
      Effect.try({
        try: () => f(value),
        catch: (error) => invalidConfig([], error instanceof Error ? error.message : String(error))
      })
    )
  return given.length === 1 ? (self: Config.Config<any>) => run(self, given[0]) : run(given[0], given[1])
}
