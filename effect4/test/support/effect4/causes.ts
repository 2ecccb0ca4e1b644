/** What Effect 3 says of a cause. In Effect 4 a cause is a list of reasons. */
import { Cause, Option } from "effect"

type AnyCause = Cause.Cause<unknown>

const first = (cause: AnyCause) => cause.reasons[0]

/** The tag of a cause with one reason; of several, "Sequential". */
export const causeTag = (cause: AnyCause): string =>
  cause.reasons.length === 0 ? "Empty" : cause.reasons.length > 1 ? "Sequential" : (first(cause)?._tag ?? "Empty")

// Tests read a field after they have checked the tag, so its type is not known here.
export const causeError = (cause: AnyCause): any => {
  const reason = cause.reasons.find(Cause.isFailReason)
  return reason?.error
}

export const causeDefect = (cause: AnyCause): any => cause.reasons.find(Cause.isDieReason)?.defect

export const causeLeft = (cause: AnyCause): AnyCause => Cause.fromReasons(cause.reasons.slice(0, 1))

export const causeRight = (cause: AnyCause): AnyCause => Cause.fromReasons(cause.reasons.slice(1))

export const defects = (cause: AnyCause): ReadonlyArray<unknown> =>
  cause.reasons.filter(Cause.isDieReason).map(({ defect }) => defect)

export const failures = <E>(cause: Cause.Cause<E>): ReadonlyArray<E> =>
  cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)

export const dieOption = (cause: AnyCause): Option.Option<unknown> =>
  Option.map(Option.fromUndefinedOr(cause.reasons.find(Cause.isDieReason)), ({ defect }) => defect)

export const isFailType = (cause: AnyCause): boolean => causeTag(cause) === "Fail"

export const isDieType = (cause: AnyCause): boolean => causeTag(cause) === "Die"

export const isInterruptType = (cause: AnyCause): boolean => causeTag(cause) === "Interrupt"

export const isEmptyType = (cause: AnyCause): boolean => cause.reasons.length === 0

export const pretty = (cause: AnyCause, _?: object): string => Cause.pretty(cause)
