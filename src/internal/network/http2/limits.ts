/**
 * Limits of HTTP/2 connections.
 */
import { defaultLimits as http1 } from "../http1/limits.js"
import { ENHANCE_YOUR_CALM, type Violation } from "./errorCodes.js"
import type { FieldLimits } from "./hpack/decoder.js"

export interface Http2Limits {
  /** Streams of one connection, however many its server allows. */
  readonly maxConcurrentStreams: number
  /** Bytes that a server may send on one stream ahead of its reader, at first. */
  readonly streamWindow: number
  /** The size up to which the window of a stream grows while its reader keeps up; bytes. */
  readonly maxStreamWindow: number
  /** Milliseconds without a byte after which a connection with open streams is asked by PING; `Infinity` for never. */
  readonly pingInterval: number
  /** Milliseconds in which any PING must be answered. */
  readonly pingTimeout: number
  /** Bytes of one field: its name, its value and 32. */
  readonly maxLineSize: number
  /** Fields of one head, and of the trailers. */
  readonly maxHeaders: number
  /** Bytes of all heads of the responses to one request, decoded, each field with 32 bytes more (RFC 9113 section 6.5.2). */
  readonly maxHeadSize: number
}

export const defaultHttp2Limits: Http2Limits = {
  maxConcurrentStreams: 100,
  streamWindow: 256 * 1024,
  maxStreamWindow: 8 * 1024 * 1024,
  pingInterval: Infinity,
  pingTimeout: 5000,
  maxLineSize: http1.maxLineSize,
  maxHeaders: http1.maxHeaders,
  maxHeadSize: http1.maxHeadSize
}

const units: { readonly [L in keyof FieldLimits]: string } = {
  maxHeadSize: "bytes of fields",
  maxHeaders: "fields",
  maxLineSize: "bytes in a field"
}

/** A block of fields is beyond a limit. */
export const beyond = (limit: keyof FieldLimits, limits: FieldLimits): Violation => ({
  code: ENHANCE_YOUR_CALM,
  reason: "Limit",
  description: `expected at most ${limits[limit]} ${units[limit]} (${limit}), got more`,
  excerpt: ""
})
