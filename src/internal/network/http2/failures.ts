/**
 * The errors of HTTP/2 streams that those of HTTP/1.1 do not cover.
 */
import { type ClientError, ClientPayloadError, ServerDisconnectedError, StreamResetError } from "../../../Errors.js"
import type { Phase } from "../../../Timeouts.js"
import type { IncomingBody } from "../../transport/incomingBody.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Exchange } from "../../transport/transport.js"
import { brokenBody, brokenHead } from "../http1/connectionErrors.js"
import { codeName, REFUSED_STREAM, type Violation } from "./errorCodes.js"

const detailsOf = (exchange: Exchange, wire: NetworkStream, phase: Phase) => ({
  ...exchange.details(phase),
  remoteAddress: wire.remoteAddress
})

/** The error for a stream that the server reset before the head. */
export const resetHead = (exchange: Exchange, wire: NetworkStream, phase: Phase, code: number): StreamResetError =>
  new StreamResetError({
    ...detailsOf(exchange, wire, phase),
    code: codeName(code),
    scope: "Stream",
    unprocessed: code === REFUSED_STREAM,
    debug: ""
  })

/** The error for a stream that the server reset after the head, before the end of the body. */
export const resetBody = (
  exchange: Exchange,
  wire: NetworkStream,
  body: IncomingBody | undefined,
  code: number
): ClientError =>
  new ClientPayloadError({
    ...detailsOf(exchange, wire, "body"),
    reason: "Incomplete",
    received: body?.received ?? 0,
    expected: body?.length,
    code: codeName(code)
  })

/** The GOAWAY of a server, as far as it concerns one request above its last stream. */
export interface Refusal {
  readonly code: number
  readonly debug: string
  /** Whether the server has certainly not acted on the request. */
  readonly unprocessed: boolean
}

/** The error for a request that the server does not answer because of its GOAWAY. */
export const refusedByGoAway = (
  exchange: Exchange,
  wire: NetworkStream,
  phase: Phase,
  { code, debug, unprocessed }: Refusal
): StreamResetError =>
  new StreamResetError({
    ...detailsOf(exchange, wire, phase),
    code: codeName(code),
    scope: "Connection",
    unprocessed,
    debug
  })

/** The error for a violation of the protocol before the head. */
export const violatedHead = (exchange: Exchange, wire: NetworkStream, violation: Violation): ClientError =>
  brokenHead(exchange, wire, { where: "head", ...violation })

/** The error for a violation of the protocol after the head. */
export const violatedBody = (
  exchange: Exchange,
  wire: NetworkStream,
  body: IncomingBody | undefined,
  violation: Violation
): ClientError => brokenBody(exchange, wire, body, { where: "body", ...violation })

/** The error for a connection that ended because of another stream. */
export const disconnected = (
  exchange: Exchange,
  wire: NetworkStream,
  phase: Phase,
  reused: boolean,
  cause: unknown
): ClientError => new ServerDisconnectedError({ ...detailsOf(exchange, wire, phase), reused, received: 0, cause })
