/** One request from the caller's point of view: all its hops and attempts, under one total time limit. */

import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import type { ClientResponse, ResponseHead } from "../../ClientResponse.js"
import { type ClientError, type Details, TotalTimeoutError } from "../../Errors.js"
import type { Phase } from "../../Timeouts.js"
import { type Environment, environmentOf, type FiberState } from "../effect/fiberState.js"
import { showAs } from "../inspection.js"
import type { Limits } from "../limits.js"
import type { BodyContext } from "../request/body/bodyWriter.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { readerLimit } from "../response/readerLimit.js"
import type { CallTrace } from "../tracing/callTrace.js"
import type { HopTrace } from "../tracing/hopTrace.js"
import type { Deadline, Deadlines, Limited } from "../transport/deadlines.js"
import type { Expiring, ExpiryList } from "../transport/expiry.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { ActiveCall, SessionCore } from "./sessionCore.js"

const noHistory: ReadonlyArray<ResponseHead> = []

/** The members of a hop that its call uses. */
export interface CallHop {
  /** Whether the hop has a connection. */
  readonly connected: boolean
  readonly marks: { readonly current: Phase }
  readonly abort: (error: ClientError) => void
  /** Destroys the connection of an upgraded response. */
  readonly cutUpgraded: () => void
  readonly interrupt: () => void
  /** Releases the response of the hop, unless it is `response`. */
  readonly releaseUnless: (response: unknown) => void
}

/** A response that a call releases. */
export interface Releasable {
  readonly releaseNow: () => void
}

export class Call implements Limited, ActiveCall {
  static {
    showAs(Call, "Call", (self) => self.details(undefined))
  }

  readonly core: SessionCore
  readonly id: number
  readonly limits: Limits
  readonly deadlines: Deadlines
  /** Set by `start`. */
  startedAt = NaN
  /** Set by `start`. Infinite once a body is streamed, because the default total does not bound it. */
  expiresAt = Infinity
  /** The trace, set right after construction; `undefined` if the request is not observed. */
  trace: CallTrace | undefined = undefined
  private readonly state: FiberState
  private readonly requestClock: Clock.Clock
  /** The method of the first request; redirects may change it for later hops. */
  readonly method: string
  request: PreparedRequest
  /** Number of attempts over all hops, including resends on a new connection. */
  attempt = 0
  history: ReadonlyArray<ResponseHead> = noHistory
  /** Links of the session's list of calls. */
  previous: ActiveCall | undefined = undefined
  next: ActiveCall | undefined = undefined
  /** The current hop. There is nearly always only one; middlewares that send in parallel add others. */
  private hop: CallHop | undefined = undefined
  private otherHops: Set<CallHop> | undefined = undefined
  /** Responses of other calls, returned by middlewares. */
  private adopted: Set<Releasable> | undefined = undefined
  /** See `onAbort`. */
  private abortCallbacks: Set<(error: ClientError) => void> | undefined = undefined
  /** Links of the list of calls with the same time limit. */
  list: ExpiryList | undefined = undefined
  earlier: Expiring | undefined = undefined
  later: Expiring | undefined = undefined
  deadline: Deadline | undefined = undefined
  /** Whether the call was added to its session. */
  private begun = false
  /** Whether the time limits were started. */
  private started = false
  /** Whether the caller has the outcome. */
  private settled = false
  /** Whether the call was removed from its session. */
  private finished = false
  private abortError: ClientError | undefined = undefined

  constructor(
    core: SessionCore,
    state: FiberState,
    request: PreparedRequest,
    deadlines: Deadlines,
    clock: Clock.Clock
  ) {
    this.core = core
    this.state = state
    this.requestClock = clock
    this.id = ++core.requests
    this.method = request.method
    this.request = request
    this.limits = request.limits
    this.deadlines = deadlines
  }

  /** Adds the call to its session. Afterwards it must be settled or interrupted. Idempotent. */
  begin(): void {
    if (this.begun) return
    this.begun = true
    // A request without earlier steps starts with its first hop, which needs the time anyway.
    if (this.trace !== undefined || this.request.middlewares.length > 0 || this.core.jar === undefined) this.start()
    this.core.begin(this)
  }

  /** Returns the current time. The first use starts the time limits. */
  start(): number {
    const now = this.deadlines.now()
    if (this.started) return now
    this.started = true
    this.startedAt = now
    this.expiresAt = now + this.limits.total
    this.deadlines.limit(this.limits.total, this)
    return now
  }

  /** Milliseconds since the epoch on the request's Clock, for cookies. */
  clock(): number {
    return this.requestClock.unsafeCurrentTimeMillis()
  }

