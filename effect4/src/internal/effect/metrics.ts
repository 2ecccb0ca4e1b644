/** Metrics that are updated without running effects. */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"

/** A set of labels, made once by `labelsOf`. */
export type Labels = Readonly<Record<string, string>>

/** A metric that takes numbers. A metric with labels is a metric of its own, made once for each set of labels. */
export class NumberMetric {
  private readonly update: (value: number, labels: Labels) => void

  constructor(update: (value: number, labels: Labels) => void) {
    this.update = update
  }

  static of<State>(metric: Metric.Metric<number, State>): NumberMetric {
    const labelled = new WeakMap<Labels, Metric.Metric<number, State>>()
    return new NumberMetric((value, labels) => {
      let found = labelled.get(labels)
      if (found === undefined) {
        found = Metric.withAttributes(metric, labels)
        labelled.set(labels, found)
      }
      found.updateUnsafe(value, Context.empty())
    })
  }

  record(value: number, labels: Labels): void {
    this.update(value, labels)
  }
}

export const labelsOf = (pairs: ReadonlyArray<readonly [name: string, value: string]>): Labels =>
  Object.fromEntries(pairs)

export const counter = (name: string, description: string): NumberMetric =>
  NumberMetric.of(Metric.counter(name, { description }))

export const histogram = (name: string, boundaries: ReadonlyArray<number>, description: string): NumberMetric =>
  NumberMetric.of(Metric.histogram(name, { boundaries, description }))

/** Adds a number to the metric of a set of labels. */
export const record = (metric: NumberMetric, value: number, labels: Labels): void => metric.record(value, labels)
