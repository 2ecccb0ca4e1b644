/**
 * Which codings a Content-Encoding names, and the streams that undo them.
 */
import type { Transform } from "node:stream"
import * as Zlib from "node:zlib"
import { errorCode } from "../errorCode.js"

export type Coding = "gzip" | "deflate" | "br" | "zstd"

/** Codings that one body may have, over all its Content-Encoding headers. */
export const maxCodings = 5

/** "raw": a coding among them is not known, so the bytes are left as they are. "excess": more than `maxCodings`. */
export type Codings = ReadonlyArray<Coding> | "raw" | "excess"

/** A stream of zlib's, which counts the bytes that it has made use of. */
export type Undoing = Transform & Zlib.Zlib

/** What zlib gives that is asked for more than the bytes. */
interface Undone {
  readonly buffer: Buffer
  readonly engine: Zlib.Zlib
}

type ZstdSync = (bytes: Uint8Array, options: Zlib.ZlibOptions & { readonly info: true }) => Undone

const isFactory = (u: unknown): u is () => Undoing => typeof u === "function"
const isSync = (u: unknown): u is ZstdSync => typeof u === "function"

const createZstd: unknown = Reflect.get(Zlib, "createZstdDecompress")
const zstdSync: unknown = Reflect.get(Zlib, "zstdDecompressSync")

/** Node 22 takes a body that was cut for a whole one. */
const refusesCut = (undo: ZstdSync): boolean => {
  try {
    undo(Uint8Array.of(0x28, 0xb5, 0x2f), { info: true })
    return false
  } catch {
    return true
  }
}

/** Whether this Node has a zstd that can be relied upon: 24 and later. */
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

/** The codings of a body in the order in which they are undone. */
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

/** A zlib stream's header has method 8 in its first nibble, which no sensible raw stream begins with. */
const isZlib = (first: number) => (first & 0x0f) === 0x08

/** Whether a checksum follows the last block of a body that begins so (RFC 1950, RFC 1952). */
export const hasTrailer = (coding: Coding, first: number): boolean =>
  coding === "gzip" || (coding === "deflate" && isZlib(first))

/** Whether zlib failed because the bytes end too early. */
export const isUnfinished = (cause: unknown): boolean => errorCode(cause) === "Z_BUF_ERROR"

const options = { chunkSize: 64 * 1024 }

/** A stream that undoes one coding of bytes that begin so. That of zstd may end before its bytes do. */
export const create = (coding: Coding, first: number): Undoing => {
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

/** A body that is not undone at once, but may be bit by bit. */
export class NotAtOnce extends Error {}

/** zlib stops at the end of the first frame, of which there may be any number (RFC 8878 section 3). */
const oneFrame = (undo: ZstdSync, bytes: Uint8Array, limit: number): Uint8Array => {
  const { buffer, engine } = undo(bytes, { maxOutputLength: limit, info: true })
  if (engine.bytesWritten < bytes.length) throw new NotAtOnce()
  return buffer
}

const isTooLarge = (error: unknown): boolean =>
  error instanceof RangeError && errorCode(error) === "ERR_BUFFER_TOO_LARGE"

/** Undoes one coding at once. Throws for what is not so coded, and NotAtOnce where it gets larger than `limit`. */
export const decodeSync = (coding: Coding, bytes: Uint8Array, limit: number): Uint8Array => {
  try {
    return decode(coding, bytes, limit)
  } catch (cause) {
    throw isTooLarge(cause) ? new NotAtOnce() : cause
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
      if (isSync(zstdSync)) return oneFrame(zstdSync, bytes, limit)
      throw new Error("This Node has no zstd")
  }
}
