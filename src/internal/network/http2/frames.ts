/**
 * Types and flags of frames (RFC 9113 section 6).
 */

export const DATA = 0x0
export const HEADERS = 0x1
export const PRIORITY = 0x2
export const RST_STREAM = 0x3
export const SETTINGS = 0x4
export const PUSH_PROMISE = 0x5
export const PING = 0x6
export const GOAWAY = 0x7
export const WINDOW_UPDATE = 0x8
export const CONTINUATION = 0x9

export const END_STREAM = 0x1
export const ACK = 0x1
export const END_HEADERS = 0x4
export const PADDED = 0x8
export const WITH_PRIORITY = 0x20

export const frameHeaderSize = 9

/** The largest payload that is sent or accepted, in bytes: the default of MAX_FRAME_SIZE, which stays. */
export const maxFrameSize = 16_384

const names = [
  "DATA",
  "HEADERS",
  "PRIORITY",
  "RST_STREAM",
  "SETTINGS",
  "PUSH_PROMISE",
  "PING",
  "GOAWAY",
  "WINDOW_UPDATE",
  "CONTINUATION"
]

/** The name of a type of frame, for descriptions. */
export const frameName = (type: number): string => names[type] ?? `a frame of type 0x${type.toString(16)}`
