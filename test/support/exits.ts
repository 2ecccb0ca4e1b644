/**
 * The values of an exit.
 */
import { Cause, Exit, Option } from "effect"

/** The error of a failed exit; throws for every other exit. */
export const failure = <A, E>(exit: Exit.Exit<A, E>): E => {
  if (Exit.isSuccess(exit)) throw new Error(`expected a failure, got ${String(exit)}`)
  return Option.getOrThrowWith(Cause.failureOption(exit.cause), () => new Error(Cause.pretty(exit.cause)))
}
