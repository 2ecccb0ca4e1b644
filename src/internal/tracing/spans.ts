/** Spans by OpenTelemetry's conventions for HTTP clients: one per attempt, made directly with the Tracer. */
import * as Net from "node:net"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { isHttpMethod } from "@effect/platform/HttpMethod"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constFalse } from "effect/Function"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { Phase } from "../../Timeouts.js"
import type { SpanOptions } from "../../Tracing.js"
import { clockOf, environmentOf, type FiberState, servicesOf } from "../effect/fiberState.js"
import { run } from "../effect/fibers.js"
import {
  annotate,
  hasNativeTracer,
  isHidden,
  isTiming,
  isTracing,
  linksOf,
  propagates,
  redactedNamesOf,
  spanOf,
  startSpan,
  untraced
} from "../effect/tracers.js"
import { getField, type Pairs } from "../http/headerFields.js"
import { headersSent } from "../http/platformHeaders.js"
import { redacted, redactHeader, redactUrl } from "../redact.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { Connection, Head, Route } from "../transport/transport.js"
import { Timeline } from "./timeline.js"

/** Turns spans off inside @effect/platform's HttpClient, which makes its own. */
export class NoSpans extends Context.Reference<NoSpans>()("effect-http-session/Tracing/NoSpans", {
  defaultValue: constFalse
}) {}

const parentOf = (state: FiberState): Tracer.AnySpan | undefined => {
  let span = spanOf(state)
  while (span !== undefined && isHidden(span)) {
    span = span._tag === "Span" ? Option.getOrUndefined(span.parent) : undefined
  }
  return span
}

/** Methods allowed in span names and attributes (RFC 9110, and PATCH). */
export const knownMethods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "TRACE",
  "CONNECT"
])

const zero = BigInt(0)

const isKnown = (method: string): boolean => knownMethods.has(method)

const platformRequest = (request: PreparedRequest): HttpClientRequest.HttpClientRequest => {
  const made = HttpClientRequest.get(request.url, { headers: Object.fromEntries(request.headers) })
  return isHttpMethod(request.method) ? HttpClientRequest.setMethod(made, request.method) : made
}

/** Makes the spans of one call. */
export class Spans {
  private readonly state: FiberState
  private readonly parent: Option.Option<Tracer.AnySpan>
  private readonly options: SpanOptions
  private readonly clock: Clock.Clock
  private readonly timed: boolean

  constructor(state: FiberState, parent: Tracer.AnySpan | undefined, options: SpanOptions) {
    this.state = state
    this.parent = Option.fromNullable(parent)
    this.options = options
    this.clock = clockOf(state)
    this.timed = isTiming(state)
  }

  now(): bigint {
    return this.timed ? this.clock.unsafeCurrentTimeNanos() : zero
  }

  private nameOf(request: PreparedRequest): string {
    const services = servicesOf(this.state)
    if (services.unsafeMap.has(HttpClient.SpanNameGenerator.key)) {
      return Context.get(services, HttpClient.SpanNameGenerator)(platformRequest(request))
    }
    const method = isKnown(request.method) ? request.method : "HTTP"
    const template = request.given.urlTemplate
    return template === undefined ? method : `${method} ${template}`
  }

  /**
   * Logs an exception of the tracer. It must not affect the request, and would otherwise surface inside a connection
   * callback.
   */
  broken(cause: unknown): void {
    run(
      environmentOf(this.state),
      Effect.withTracerEnabled(Effect.logWarning("The tracer threw an exception", Cause.die(cause)), false)
    )
  }

  /** Starts the span of an attempt; `undefined` if the tracer throws. */
  attempt(request: PreparedRequest, attempt: number): AttemptSpan | undefined {
    try {
      return this.begin(request, attempt)
    } catch (cause) {
      this.broken(cause)
      return undefined
    }
  }

  private begin(request: PreparedRequest, attempt: number): AttemptSpan {
    const attributes = this.attributesOf(request, attempt)
    const span = this.make(this.nameOf(request), this.parent, linksOf(this.state), "client", attributes)
    annotate(this.state, span)
    return new AttemptSpan(this, span, this.options)
  }

  make(
    name: string,
    parent: Option.Option<Tracer.AnySpan>,
    links: ReadonlyArray<Tracer.SpanLink>,
    kind: Tracer.SpanKind,
    attributes: Record<string, unknown>
  ): Tracer.Span {
    const span = startSpan(this.state, { name, parent, links, time: this.now(), kind, attributes })
    for (const key in attributes) span.attribute(key, attributes[key])
    return span
  }

  private attributesOf(request: PreparedRequest, attempt: number): Record<string, unknown> {
    const { method, target } = request
    const { fragment, origin, userinfo } = target
    const { redactedParams } = this.options
    const plain = redactedParams === undefined && fragment === ""
    const shown = plain ? target.shownUrl : redactUrl(target.realUrl, redactedParams)
    const attributes: Record<string, unknown> = {
      "http.request.method": isKnown(method) ? method : "_OTHER",
      "server.address": origin.host,
      "server.port": origin.port,
      "url.full": userinfo === undefined ? shown : shown.replace("://", `://${redacted}:${redacted}@`),
      "url.scheme": origin.scheme
    }
    if (!isKnown(method)) attributes["http.request.method_original"] = method
    if (request.given.urlTemplate !== undefined) attributes["url.template"] = request.given.urlTemplate
    if (attempt > 1) attributes["http.request.resend_count"] = attempt - 1
    return attributes
  }

