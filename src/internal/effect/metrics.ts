/** Updates metrics without running effects. */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"

/** A set of labels, made once by `labelsOf`. */
export type Labels = ReadonlyArray<MetricLabel.MetricLabel>

/** A metric of numbers. */
export interface NumberMetric {
  readonly unsafeUpdate: (value: number, labels: Labels) => void
}

export const labelsOf = (pairs: ReadonlyArray<readonly [name: string, value: string]>): Labels =>
  pairs.map(([name, value]) => MetricLabel.make(name, value))

export const counter = (name: string, description: string): NumberMetric => Metric.counter(name, { description })

export const histogram = (name: string, boundaries: ReadonlyArray<number>, description: string): NumberMetric =>
  Metric.histogram(name, MetricBoundaries.fromIterable(boundaries), description)

/** Records a number in the metric with a set of labels. */
export const record = (metric: NumberMetric, value: number, labels: Labels): void => metric.unsafeUpdate(value, labels)
