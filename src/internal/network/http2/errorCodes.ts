/**
 * Error codes of HTTP/2 (RFC 9113 section 7), and the description of a violation of the protocol.
 */
import type { BadHttpMessage, Http2Code } from "../../../Errors.js"

export const NO_ERROR = 0x0
export const PROTOCOL_ERROR = 0x1
export const FLOW_CONTROL_ERROR = 0x3
export const SETTINGS_TIMEOUT = 0x4
export const FRAME_SIZE_ERROR = 0x6
export const REFUSED_STREAM = 0x7
export const CANCEL = 0x8
export const COMPRESSION_ERROR = 0x9
export const ENHANCE_YOUR_CALM = 0xb
export const HTTP_1_1_REQUIRED = 0xd

const names: ReadonlyArray<Http2Code> = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED"
]

/** The name of a code; a code without a name in hexadecimal, such as "0x2a". */
export const codeName = (code: number): Http2Code => names[code] ?? `0x${code.toString(16)}`

/** A violation of the protocol by the server, and the error code that the client answers with. */
export interface Violation {
  readonly code: number
  readonly reason: BadHttpMessage["reason"]
  /** "expected ..., got ...". */
  readonly description: string
  /** The bytes at fault, escaped, if they say more than the description. */
  readonly excerpt: string
}

/** A violation in the frames themselves. */
export const badFrame = (code: number, description: string, excerpt = ""): Violation => ({
  code,
  reason: "Framing",
  description,
  excerpt
})

/** The violation of a server that exceeds the `FloodBudget`, or another limit for received frames. */
export const tooMuch = (description: string): Violation => badFrame(ENHANCE_YOUR_CALM, description)
