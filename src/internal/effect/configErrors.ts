/** Makes errors of invalid configuration, and reads the environment through Config. */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The error for an invalid value at `path` of the configuration. */
export const invalidConfig = (path: ReadonlyArray<string>, message: string): ConfigError.ConfigError =>
  ConfigError.InvalidData([...path], message)

/** The text of an environment variable, which may be empty; `undefined` if it is missing. */
export const variable = (name: string): Effect.Effect<string | undefined, ConfigError.ConfigError> =>
  Effect.map(Config.option(Config.string(name)), Option.getOrUndefined)
