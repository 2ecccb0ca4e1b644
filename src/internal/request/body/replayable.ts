/**
 * Which bodies can be sent again: by default they are recipes and can.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import type * as Stream from "effect/Stream"

/** Streams that give their bytes only once. */
const oneShots = new WeakSet<object>()

/** A body that can be sent once. */
export const oneShot = (stream: Stream.Stream<Uint8Array, unknown>): HttpBody.Stream => {
  const body = HttpBody.stream(stream)
  oneShots.add(body)
  return body
}

/** Marks a body that is made of one that can be sent once. */
export const markOneShot = <B extends HttpBody.HttpBody>(body: B): B => {
  oneShots.add(body)
  return body
}

/** Whether a body can be sent any number of times. */
export const isReplayable = (body: HttpBody.HttpBody): boolean =>
  body._tag === "Raw" ? isReplayableRaw(body.body) : !oneShots.has(body)

const isReplayableRaw = (raw: unknown): boolean => {
  if (typeof raw !== "object" || raw === null) return true
  if (raw instanceof ReadableStream || raw instanceof Response || raw instanceof Request) return false
  // A generator, or a Readable of Node's, is its own iterator or is used up by its first one.
  if (Symbol.asyncIterator in raw || Symbol.iterator in raw) return ArrayBuffer.isView(raw) || Array.isArray(raw)
  return true
}

const used = new WeakSet<object>()

const sourceOf = (body: HttpBody.HttpBody): object =>
  body._tag === "Raw" && typeof body.body === "object" && body.body !== null ? body.body : body

/** Whether a body that gives its bytes only once has them still; it has not afterwards. */
export const useOnce = (body: HttpBody.HttpBody): boolean => {
  const source = sourceOf(body)
  if (used.has(source)) return false
  used.add(source)
  return true
}

/** Whether a body can be sent now: it gives its bytes any number of times, or has them still. */
export const isSendable = (body: HttpBody.HttpBody): boolean => isReplayable(body) || !used.has(sourceOf(body))
