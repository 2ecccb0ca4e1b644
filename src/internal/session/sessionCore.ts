/** The state that all requests of a session share, and the shutdown of the session. */

import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type { CookieJarService } from "../../CookieJar.js"
import { type ClientError, type Details, SessionClosedError } from "../../Errors.js"
import type { Jar } from "../cookies/jar.js"
import { interruptSoon } from "../effect/fibers.js"
import { showAs } from "../inspection.js"
import type { Environment } from "../proxy/environment.js"
import { atMost } from "../transport/deadlines.js"
import type { Hub } from "../transport/signalHub.js"
import type { Transport } from "../transport/transport.js"

/** Milliseconds that `close` waits for interrupted fibers. An uninterruptible one continues in the background. */
const interruptTime = 250

/** A request in flight, as the session sees it. The session keeps its calls in a linked list. */
export interface ActiveCall {
  previous: ActiveCall | undefined
  next: ActiveCall | undefined
  /** Whether the call has a connection. */
  readonly inFlight: boolean
  readonly details: (phase: undefined) => Details
  readonly abort: (error: ClientError) => void
  /** Aborts the call and destroys upgraded connections. */
  readonly cut: (error: ClientError) => void
}

/** The shared state of a session and of all sessions that `with` derives from it. */
export class SessionCore {
  static {
    showAs(SessionCore, "SessionCore", ({ id, requests, state }) => ({ id, requests, state }))
  }

  readonly id: string
  readonly transport: Transport
  readonly jarService: CookieJarService
  /** The jar of this package. `undefined` for a custom jar, which is accessible only by the effects of `jarService`. */
  readonly jar: Jar | undefined
  readonly environment: Environment | undefined
  readonly hub: Hub
  readonly ownsTransport: boolean
  /** The active calls as a linked list, because a Set costs more per request. */
  private firstCall: ActiveCall | undefined = undefined
  /** The hosts for which a session's own cookies were added to the jar, keyed by the value of the option `cookies`. */
  readonly seededHosts = new WeakMap<object, Set<string>>()
  requests = 0
  /** Fibers that still work for finished requests: they run listeners or store cache entries. */
  private readonly kept = new Set<Fiber.RuntimeFiber<void>>()
  /** Called when the time that `close` gives to `kept` has passed. */
  private readonly onEnded = new Set<() => void>()
  /** Called by `close` after the last call has ended. */
  readonly cleanups: Array<() => void> = []
  private state: "open" | "closing" | "ended" = "open"
  private readonly closeDone = Deferred.unsafeMake<void>(FiberId.none)
  private onLastCallEnd: (() => void) | undefined = undefined
  private onLastKeptEnd: (() => void) | undefined = undefined

  constructor(options: {
    readonly id: string
    readonly transport: Transport
    readonly jarService: CookieJarService
    readonly jar: Jar | undefined
    readonly environment: Environment | undefined
    readonly hub: Hub
    readonly ownsTransport: boolean
  }) {
    this.id = options.id
    this.transport = options.transport
    this.jarService = options.jarService
    this.jar = options.jar
    this.environment = options.environment
    this.hub = options.hub
    this.ownsTransport = options.ownsTransport
  }

  get closed(): boolean {
    return this.state !== "open" || this.transport.closed()
  }

  closedError(details: Details): SessionClosedError {
    return new SessionClosedError({ ...details, subject: this.state === "open" ? "Connector" : "Session" })
  }

  begin(call: ActiveCall): void {
    call.next = this.firstCall
    if (this.firstCall !== undefined) this.firstCall.previous = call
    this.firstCall = call
  }

  end(call: ActiveCall): void {
    if (call.previous === undefined) this.firstCall = call.next
    else call.previous.next = call.next
    if (call.next !== undefined) call.next.previous = call.previous
    call.previous = undefined
    call.next = undefined
    if (this.firstCall === undefined) this.onLastCallEnd?.()
  }

  /** Registers a fiber that works for a finished request. `close` gives it as much time as requests in flight. */
  keep(fiber: Fiber.RuntimeFiber<void>): void {
    this.kept.add(fiber)
    fiber.addObserver(() => {
      this.kept.delete(fiber)
      if (this.kept.size === 0) this.onLastKeptEnd?.()
    })
  }

  /** Calls `stop` when `close` stops waiting, or at once if it already has. The returned function cancels this. */
  whenEnded(stop: () => void): () => void {
    if (this.state === "ended") {
      stop()
      return () => {}
    }
    this.onEnded.add(stop)
    return () => this.onEnded.delete(stop)
  }

  /** Waits for the fibers of finished requests, at most `millis`. */
  private awaitKept(millis: number): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.kept.size === 0
        ? Effect.void
        : atMost(millis, (done) => {
            this.onLastKeptEnd = done
            if (this.kept.size === 0) done()
          })
    )
  }

  private get endKept(): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const cleanup of this.cleanups) cleanup()
      return this.awaitKept(this.transport.gracefulShutdownTimeout).pipe(
        Effect.zipRight(
          Effect.sync(() => {
            this.state = "ended"
            for (const stop of [...this.onEnded]) stop()
            for (const fiber of this.kept) interruptSoon(fiber)
          })
        ),
        Effect.zipRight(this.awaitKept(interruptTime))
      )
    })
  }

  private get calls(): ReadonlyArray<ActiveCall> {
    const calls: Array<ActiveCall> = []
    for (let call = this.firstCall; call !== undefined; call = call.next) calls.push(call)
    return calls
  }

  /**
   * Fails requests without a connection at once, and gives those in flight the graceful shutdown time of the connector.
   * Further calls wait for the first.
   */
  get close(): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.state !== "open") return restore(Deferred.await(this.closeDone))
      this.state = "closing"
      for (const call of this.calls) {
        if (!call.inFlight) call.abort(this.closedError(call.details(undefined)))
      }
      const drained = atMost(this.transport.gracefulShutdownTimeout, (done) => {
        this.onLastCallEnd = done
        if (this.firstCall === undefined) done()
      })
      const cut = Effect.sync(() => {
        for (const call of this.calls) call.cut(this.closedError(call.details(undefined)))
      })
      return drained.pipe(
        Effect.zipRight(cut),
        Effect.zipRight(this.ownsTransport ? this.transport.close : Effect.void),
        Effect.zipRight(this.endKept),
        Effect.ensuring(Deferred.succeed(this.closeDone, undefined))
      )
    })
  }
}
