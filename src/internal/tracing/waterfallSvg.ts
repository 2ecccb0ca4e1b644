/** Draws one request as an SVG, with a line per phase of each attempt on one time axis. */
import type { Signal } from "../../Tracing.js"
import * as Facts from "./attemptFacts.js"
import { type Attempt, attemptsOf, type Span } from "./attempts.js"
import { ChartAxis, formatMillis } from "./chartAxis.js"
import { colourRules, phaseNames } from "./chartStyle.js"
import { Markup, markup } from "./markup.js"

const lineHeight = 22
const margin = 16
const labelWidth = 96
const timeWidth = 80

/** Average width of a character at 13 pixels. */
const characterWidth = 7.2

const style = new Markup(`${colourRules(".waterfall")}
.waterfall .page{fill:var(--page)}
.waterfall text{fill:var(--text);font:13px system-ui,sans-serif}
.waterfall .name{font-weight:600}
.waterfall .dim{fill:var(--dim)}
.waterfall .good{fill:var(--good)}.waterfall .moved{fill:var(--moved)}.waterfall .bad{fill:var(--bad)}
.waterfall line{stroke:var(--line)}`)

interface Area {
  readonly axis: ChartAxis
  readonly left: number
  readonly width: number
}

const xOf = ({ axis, left, width }: Area, time: number): number =>
  Math.round((left + (axis.place(time) / 100) * width) * 100) / 100

const shortened = (text: string, width: number): string => {
  const room = Math.max(8, Math.floor(width / characterWidth))
  return text.length > room ? `${text.slice(0, room - 1)}\u2026` : text
}

const headingOf = (area: Area, attempt: Attempt, y: number): Markup => {
  const outcome = Facts.outcomeOf(attempt)
  const connection = Facts.connectionOf(attempt)
  const mark = attempt.number === 1 ? "" : attempt.hop > 0 ? "\u21aa " : "\u21bb "
  const end = [outcome, connection === "" ? "" : `connection ${connection}`].filter((part) => part !== "").join(", ")
  const name = shortened(
    `${mark}${attempt.method} ${Facts.urlOf(attempt)}`,
    labelWidth + area.width + timeWidth - (end.length + 2) * characterWidth
  )
  return markup`<text x="${margin}" y="${y}" class="name">${name}<title>${Facts.tooltipOf(attempt)}</title></text>
<text x="${area.left + area.width + timeWidth}" y="${y}" text-anchor="end" class="${Facts.outcomeKind(attempt)}">${end}</text>`
}

const phaseLine = (area: Area, { end, phase, start }: Span, y: number): Markup => {
  const x = xOf(area, start)
  const width = Math.max(2, Math.round((xOf(area, end) - x) * 100) / 100)
  return markup`<g><title>${phase}: ${phaseNames[phase]}, ${formatMillis(end - start)}</title>
<text x="${margin + 12}" y="${y}" class="dim">${phase}</text>
<rect x="${x}" y="${y - 11}" width="${width}" height="14" rx="1" style="fill:var(--${phase})"/>
<text x="${area.left + area.width + timeWidth}" y="${y}" text-anchor="end">${formatMillis(end - start)}</text></g>`
}

const marksOf = (area: Area, height: number): ReadonlyArray<Markup> =>
  area.axis.marks(6).map(({ at, label }) => {
    const x = Math.round((area.left + (at / 100) * area.width) * 100) / 100
    return markup`<line x1="${x}" x2="${x}" y1="${lineHeight + 4}" y2="${height - margin / 2}"/><text x="${x}" y="${lineHeight - 2}" class="dim">${label}</text>`
  })

/** The attempts of the request with this id or, without one, of the first request. */
const attemptsOfRequest = (signals: Iterable<Signal>, requestId: number | undefined): ReadonlyArray<Attempt> => {
  const list = [...signals]
  const first = list.find(
    (signal) => signal.requestId !== undefined && (requestId ?? signal.requestId) === signal.requestId
  )
  if (first === undefined) return []
  return attemptsOf(
    list.filter((signal) => signal.requestId === first.requestId && signal.sessionId === first.sessionId)
  )
}

/** The text of the SVG. */
export const drawSvg = (signals: Iterable<Signal>, requestId: number | undefined, requestedWidth: number): string => {
  const attempts = attemptsOfRequest(signals, requestId)
  const width = Math.max(400, Math.min(4000, Math.floor(requestedWidth) || 0))
  const from = attempts.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY)
  const until = attempts.reduce((most, { end }) => Math.max(most, end), Number.NEGATIVE_INFINITY)
  const left = margin + labelWidth
  const area: Area = { axis: new ChartAxis(from, until), left, width: width - left - timeWidth - margin }
  const lines: Array<Markup> = []
  let y = 2 * lineHeight + 4
  for (const attempt of attempts) {
    lines.push(headingOf(area, attempt, y))
    for (const span of attempt.phases) {
      y += lineHeight
      lines.push(phaseLine(area, span, y))
    }
    y += lineHeight * 1.5
  }
  const height = Math.round(y - lineHeight + margin / 2)
  const total = attempts.length === 0 ? "no request" : `${attempts[0]?.method ?? ""} ${formatMillis(area.axis.length)}`
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="waterfall" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${total}">
<style>
${style}
</style>
<rect class="page" width="${width}" height="${height}"/>
${attempts.length === 0 ? undefined : marksOf(area, height)}
${lines}
</svg>
`.text
}
