/** A timeline that also records its phases in the span of the attempt. */
import type { Phase } from "../../Timeouts.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { AttemptSpan } from "./attemptSpan.js"
import { Timeline } from "./timeline.js"

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
