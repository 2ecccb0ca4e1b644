/** The metrics that a program has recorded. */
import { Effect, Metric, MetricState, Option } from "effect"

/** A metric of one set of tags. */
export interface Recorded {
  readonly name: string
  readonly description: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly isCounter: boolean
  readonly count: number
  /** The sum of a histogram. */
  readonly sum: number | undefined
  /** The finite boundaries of a histogram. */
  readonly boundaries: ReadonlyArray<number>
}

export const recordedMetrics: Effect.Effect<ReadonlyArray<Recorded>> = Effect.map(Metric.snapshot, (pairs) =>
  pairs.map(({ metricKey, metricState }) => ({
    name: metricKey.name,
    description: Option.getOrUndefined(metricKey.description),
    tags: Object.fromEntries(metricKey.tags.map(({ key, value }) => [key, value])),
    isCounter: MetricState.isCounterState(metricState),
    count:
      MetricState.isCounterState(metricState) || MetricState.isHistogramState(metricState)
        ? Number(metricState.count)
        : 0,
    sum: MetricState.isHistogramState(metricState) ? metricState.sum : undefined,
    boundaries: MetricState.isHistogramState(metricState)
      ? Array.from(metricState.buckets, ([le]) => le).filter(Number.isFinite)
      : []
  }))
)
