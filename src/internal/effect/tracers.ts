/** Reads the tracer, the spans and the tracing references of a fiber, and starts its spans. */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as FiberRef from "effect/FiberRef"
import { constFalse } from "effect/Function"
import * as HashMap from "effect/HashMap"
import type * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { FiberState } from "./fiberState.js"

const nativeTracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** The current span of a fiber. */
export const spanOf = (state: FiberState): Tracer.AnySpan | undefined => state.currentSpan

/** Whether the tracer is Effect's own, which does not export spans. */
export const hasNativeTracer = (state: FiberState): boolean => state.currentTracer === nativeTracer

export const isTracing = (state: FiberState): boolean => state.getFiberRef(FiberRef.currentTracerEnabled)

/** Whether spans record times. */
export const isTiming = (state: FiberState): boolean => state.getFiberRef(FiberRef.currentTracerTimingEnabled)

/** Whether requests get trace headers. */
export const propagates = (state: FiberState): boolean => state.getFiberRef(HttpClient.currentTracerPropagation)

/** Whether a span is hidden from later spans and from peers. */
export const isHidden = (span: Tracer.AnySpan): boolean => Context.get(span.context, Tracer.DisablePropagation)

/** The predicate that selects requests without spans; `undefined` if the program sets none. */
export const untraced = (state: FiberState): ((request: HttpClientRequest) => boolean) | undefined => {
  const disabled = state.getFiberRef(HttpClient.currentTracerDisabledWhen)
  return disabled === constFalse ? undefined : disabled
}

/** Names of headers that the program hides. */
export const redactedNamesOf = (state: FiberState): ReadonlyArray<string | RegExp> =>
  state.getFiberRef(Headers.currentRedactedNames)

/** Whether an attribute of the platform's span is a URL. */
export const isUrlOf = (shown: unknown, url: URL): boolean => shown === url.href

/** The links that the next span of a fiber gets. */
export const linksOf = (state: FiberState): ReadonlyArray<Tracer.SpanLink> => {
  const links = state.getFiberRef(FiberRef.currentTracerSpanLinks)
  return Chunk.isEmpty(links) ? [] : Chunk.toReadonlyArray(links)
}

/** Sets the attributes that every span of a fiber gets. */
export const annotate = (state: FiberState, span: Tracer.Span): void => {
  const annotations = state.getFiberRef(FiberRef.currentTracerSpanAnnotations)
  if (!HashMap.isEmpty(annotations)) for (const [key, value] of annotations) span.attribute(key, value)
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
export const startSpan = (state: FiberState, { attributes, kind, links, name, parent, time }: NewSpan): Tracer.Span =>
  state.currentTracer.span(name, parent, Context.empty(), links, time, kind, { attributes })
