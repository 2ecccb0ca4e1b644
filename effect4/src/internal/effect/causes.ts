/** Removes typed failures from causes. */
import * as Cause from "effect/Cause"

/** The cause without its typed failures. */
export const withoutFailures = <E>(cause: Cause.Cause<E>): Cause.Cause<never> =>
  Cause.fromReasons(cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? [] : [reason])))
