/** Makes backoff schedules, and runs any schedule step by step. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

/** Takes the next step: the milliseconds to wait, or `undefined` if the schedule has ended. */
export type Steps<Input> = (now: number, input: Input) => Effect.Effect<number | undefined>

/** The steps of a schedule from its beginning, without its waits. `now` is in milliseconds since the epoch. */
export const stepsOf = <Output, Input>(schedule: Schedule.Schedule<Output, Input>): Effect.Effect<Steps<Input>> =>
  Effect.map(
    Schedule.toStep(schedule),
    (step) => (now, input) =>
      Effect.match(step(now, input), { onFailure: () => undefined, onSuccess: ([, wait]) => Duration.toMillis(wait) })
  )

/** A schedule that waits between its steps. */
export interface Driver<Input> {
  /** Waits for the next step. Succeeds with `false` if the schedule has ended. */
  readonly after: (input: Input) => Effect.Effect<boolean>
  /** Starts the schedule again. */
  readonly reset: Effect.Effect<void>
}

/** Runs a schedule with its waits. */
export const driverOf = <Output, Input>(schedule: Schedule.Schedule<Output, Input>): Effect.Effect<Driver<Input>> =>
  Effect.map(Schedule.toStepWithSleep(schedule), (first) => {
    let step = first
    return {
      after: (input) =>
        Effect.suspend(() => Effect.match(step(input), { onFailure: () => false, onSuccess: () => true })),
      reset: Effect.map(Schedule.toStepWithSleep(schedule), (again) => {
        step = again
      })
    }
  })

/** An exponential backoff from `base` up to `most`. Its jitter keeps clients from retrying at the same moment. */
export const backoff = (base: Duration.Duration, most: Duration.Duration): Schedule.Schedule<unknown> =>
  Schedule.exponential(base).pipe(
    Schedule.jittered,
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, most)))
  )

/** Like `backoff`, but the jitter applies after the limit, so that waits may be a little longer than `most`. */
export const looseBackoff = (base: Duration.Duration, most: Duration.Duration): Schedule.Schedule<unknown> =>
  Schedule.jittered(Schedule.min([Schedule.exponential(base), Schedule.spaced(most)]))
