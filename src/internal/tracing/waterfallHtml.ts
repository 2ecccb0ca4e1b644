/** Draws requests as a page of HTML with a row per attempt on one time axis. It uses no scripts and no other files. */
import type { Signal } from "../../Tracing.js"
import * as Facts from "./attemptFacts.js"
import { type Attempt, attemptsOf } from "./attempts.js"
import { ChartAxis, formatMillis } from "./chartAxis.js"
import { colourRules, phaseNames, phases } from "./chartStyle.js"
import { Markup, markup } from "./markup.js"

const style = new Markup(`${colourRules(":root")}
*{box-sizing:border-box}
body{margin:0;padding:1.5rem;background:var(--page);color:var(--text);font:14px/1.45 system-ui,sans-serif}
h1{font-size:1.25rem;margin:0 0 .25rem}
p{margin:0 0 1rem;color:var(--dim)}
ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0 0 1rem;padding:0}
li i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.4rem;vertical-align:-1px}
summary,.head{display:grid;grid-template-columns:minmax(14rem,22rem) 11rem 5.5rem minmax(12rem,1fr) 4.5rem;gap:.75rem;align-items:center;padding:.25rem .5rem}
summary{list-style:none;cursor:pointer;border-radius:4px}
summary::-webkit-details-marker{display:none}
summary:hover,details[open]>summary{background:var(--row)}
summary:focus-visible{outline:2px solid var(--moved)}
.first{border-top:1px solid var(--line)}
.head{color:var(--dim);font-size:.85rem}
.name,.outcome,.connection{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.name b{font-weight:600}
.name span,.connection{color:var(--dim)}
.time{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.good{color:var(--good)}.moved{color:var(--moved)}.bad{color:var(--bad)}
.reused{font-style:italic}
.track{position:relative;height:1.4rem}
.track i,.track u{position:absolute;top:0;bottom:0}
.track u{border-left:1px solid var(--line)}
.head .track u{padding-left:.25rem;text-decoration:none;border-left:1px solid var(--line);white-space:nowrap}
.track .span{top:calc(50% - 1px);bottom:auto;height:2px;background:var(--line)}
.track .wait{top:calc(50% - 1px);bottom:auto;border-top:2px dotted var(--dim)}
.track .bar{top:.25rem;bottom:.25rem;min-width:2px;border-radius:1px}
.facts{display:flex;flex-wrap:wrap;align-items:flex-start;gap:1rem 3rem;padding:.75rem .5rem 1rem 1.5rem;background:var(--row);border-radius:0 0 4px 4px}
table{border-collapse:collapse;max-width:100%}
caption{text-align:left;font-weight:600}
th{text-align:left;font-weight:400;color:var(--dim);padding:0 1rem 0 0;vertical-align:top;white-space:nowrap}
td{overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
${phases.map((phase) => `.${phase}{background:var(--${phase})}`).join("")}
@media (max-width:60rem){summary,.head{grid-template-columns:minmax(8rem,14rem) 6rem minmax(8rem,1fr) 4.5rem}.connection{display:none}}`)

const marksOf = (axis: ChartAxis, labels: boolean): ReadonlyArray<Markup> =>
  axis.marks(10).map(({ at, label }) => markup`<u style="left:${at}%">${labels ? label : undefined}</u>`)

/** A bar between two times. */
const barOf = (axis: ChartAxis, classes: string, start: number, end: number, title?: string): Markup => {
  const left = axis.place(start)
  const width = Math.round((axis.place(end) - left) * 100) / 100
  return markup`<i class="${classes}" style="left:${Math.min(left, 99.8)}%;width:${width}%"${title === undefined ? undefined : markup` title="${title}"`}></i>`
}

const trackOf = (axis: ChartAxis, attempt: Attempt): Markup => {
  const bars = attempt.phases.map(({ end, phase, start }) =>
    barOf(axis, `bar ${phase}`, start, end, `${phase} ${formatMillis(end - start)}: ${phaseNames[phase]}`)
  )
  const { end, retry, start } = attempt
  const wait = retry === undefined || retry.delay === 0 ? undefined : barOf(axis, "wait", end, end + retry.delay)
  return markup`<span class="track">${marksOf(axis, false)}${barOf(axis, "span", start, end)}${wait}${bars}</span>`
}

