/**
 * The errors of a connection: a response that is cut off, malformed or late.
 */
import * as Duration from "effect/Duration"
import {
  BadHttpMessage,
  type ClientError,
  ClientOSError,
  ClientPayloadError,
  FingerprintMismatch,
  ServerDisconnectedError,
  SocketTimeoutError
} from "../../../Errors.js"
import type { Retryability } from "../../errors/retryability.js"
import type { IncomingBody } from "../../transport/incomingBody.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Exchange } from "../../transport/transport.js"
import { fromSocketError } from "../tls/tlsErrors.js"
import type { ParseFailure } from "./parser.js"

/** "connect": nothing of the request was written. */
type Phase = "connect" | "send" | "headers" | "body"

const detailsOf = (exchange: Exchange, wire: NetworkStream, phase: Phase) => ({
  ...exchange.details(phase),
  remoteAddress: wire.remoteAddress
})

/**
 * The error for a connection that ended before the head was complete. `error` is the socket's error; without one, the peer
 * closed.
 */
export const cutHead = (
  exchange: Exchange,
  wire: NetworkStream,
  phase: "connect" | "send" | "headers",
  was: { readonly reused: boolean; readonly received: number },
  error: NodeJS.ErrnoException | undefined
): ClientError => {
  const details = detailsOf(exchange, wire, phase)
  if (error === undefined) return new ServerDisconnectedError({ ...details, ...was })
  // After a renegotiation the server may show another certificate than the pinned one.
  if (error instanceof FingerprintMismatch) return error
  if (wire.tls !== undefined) {
    const { host, port } = exchange.route.origin
    // With TLS 1.3 a server rejects a client certificate only after the handshake.
    const alert = fromSocketError(error, { host, port, details: exchange.details("tls") }, wire.tls.certificate)
    if (alert !== undefined) return alert
  }
  return new ClientOSError({ ...details, code: error.code ?? "UNKNOWN", syscall: error.syscall, cause: error })
}

/** Whether an error means that the connection ended, and not that the peer rejected the client. */
export const isClosing = (error: ClientError): boolean =>
  error._tag === "ServerDisconnectedError" || error._tag === "ClientOSError"

/** How a request may be repeated after `error`, which ended the connection before the head was complete. */
export const repeatableAfter = (
  error: ClientError,
  phase: "connect" | "send" | "headers",
  reused: boolean,
  started: boolean
): Retryability => {
  if (phase === "connect") return "unsent"
  return !started && (reused || isClosing(error)) ? "sent" : "never"
}

/** The error for a connection that ended before the body was complete. */
export const cutBody = (
  exchange: Exchange,
  wire: NetworkStream,
  phase: Phase,
  body: IncomingBody | undefined,
  cause: unknown
): ClientError =>
  new ClientPayloadError({
    ...detailsOf(exchange, wire, phase),
    reason: "Incomplete",
    received: body?.received ?? 0,
    expected: body?.length,
    cause
  })

/** The start of a TLS alert or handshake record in an excerpt. */
const tlsRecord = /^\\x1[56]/

/** The error for a head that is not valid HTTP. */
export const brokenHead = (exchange: Exchange, wire: NetworkStream, failure: ParseFailure): ClientError =>
  new BadHttpMessage({
    ...detailsOf(exchange, wire, "headers"),
    reason: failure.reason,
    description:
      wire.tls === undefined && tlsRecord.test(failure.excerpt)
        ? `${failure.description} (the server speaks TLS on this port)`
        : failure.description,
    excerpt: failure.excerpt
  })

/** The error for malformed chunks or trailers of a body. */
export const brokenBody = (
  exchange: Exchange,
  wire: NetworkStream,
  body: IncomingBody | undefined,
  failure: ParseFailure
): ClientError =>
  new ClientPayloadError({
    ...detailsOf(exchange, wire, "body"),
    reason: "Framing",
    received: body?.received ?? 0,
    expected: body?.length,
    cause: new Error(failure.description)
  })

/** The error for a server that switches protocols before it has the whole request. */
export const switchedEarly = (exchange: Exchange, wire: NetworkStream): ClientError =>
  brokenHead(exchange, wire, {
    where: "head",
    reason: "Unsolicited",
    description: "expected 101 after the whole request, got it before",
    excerpt: ""
  })

/**
 * The error for a connection that closed, or on which the server sent bytes, before the request was written. A server
 * that sends first on a new connection does not speak HTTP.
 */
export const unsent = (
  exchange: Exchange,
  wire: NetworkStream,
  reused: boolean,
  sentUnsolicited: boolean
): { readonly error: ClientError; readonly repeatable: Retryability } =>
  sentUnsolicited && !reused
    ? {
        error: new BadHttpMessage({
          ...detailsOf(exchange, wire, "send"),
          reason: "Unsolicited",
          description: "expected no bytes before the request",
          excerpt: ""
        }),
        repeatable: "never"
      }
    : {
        error: new ServerDisconnectedError({ ...detailsOf(exchange, wire, "connect"), reused, received: 0 }),
        repeatable: "unsent"
      }

/** The error for a phase that has exceeded its time limit. `limit` is in milliseconds. */
export const phaseTimeout = (
  exchange: Exchange,
  wire: NetworkStream,
  phase: Exclude<Phase, "connect">,
  limit: number
): ClientError =>
  new SocketTimeoutError({
    ...detailsOf(exchange, wire, phase),
    phase,
    timeout: phase,
    limit: Duration.millis(limit)
  })
