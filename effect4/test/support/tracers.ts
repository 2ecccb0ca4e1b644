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

/** A tracer that keeps its spans. It and its spans call `onCall` before they do anything. */
export const keepingTracer = (
  onCall: () => void = () => {}
): { readonly tracer: Tracer.Tracer; readonly kept: ReadonlyArray<KeptSpan> } => {
  const kept: Array<KeptSpan> = []
  const tracer = Tracer.make({
    span: ({ annotations, kind, links, name, parent, startTime }) => {
      onCall()
      const attributes = new Map<string, unknown>()
      const events: Array<string> = []
      const entry: KeptSpan = {
        attributes,
        events,
        initial: undefined,
        span: {
          _tag: "Span",
          name,
          spanId: kept.length.toString(16).padStart(16, "0"),
          traceId: "0af7651916cd43dd8448eb211c80319c",
          parent,
          annotations,
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

/** A tracer whose spans another one makes, and which shows them to `onSpan`. */
export const watchedTracer = (inner: Tracer.Tracer, onSpan: (span: Tracer.Span) => void): Tracer.Tracer =>
  Tracer.make({
    ...(inner.context === undefined ? {} : { context: inner.context }),
    span: (options) => {
      const span = inner.span(options)
      onSpan(span)
      return span
    }
  })
