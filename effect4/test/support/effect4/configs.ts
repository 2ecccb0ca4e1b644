/** Functions of Config of Effect 3 that tests use, on Effect 4. */
import { Config, ConfigProvider, Effect } from "effect"
import { invalidConfig } from "../../../src/internal/effect/configErrors.js"

export const mapAttempt = (...given: ReadonlyArray<any>): any => {
  const run = (self: Config.Config<any>, f: (value: any) => any) =>
    Config.mapEffect(self, (value) =>
      Effect.try({
        try: () => f(value),
        catch: (error) => invalidConfig([], error instanceof Error ? error.message : String(error))
      })
    )
  return given.length === 1 ? (self: Config.Config<any>) => run(self, given[0]) : run(given[0], given[1])
}

/** Names with dots are paths, as in Effect 3. */
export const fromMap = (map: ReadonlyMap<string, string>): ConfigProvider.ConfigProvider => {
  const root: { [name: string]: unknown } = {}
  for (const [name, value] of map) {
    const path = name.split(".")
    const last = path.pop() ?? ""
    let at: any = root
    for (const part of path) at = at[part] ??= {}
    at[last] = value
  }
  return ConfigProvider.fromUnknown(root, { preserveEmptyStrings: true })
}