  /** The propagation headers for a span, or no headers. */
  propagation(span: Tracer.Span): Headers.Headers {
    return propagates(this.state) ? HttpTraceContext.toHeaders(span) : Headers.empty
  }

  get redactedNames(): ReadonlyArray<string | RegExp> {
    return redactedNamesOf(this.state)
  }
}

const matches = (name: string, patterns: ReadonlyArray<string | RegExp>): boolean =>
  patterns.some((pattern) => (typeof pattern === "string" ? pattern.toLowerCase() === name : pattern.test(name)))

// Requests go to few peers, so the check of the last address is cached.
let lastAddress = ""
let lastIsIp = false

/** The span of one attempt. */
export class AttemptSpan {
  readonly span: Tracer.Span
  private readonly spans: Spans
  private readonly options: SpanOptions
  private over = false

  constructor(spans: Spans, span: Tracer.Span, options: SpanOptions) {
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

  /** Starts a phase; the returned function ends it. */
  phase(phase: Phase): (() => void) | undefined {
    // The span ends with the head of the response.
    if (this.over || phase === "body") return undefined
    try {
      if (this.options.phases === true) return this.child(phase)
      this.span.event(phase, this.spans.now())
    } catch (cause) {
      this.breaks(cause)
    }
    return undefined
  }

  private child(phase: Phase): () => void {
    const child = this.spans.make(phase, Option.some(this.span), [], "internal", {})
    return () => {
      try {
        child.end(this.spans.now(), Exit.void)
      } catch (cause) {
        this.breaks(cause)
      }
    }
  }

  /** Stops using the span after the tracer threw. */
  private breaks(cause: unknown): void {
    this.over = true
    this.spans.broken(cause)
  }

  /** Records request headers when the head is about to be written. */
  sending(head: string, secret: ReadonlySet<string>): void {
    const names = this.options.requestHeaders
    if (names === undefined || names.length === 0 || this.over) return
    const headers = headersSent(head)
    try {
      for (const name of names.map((each) => each.toLowerCase())) {
        const value = headers[name]
        this.header("request", name, value !== undefined && secret.has(name) ? redacted : value)
      }
    } catch (cause) {
      this.breaks(cause)
    }
  }

  connected(connection: Connection, route: Route): void {
    const { remoteAddress } = connection.info
    if (remoteAddress === undefined || this.over) return
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
      this.breaks(cause)
    }
  }

  private header(direction: "request" | "response", name: string, value: string | undefined): void {
    if (value === undefined) return
    const shown = matches(name, this.spans.redactedNames) ? redacted : redactHeader(name, value)
    this.span.attribute(`http.${direction}.header.${name}`, [shown])
  }

  /** Records the head of the response; `refused` if the response counts as a failure. */
  head(head: Head, refused: boolean): void {
    if (this.over) return
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
      this.breaks(cause)
    }
  }

  failed(cause: Cause.Cause<unknown>): void {
    if (this.over) return
    try {
      // An interruption is not an error.
      if (!Cause.isInterruptedOnly(cause)) this.span.attribute("error.type", errorType(cause))
      this.end(Exit.failCause(cause))
    } catch (thrown) {
      this.breaks(thrown)
    }
  }

  private end(exit: Exit.Exit<unknown, unknown>): void {
    this.over = true
    this.span.end(this.spans.now(), exit)
  }
}

/** A name of low cardinality for an error. */
export const errorType = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (typeof error === "object" && error !== null) {
    if ("_tag" in error && typeof error._tag === "string") return error._tag
    if (error instanceof Error) return error.name
  }
  return "_OTHER"
}

/** A timeline that also records its phases in the span. */
export class SpanTimeline extends Timeline {
  private readonly hop: { readonly span: AttemptSpan | undefined }
  private close: (() => void) | undefined = undefined

  constructor(deadlines: Deadlines, startedAt: number, hop: { readonly span: AttemptSpan | undefined }) {
    super(deadlines, startedAt)
    this.hop = hop
  }

  override start(phase: Phase, now?: number): void {
    this.finish()
    super.start(phase, now)
    this.close = this.hop.span?.phase(phase)
  }

  override end(phase: Phase, now?: number): void {
    if (this.current === phase) this.finish()
    super.end(phase, now)
  }

  /** Ends the open phase of the span. */
  finish(): void {
    const close = this.close
    this.close = undefined
    close?.()
  }
}

/** The spans of a call, or `undefined` if it is not traced. */
export const spansOf = (
  state: FiberState,
  request: PreparedRequest,
  options: SpanOptions | false | undefined
): Spans | undefined => {
  if (options === false || (spanOf(state) === undefined && hasNativeTracer(state))) return undefined
  if (!isTracing(state)) return undefined
  const context = servicesOf(state)
  if (context.unsafeMap.has(NoSpans.key) && Context.get(context, NoSpans)) return undefined
  const parent = parentOf(state)
  if (parent === undefined && hasNativeTracer(state)) return undefined
  if (untraced(state)?.(platformRequest(request)) === true) return undefined
  return new Spans(state, parent, options ?? noOptions)
}

const noOptions: SpanOptions = {}

/** Whether the request already has trace headers. */
export const carriesTrace = (pairs: Pairs): boolean =>
  pairs.length > 0 && (getField(pairs, "traceparent") !== undefined || getField(pairs, "b3") !== undefined)
