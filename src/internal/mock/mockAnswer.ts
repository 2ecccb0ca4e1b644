/** The answer of a mock, and the conversion from a web `Response`. */
import { statusPhrase } from "../http/statusPhrase.js"
import { decodeText, headOf } from "../network/http1/head.js"
import type { Trailers } from "../transport/incomingBody.js"
import type { Head } from "../transport/transport.js"

/** A response head and its body. */
export interface Answer {
  readonly head: Head
  readonly body: ReadableStream<Uint8Array> | Uint8Array | undefined
  readonly trailers?: Trailers | undefined
  /** Whether the connection breaks at the end of the body. */
  readonly cut?: boolean | undefined
}

/** Builds a head from lines of latin1 code units, the form in which a network delivers them. */
export const headFromLines = (
  status: number,
  reason: string,
  version: Head["version"],
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

/** Whether a response has no content, whatever its headers declare (RFC 9110 section 6.4.1). */
export const hasNoContent = (method: string, status: number): boolean =>
  method === "HEAD" || status === 204 || status === 304

/** Converts a web `Response` to the answer to a request with this method. */
export const fromResponse = (response: Response, method: string): Answer => {
  if (response.type === "error")
    throw new TypeError("expected a response from the handler of the mock, got Response.error()")
  if (response.bodyUsed || response.body?.locked === true) {
    throw new TypeError("expected an unread response from the handler of the mock; make a new one for each request")
  }
  const lines = [...response.headers]
  const body = hasNoContent(method, response.status) ? undefined : (response.body ?? undefined)
  if (body === undefined) void response.body?.cancel().catch(() => {})
  const length = body === undefined ? null : response.headers.get("content-length")
  const reason = response.statusText === "" ? (statusPhrase(response.status) ?? "") : response.statusText
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
