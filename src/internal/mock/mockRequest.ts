/** Builds the request for the handler of a mock from the serialized request. */
import type { ClientRequest } from "../../ClientRequest.js"
import type { MockRequest } from "../../Connector.js"
import { conceal } from "../inspection.js"
import { decodeText } from "../network/http1/head.js"
import { PreparedRequest } from "../request/preparedRequest.js"
import type { Exchange } from "../transport/transport.js"

type Line = readonly [name: string, value: string]

/** The header lines of a request head, as latin1 code units. */
export const linesOf = (head: string): ReadonlyArray<Line> => {
  const out: Array<Line> = []
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":")
    if (colon > 0) out.push([line.slice(0, colon), line.slice(colon + 1).trim()])
  }
  return out
}

/** The prepared request with all headers that are sent, including automatic ones, credentials and cookies. */
export const exactOf = (exchange: Exchange): ClientRequest => {
  const { request } = exchange
  if (!(request instanceof PreparedRequest)) throw new TypeError("expected a request made by a session")
  const pairs = linesOf(exchange.wireRequest.head).map(([name, value]) => [name, decodeText(value)] as const)
  return request.derive({ fields: { pairs, secret: request.fields.secret }, auth: undefined, cookies: [] })
}

/** Methods for which a `Request` cannot have a body. */
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD"])

/** Methods that a `Request` rejects. */
const forbidden: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"])

/** Adds members to a `Request`. A subclass would initialise the web globals when this module is loaded. */
const exactRequest = (exact: ClientRequest, init: RequestInit): MockRequest =>
  conceal(
    Object.defineProperty(Object.assign(new Request(exact.url, init), { exact }), "method", { value: exact.method }),
    () => exact.toJSON()
  )

/** The request as a web `Request`. `signal` is aborted when the exchange ends early. */
export const mockRequest = (
  exact: ClientRequest,
  exchange: Exchange,
  body: Uint8Array | ReadableStream<Uint8Array> | undefined,
  signal: AbortSignal
): MockRequest => {
  const headers = linesOf(exchange.wireRequest.head).map(([name, value]): [string, string] => [name, value])
  const { method } = exact
  const init: RequestInit = { method: forbidden.has(method) ? "POST" : method, headers, signal }
  if (body === undefined || bodiless.has(method)) return exactRequest(exact, init)
  const content = body instanceof Uint8Array ? new Uint8Array(body) : body
  const withBody = { ...init, body: content, duplex: "half" }
  return exactRequest(exact, withBody)
}
