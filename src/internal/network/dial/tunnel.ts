/** Opens a tunnel through an http or https proxy with CONNECT (RFC 9110, section 9.3.6). */
import type * as Net from "node:net"
import type * as Headers from "@effect/platform/Headers"
import type * as Effect from "effect/Effect"
import { BadHttpMessage, ClientHttpProxyError } from "../../../Errors.js"
import { emptyRecord, fromRecord } from "../../http/concealedHeaders.js"
import { getField, toLines } from "../../http/headerFields.js"
import type { Origin } from "../../http/origin.js"
import type { Deadline } from "../../transport/deadlines.js"
import type { Head, ProxyRoute } from "../../transport/transport.js"
import type { ParserLimits } from "../http1/limits.js"
import { Parser } from "../http1/parser.js"
import {
  type HandshakeContext,
  type HandshakeError,
  type HandshakeProtocol,
  handshake,
  type Outcome,
  proxyError
} from "./proxyHandshake.js"
import { type Scrub, scrubber } from "./scrub.js"

/** Bytes of a rejection's body that the error keeps. */
const bodySize = 1024

/** Milliseconds to wait for the body of a rejection. */
const bodyTime = 1000

/** Host and port in authority form: always with the port, IPv6 in brackets. */
export const authorityForm = (origin: Origin): string =>
  `${origin.ip === 6 ? `[${origin.host}]` : origin.host}:${origin.port}`

