/** Formats the facts of an attempt as rows of text without secrets. */
import type * as Headers from "@effect/platform/Headers"
import { redactHeader, redactUrl } from "../redact.js"
import type { Attempt } from "./attempts.js"
import { formatMillis } from "./chartAxis.js"
import { phaseNames, phases } from "./chartStyle.js"
import { joinLines, type Markup } from "./markup.js"

/** A name and its value. */
export type Fact = readonly [name: string, value: string]

/** The URL without secrets, which signals may contain that a program makes itself. */
export const urlOf = (attempt: Attempt): string => redactUrl(attempt.url)

export const durationOf = (attempt: Attempt): number => attempt.end - attempt.start

/** The status ("200"), the tag of the error, or "" before either is known. */
export const outcomeOf = ({ error, response }: Attempt): string =>
  error ?? (response === undefined ? "" : String(response.status))

/** The kind of an outcome, which selects its colour. */
export const outcomeKind = ({ error, response }: Attempt): "good" | "moved" | "bad" => {
  if (error !== undefined) return "bad"
  const status = response?.status ?? 0
  if (status >= 400) return "bad"
  return status >= 300 ? "moved" : "good"
}

/** "7 new" or "7 reused"; "" without a connection. */
export const connectionOf = ({ connectionId, idle }: Attempt): string => {
  if (connectionId === undefined) return ""
  return `${connectionId} ${idle === undefined ? "new" : "reused"}`
}

const units = ["B", "KiB", "MiB", "GiB"] as const

/** Formats a number of bytes. */
export const formatBytes = (bytes: number): string => {
  const exponent = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${exponent === 0 ? bytes : (bytes / 1024 ** exponent).toFixed(1)} ${units[exponent]}`
}

/** The duration of each phase that occurred. */
export const phaseFacts = (attempt: Attempt): ReadonlyArray<Fact> =>
  phases.flatMap((phase): ReadonlyArray<Fact> => {
    const spent = attempt.spent(phase)
    return spent === undefined ? [] : [[`${phase}: ${phaseNames[phase]}`, formatMillis(spent)]]
  })

/** One fact, or none if its value is unknown or empty. */
const factIfKnown = (name: string, value: string | number | undefined): ReadonlyArray<Fact> =>
  value === undefined || value === "" ? [] : [[name, String(value)]]

const sizeFacts = ({ decodedBytes, receivedBytes, sentBytes }: Attempt): ReadonlyArray<Fact> => [
  ...factIfKnown("sent", sentBytes === 0 ? undefined : formatBytes(sentBytes)),
  ...factIfKnown("received", receivedBytes === undefined ? undefined : formatBytes(receivedBytes)),
  ...factIfKnown(
    "decoded",
    decodedBytes === undefined || decodedBytes === receivedBytes ? undefined : formatBytes(decodedBytes)
  )
]

/** What follows the attempt: a redirect, or another attempt. */
const nextFacts = ({ location, retry }: Attempt): ReadonlyArray<Fact> => [
  ...factIfKnown("redirects to", location === undefined ? undefined : redactUrl(location)),
  ...factIfKnown("sent again", retry === undefined ? undefined : `${retry.reason}, after ${formatMillis(retry.delay)}`)
]

/** All facts except phases and headers. */
export const factsOf = (attempt: Attempt): ReadonlyArray<Fact> => {
  const { error, hop, idle, number, remoteAddress, response, tls } = attempt
  const status = response === undefined ? undefined : `${response.status} ${response.reason}`.trimEnd()
  return [
    ["request", `${attempt.method} ${urlOf(attempt)}`],
    ...factIfKnown("response", status),
    ...factIfKnown("error", error),
    ["attempt", hop === 0 ? String(number) : `${number}, after ${hop} ${hop === 1 ? "redirect" : "redirects"}`],
    ...factIfKnown("connection", connectionOf(attempt)),
    ...factIfKnown("idle before", idle === undefined ? undefined : formatMillis(idle)),
    ...factIfKnown("address", remoteAddress),
    ...factIfKnown("TLS", tls === undefined ? undefined : `${tls.protocol}, ${tls.cipher}`),
    ...sizeFacts(attempt),
    ...nextFacts(attempt)
  ]
}

/** Headers without secrets. */
export const headerFacts = (headers: Headers.Headers | undefined): ReadonlyArray<Fact> =>
  Object.entries(headers ?? {}).map(([name, value]): Fact => [name, redactHeader(name, value)])

/** The text of a tooltip, with one fact per line. */
export const tooltipOf = (attempt: Attempt): Markup =>
  joinLines([...factsOf(attempt), ...phaseFacts(attempt)].map(([name, value]) => `${name}: ${value}`))
