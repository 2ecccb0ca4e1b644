/**
 * One request as its caller sees it: all its hops and attempts under one total limit.
 */

import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type { ClientResponse, ResponseHead } from "../../ClientResponse.js"
import { type ClientError, type Details, TotalTimeoutError } from "../../Errors.js"
import type { Phase } from "../../Timeouts.js"
import { showAs } from "../inspection.js"
import type { Limits } from "../limits.js"
import type { BodyContext } from "../request/body/bodyWriter.js"
import type { Prepared } from "../request/preparedRequest.js"
import { readerLimit } from "../response/readerLimit.js"
import type { CallTrace } from "../tracing/callTrace.js"
import type { HopTrace } from "../tracing/hopTrace.js"
import type { Deadline, Deadlines, Limited } from "../transport/deadlines.js"
import type { Expiring, ExpiryList } from "../transport/expiry.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { ActiveCall, SessionCore } from "./sessionCore.js"

const noHistory: ReadonlyArray<ResponseHead> = []

/** One hop of a call, as the call ends it. */
export interface CallHop {
  /** Whether it has a connection. */
  readonly connected: boolean
  readonly marks: { readonly current: Phase }
  readonly abort: (error: ClientError) => void
  /** Destroys the connection that its response took along. */
  readonly cutUpgraded: () => void
  readonly interrupt: () => void
  /** Releases its response, unless it is this one. */
  readonly releaseUnless: (response: unknown) => void
}

export class Call implements Limited, ActiveCall {
  static {
    showAs(Call, "Call", (self) => self.details(undefined))
  }

  readonly core: SessionCore
  readonly id: number
  readonly limits: Limits
  readonly deadlines: Deadlines
  readonly startedAt: number
  /** Infinite once a body is streamed that the default total does not bound. */
  expiresAt: number
  /** Its watchers, set before anything else happens. */
  trace: CallTrace | undefined = undefined
  private readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  private readonly wall: Clock.Clock
  /** The method that was asked for, which redirects may change. */
  readonly method: string
  request: Prepared
  /** Counts everything that was put on the wire. */
  attempt = 0
  history: ReadonlyArray<ResponseHead> = noHistory
  /** The session's list of calls. */
  previous: ActiveCall | undefined = undefined
  next: ActiveCall | undefined = undefined
  /** Almost always there is one hop at a time; others are for middlewares that send side by side. */
  private hop: CallHop | undefined = undefined
  private others: Set<CallHop> | undefined = undefined
  private waits: Set<(error: ClientError) => void> | undefined = undefined
  /** Its place among what has the same limit. */
  list: ExpiryList | undefined = undefined
  earlier: Expiring | undefined = undefined
  later: Expiring | undefined = undefined
  deadline: Deadline | undefined = undefined
  private ended = false
  private finished = false
  private cause: ClientError | undefined = undefined

  constructor(
    core: SessionCore,
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    request: Prepared,
    deadlines: Deadlines,
    clock: Clock.Clock
  ) {
    this.core = core
    this.fiber = fiber
    this.wall = clock
    this.id = ++core.requests
    this.method = request.method
    this.request = request
    this.limits = request.limits
    this.deadlines = deadlines
    this.startedAt = deadlines.now()
    this.expiresAt = this.startedAt + request.limits.total
  }

  /** Starts its time. From here on it has to be settled or interrupted. */
  begin(): void {
    this.deadlines.limit(this.limits.total, this)
    this.core.begin(this)
  }

  /** Milliseconds since the epoch, on the request's Clock: for cookies. */
  clock(): number {
    return this.wall.unsafeCurrentTimeMillis()
  }

  /** What a body that is not all there needs to run in; the References of the request are the body's. */
  bodyContext(request: Prepared, trace: HopTrace | undefined): BodyContext | undefined {
    const onChunk = trace?.onChunk
    const { body, given } = request
    if (body._tag === "Empty" || body._tag === "Uint8Array") {
      const waits = given.expect100 === true && onChunk !== undefined
      if (given.onProgress === undefined && given.compress === undefined && !waits) return undefined
    }
    const { runtime } = this
    return onChunk === undefined ? { runtime } : { runtime, onChunk }
  }

