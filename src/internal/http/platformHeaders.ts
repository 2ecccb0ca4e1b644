/** Converts header lines to the Headers type of @effect/platform. */
import type * as Headers from "@effect/platform/Headers"
import { emptyRecord, fromRecord } from "./concealedHeaders.js"

/** Headers from lines, with names in lower case and repeated lines joined by ", ". */
export const headersOf = (
  count: number,
  name: (index: number) => string,
  value: (index: number) => string
): Headers.Headers => {
  const record = emptyRecord()
  for (let index = 0; index < count; index++) {
    const key = name(index).toLowerCase()
    const before = record[key]
    record[key] = before === undefined ? value(index) : `${before}, ${value(index)}`
  }
  return fromRecord(record)
}

/** The headers of a serialized request head. */
export const headersSent = (head: string): Headers.Headers => {
  const lines = head.split("\r\n").filter((line) => line !== "")
  return headersOf(
    lines.length,
    (index) => lines[index]?.split(":", 1)[0] ?? "",
    (index) => {
      const line = lines[index] ?? ""
      return Buffer.from(line.slice(line.indexOf(":") + 1).trim(), "latin1").toString("utf8")
    }
  )
}
