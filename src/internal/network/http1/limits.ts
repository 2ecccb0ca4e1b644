/**
 * What a peer may make a client hold or count, as numbers.
 */
import type { Http1Limits } from "../../../Connector.js"

/** All finite. */
export interface ParserLimits {
  /** Whether to refuse what a user agent may tolerate. */
  readonly strict: boolean
  /** Bytes of the status line or of one field line, without its CRLF. */
  readonly maxLineSize: number
  /** Field lines of one head; the same for trailers. */
  readonly maxHeaders: number
  /** Bytes of all heads that answer one request, informational ones included. */
  readonly maxHeadSize: number
  /** Informational responses to one request. */
  readonly maxInformational: number
  /** Bytes of the extensions of one chunk, from the first semicolon. */
  readonly maxChunkExtension: number
  /** Bytes of a trailer section. */
  readonly maxTrailerSize: number
  /** Bytes by which the size lines of a body may outweigh it: each line counts, less 16 and twice the chunk's size. */
  readonly maxChunkOverhead: number
  /** Empty lines before a status line. */
  readonly maxLeadingLines: number
}

export const defaultLimits: ParserLimits = {
  strict: false,
  maxLineSize: 262_144,
  maxHeaders: 1000,
  maxHeadSize: 262_144,
  maxInformational: 2 ** 30,
  maxChunkExtension: 1024,
  maxTrailerSize: 262_144,
  maxChunkOverhead: 16384,
  maxLeadingLines: 2
}

/** No limit is lifted further than this: offsets stay small integers. */
const ceiling = 2 ** 30

const limit = (name: string, given: number | undefined, fallback: number): number => {
  if (given === undefined) return fallback
  if (Number.isNaN(given) || given < 0) throw new RangeError(`http1.${name} must not be negative or NaN`)
  return Math.min(Math.floor(given), ceiling)
}

/** Fills in what is not given. Throws a RangeError for what cannot be a limit. */
export const resolveLimits = (given: Http1Limits | undefined): ParserLimits => {
  if (given === undefined) return defaultLimits
  const maxHeadSize = limit("maxHeadSize", given.maxHeadSize, defaultLimits.maxHeadSize)
  return {
    strict: given.strict ?? defaultLimits.strict,
    maxLineSize: limit("maxLineSize", given.maxLineSize, maxHeadSize),
    maxHeaders: limit("maxHeaders", given.maxHeaders, defaultLimits.maxHeaders),
    maxHeadSize,
    maxInformational: limit("maxInformational", given.maxInformational, defaultLimits.maxInformational),
    maxChunkExtension: limit("maxChunkExtension", given.maxChunkExtension, defaultLimits.maxChunkExtension),
    maxTrailerSize: maxHeadSize,
    maxChunkOverhead: defaultLimits.maxChunkOverhead,
    maxLeadingLines: defaultLimits.maxLeadingLines
  }
}
