/** Reads the headers that are needed to request the rest of a body (RFC 9110 sections 13.1.5 and 14). */
import * as Option from "effect/Option"
import type { ResponseHead } from "../../ClientResponse.js"

const header = (head: ResponseHead, name: string): string | undefined => Option.getOrUndefined(head.header(name))

/**
 * The validator for If-Range: a strong ETag, or a Last-Modified at least one second before the Date of the response,
 * because a later one does not show a second change within its second (RFC 9110 section 8.8.2.2).
 */
export const validatorOf = (head: ResponseHead): string | undefined => {
  const etag = header(head, "etag")
  if (etag !== undefined) return /^"[^"]*"$/.test(etag) ? etag : undefined
  const modified = header(head, "last-modified")
  const date = header(head, "date")
  if (modified === undefined || date === undefined) return undefined
  return Date.parse(date) - Date.parse(modified) >= 1000 ? modified : undefined
}

/** A parsed Content-Range: positions of the first and last byte of a part, and the size of the whole. */
export interface ContentRange {
  readonly start: number
  readonly end: number
  readonly total: number | undefined
}

export const contentRangeOf = (head: ResponseHead): ContentRange | undefined => {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(header(head, "content-range") ?? "")
  if (match === null) return undefined
  const range = {
    start: Number(match[1]),
    end: Number(match[2]),
    total: match[3] === "*" ? undefined : Number(match[3])
  }
  if (range.end < range.start || (range.total !== undefined && range.end >= range.total)) return undefined
  return range
}
