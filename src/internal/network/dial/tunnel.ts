/**
 * CONNECT: a tunnel through an http proxy (RFC 9110, section 9.3.6).
 */
import type * as Net from "node:net"
import type * as Headers from "@effect/platform/Headers"
import type * as Effect from "effect/Effect"
import { BadHttpMessage, ClientHttpProxyError } from "../../../Errors.js"
import { emptyRecord, fromRecord } from "../../http/concealedHeaders.js"
import { getField, toLines } from "../../http/headerFields.js"
import type { Origin } from "../../http/origin.js"
import type { Deadline } from "../../transport/deadlines.js"
import type { Head, ProxyRoute } from "../../transport/transport.js"
import { Parser, type ParserLimits } from "../http1/parser.js"
import {
  type HandshakeContext,
  type HandshakeError,
  handshake,
  type Outcome,
  proxyError,
  type Talker
} from "./proxyHandshake.js"
import { type Scrub, scrubber } from "./scrub.js"

/** Bytes kept of the body of a refusal. */
const bodySize = 1024

/** Milliseconds that the body of a refusal may take to come. */
const bodyTime = 1000

/** Host and port, IPv6 in brackets; the port is always there. */
export const authorityForm = (origin: Origin): string =>
  `${origin.ip === 6 ? `[${origin.host}]` : origin.host}:${origin.port}`

/** `userAgent` gives way to the one in the proxy's own headers. */
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

/** Reads the proxy's reply. Nothing of the inner request is written before it has come. */
class Connect implements Talker {
  private readonly socket: Net.Socket
  private readonly proxy: ProxyRoute
  private readonly authorization: string | undefined
  private readonly origin: Origin
  private readonly userAgent: string | undefined
  private readonly context: HandshakeContext
  private readonly outcome: Outcome
  private readonly parser: Parser
  private refusal: Head | undefined = undefined
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
    userAgent: string | undefined
  ) {
    this.userAgent = userAgent
    this.socket = socket
    this.proxy = proxy
    this.authorization = proxy.answer?.() ?? proxy.authorization
    this.origin = origin
    this.context = context
    this.outcome = outcome
    this.parser = new Parser(limits, {
      onInformational: () => {},
      onHead: (head) => {
        if (!this.parser.isTunnel) this.refuse(head)
      },
      onBody: (slab, start, end) => this.keep(slab, start, end),
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
    else if (next < 0) this.broken()
  }

  onEnd(): void {
    if (this.refusal !== undefined) this.fail()
    else this.ended("the proxy closed the connection before its reply to CONNECT was complete")
  }

  /** Bytes after the reply are the tunnel's: TLS judges them, and plain HTTP must not take them for a response. */
  private open(rest: Buffer): void {
    if (rest.length === 0 || this.origin.scheme === "https") this.outcome.succeed(rest)
    else {
      const details = this.context.details("proxy")
      const description = "bytes from the tunnel before a request was sent"
      this.malformed(new BadHttpMessage({ ...details, reason: "Unsolicited", description, excerpt: "" }))
    }
  }

  private refuse(head: Head): void {
    this.refusal = head
    const deadlines = this.context.deadlines
    this.bodyDeadline = deadlines.schedule(deadlines.now() + bodyTime, () => this.fail())
  }

  private keep(slab: Buffer, start: number, end: number): void {
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
    const head = this.refusal
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

  private broken(): void {
    if (this.refusal !== undefined) {
      this.fail()
      return
    }
    const failure = this.parser.failure
    this.malformed(
      new BadHttpMessage({
        ...this.context.details("proxy"),
        reason: failure?.reason ?? "StatusLine",
        description: failure?.description ?? "no HTTP",
        excerpt: scrubber(this.proxy, this.authorization)(failure?.excerpt ?? "")
      })
    )
  }

  private malformed(cause: BadHttpMessage): void {
    this.outcome.fail(proxyError(this.context, this.proxy, "Connect", "EPROTO", cause))
  }

  private ended(message: string): void {
    this.outcome.fail(proxyError(this.context, this.proxy, "Connect", "ECONNRESET", new Error(message)))
  }
}

/**
 * Opens a tunnel to `origin` on a socket to an http or https proxy. Only a 2xx opens it; any other final reply is a
 * `ClientHttpProxyError`, and one that is no HTTP, too large or cut a `ClientProxyConnectionError`. The socket comes
 * back paused and without listeners, or is destroyed. It reads by "data" events and has to have been made so.
 */
export const tunnel = (
  socket: Net.Socket,
  proxy: ProxyRoute,
  origin: Origin,
  context: HandshakeContext,
  limits: ParserLimits,
  userAgent?: string
): Effect.Effect<Net.Socket, HandshakeError> =>
  handshake(
    socket,
    proxy,
    context,
    (outcome) => new Connect(socket, proxy, origin, context, limits, outcome, userAgent)
  )
