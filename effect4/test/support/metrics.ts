/** The metrics that a program has recorded. */
import { Effect, Metric } from "effect"

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

export const recordedMetrics: Effect.Effect<ReadonlyArray<Recorded>> = Effect.map(Metric.snapshot, (metrics) =>
  metrics.map((metric) => ({
    name: metric.id,
    description: metric.description,
    tags: { ...metric.attributes },
    isCounter: metric.type === "Counter",
    count: metric.type === "Counter" || metric.type === "Histogram" ? Number(metric.state.count) : 0,
    sum: metric.type === "Histogram" ? metric.state.sum : undefined,
    boundaries:
      metric.type === "Histogram" ? Array.from(metric.state.buckets, ([le]) => le).filter(Number.isFinite) : []
  }))
)
