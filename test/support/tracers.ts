/** Tracers that show their spans to a test. */
import { type Exit, Tracer } from "effect"

/** A span, and the values that were set on it. */
export interface KeptSpan {
  readonly span: Tracer.Span
  readonly attributes: Map<string, unknown>
  readonly events: Array<string>
  /** The attributes that samplers see; `undefined` if this version of Effect shows them none. */
  readonly initial: Readonly<Record<string, unknown>> | undefined
  exit?: Exit.Exit<unknown, unknown>
}

/** A tracer that keeps its spans, and calls `onCall` before each operation of it or its spans. */
export const keepingTracer = (
  onCall: () => void = () => {}
): { readonly tracer: Tracer.Tracer; readonly kept: ReadonlyArray<KeptSpan> } => {
  const kept: Array<KeptSpan> = []
  const tracer = Tracer.make({
    context: (f) => f(),
    span: (name, parent, context, links, startTime, kind, options) => {
      onCall()
      const attributes = new Map<string, unknown>()
      const events: Array<string> = []
      const entry: KeptSpan = {
        attributes,
        events,
        initial: { ...options?.attributes },
        span: {
          _tag: "Span",
          name,
          spanId: kept.length.toString(16).padStart(16, "0"),
          traceId: "0af7651916cd43dd8448eb211c80319c",
          parent,
          context,
          status: { _tag: "Started", startTime },
          attributes,
          links,
          sampled: true,
          kind,
          end: (_time, exit) => {
            onCall()
            entry.exit = exit
          },
          attribute: (key, value) => {
            onCall()
            attributes.set(key, value)
          },
          event: (name) => {
            onCall()
            events.push(name)
          },
          addLinks: () => {}
        }
      }
      kept.push(entry)
      return entry.span
    }
  })
  return { tracer, kept }
}

/** A tracer that makes spans by another one and passes them to `onSpan`. */
export const watchedTracer = (inner: Tracer.Tracer, onSpan: (span: Tracer.Span) => void): Tracer.Tracer =>
  Tracer.make({
    context: (f, fiber) => inner.context(f, fiber),
    span: (...args) => {
      const span = inner.span(...args)
      onSpan(span)
      return span
    }
  })
