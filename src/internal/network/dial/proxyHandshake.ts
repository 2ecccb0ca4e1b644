/** Runs a handshake with a proxy on an open socket, within `timeout.proxy`. CONNECT and SOCKS share it. */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type ClientHttpProxyError, ClientProxyConnectionError, ConnectionTimeoutError } from "../../../Errors.js"
import { cancellable } from "../../effect/callback.js"
import { errorCode } from "../../errorCode.js"
import type { ExchangeContext, ProxyRoute } from "../../transport/transport.js"

/** The errors of a handshake. */
export type HandshakeError = ClientHttpProxyError | ClientProxyConnectionError | ConnectionTimeoutError

/** The part of an exchange that a handshake needs. */
export type HandshakeContext = Pick<ExchangeContext, "limits" | "deadlines" | "trace" | "marks" | "details">

/** Ends a handshake. Only the first call counts. */
export interface Outcome {
  /** Succeeds with the paused socket. `rest` are bytes that its next reader gets first. */
  readonly succeed: (rest?: Buffer) => void
  /** Destroys the socket and fails. */
  readonly fail: (error: HandshakeError) => void
}

/** The protocol of a handshake, from the client's side. */
export interface HandshakeProtocol {
  /** Writes the first bytes. Called once, after the listeners were added. */
  readonly begin: () => void
  readonly onData: (chunk: Buffer) => void
  /** Called when the proxy has closed its side. */
  readonly onEnd: () => void
  /** Called when the handshake has succeeded, has failed or was interrupted. */
  readonly onStop: () => void
}

/** An error caused by the proxy. `cause` must not contain secrets. */
export const proxyError = (
  context: HandshakeContext,
  proxy: ProxyRoute,
  reason: ClientProxyConnectionError["reason"],
  code: string,
  cause: unknown
): ClientProxyConnectionError =>
  new ClientProxyConnectionError({ ...context.details("proxy"), proxy: proxy.url, reason, code, cause })

const runHandshake = (
  socket: Net.Socket,
  proxy: ProxyRoute,
  context: HandshakeContext,
  makeProtocol: (outcome: Outcome) => HandshakeProtocol
): Effect.Effect<Net.Socket, HandshakeError> =>
  cancellable<Net.Socket, HandshakeError>((resume) => {
    let settled = false
    const stop = () => {
      settled = true
      deadline.cancel()
      socket.pause()
      socket.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose)
      context.marks.end("proxy")
      protocol.onStop()
    }
    const fail = (error: HandshakeError) => {
      if (settled) return
      stop()
      socket.destroy()
      resume(Effect.fail(error))
    }
    const protocol = makeProtocol({
      fail,
      succeed: (rest) => {
        if (settled) return
        stop()
        if (rest !== undefined && rest.length > 0) socket.unshift(rest)
        resume(Effect.succeed(socket))
      }
    })
    const onData = (chunk: Buffer) => protocol.onData(chunk)
    const onEnd = () => protocol.onEnd()
    const onError = (error: Error) => {
      const code = errorCode(error) ?? "ECONNRESET"
      // With TLS 1.3, a proxy rejects the client certificate after the TLS handshake, which is during this one.
      fail(proxyError(context, proxy, code.startsWith("ERR_SSL_") ? "Tls" : "Connect", code, error))
    }
    const onClose = () =>
      fail(proxyError(context, proxy, "Connect", "ECONNRESET", new Error("the proxy closed the connection")))
    context.marks.start("proxy")
    const limit = context.limits.proxy
    const deadline = context.deadlines.schedule(context.deadlines.now() + limit, () =>
      fail(
        new ConnectionTimeoutError({
          ...context.details("proxy"),
          phase: "proxy",
          timeout: "proxy",
          limit: Duration.millis(limit)
        })
      )
    )
    if (socket.destroyed) {
      onClose()
      return
    }
    socket.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose)
    socket.resume()
    protocol.begin()
    return () => {
      if (settled) return
      stop()
      socket.destroy()
    }
  })

/** Runs a handshake and emits its start and end signals. The socket must read by "data" events, not by `onread`. */
export const handshake = (
  socket: Net.Socket,
  proxy: ProxyRoute,
  context: HandshakeContext,
  makeProtocol: (outcome: Outcome) => HandshakeProtocol
): Effect.Effect<Net.Socket, HandshakeError> => {
  const run = runHandshake(socket, proxy, context, makeProtocol)
  const trace = context.trace
  if (trace === undefined) return run
  return Effect.zipRight(
    trace.emit({ _tag: "ProxyConnectStart", proxy: proxy.url }),
    Effect.zipLeft(run, trace.emit({ _tag: "ProxyConnectEnd", proxy: proxy.url }))
  )
}
