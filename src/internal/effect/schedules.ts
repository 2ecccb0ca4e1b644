/** Schedules that are driven by hand. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Decision from "effect/ScheduleDecision"
import * as Intervals from "effect/ScheduleIntervals"

/** Milliseconds until the next step; `undefined` if the schedule has ended. */
export type Steps<Input> = (now: number, input: Input) => Effect.Effect<number | undefined>

/** The steps of a schedule from its beginning, without its waits. `now` is in milliseconds since the epoch. */
export const stepsOf = <Output, Input>(schedule: Schedule.Schedule<Output, Input>): Effect.Effect<Steps<Input>> =>
  Effect.sync(() => {
    let state: unknown = schedule.initial
    return (now, input) =>
      Effect.map(schedule.step(now, input, state), ([following, _, decision]) => {
        state = following
        if (Decision.isDone(decision)) return undefined
        const wait = Intervals.start(decision.intervals) - now
        return Number.isNaN(wait) ? 0 : wait
      })
  })

/** A schedule that waits by itself. */
export interface Driver<Input> {
  /** Waits for the next step. Succeeds with `false` if the schedule has ended. */
  readonly after: (input: Input) => Effect.Effect<boolean>
  /** Begins the schedule again. */
  readonly reset: Effect.Effect<void>
}

/** Drives a schedule, with its waits. */
export const driverOf = <Output, Input>(schedule: Schedule.Schedule<Output, Input>): Effect.Effect<Driver<Input>> =>
  Effect.map(Schedule.driver(schedule), (driver) => ({
    after: (input) => Effect.match(driver.next(input), { onFailure: () => false, onSuccess: () => true }),
    reset: driver.reset
  }))

/** An exponential backoff from `base` up to `most`, with jitter so that clients do not return at the same moment. */
export const backoff = (base: Duration.Duration, most: Duration.Duration): Schedule.Schedule<unknown> =>
  Schedule.exponential(base).pipe(
    Schedule.jittered,
    Schedule.modifyDelay((_, delay) => Duration.min(delay, most))
  )

/** Like `backoff`, with jitter after the limit: waits may be a little longer than `most`. */
export const looseBackoff = (base: Duration.Duration, most: Duration.Duration): Schedule.Schedule<unknown> =>
  Schedule.exponential(base).pipe(Schedule.either(Schedule.spaced(most)), Schedule.jittered)
