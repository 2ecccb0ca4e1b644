/** Errors of invalid configuration, and the environment that configuration reads. */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The error of a value of the configuration at `path` that is invalid. */
export const invalidConfig = (path: ReadonlyArray<string>, message: string): ConfigError.ConfigError =>
  ConfigError.InvalidData([...path], message)

/** The text of an environment variable, which may be empty; `undefined` if it is missing. */
export const variable = (name: string): Effect.Effect<string | undefined, ConfigError.ConfigError> =>
  Effect.map(Config.option(Config.string(name)), Option.getOrUndefined)
