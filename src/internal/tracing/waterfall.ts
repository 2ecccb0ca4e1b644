/** Draws the phases of requests as text. */
import type { Phase } from "../../Timeouts.js"
import type { Signal } from "../../Tracing.js"
import { printable } from "../redact.js"
import { type Attempt, attemptsOf } from "./attempts.js"

/** The letter of each phase. */
const letters: { readonly [P in Phase]: string } = {
  queue: "q",
  dns: "d",
  connect: "c",
  proxy: "p",
  tls: "t",
  send: "s",
  headers: "h",
  body: "b"
}

const phases: ReadonlyArray<Phase> = ["queue", "dns", "connect", "proxy", "tls", "send", "headers", "body"]

const minWidth = 40
/** Most columns of a diagram, so that an invalid width cannot fill the memory. */
const maxWidth = 1000

const padded = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)

const outcomeOf = (attempt: Attempt): string =>
  attempt.response !== undefined && attempt.error === undefined
    ? String(attempt.response.status)
    : (attempt.error ?? "-")

const withoutScheme = (url: string): string => url.replace(/^https?:\/\//, "")

const barOf = (attempt: Attempt, from: number, scale: number, width: number): string => {
  const cells = Array.from({ length: width }, () => " ")
  const place = (time: number) => Math.min(width, Math.max(0, (time - from) * scale))
  for (const { end, phase, start } of attempt.phases) {
    const first = Math.min(width - 1, Math.floor(place(start)))
    const last = Math.max(first + 1, Math.round(place(end)))
    for (let cell = first; cell < last; cell++) cells[cell] = letters[phase]
  }
  return cells.join("")
}

/** One line per attempt, on a common time scale. */
export const draw = (signals: Iterable<Signal>, width: number): string => {
  const attempts = attemptsOf(signals)
  if (attempts.length === 0) return ""
  const columns = Math.max(minWidth, Math.min(maxWidth, Math.floor(width) || 0))
  const from = Math.min(...attempts.map(({ start }) => start))
  const until = Math.max(...attempts.map(({ end }) => end))
  const times = attempts.map(({ end, start }) => `${(end - start).toFixed(1)} ms`)
  const right = Math.max(...times.map(({ length }) => length))
  const left = Math.floor((columns - right - 4) / 2)
  const bar = columns - right - left - 4
  const scale = until > from ? bar / (until - from) : 0
  const lines = attempts.map((attempt, index) => {
    const name = `${"> ".repeat(attempt.hop)}${attempt.method} ${printable(withoutScheme(attempt.url))}`
    const outcome = outcomeOf(attempt)
    const room = Math.max(8, left - outcome.length - 1)
    const label = padded(`${padded(name, room)} ${outcome}`, left)
    return `${label} |${barOf(attempt, from, scale, bar)}| ${(times[index] ?? "").padStart(right)}`
  })
  const present = phases.filter((phase) => attempts.some((attempt) => attempt.spent(phase) !== undefined))
  return [...lines, present.map((phase) => `${letters[phase]} ${phase}`).join("  ")].join("\n")
}
