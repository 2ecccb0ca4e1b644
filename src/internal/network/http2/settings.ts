/**
 * SETTINGS (RFC 9113 section 6.5): checks those of a server, and formats those of the client.
 */
import {
  badFrame,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  PROTOCOL_ERROR,
  tooMuch,
  type Violation
} from "./errorCodes.js"
import { SETTINGS, WINDOW_UPDATE } from "./frames.js"
import type { Http2Limits } from "./limits.js"
import { initialWindow, largestWindow } from "./windows.js"

const HEADER_TABLE_SIZE = 0x1
const ENABLE_PUSH = 0x2
const MAX_CONCURRENT_STREAMS = 0x3
const INITIAL_WINDOW_SIZE = 0x4
const MAX_FRAME_SIZE = 0x5
const MAX_HEADER_LIST_SIZE = 0x6
const ENABLE_CONNECT_PROTOCOL = 0x8
const NO_RFC7540_PRIORITIES = 0x9

/** Most settings in one frame. No server needs more; an attacker may send more. */
const maxEntries = 64

/** The settings of a server. Each value holds until the server sends another. */
export class PeerSettings {
  headerTableSize = 4096
  /** The smallest value of `headerTableSize` in the last frame, `Infinity` without one. The encoder must announce it (RFC 7541 section 4.2). */
  smallestTableSize = Infinity
  maxConcurrentStreams = Infinity
  initialWindowSize = initialWindow
  private connectProtocol = 0

  /** Applies the payload of one frame. Returns a description of the first violation; the values before it are applied. */
  read(bytes: Buffer, start: number, end: number): Violation | undefined {
    const size = end - start
    if (size % 6 !== 0) return badFrame(FRAME_SIZE_ERROR, `expected SETTINGS of 6 bytes each, got ${size} bytes`)
    if (size > maxEntries * 6) return tooMuch(`expected at most ${maxEntries} settings, got ${size / 6}`)
    this.smallestTableSize = Infinity
    for (let at = start; at < end; at += 6) {
      const wrong = this.set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2))
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  private set(id: number, value: number): Violation | undefined {
    switch (id) {
      case HEADER_TABLE_SIZE:
        this.headerTableSize = value
        this.smallestTableSize = Math.min(this.smallestTableSize, value)
        return undefined
      case ENABLE_PUSH:
        // Only a client may allow pushes.
        return value === 0 ? undefined : wrongValue("ENABLE_PUSH", "0 from a server", value)
      case MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value
        return undefined
      case INITIAL_WINDOW_SIZE:
        if (value > largestWindow) return wrongValue("INITIAL_WINDOW_SIZE", "at most 2^31-1", value, FLOW_CONTROL_ERROR)
        this.initialWindowSize = value
        return undefined
      case MAX_FRAME_SIZE:
        // The client never sends larger frames than the default, so only the bounds are checked.
        return value >= 16_384 && value < 2 ** 24 ? undefined : wrongValue("MAX_FRAME_SIZE", "16384 to 2^24-1", value)
      case ENABLE_CONNECT_PROTOCOL:
        if (value > 1 || value < this.connectProtocol)
          return wrongValue("ENABLE_CONNECT_PROTOCOL", "0 or 1, and no 0 after 1", value)
        this.connectProtocol = value
        return undefined
      default:
        return undefined
    }
  }
}

const wrongValue = (name: string, expected: string, value: number, code = PROTOCOL_ERROR): Violation =>
  badFrame(code, `expected ${name} to be ${expected}, got ${value}`)

/** The window of a connection: how many bytes a server may send ahead of all readers together. */
export const connectionWindow = 16 * 1024 * 1024

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/** The first bytes of a client: the preface, its SETTINGS, and WINDOW_UPDATE for the connection. */
export const clientPreface = (limits: Http2Limits): Buffer => {
  const settings = [
    [ENABLE_PUSH, 0],
    [INITIAL_WINDOW_SIZE, limits.streamWindow],
    [MAX_HEADER_LIST_SIZE, limits.maxHeadSize],
    [NO_RFC7540_PRIORITIES, 1]
  ] as const
  const bytes = Buffer.alloc(preface.length + 9 + settings.length * 6 + 9 + 4)
  let at = bytes.write(preface, "latin1")
  bytes.writeUIntBE(settings.length * 6, at, 3)
  bytes[at + 3] = SETTINGS
  at += 9
  for (const [id, value] of settings) {
    bytes.writeUInt16BE(id, at)
    bytes.writeUInt32BE(value, at + 2)
    at += 6
  }
  bytes.writeUIntBE(4, at, 3)
  bytes[at + 3] = WINDOW_UPDATE
  bytes.writeUInt32BE(connectionWindow - initialWindow, at + 9)
  return bytes
}
