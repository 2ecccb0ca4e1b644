/** Errors of invalid configuration, and the environment that configuration reads. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The error of a value of the configuration at `path` that is invalid. */
export const invalidConfig = (path: ReadonlyArray<string>, message: string): Config.ConfigError =>
  new Config.ConfigError(new ConfigProvider.SourceError({ message: [...path, message].join(": ") }))

/**
 * The text of an environment variable, which may be empty; `undefined` if it is missing. The provider that reads the
 * environment of the process drops empty variables, so one that keeps them takes its place.
 */
export const variable = (name: string): Effect.Effect<string | undefined, Config.ConfigError> =>
  Effect.flatMap(ConfigProvider.ConfigProvider, (provider) => {
    const isDefault = provider === Context.get(Context.empty(), ConfigProvider.ConfigProvider)
    const source = isDefault ? ConfigProvider.fromEnv({ preserveEmptyStrings: true }) : provider
    return Effect.map(Config.option(Config.String(name)).parse(source), Option.getOrUndefined)
  })
