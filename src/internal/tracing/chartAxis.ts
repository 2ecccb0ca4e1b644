/** The time axis of a chart: positions, marks and the text of durations. */

/** A mark on the axis. */
export interface Mark {
  /** Position in percent of the axis. */
  readonly at: number
  readonly label: string
}

/** Formats milliseconds with about three digits. */
export const formatMillis = (millis: number): string => {
  if (millis >= 10_000) return `${(millis / 1000).toFixed(1)} s`
  if (millis >= 1000) return `${(millis / 1000).toFixed(2)} s`
  return `${millis.toFixed(millis >= 100 ? 0 : millis >= 10 ? 1 : 2)} ms`
}

/** The smallest of 1, 2 and 5 times a power of ten that is at least `millis`. */
const roundStep = (millis: number): number => {
  const power = 10 ** Math.floor(Math.log10(millis))
  return ([1, 2, 5].find((factor) => factor * power >= millis) ?? 10) * power
}

const formatMark = (millis: number): string =>
  millis >= 1000 ? `${Number((millis / 1000).toPrecision(6))} s` : `${Number(millis.toPrecision(6))} ms`

/** A linear axis from one time to another, in milliseconds. */
export class ChartAxis {
  readonly from: number
  readonly length: number

  constructor(from: number, until: number) {
    this.from = from
    // Positions divide by the length, which must not be 0.
    this.length = until > from ? until - from : 1
  }

  /** The position of a time in percent of the axis, with two decimals. */
  place(time: number): number {
    const percent = ((time - this.from) / this.length) * 100
    return Math.round(Math.min(100, Math.max(0, percent)) * 100) / 100
  }

  /** At most `count` marks at round times, beginning with 0. */
  marks(count: number): ReadonlyArray<Mark> {
    const step = roundStep(this.length / count)
    const marks: Array<Mark> = []
    for (let index = 0; index * step < this.length * 0.97; index++) {
      marks.push({ at: this.place(this.from + index * step), label: index === 0 ? "0" : formatMark(index * step) })
    }
    return marks
  }
}
