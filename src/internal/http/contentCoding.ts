/** Parses Content-Encoding, and decodes gzip, deflate, br and zstd as a stream or in one step. */
import type { Transform } from "node:stream"
import * as Zlib from "node:zlib"
import { errorCode } from "../errorCode.js"

export type Coding = "gzip" | "deflate" | "br" | "zstd"

/** Most codings of one body, in all of its Content-Encoding headers. */
export const maxCodings = 5

/** "raw" if a coding is unknown, so that the body stays as received; "excess" for more than `maxCodings`. */
export type Codings = ReadonlyArray<Coding> | "raw" | "excess"

/** A zlib decoder. It counts the bytes that it has consumed. */
export type DecodeStream = Transform & Zlib.Zlib

/** The result of zlib's synchronous functions with `info: true`. */
interface DecodeResult {
  readonly buffer: Buffer
  readonly engine: Zlib.Zlib
}

type ZstdSync = (bytes: Uint8Array, options: Zlib.ZlibOptions & { readonly info: true }) => DecodeResult

const isFactory = (u: unknown): u is () => DecodeStream => typeof u === "function"
const isSync = (u: unknown): u is ZstdSync => typeof u === "function"

const createZstd: unknown = Reflect.get(Zlib, "createZstdDecompress")
const zstdSync: unknown = Reflect.get(Zlib, "zstdDecompressSync")

/** Whether zstd rejects a truncated body, which Node 22 accepts as complete. */
const refusesCut = (decodeZstd: ZstdSync): boolean => {
  try {
    decodeZstd(Uint8Array.of(0x28, 0xb5, 0x2f), { info: true })
    return false
  } catch {
    return true
  }
}

/** Whether this version of Node has a reliable zstd, as Node 24 and later do. */
export const hasZstd = isFactory(createZstd) && isSync(zstdSync) && refusesCut(zstdSync)

const none: ReadonlyArray<Coding> = []

const codingOf = (token: string): Coding | undefined => {
  switch (token) {
    case "gzip":
    case "x-gzip":
      return "gzip"
    case "deflate":
    case "br":
      return token
    case "zstd":
      return hasZstd ? token : undefined
    default:
      return undefined
  }
}

/** The codings of a body in decoding order. */
export const parse = (values: ReadonlyArray<string>): Codings => {
  if (values.length === 0) return none
  const out: Array<Coding> = []
  let raw = false
  let count = 0
  for (const value of values) {
    for (const part of value.split(",")) {
      const token = part.trim().toLowerCase()
      if (token === "" || token === "identity") continue
      if (++count > maxCodings) return "excess"
      const coding = codingOf(token)
      if (coding === undefined) raw = true
      else out.push(coding)
    }
  }
  return raw ? "raw" : out.reverse()
}

/**
 * Whether a deflate body has the zlib header, with compression method 8 in the low four bits. No encoder begins a raw
 * deflate stream with these bits.
 */
const isZlib = (first: number) => (first & 0x0f) === 0x08

/** Whether a body whose first byte is `first` ends with a checksum (RFC 1950, RFC 1952). */
export const hasTrailer = (coding: Coding, first: number): boolean =>
  coding === "gzip" || (coding === "deflate" && isZlib(first))

/** Whether zlib failed because the bytes end too early. */
export const isUnfinished = (cause: unknown): boolean => errorCode(cause) === "Z_BUF_ERROR"

const options = { chunkSize: 64 * 1024 }

/** Creates a decoder for one coding of a body whose first byte is `first`. A zstd decoder may end before its input. */
export const create = (coding: Coding, first: number): DecodeStream => {
  switch (coding) {
    case "gzip":
      return Zlib.createGunzip(options)
    case "deflate":
      return isZlib(first) ? Zlib.createInflate(options) : Zlib.createInflateRaw(options)
    case "br":
      return Zlib.createBrotliDecompress(options)
    case "zstd":
      if (isFactory(createZstd)) return createZstd()
      throw new Error("This Node has no zstd")
  }
}

/** The output exceeds the limit for one step, or the input has several frames. Decoding it as a stream may succeed. */
export class TooLargeForOneStep extends Error {}

/** Decodes a body of one zstd frame. A body may have several (RFC 8878 section 3), but zlib decodes only the first. */
const decodeOneFrame = (decodeZstd: ZstdSync, bytes: Uint8Array, limit: number): Uint8Array => {
  const { buffer, engine } = decodeZstd(bytes, { maxOutputLength: limit, info: true })
  if (engine.bytesWritten < bytes.length) throw new TooLargeForOneStep()
  return buffer
}

const isTooLarge = (error: unknown): boolean =>
  error instanceof RangeError && errorCode(error) === "ERR_BUFFER_TOO_LARGE"

/**
 * Decodes one coding in one step. Throws on malformed input, and `TooLargeForOneStep` if the output exceeds `limit`.
 */
export const decodeSync = (coding: Coding, bytes: Uint8Array, limit: number): Uint8Array => {
  try {
    return decode(coding, bytes, limit)
  } catch (cause) {
    throw isTooLarge(cause) ? new TooLargeForOneStep() : cause
  }
}

const decode = (coding: Coding, bytes: Uint8Array, limit: number): Uint8Array => {
  const first = bytes[0]
  if (first === undefined) return bytes
  const limited = { maxOutputLength: limit }
  switch (coding) {
    case "gzip":
      return Zlib.gunzipSync(bytes, limited)
    case "deflate":
      return isZlib(first) ? Zlib.inflateSync(bytes, limited) : Zlib.inflateRawSync(bytes, limited)
    case "br":
      return Zlib.brotliDecompressSync(bytes, limited)
    case "zstd":
      if (isSync(zstdSync)) return decodeOneFrame(zstdSync, bytes, limit)
      throw new Error("This Node has no zstd")
  }
}
