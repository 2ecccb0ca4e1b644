/**
 * Frames of HTTP/2 as bytes, valid or not (RFC 9113, sections 4 and 6), independent of the library's.
 */

export const Type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
  ALTSVC: 10,
  ORIGIN: 12
} as const

export const Flag = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const

export const Code = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13
} as const

export type CodeName = keyof typeof Code

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  ENABLE_CONNECT_PROTOCOL: 8,
  NO_RFC7540_PRIORITIES: 9
} as const

export type Settings = { readonly [K in keyof typeof Setting]?: number }

/** A frame as it was received. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/** Any frame, with the length of its payload. */
export const frame = (type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const uint32 = (...values: ReadonlyArray<number>): Buffer => {
  const out = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) out.writeUInt32BE(value, 4 * index)
  return out
}

const bytesOf = (data: string | Uint8Array): Uint8Array =>
  typeof data === "string" ? Buffer.from(data, "latin1") : data

/** SETTINGS by number, in order, as often as they are given. */
export const settingsById = (pairs: ReadonlyArray<readonly [id: number, value: number]>): Buffer =>
  frame(
    Type.SETTINGS,
    0,
    0,
    Buffer.concat(pairs.map(([id, value]) => Buffer.concat([Buffer.of(id >> 8, id & 255), uint32(value)])))
  )

/** SETTINGS by name. */
export const settings = (values: Settings = {}): Buffer =>
  settingsById(
    Object.entries(Setting).flatMap(([name, id]) =>
      Object.entries(values).flatMap(([given, value]) => (given === name ? [[id, value] as const] : []))
    )
  )

export const settingsAck: Buffer = frame(Type.SETTINGS, Flag.ACK, 0)

export interface MessageOptions {
  /** Default: false. */
  readonly end?: boolean
  /** Bytes of padding; the frame has PADDED. */
  readonly padding?: number
}

export interface HeadersOptions extends MessageOptions {
  /** Whether the block ends with this frame. Default: true. */
  readonly endHeaders?: boolean
  /** Five bytes of priority; the frame has PRIORITY. */
  readonly priority?: Uint8Array
}

const padded = (payload: Uint8Array, padding: number | undefined): Uint8Array =>
  padding === undefined ? payload : Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)])

const flagsOf = (options: MessageOptions): number =>
  (options.end === true ? Flag.END_STREAM : 0) | (options.padding === undefined ? 0 : Flag.PADDED)

/** HEADERS with a block of `h2Fields.ts`. */
export const headers = (stream: number, block: Uint8Array, options: HeadersOptions = {}): Buffer => {
  const flags =
    flagsOf(options) |
    (options.endHeaders === false ? 0 : Flag.END_HEADERS) |
    (options.priority === undefined ? 0 : Flag.PRIORITY)
  const payload = options.priority === undefined ? block : Buffer.concat([options.priority, block])
  return frame(Type.HEADERS, flags, stream, padded(payload, options.padding))
}

/** The next part of a block; `end` says that it is the last one. */
export const continuation = (stream: number, block: Uint8Array, end = true): Buffer =>
  frame(Type.CONTINUATION, end ? Flag.END_HEADERS : 0, stream, block)

/** One DATA frame, however long. */
export const data = (stream: number, content: string | Uint8Array, options: MessageOptions = {}): Buffer =>
  frame(Type.DATA, flagsOf(options), stream, padded(bytesOf(content), options.padding))

export const rstStream = (stream: number, code: number): Buffer => frame(Type.RST_STREAM, 0, stream, uint32(code))

export const ping = (payload: string | Uint8Array = "12345678", ack = false): Buffer =>
  frame(Type.PING, ack ? Flag.ACK : 0, 0, bytesOf(payload))

export const goaway = (lastStream: number, code: number, debug: string | Uint8Array = ""): Buffer =>
  frame(Type.GOAWAY, 0, 0, Buffer.concat([uint32(lastStream, code), bytesOf(debug)]))

export const windowUpdate = (stream: number, increment: number): Buffer =>
  frame(Type.WINDOW_UPDATE, 0, stream, uint32(increment))

export const pushPromise = (stream: number, promised: number, block: Uint8Array): Buffer =>
  frame(Type.PUSH_PROMISE, Flag.END_HEADERS, stream, Buffer.concat([uint32(promised), block]))

export const priority = (stream: number, dependency = 0, weight = 15): Buffer =>
  frame(Type.PRIORITY, 0, stream, Buffer.concat([uint32(dependency), Buffer.of(weight)]))

/** The payload of HEADERS and DATA without padding and priority. */
export const contentOf = ({ flags, payload, type }: Frame): Buffer => {
  const start = (flags & Flag.PADDED) === 0 ? 0 : 1
  const end = payload.length - (start === 0 ? 0 : (payload[0] ?? 0))
  return payload.subarray(start + (type === Type.HEADERS && (flags & Flag.PRIORITY) !== 0 ? 5 : 0), end)
}

/** The settings of a SETTINGS frame by number. */
export const settingsOf = ({ payload }: Frame): ReadonlyMap<number, number> => {
  const out = new Map<number, number>()
  for (let at = 0; at + 6 <= payload.length; at += 6) out.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
  return out
}

/** The four bytes at an offset of a payload: a code, an increment, a stream. */
export const numberOf = (frame: Frame, offset = 0): number => frame.payload.readUInt32BE(offset)

/** A frame in one line, for messages of tests. */
export const shown = ({ flags, payload, stream, type }: Frame): string => {
  const name = Object.entries(Type).find(([, value]) => value === type)?.[0] ?? `type ${type}`
  const codes = type === Type.RST_STREAM ? [0] : type === Type.GOAWAY ? [4] : []
  const code = codes.map((at) => Object.entries(Code).find(([, value]) => value === payload.readUInt32BE(at))?.[0])
  return [name, `stream ${stream}`, `flags ${flags}`, `${payload.length} bytes`, ...code].join(", ")
}
