/** Measures the phases of one hop. */
import type { Timings } from "../../ClientResponse.js"
import type { Phase } from "../../Timeouts.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { Marks } from "../transport/transport.js"

const phases: ReadonlyArray<Phase> = ["queue", "dns", "connect", "proxy", "tls", "send", "headers", "body"]

/** The milliseconds of each phase. Has a field per phase instead of a map, because every request has a timeline. */
export class Timeline implements Marks {
  current: Phase = "queue"
  readAt: number | undefined = undefined
  private readonly deadlines: Deadlines
  private readonly startedAt: number
  private began = 0
  private ended = true
  private queue: number | undefined = undefined
  private dns: number | undefined = undefined
  private connect: number | undefined = undefined
  private proxy: number | undefined = undefined
  private tls: number | undefined = undefined
  private send: number | undefined = undefined
  private headers: number | undefined = undefined
  private body: number | undefined = undefined
  private total: number | undefined = undefined

  constructor(deadlines: Deadlines, startedAt: number) {
    this.deadlines = deadlines
    this.startedAt = startedAt
  }

  start(phase: Phase, now = this.deadlines.now()): void {
    if (!this.ended) this.add(now)
    this.current = phase
    this.began = now
    this.ended = false
  }

  end(phase: Phase, now = this.deadlines.now()): void {
    if (this.current !== phase || this.ended) return
    this.ended = true
    this.add(now)
    if (phase === "body") this.total = now - this.startedAt
  }

  private add(now: number): void {
    const phase = this.current
    const spent = now - this.began
    // Names the phases of every request, because a computed access takes several times as long.
    if (phase === "send") this.send = (this.send ?? 0) + spent
    else if (phase === "headers") this.headers = (this.headers ?? 0) + spent
    else if (phase === "body") this.body = (this.body ?? 0) + spent
    else this[phase] = (this[phase] ?? 0) + spent
  }

  get timings(): Timings {
    const out: { [P in Phase | "total"]?: number } = {}
    for (const phase of phases) {
      const spent = this[phase]
      if (spent !== undefined) out[phase] = spent
    }
    if (this.total !== undefined) out.total = this.total
    return out
  }
}
