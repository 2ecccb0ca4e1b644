/** Decodes durations of programs that the compiler does not check. */
import * as Duration from "effect/Duration"
import type * as Option from "effect/Option"

/** The duration that a value describes; None if it describes none. */
export const decodeDuration = (value: unknown): Option.Option<Duration.Duration> => Duration.decodeUnknown(value)
