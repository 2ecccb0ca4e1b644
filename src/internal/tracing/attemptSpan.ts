/** The span of one attempt: its attributes, phases and end. */
import * as Net from "node:net"
import type * as Headers from "@effect/platform/Headers"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { Phase } from "../../Timeouts.js"
import type { SpanOptions } from "../../Tracing.js"
import type { Pairs } from "../http/headerFields.js"
import { headersSent } from "../http/platformHeaders.js"
import { redacted, redactHeader } from "../redact.js"
import type { Connection, Head, Route } from "../transport/transport.js"
import { errorType } from "./telemetryNames.js"

/** The members of `Spans` that the span of an attempt uses. */
export interface SpanMaker {
  readonly now: () => bigint
  readonly make: (
    name: string,
    parent: Option.Option<Tracer.AnySpan>,
    links: ReadonlyArray<Tracer.SpanLink>,
    kind: Tracer.SpanKind,
    attributes: Record<string, unknown>
  ) => Tracer.Span
  /** Logs an exception of the tracer. */
  readonly logTracerError: (cause: unknown) => void
  /** The propagation headers for a span, or no headers. */
  readonly propagation: (span: Tracer.Span) => Headers.Headers
  readonly redactedNames: ReadonlyArray<string | RegExp>
}

const matches = (name: string, patterns: ReadonlyArray<string | RegExp>): boolean =>
  patterns.some((pattern) => (typeof pattern === "string" ? pattern.toLowerCase() === name : pattern.test(name)))

// The result for the last address, because most requests go to few peers.
let lastAddress = ""
let lastIsIp = false

export class AttemptSpan {
  readonly span: Tracer.Span
  private readonly spans: SpanMaker
  private readonly options: SpanOptions
  /** Whether the span has ended, or is not used any more because the tracer threw. */
  private ended = false

  constructor(spans: SpanMaker, span: Tracer.Span, options: SpanOptions) {
    this.spans = spans
    this.span = span
    this.options = options
  }

  /** The propagation headers as lines of a head. */
  get propagation(): string {
    const headers = this.spans.propagation(this.span)
    let lines = ""
    for (const name in headers) lines += `${name}: ${headers[name]}\r\n`
    return lines
  }

  /** The propagation headers as pairs. */
  get propagatedPairs(): Pairs {
    return Object.entries(this.spans.propagation(this.span))
  }

  /** Starts a phase. The returned function ends it. */
  phase(phase: Phase): (() => void) | undefined {
    // The span ends with the head of the response, before the body.
    if (this.ended || phase === "body") return undefined
    try {
      if (this.options.phases === true) return this.child(phase)
      this.span.event(phase, this.spans.now())
    } catch (cause) {
      this.abandon(cause)
    }
    return undefined
  }

  private child(phase: Phase): () => void {
    const child = this.spans.make(phase, Option.some(this.span), [], "internal", {})
    return () => {
      try {
        child.end(this.spans.now(), Exit.void)
      } catch (cause) {
        this.abandon(cause)
      }
    }
  }

  /** Stops using the span, because the tracer threw. */
  private abandon(cause: unknown): void {
    this.ended = true
    this.spans.logTracerError(cause)
  }

  /** Records request headers before the head is written. */
  sending(head: string, secret: ReadonlySet<string>): void {
    const names = this.options.requestHeaders
    if (names === undefined || names.length === 0 || this.ended) return
    const headers = headersSent(head)
    try {
      for (const name of names.map((each) => each.toLowerCase())) {
        const value = headers[name]
        this.header("request", name, value !== undefined && secret.has(name) ? redacted : value)
      }
    } catch (cause) {
      this.abandon(cause)
    }
  }

  connected(connection: Connection, route: Route): void {
    const { remoteAddress } = connection.info
    if (remoteAddress === undefined || this.ended) return
    if (remoteAddress !== lastAddress) {
      lastAddress = remoteAddress
      lastIsIp = Net.isIP(remoteAddress) !== 0
    }
    try {
      this.span.attribute("network.peer.address", remoteAddress)
      if (lastIsIp) {
        this.span.attribute("network.peer.port", route.proxy === undefined ? route.origin.port : route.proxy.port)
      }
    } catch (cause) {
      this.abandon(cause)
    }
  }

  private header(direction: "request" | "response", name: string, value: string | undefined): void {
    if (value === undefined) return
    const shown = matches(name, this.spans.redactedNames) ? redacted : redactHeader(name, value)
    this.span.attribute(`http.${direction}.header.${name}`, [shown])
  }

  /** Records the head of the response. `refused` is true if the response counts as a failure. */
  head(head: Head, refused: boolean): void {
    if (this.ended) return
    const { status } = head
    try {
      this.span.attribute("http.response.status_code", status)
      this.span.attribute("network.protocol.version", head.version)
      for (const name of this.options.responseHeaders ?? []) {
        this.header("response", name.toLowerCase(), head.get(name.toLowerCase()))
      }
      if (status < 400 && !refused) {
        this.end(Exit.void)
        return
      }
      this.span.attribute("error.type", String(status))
      this.end(Exit.fail(`HTTP ${status}`))
    } catch (cause) {
      this.abandon(cause)
    }
  }

  failed(cause: Cause.Cause<unknown>): void {
    if (this.ended) return
    try {
      // An interruption is not an error.
      if (!Cause.isInterruptedOnly(cause)) this.span.attribute("error.type", errorType(cause))
      this.end(Exit.failCause(cause))
    } catch (thrown) {
      this.abandon(thrown)
    }
  }

  private end(exit: Exit.Exit<unknown, unknown>): void {
    this.ended = true
    this.span.end(this.spans.now(), exit)
  }
}
