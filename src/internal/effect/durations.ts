/** Durations of programs without types. */
import * as Duration from "effect/Duration"
import type * as Option from "effect/Option"

/** The duration that a value describes, if it does. */
export const decodeDuration = (value: unknown): Option.Option<Duration.Duration> => Duration.decodeUnknown(value)
