/** Makes a span per attempt, directly with the Tracer (OpenTelemetry's semantic conventions for HTTP clients). */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { isHttpMethod } from "@effect/platform/HttpMethod"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constFalse } from "effect/Function"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
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
import { redacted, redactUrl } from "../redact.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { AttemptSpan, type SpanMaker } from "./attemptSpan.js"
import { knownMethods } from "./telemetryNames.js"

/** Turns off the spans of requests of @effect/platform's HttpClient, which makes its own. */
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

const zero = BigInt(0)

const isKnown = (method: string): boolean => knownMethods.has(method)

const platformRequest = (request: PreparedRequest): HttpClientRequest.HttpClientRequest => {
  const made = HttpClientRequest.get(request.url, { headers: Object.fromEntries(request.headers) })
  return isHttpMethod(request.method) ? HttpClientRequest.setMethod(made, request.method) : made
}

/** Makes the spans of one call. */
export class Spans implements SpanMaker {
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
   * Logs an exception of the tracer, which must not affect the request. It would otherwise be thrown in a callback of
   * the connection.
   */
  logTracerError(cause: unknown): void {
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
      this.logTracerError(cause)
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

  /** The propagation headers of a span; empty if propagation is disabled. */
  propagation(span: Tracer.Span): Headers.Headers {
    return propagates(this.state) ? HttpTraceContext.toHeaders(span) : Headers.empty
  }

  get redactedNames(): ReadonlyArray<string | RegExp> {
    return redactedNamesOf(this.state)
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
