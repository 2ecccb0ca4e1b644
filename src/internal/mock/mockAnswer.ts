/**
 * What a mock answers with, and how a `Response` becomes that.
 */
import { decodeText, headOf } from "../network/http1/head.js"
import type { Trailers } from "../transport/incomingBody.js"
import type { Head } from "../transport/transport.js"

/** A head and a body that comes after it. */
export interface Answer {
  readonly head: Head
  readonly body: ReadableStream<Uint8Array> | Uint8Array | undefined
  readonly trailers?: Trailers | undefined
  /** Whether the connection breaks after the body. */
  readonly cut?: boolean | undefined
}

/** Header lines as latin1 code units, as they would come from a network. */
export const headFromLines = (
  status: number,
  reason: string,
  version: "1.0" | "1.1",
  lines: ReadonlyArray<readonly [name: string, value: string]>,
  contentLength: number | undefined
): Head => ({
  ...headOf({
    status,
    reason,
    version,
    headers: lines.map(([name, value]) => [name, decodeText(value)] as const),
    contentLength
  }),
  raw: () => lines.map(([name, value]) => [latin1(name), latin1(value)] as const)
})

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))

/** Whether a response to that method has no content, whatever its headers say (RFC 9110 section 6.4.1). */
export const hasNoContent = (method: string, status: number): boolean =>
  method === "HEAD" || status === 204 || status === 304

/** Loaded when it is used: with node:http come the web's globals of Node 24, which an import must not touch. */
const reasons = (): { readonly [status: number]: string | undefined } =>
  process.getBuiltinModule("node:http").STATUS_CODES

/** A `Response` to a request of that method. */
export const fromResponse = (response: Response, method: string): Answer => {
  if (response.type === "error") throw new TypeError("The response of a mock is Response.error()")
  if (response.bodyUsed || response.body?.locked === true) {
    throw new TypeError("The response of a mock has been read already: make one for each request")
  }
  const lines = [...response.headers]
  const body = hasNoContent(method, response.status) ? undefined : (response.body ?? undefined)
  if (body === undefined) void response.body?.cancel().catch(() => {})
  const length = body === undefined ? null : response.headers.get("content-length")
  const reason = response.statusText === "" ? (reasons()[response.status] ?? "") : response.statusText
  return {
    head: headFromLines(
      response.status,
      reason,
      "1.1",
      lines,
      length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined
    ),
    body
  }
}
