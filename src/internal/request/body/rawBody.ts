/** Reads Node streams, web streams, iterables and Blobs as streams of bytes. */
import { Readable } from "node:stream"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import { RequestBodyError } from "../../../Errors.js"
import { mapPiecesEffect } from "../../effect/streams.js"
import { isIterable } from "../../iterables.js"
import { kindOf } from "../../userResult.js"
import { isPackageForm, packageFormReadable } from "./formDataPackage.js"
import { readableStream } from "./readableStream.js"

/** A Blob of at most this many bytes is read as a whole: its stream takes several times as long. */
export const wholeBlobSize = 256 * 1024

/** Whether a Blob is read as a whole. Subclasses and the file objects of Node's FormData may have only a stream. */
export const isReadWhole = (blob: Blob): boolean => blob.size <= wholeBlobSize && blob.stream === Blob.prototype.stream

/** Joins pieces, after reading those that are Blobs. */
export const joinPieces = (pieces: ReadonlyArray<Uint8Array | Blob>): Effect.Effect<Uint8Array, unknown> =>
  Effect.map(
    Effect.tryPromise({
      try: () => Promise.all(pieces.map((piece) => (piece instanceof Blob ? piece.arrayBuffer() : piece))),
      catch: identity
    }),
    (read) => Buffer.concat(read.map((piece) => (piece instanceof Uint8Array ? piece : new Uint8Array(piece))))
  )

/** The bytes of a Blob, which can be read any number of times. */
export const blobStream = (blob: Blob): Stream.Stream<Uint8Array, unknown> =>
  isReadWhole(blob)
    ? Stream.fromEffect(joinPieces([blob]))
    : Stream.suspend(() =>
        Stream.fromReadableStream<Uint8Array, unknown>({ evaluate: () => blob.stream(), onError: identity })
      )

const encode = (item: unknown): Uint8Array => {
  if (item instanceof Uint8Array) return item
  if (typeof item === "string") return Buffer.from(item, "utf8")
  if (item instanceof ArrayBuffer) return new Uint8Array(item)
  if (ArrayBuffer.isView(item)) return new Uint8Array(item.buffer, item.byteOffset, item.byteLength)
  throw new TypeError(`expected chunks of bytes or strings, got ${kindOf(item)}`)
}

const isAsyncIterable = (raw: object): raw is AsyncIterable<unknown> => Symbol.asyncIterator in raw

/** The bytes of a raw body in memory; `undefined` for others. */
export const rawBytes = (raw: unknown): Uint8Array | undefined =>
  typeof raw === "string" || raw instanceof ArrayBuffer || ArrayBuffer.isView(raw)
    ? encode(raw)
    : raw instanceof URLSearchParams
      ? Buffer.from(raw.toString(), "utf8")
      : undefined

/** Whether `data` is a body type of Node, of the web or of the `form-data` package. */
export const isRawBody = (data: object): boolean =>
  data instanceof Blob ||
  data instanceof ArrayBuffer ||
  ArrayBuffer.isView(data) ||
  data instanceof ReadableStream ||
  isAsyncIterable(data) ||
  isPackageForm(data)

/** The chunks of a raw body. A Readable is destroyed when its stream ends early. */
export const rawStream = (raw: unknown): Stream.Stream<Uint8Array, unknown> => {
  const bytes = rawBytes(raw)
  if (bytes !== undefined) return Stream.succeed(bytes)
  if (raw instanceof Blob) return blobStream(raw)
  if (typeof raw === "object" && raw !== null) {
    if (isPackageForm(raw) && !(raw instanceof Readable)) {
      return encodeChunks(Stream.suspend(() => readableStream(packageFormReadable(raw))))
    }
    if (raw instanceof Readable) return encodeChunks(readableStream(raw))
    if (raw instanceof ReadableStream) {
      return encodeChunks(Stream.fromReadableStream({ evaluate: () => raw, onError: identity }))
    }
    if (isAsyncIterable(raw)) return encodeChunks(Stream.fromAsyncIterable(raw, identity))
    if (isIterable(raw)) return encodeChunks(Stream.suspend(() => Stream.fromIterable(raw)))
  }
  const cause = new TypeError(`expected a Raw body of bytes, text, a Blob, a stream or an iterable, got ${kindOf(raw)}`)
  return Stream.fail(new RequestBodyError({ reason: "Encode", cause }))
}

const encodeChunks = (stream: Stream.Stream<unknown, unknown>): Stream.Stream<Uint8Array, unknown> =>
  mapPiecesEffect(stream, (chunk) =>
    Effect.try({
      try: () => chunk.map(encode),
      catch: (cause) => new RequestBodyError({ reason: "Encode", cause })
    })
  )