  /**
   * The context for the effects of a request body: that of the requesting fiber. `undefined` for a body in memory that
   * neither options nor observers need to see in pieces.
   */
  bodyContext(request: PreparedRequest, trace: HopTrace | undefined): BodyContext | undefined {
    const onChunk = trace?.onChunk
    const { body, given } = request
    if (body._tag === "Empty" || body._tag === "Uint8Array") {
      // The server may reject the body before it is sent, so listeners see it when it is sent.
      const awaitsContinue = given.expect100 === true && onChunk !== undefined
      if (given.onProgress === undefined && given.compress === undefined && !awaitsContinue) return undefined
    }
    const { environment } = this
    return onChunk === undefined ? { environment } : { environment, onChunk }
  }

  /** Most decoded bytes of a response body that the requesting fiber may read. */
  get readerLimit(): number {
    return readerLimit(this.state)
  }

  /** The context of the requesting fiber, for effects that run outside it. */
  get environment(): Environment<never> {
    return environmentOf(this.state)
  }

  /** Whether one of its hops has a connection. */
  get inFlight(): boolean {
    if (this.hop?.connected === true) return true
    if (this.otherHops !== undefined) for (const hop of this.otherHops) if (hop.connected) return true
    return false
  }

  /** Why the call was aborted, if it was. */
  get failure(): ClientError | undefined {
    return this.abortError
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
      this.otherHops ??= new Set()
      this.otherHops.add(hop)
    }
  }

  /** Removes a hop that is done with its connection. */
  remove(hop: CallHop): void {
    if (this.hop === hop) this.hop = undefined
    else this.otherHops?.delete(hop)
    if (this.settled && this.idle) this.finish()
  }

  private get idle(): boolean {
    return this.hop === undefined && (this.otherHops === undefined || this.otherHops.size === 0)
  }

  private get hops(): ReadonlyArray<CallHop> {
    const hop = this.hop === undefined ? [] : [this.hop]
    return this.otherHops === undefined ? hop : [...hop, ...this.otherHops]
  }

  /** Releases all responses except the given one. */
  releaseOthers(response: ClientResponse): void {
    for (const hop of this.hops) hop.releaseUnless(response)
    this.releaseAdopted(response)
  }

  /** Takes over a response of another call, which then lives as long as a response of this call. */
  adopt(response: Releasable): void {
    this.adopted ??= new Set()
    this.adopted.add(response)
  }

  private releaseAdopted(kept: unknown): void {
    if (this.adopted === undefined) return
    for (const response of this.adopted) if (response !== kept) response.releaseNow()
    this.adopted = undefined
  }

  /** Calls `stop` when the call is aborted, or at once if it was. The returned function cancels this. */
  onAbort(stop: (error: ClientError) => void): () => void {
    if (this.abortError !== undefined) stop(this.abortError)
    const callbacks = this.abortCallbacks ?? new Set()
    this.abortCallbacks = callbacks
    callbacks.add(stop)
    return () => callbacks.delete(stop)
  }

  /** Call when the caller has the outcome. A body may still be arriving. */
  settle(): void {
    this.settled = true
    if (this.idle) this.finish()
  }

  /** Ends the time limits, which only apply until the response. */
  endLimits(): void {
    this.deadlines.endLimit(this)
  }

  /** Replaces the default total by an idle limit when a body is streamed. A total that was set keeps its effect. */
  beginStream(body: IncomingBody): void {
    const { streamed } = this.limits
    if (streamed === undefined) return
    this.deadlines.endLimit(this)
    this.expiresAt = Infinity
    body.limitIdle(streamed)
  }

  /** Aborts all hops with this error. */
  abort(error: ClientError): void {
    if (this.abortError !== undefined) return
    this.abortError = error
    for (const hop of this.hops) hop.abort(error)
    if (this.abortCallbacks !== undefined) for (const stop of [...this.abortCallbacks]) stop(error)
  }

  /** Aborts the call and destroys upgraded connections, at the end of the graceful shutdown. */
  cut(error: ClientError): void {
    this.abort(error)
    for (const hop of this.hops) hop.cutUpgraded()
  }

  /** Call when the caller was interrupted. Releases everything without reporting an error. */
  interrupt(): void {
    for (const hop of this.hops) hop.interrupt()
    this.releaseAdopted(undefined)
    this.settled = true
    this.finish()
  }

  private finish(): void {
    if (this.finished || !this.begun) return
    this.finished = true
    this.deadlines.endLimit(this)
    this.core.end(this)
  }

  expire(): void {
    let phase: Phase = "queue"
    for (const hop of this.hops) phase = hop.marks.current
    this.abort(this.totalTimeoutError(phase))
  }

  /** The error for an expired total limit. */
  totalTimeoutError(phase: Phase): TotalTimeoutError {
    const limit = Duration.millis(this.limits.total)
    return new TotalTimeoutError({ ...this.details(phase), phase, timeout: "total", limit })
  }
}
