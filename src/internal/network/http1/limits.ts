/** Limits of the parser: how large and how numerous the parts of a response may be. */
import type { Http1Limits } from "../../../Connector.js"

/** The limits of a parser, all of which are finite. */
export interface ParserLimits {
  /** Whether to reject deviations that RFC 9112 lets a user agent tolerate. */
  readonly strict: boolean
  /** Bytes of the status line or of one field line, without its CRLF. */
  readonly maxLineSize: number
  /** Field lines of one head, and of one trailer section. */
  readonly maxHeaders: number
  /** Bytes of all heads of the responses to one request, including informational ones. */
  readonly maxHeadSize: number
  /** Informational responses to one request. */
  readonly maxInformational: number
  /** Bytes of the extensions of one chunk, from the first semicolon. */
  readonly maxChunkExtension: number
  /** Bytes of a trailer section. */
  readonly maxTrailerSize: number
  /**
   * Bytes by which chunk size lines may exceed the data: each line adds its length minus 16 and twice the chunk's size.
   */
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

/** The upper bound of every limit, so that offsets stay small integers. */
const ceiling = 2 ** 30

const toLimit = (name: string, value: number | undefined, fallback: number): number => {
  if (value === undefined) return fallback
  if (Number.isNaN(value) || value < 0)
    throw new RangeError(`http1.${name}: expected a number of 0 or more, got ${value}`)
  return Math.min(Math.floor(value), ceiling)
}

/** Adds the defaults to the options. Throws a RangeError for a negative limit or NaN. */
export const resolveLimits = (options: Http1Limits | undefined): ParserLimits => {
  if (options === undefined) return defaultLimits
  const maxHeadSize = toLimit("maxHeadSize", options.maxHeadSize, defaultLimits.maxHeadSize)
  return {
    strict: options.strict ?? defaultLimits.strict,
    maxLineSize: toLimit("maxLineSize", options.maxLineSize, maxHeadSize),
    maxHeaders: toLimit("maxHeaders", options.maxHeaders, defaultLimits.maxHeaders),
    maxHeadSize,
    maxInformational: toLimit("maxInformational", options.maxInformational, defaultLimits.maxInformational),
    maxChunkExtension: toLimit("maxChunkExtension", options.maxChunkExtension, defaultLimits.maxChunkExtension),
    maxTrailerSize: maxHeadSize,
    maxChunkOverhead: defaultLimits.maxChunkOverhead,
    maxLeadingLines: defaultLimits.maxLeadingLines
  }
}
