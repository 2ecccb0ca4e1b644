/** Records which bodies can be sent only once. All others can be sent again by retries and redirects. */
import * as HttpBody from "@effect/platform/HttpBody"
import type * as Stream from "effect/Stream"
import { isPackageForm } from "./formDataPackage.js"

/** Bodies that can be read only once. */
const oneShots = new WeakSet<object>()

/** A body that can be sent only once. */
export const oneShot = (stream: Stream.Stream<Uint8Array, unknown>): HttpBody.Stream => {
  const body = HttpBody.stream(stream)
  oneShots.add(body)
  return body
}

/** Marks a body that can be sent only once, because a part of it can. */
export const markOneShot = <B extends HttpBody.HttpBody>(body: B): B => {
  oneShots.add(body)
  return body
}

/** Whether a body can be sent any number of times. */
export const isReplayable = (body: HttpBody.HttpBody): boolean =>
  body._tag === "Raw" ? isReplayableRaw(body.body) : !oneShots.has(body)

const isReplayableRaw = (raw: unknown): boolean => {
  if (typeof raw !== "object" || raw === null) return true
  if (isPackageForm(raw) || raw instanceof ReadableStream || raw instanceof Response || raw instanceof Request)
    return false
  // Generators and Node's Readables can be iterated only once.
  if (Symbol.asyncIterator in raw || Symbol.iterator in raw) return ArrayBuffer.isView(raw) || Array.isArray(raw)
  return true
}

const used = new WeakSet<object>()

const sourceOf = (body: HttpBody.HttpBody): object =>
  body._tag === "Raw" && typeof body.body === "object" && body.body !== null ? body.body : body

/** Marks a one-shot body as read. Returns `false` if it was read before. */
export const useOnce = (body: HttpBody.HttpBody): boolean => {
  const source = sourceOf(body)
  if (used.has(source)) return false
  used.add(source)
  return true
}

/** Whether a body can be sent now: it is replayable, or was not sent before. */
export const isSendable = (body: HttpBody.HttpBody): boolean => isReplayable(body) || !used.has(sourceOf(body))