const tableOf = (caption: string, facts: ReadonlyArray<Facts.Fact>): Markup => {
  if (facts.length === 0) return new Markup("")
  const rows = facts.map(([name, value]) => markup`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)
  return markup`<table><caption>${caption}</caption>${rows}</table>`
}

/** The method and the URL, with a dimmed host. Later hops and attempts are indented and marked. */
const nameOf = (attempt: Attempt): Markup => {
  const [, host = "", path = ""] = /^[a-z]+:\/\/([^/?#]*)(.*)$/is.exec(Facts.urlOf(attempt)) ?? []
  const mark = attempt.number === 1 ? "" : attempt.hop > 0 ? "\u21aa " : "\u21bb "
  return markup`<span class="name">${"\u2003".repeat(Math.min(8, attempt.number - 1))}${mark}<b>${attempt.method}</b> ${path === "" ? "/" : path} <span>${host}</span></span>`
}

const rowOf = (axis: ChartAxis, attempt: Attempt): Markup => {
  const connection = Facts.connectionOf(attempt)
  const reused = attempt.idle === undefined ? "" : " reused"
  return markup`<details${attempt.number === 1 ? new Markup(' class="first"') : undefined}><summary title="${Facts.tooltipOf(attempt)}">
${nameOf(attempt)}
<span class="outcome ${Facts.outcomeKind(attempt)}">${Facts.outcomeOf(attempt)}</span>
<span class="connection${reused}">${connection}</span>
${trackOf(axis, attempt)}
<span class="time">${formatMillis(Facts.durationOf(attempt))}</span>
</summary><div class="facts">
${tableOf("Attempt", Facts.factsOf(attempt))}
${tableOf("Phases", Facts.phaseFacts(attempt))}
${tableOf("Request headers", Facts.headerFacts(attempt.requestHeaders))}
${tableOf("Response headers", Facts.headerFacts(attempt.response?.headers))}
</div></details>`
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

const summaryOf = (attempts: ReadonlyArray<Attempt>, axis: ChartAxis): string => {
  const requests = new Set(attempts.map(({ request }) => request)).size
  const connections = new Set(attempts.map(({ connectionId }) => connectionId).filter((id) => id !== undefined)).size
  const failed = attempts.filter((attempt) => Facts.outcomeKind(attempt) === "bad").length
  const parts = [
    counted(requests, "request"),
    counted(attempts.length, "attempt"),
    counted(connections, "connection"),
    ...(failed === 0 ? [] : [`${counted(failed, "attempt")} failed`]),
    formatMillis(attempts.length === 0 ? 0 : axis.length)
  ]
  return parts.join(" \u00b7 ")
}

const legendOf = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<Markup> =>
  phases
    .filter((phase) => attempts.some((attempt) => attempt.spent(phase) !== undefined))
    .map((phase) => markup`<li><i class="${phase}"></i>${phase}: ${phaseNames[phase]}</li>`)

/** Groups attempts by request, in the order in which requests started. */
const byRequest = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<Attempt> => {
  const groups = new Map<string, Array<Attempt>>()
  for (const attempt of attempts) {
    const group = groups.get(attempt.request)
    if (group === undefined) groups.set(attempt.request, [attempt])
    else group.push(attempt)
  }
  return [...groups.values()].flat()
}

/** The page as text. */
export const drawHtml = (signals: Iterable<Signal>, title: string): string => {
  const attempts = byRequest(attemptsOf(signals))
  const from = attempts.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY)
  const until = attempts.reduce((most, { end }) => Math.max(most, end), Number.NEGATIVE_INFINITY)
  const axis = new ChartAxis(from, until)
  const head = markup`<div class="head"><span>request</span><span>outcome</span><span class="connection">connection</span><span class="track">${marksOf(axis, true)}</span><span class="time">time</span></div>`
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>
${style}
</style>
</head>
<body>
<h1>${title}</h1>
<p>${summaryOf(attempts, axis)}</p>
<ul>${legendOf(attempts)}</ul>
<main>
${attempts.length === 0 ? undefined : head}
${attempts.map((attempt) => rowOf(axis, attempt))}
</main>
</body>
</html>
`.text
}
