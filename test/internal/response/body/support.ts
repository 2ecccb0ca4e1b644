/**
 * Inputs and failures for tests of decoders.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Given } from "../support.js"

export const typed = (contentType: string): Given => ({ headers: [["Content-Type", contentType]] })

export const bytesOf = (...codes: ReadonlyArray<number>) => Uint8Array.from(codes)

export const failureOf = <A, E>(exit: Exit.Exit<A, E>): E => {
  if (Exit.isSuccess(exit)) throw new Error("It succeeded")
  return Option.getOrThrowWith(Cause.failureOption(exit.cause), () => new Error(Cause.pretty(exit.cause)))
}