/** The text of a CONNECT request. A User-Agent in the proxy's headers replaces `userAgent`. */
const requestText = (
  proxy: ProxyRoute,
  origin: Origin,
  authorization: string | undefined,
  userAgent: string | undefined
): string => {
  const authority = authorityForm(origin)
  let text = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n`
  if (authorization !== undefined) text += `Proxy-Authorization: ${authorization}\r\n`
  if (userAgent !== undefined && getField(proxy.headers, "user-agent") === undefined) {
    text += toLines([["User-Agent", userAgent]])
  }
  for (const [name, value] of proxy.headers) text += `${name}: ${value}\r\n`
  return `${text}\r\n`
}

const headersOf = (head: Head, scrub: Scrub): Headers.Headers => {
  const record = emptyRecord()
  for (let index = 0; index < head.count; index++) {
    const name = head.name(index).toLowerCase()
    const before = record[name]
    const value = scrub(head.value(index))
    record[name] = before === undefined ? value : `${before}, ${value}`
  }
  return fromRecord(record)
}

/** Sends CONNECT and reads the reply of the proxy. Nothing else is written before the reply. */
class ConnectHandshake implements HandshakeProtocol {
  private readonly socket: Net.Socket
  private readonly proxy: ProxyRoute
  private readonly authorization: string | undefined
  private readonly origin: Origin
  private readonly userAgent: string | undefined
  /** Whether the origin may send before the request. */
  private readonly speaksFirst: boolean
  private readonly context: HandshakeContext
  private readonly outcome: Outcome
  private readonly parser: Parser
  private rejection: Head | undefined = undefined
  private readonly body: Array<Buffer> = []
  private size = 0
  private bodyDeadline: Deadline | undefined = undefined

  constructor(
    socket: Net.Socket,
    proxy: ProxyRoute,
    origin: Origin,
    context: HandshakeContext,
    limits: ParserLimits,
    outcome: Outcome,
    userAgent: string | undefined,
    speaksFirst: boolean
  ) {
    this.userAgent = userAgent
    this.speaksFirst = speaksFirst
    this.socket = socket
    this.proxy = proxy
    this.authorization = proxy.answer?.() ?? proxy.authorization
    this.origin = origin
    this.context = context
    this.outcome = outcome
    this.parser = new Parser(limits, {
      onInformational: () => {},
      onHead: (head) => {
        if (!this.parser.isTunnel) this.onRejection(head)
      },
      onBody: (slab, start, end) => this.keepBody(slab, start, end),
      onComplete: () => this.fail()
    })
  }

  begin(): void {
    this.parser.expect("CONNECT", false)
    this.socket.write(requestText(this.proxy, this.origin, this.authorization, this.userAgent), "latin1")
  }

  onData(chunk: Buffer): void {
    const next = this.parser.execute(chunk, 0, chunk.length)
    if (this.parser.isTunnel) this.open(chunk.subarray(Math.max(0, next)))
    else if (next < 0) this.onMalformed()
  }

  onEnd(): void {
    if (this.rejection !== undefined) this.fail()
    else this.failDisconnected("expected a complete reply to CONNECT, got the end of the connection")
  }

  /**
   * Opens the tunnel. Bytes after the reply are for TLS and HTTP/2, which check them; HTTP/1.1 would read a response.
   */
  private open(rest: Buffer): void {
    if (rest.length === 0 || this.speaksFirst) this.outcome.succeed(rest)
    else {
      const details = this.context.details("proxy")
      const description = "expected no bytes from the tunnel before the request"
      this.failMalformed(new BadHttpMessage({ ...details, reason: "Unsolicited", description, excerpt: "" }))
    }
  }

  /** Keeps the head of a rejection until its body is complete, `bodySize` is reached or `bodyTime` is over. */
  private onRejection(head: Head): void {
    this.rejection = head
    const deadlines = this.context.deadlines
    this.bodyDeadline = deadlines.schedule(deadlines.now() + bodyTime, () => this.fail())
  }

  private keepBody(slab: Buffer, start: number, end: number): void {
    const stop = Math.min(end, start + bodySize - this.size)
    this.body.push(Buffer.from(slab.subarray(start, stop)))
    this.size += stop - start
    if (this.size >= bodySize) this.fail()
  }

  onStop(): void {
    this.bodyDeadline?.cancel()
    this.parser.stop()
  }

  private fail(): void {
    const head = this.rejection
    if (head === undefined) return
    const scrub = scrubber(this.proxy, this.authorization)
    this.outcome.fail(
      new ClientHttpProxyError({
        ...this.context.details("proxy"),
        proxy: this.proxy.url,
        status: head.status,
        reason: scrub(head.reason),
        headers: headersOf(head, scrub),
        body: scrub(new TextDecoder().decode(Buffer.concat(this.body)), true)
      })
    )
  }

  private onMalformed(): void {
    if (this.rejection !== undefined) {
      this.fail()
      return
    }
    const failure = this.parser.failure
    this.failMalformed(
      new BadHttpMessage({
        ...this.context.details("proxy"),
        reason: failure?.reason ?? "StatusLine",
        description: failure?.description ?? "expected an HTTP response",
        excerpt: scrubber(this.proxy, this.authorization)(failure?.excerpt ?? "")
      })
    )
  }

  private failMalformed(cause: BadHttpMessage): void {
    this.outcome.fail(proxyError(this.context, this.proxy, "Connect", "EPROTO", cause))
  }

  private failDisconnected(message: string): void {
    this.outcome.fail(proxyError(this.context, this.proxy, "Connect", "ECONNRESET", new Error(message)))
  }
}

/**
 * Opens a tunnel to `origin` on a socket to an http or https proxy. Only a 2xx opens it. Any other final reply fails
 * with `ClientHttpProxyError`; a malformed, too large or incomplete reply with `ClientProxyConnectionError`. Returns
 * the socket paused and without listeners, or destroys it and fails. The socket must read by "data" events.
 * `speaksFirst` is true if the origin may send before the request, like a server of HTTP/2.
 */
export const tunnel = (
  socket: Net.Socket,
  proxy: ProxyRoute,
  origin: Origin,
  context: HandshakeContext,
  limits: ParserLimits,
  userAgent?: string,
  speaksFirst = origin.scheme === "https"
): Effect.Effect<Net.Socket, HandshakeError> =>
  handshake(
    socket,
    proxy,
    context,
    (outcome) => new ConnectHandshake(socket, proxy, origin, context, limits, outcome, userAgent, speaksFirst)
  )
