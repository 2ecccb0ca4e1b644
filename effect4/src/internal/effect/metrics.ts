/** Updates metrics without running effects. */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"

/** A set of labels, made once by `labelsOf`. */
export type Labels = Readonly<Record<string, string>>

/** A metric of numbers. Each set of labels has its own metric, which is made once. */
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

/** Records a number in the metric with a set of labels. */
export const record = (metric: NumberMetric, value: number, labels: Labels): void => metric.record(value, labels)
