/** Makes errors of invalid configuration, and reads the environment through Config. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The error for an invalid value at `path` of the configuration. */
export const invalidConfig = (path: ReadonlyArray<string>, message: string): Config.ConfigError =>
  new Config.ConfigError(new ConfigProvider.SourceError({ message: [...path, message].join(": ") }))

/**
 * The text of an environment variable, which may be empty; `undefined` if it is missing. Replaces the provider that
 * reads the environment of the process by one that keeps empty variables.
 */
export const variable = (name: string): Effect.Effect<string | undefined, Config.ConfigError> =>
  Effect.flatMap(ConfigProvider.ConfigProvider, (provider) => {
    const isDefault = provider === Context.get(Context.empty(), ConfigProvider.ConfigProvider)
    const source = isDefault ? ConfigProvider.fromEnv({ preserveEmptyStrings: true }) : provider
    return Effect.map(Config.option(Config.String(name)).parse(source), Option.getOrUndefined)
  })
