/**
 * What CONNECT and SOCKS have in common: a short exchange on a socket to a proxy, within `timeout.proxy`.
 */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type ClientHttpProxyError, ClientProxyConnectionError, ConnectionTimeoutError } from "../../../Errors.js"
import { errorCode } from "../../errorCode.js"
import type { ExchangeContext, ProxyRoute } from "../../transport/transport.js"

/** How a handshake fails. */
export type HandshakeError = ClientHttpProxyError | ClientProxyConnectionError | ConnectionTimeoutError

/** What a handshake has to know of its request. */
export type HandshakeContext = Pick<ExchangeContext, "limits" | "deadlines" | "trace" | "marks" | "details">

/** How a handshake ends; only the first call counts. */
export interface Outcome {
  /** The socket is the caller's, paused; `rest` is what it will read first. */
  readonly succeed: (rest?: Buffer) => void
  /** The socket is destroyed. */
  readonly fail: (error: HandshakeError) => void
}

/** One side of a handshake. */
export interface Talker {
  /** Called once, when everything is set up. */
  readonly begin: () => void
  readonly onData: (chunk: Buffer) => void
  /** The proxy has ended its side. */
  readonly onEnd: () => void
  /** It is over, whoever ended it. */
  readonly onStop: () => void
}

/** The proxy's fault, with a cause that holds no secret. */
export const proxyError = (
  context: HandshakeContext,
  proxy: ProxyRoute,
  reason: ClientProxyConnectionError["reason"],
  code: string,
  cause: unknown
): ClientProxyConnectionError =>
  new ClientProxyConnectionError({ ...context.details("proxy"), proxy: proxy.url, reason, code, cause })

const converse = (
  socket: Net.Socket,
  proxy: ProxyRoute,
  context: HandshakeContext,
  talk: (outcome: Outcome) => Talker
): Effect.Effect<Net.Socket, HandshakeError> =>
  Effect.async<Net.Socket, HandshakeError>((resume) => {
    let over = false
    const stop = () => {
      over = true
      deadline.cancel()
      socket.pause()
      socket.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose)
      context.marks.end("proxy")
      talker.onStop()
    }
    const fail = (error: HandshakeError) => {
      if (over) return
      stop()
      socket.destroy()
      resume(Effect.fail(error))
    }
    const talker = talk({
      fail,
      succeed: (rest) => {
        if (over) return
        stop()
        if (rest !== undefined && rest.length > 0) socket.unshift(rest)
        resume(Effect.succeed(socket))
      }
    })
    const onData = (chunk: Buffer) => talker.onData(chunk)
    const onEnd = () => talker.onEnd()
    const onError = (error: Error) => {
      const code = errorCode(error) ?? "ECONNRESET"
      // TLS 1.3 tells only now that a proxy wants another certificate.
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
    if (socket.destroyed) return onClose()
    socket.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose)
    socket.resume()
    talker.begin()
    return Effect.sync(() => {
      if (over) return
      stop()
      socket.destroy()
    })
  })

/** Runs a handshake between its two signals. The socket must read by "data" events, not by `onread`. */
export const handshake = (
  socket: Net.Socket,
  proxy: ProxyRoute,
  context: HandshakeContext,
  talk: (outcome: Outcome) => Talker
): Effect.Effect<Net.Socket, HandshakeError> => {
  const run = converse(socket, proxy, context, talk)
  const trace = context.trace
  if (trace === undefined) return run
  return Effect.zipRight(
    trace.emit({ _tag: "ProxyConnectStart", proxy: proxy.url }),
    Effect.zipLeft(run, trace.emit({ _tag: "ProxyConnectEnd", proxy: proxy.url }))
  )
}
