/**
 * Limits of HTTP/2 connections.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Http2Options } from "../../../Connector.js"
import { toMillis } from "../../durations.js"
import { decodeDuration } from "../../effect/durations.js"
import { defaultLimits as http1, type ParserLimits } from "../http1/limits.js"
import { ENHANCE_YOUR_CALM, type Violation } from "./errorCodes.js"
import type { FieldLimits } from "./hpack/decodedFields.js"

export interface Http2Limits {
  /** Streams of one connection, however many its server allows. */
  readonly maxConcurrentStreams: number
  /** Bytes that a server may send on one stream ahead of its reader, at first. */
  readonly streamWindow: number
  /** The size up to which the window of a stream grows while its reader keeps up; bytes. */
  readonly maxStreamWindow: number
  /** Milliseconds without a byte after which a connection with open streams sends PING; `Infinity` for never. */
  readonly pingInterval: number
  /** Milliseconds in which any PING must be answered. */
  readonly pingTimeout: number
  /** Bytes of the name and the value of one field. */
  readonly maxLineSize: number
  /** Fields of one head, and of the trailers. */
  readonly maxHeaders: number
  /** Bytes of all heads of the responses to one request, decoded, each field with 32 bytes more (RFC 9113 section 6.5.2). */
  readonly maxHeadSize: number
  /** Informational responses to one request. */
  readonly maxInformational: number
}

export const defaultHttp2Limits: Http2Limits = {
  maxConcurrentStreams: 100,
  streamWindow: 256 * 1024,
  maxStreamWindow: 8 * 1024 * 1024,
  pingInterval: Infinity,
  pingTimeout: 5000,
  maxLineSize: http1.maxLineSize,
  maxHeaders: http1.maxHeaders,
  maxHeadSize: http1.maxHeadSize,
  maxInformational: http1.maxInformational
}

/** The range of windows: from the one that every connection begins with (RFC 9113 section 6.9). */
const minWindow = 65_535
const maxWindow = 2 ** 31 - 1

/** The least `pingInterval`; milliseconds. */
const minPingInterval = 10_000

const numberFault = (name: string, value: unknown, least: number, most: number): string | undefined =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
    ? undefined
    : `http2.${name}: expected a whole number from ${least} to ${most}, got ${String(value)}`

const durationFault = (name: string, value: Duration.DurationInput, least: number): string | undefined => {
  const invalid = (typeof value === "number" && !(value >= 0)) || Option.isNone(decodeDuration(value))
  return invalid || toMillis(value) < least
    ? `http2.${name}: expected a duration of at least ${Duration.format(Duration.millis(least))}`
    : undefined
}

const modes: ReadonlySet<unknown> = new Set(["auto", "require", "prior-knowledge", undefined])

/** Describes the first invalid option; `undefined` if all are valid. */
export const http2Fault = (http2: boolean | Http2Options | undefined): string | undefined => {
  if (http2 === undefined || typeof http2 === "boolean") return undefined
  if (typeof http2 !== "object" || http2 === null) return "http2: expected a boolean or an object of options"
  const { maxConcurrentStreams, maxStreamWindow, mode, pingInterval, pingTimeout, streamWindow } = http2
  if (!modes.has(mode)) return 'http2.mode: expected "auto", "require" or "prior-knowledge"'
  const first = streamWindow ?? defaultHttp2Limits.streamWindow
  return (
    numberFault("maxConcurrentStreams", maxConcurrentStreams ?? 1, 1, maxWindow) ??
    numberFault("streamWindow", first, minWindow, maxWindow) ??
    numberFault("maxStreamWindow", maxStreamWindow ?? maxWindow, first, maxWindow) ??
    durationFault("pingInterval", pingInterval ?? Infinity, minPingInterval) ??
    durationFault("pingTimeout", pingTimeout ?? 1, 1)
  )
}

/** Adds the defaults to valid options. Limits of heads are the same for both versions of HTTP. */
export const resolveHttp2Limits = (http2: boolean | Http2Options | undefined, heads: ParserLimits): Http2Limits => {
  const options = typeof http2 === "object" ? http2 : {}
  const { maxHeadSize, maxHeaders, maxInformational, maxLineSize } = heads
  const streamWindow = options.streamWindow ?? defaultHttp2Limits.streamWindow
  return {
    maxConcurrentStreams: options.maxConcurrentStreams ?? defaultHttp2Limits.maxConcurrentStreams,
    streamWindow,
    maxStreamWindow: options.maxStreamWindow ?? Math.max(streamWindow, defaultHttp2Limits.maxStreamWindow),
    pingInterval: toMillis(options.pingInterval ?? defaultHttp2Limits.pingInterval),
    pingTimeout: toMillis(options.pingTimeout ?? defaultHttp2Limits.pingTimeout),
    maxLineSize,
    maxHeaders,
    maxHeadSize,
    maxInformational
  }
}

const units: { readonly [L in keyof FieldLimits]: string } = {
  maxHeadSize: "bytes of fields",
  maxHeaders: "fields",
  maxLineSize: "bytes in a field"
}

/** The violation of a block of fields that exceeds a limit. */
export const beyond = (limit: keyof FieldLimits, limits: FieldLimits): Violation => ({
  code: ENHANCE_YOUR_CALM,
  reason: "Limit",
  description: `expected at most ${limits[limit]} ${units[limit]} (${limit}), got more`,
  excerpt: ""
})

/** The violation of a server that sends too many informational responses to one request. */
export const tooManyInformational = (most: number): Violation => ({
  code: ENHANCE_YOUR_CALM,
  reason: "Limit",
  description: `expected at most ${most} informational responses (http1.maxInformational)`,
  excerpt: ""
})