  /** Bytes, decoded, that the requesting fiber may read of a body. */
  get readerLimit(): number {
    return readerLimit(this.fiber)
  }

  /** Runs effects as the requesting fiber would. */
  get runtime(): Runtime.Runtime<never> {
    const { currentContext: context } = this.fiber
    const fiberRefs = this.fiber.getFiberRefs()
    return Runtime.make({ context, runtimeFlags: Runtime.defaultRuntimeFlags, fiberRefs })
  }

  /** Whether a hop of it has a connection. */
  get inFlight(): boolean {
    if (this.hop?.connected === true) return true
    if (this.others !== undefined) for (const hop of this.others) if (hop.connected) return true
    return false
  }

  /** Why it was aborted, if it was. */
  get failure(): ClientError | undefined {
    return this.cause
  }

  details(phase: Phase | undefined): Details {
    const request = this.request
    return {
      method: this.method,
      url: request.target.shownUrl,
      host: request.target.origin.host,
      port: request.target.origin.port,
      phase,
      attempt: Math.max(1, this.attempt)
    }
  }

  add(hop: CallHop): void {
    if (this.hop === undefined) this.hop = hop
    else {
      this.others ??= new Set()
      this.others.add(hop)
    }
  }

  /** A hop is through with its connection. */
  remove(hop: CallHop): void {
    if (this.hop === hop) this.hop = undefined
    else this.others?.delete(hop)
    if (this.ended && this.idle) this.finish()
  }

  private get idle(): boolean {
    return this.hop === undefined && (this.others === undefined || this.others.size === 0)
  }

  private get hops(): ReadonlyArray<CallHop> {
    const hop = this.hop === undefined ? [] : [this.hop]
    return this.others === undefined ? hop : [...hop, ...this.others]
  }

  /** Gives back all responses but this one. */
  releaseOthers(response: ClientResponse): void {
    for (const hop of this.hops) hop.releaseUnless(response)
  }

  /** Tells `stop` when the call is aborted, until the returned function is called. */
  onAbort(stop: (error: ClientError) => void): () => void {
    if (this.cause !== undefined) stop(this.cause)
    const waits = this.waits ?? new Set()
    this.waits = waits
    waits.add(stop)
    return () => waits.delete(stop)
  }

  /** The caller has its outcome; what is left is a body that is still on its way. */
  settle(): void {
    this.ended = true
    if (this.idle) this.finish()
  }

  /** The time limits were for the way to the response. */
  endLimits(): void {
    this.deadlines.endLimit(this)
  }

  /** A streamed body is bounded by its silence, unless a total was asked for. */
  beginStream(body: IncomingBody): void {
    const { streamed } = this.limits
    if (streamed === undefined) return
    this.deadlines.endLimit(this)
    this.expiresAt = Infinity
    body.limitSilence(streamed)
  }

  /** Ends everything that is under way with this error. */
  abort(error: ClientError): void {
    if (this.cause !== undefined) return
    this.cause = error
    for (const hop of this.hops) hop.abort(error)
    if (this.waits !== undefined) for (const stop of [...this.waits]) stop(error)
  }

  /** Aborts it, and destroys connections that responses took along, because the graceful time is over. */
  cut(error: ClientError): void {
    this.abort(error)
    for (const hop of this.hops) hop.cutUpgraded()
  }

  /** The caller is gone: nobody is told. */
  interrupt(): void {
    for (const hop of this.hops) hop.interrupt()
    this.ended = true
    this.finish()
  }

  private finish(): void {
    if (this.finished) return
    this.finished = true
    this.deadlines.endLimit(this)
    this.core.end(this)
  }

  expire(): void {
    let phase: Phase = "queue"
    for (const hop of this.hops) phase = hop.marks.current
    this.abort(this.late(phase))
  }

  /** Its time has run out. */
  late(phase: Phase): TotalTimeoutError {
    const limit = Duration.millis(this.limits.total)
    return new TotalTimeoutError({ ...this.details(phase), phase, timeout: "total", limit })
  }
}
