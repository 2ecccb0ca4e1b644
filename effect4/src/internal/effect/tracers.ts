/** Reads the tracer, the spans and the tracing references of a fiber, and starts its spans. */
import * as Context from "effect/Context"
import { constFalse } from "effect/Function"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { FiberState } from "./fiberState.js"

const tracerOf = (state: FiberState): Tracer.Tracer => Context.get(state, Tracer.Tracer)

/** The current span of a fiber. */
export const spanOf = (state: FiberState): Tracer.AnySpan | undefined =>
  Context.getOrUndefined(state, Tracer.ParentSpan)

/** Whether the tracer is Effect's own, which does not export spans. */
export const hasNativeTracer = (state: FiberState): boolean => tracerOf(state) === Tracer.nativeTracer

export const isTracing = (state: FiberState): boolean => Context.get(state, References.TracerEnabled)

/** Whether spans record times. */
export const isTiming = (state: FiberState): boolean => Context.get(state, References.TracerTimingEnabled)

/** Whether requests get trace headers. */
export const propagates = (state: FiberState): boolean => Context.get(state, HttpClient.TracerPropagationEnabled)

/** Whether a span is hidden from later spans and from peers. */
export const isHidden = (span: Tracer.AnySpan): boolean => Context.get(span.annotations, Tracer.DisablePropagation)

/** The predicate that selects requests without spans; `undefined` if the program sets none. */
export const untraced = (state: FiberState): ((request: HttpClientRequest) => boolean) | undefined => {
  const disabled = Context.get(state, HttpClient.TracerDisabledWhen)
  return disabled === constFalse ? undefined : disabled
}

/** Names of headers that the program hides. */
export const redactedNamesOf = (state: FiberState): ReadonlyArray<string | RegExp> =>
  Context.get(state, Headers.CurrentRedactedNames)

/** Whether an attribute of the platform's span is a URL, in which Effect 4 has already hidden some values. */
export const isUrlOf = (shown: unknown, url: URL): boolean => {
  if (typeof shown !== "string" || !URL.canParse(shown)) return false
  const { host, pathname, protocol } = new URL(shown)
  return host === url.host && pathname === url.pathname && protocol === url.protocol
}

/** The links that the next span of a fiber gets. */
export const linksOf = (state: FiberState): ReadonlyArray<Tracer.SpanLink> =>
  Context.get(state, References.TracerSpanLinks)

/** Sets the attributes that every span of a fiber gets. */
export const annotate = (state: FiberState, span: Tracer.Span): void => {
  const annotations = Context.get(state, References.TracerSpanAnnotations)
  for (const key in annotations) span.attribute(key, annotations[key])
}

/** A span to start. */
export interface NewSpan {
  readonly name: string
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly links: ReadonlyArray<Tracer.SpanLink>
  /** In nanoseconds since the epoch. */
  readonly time: bigint
  readonly kind: Tracer.SpanKind
  readonly attributes: Record<string, unknown>
}

/** Starts a span with the tracer of a fiber. */
export const startSpan = (state: FiberState, { kind, links, name, parent, time }: NewSpan): Tracer.Span =>
  tracerOf(state).span({
    name,
    parent,
    annotations: Context.empty(),
    links: [...links],
    startTime: time,
    kind,
    root: Option.isNone(parent),
    sampled: Option.isNone(parent) || parent.value.sampled
  })
