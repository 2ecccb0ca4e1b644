/**
 * What the requests of a session share, and what ends with it.
 */

import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type { CookieJarService } from "../../CookieJar.js"
import { type ClientError, type Details, SessionClosedError } from "../../Errors.js"
import type { Jar } from "../cookies/jar.js"
import { showAs } from "../inspection.js"
import type { Environment } from "../proxy/environment.js"
import { atMost } from "../transport/deadlines.js"
import type { Hub } from "../transport/signalHub.js"
import type { Transport } from "../transport/transport.js"

/** Milliseconds for which `close` waits for a fiber that it has interrupted. One that is uninterruptible goes on alone. */
const interruptTime = 250

/** One lifetime: a session and all that `with` derives from it. */
/** A request in flight, as its session ends it. The session keeps its calls in a linked list. */
export interface ActiveCall {
  previous: ActiveCall | undefined
  next: ActiveCall | undefined
  /** Whether it has a connection. */
  readonly inFlight: boolean
  readonly details: (phase: undefined) => Details
  readonly abort: (error: ClientError) => void
  /** Aborts it, and destroys connections that responses took along. */
  readonly cut: (error: ClientError) => void
}

export class SessionCore {
  static {
    showAs(SessionCore, "SessionCore", ({ id, requests, state }) => ({ id, requests, state }))
  }

  readonly id: string
  readonly transport: Transport
  readonly jarService: CookieJarService
  /** `undefined` where the jar is the user's own: then it is asked by its effects. */
  readonly jar: Jar | undefined
  readonly environment: Environment | undefined
  readonly hub: Hub
  readonly ownsTransport: boolean
  /** The calls that have not ended, as a list: a Set that comes and goes costs more than a request may. */
  private firstCall: ActiveCall | undefined = undefined
  /** By the option `cookies` that they were given as: the hosts that have got a session's own cookies. */
  readonly seeded = new WeakMap<object, Set<string>>()
  requests = 0
  /** Fibers that still work for requests that have ended: listeners, the store of a cache. */
  private readonly kept = new Set<Fiber.RuntimeFiber<void>>()
  /** Called once `close` waits for nothing more. */
  private readonly onEnded = new Set<() => void>()
  /** Run when it is closed. */
  readonly cleanups: Array<() => void> = []
  private state: "open" | "closing" | "ended" = "open"
  private readonly done = Deferred.unsafeMake<void>(FiberId.none)
  private onQuiet: (() => void) | undefined = undefined
  private onKeptEnd: (() => void) | undefined = undefined

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
    if (this.firstCall === undefined) this.onQuiet?.()
  }

  /** Takes over a fiber that works for a request that has ended; `close` gives it as long as requests in flight. */
  keep(fiber: Fiber.RuntimeFiber<void>): void {
    this.kept.add(fiber)
    fiber.addObserver(() => {
      this.kept.delete(fiber)
      if (this.kept.size === 0) this.onKeptEnd?.()
    })
  }

  /** Calls `stop` at the end of `close`, or now if that has ended, until the returned function is called. */
  whenEnded(stop: () => void): () => void {
    if (this.state === "ended") {
      stop()
      return () => {}
    }
    this.onEnded.add(stop)
    return () => this.onEnded.delete(stop)
  }

  private keptFor(millis: number): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.kept.size === 0
        ? Effect.void
        : atMost(millis, (done) => {
            this.onKeptEnd = done
            if (this.kept.size === 0) done()
          })
    )
  }

  private get ending(): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const cleanup of this.cleanups) cleanup()
      return this.keptFor(this.transport.gracefulShutdownTimeout).pipe(
        Effect.zipRight(
          Effect.sync(() => {
            this.state = "ended"
            for (const stop of [...this.onEnded]) stop()
            for (const fiber of this.kept) fiber.unsafeInterruptAsFork(FiberId.none)
          })
        ),
        Effect.zipRight(this.keptFor(interruptTime))
      )
    })
  }

  private get calls(): ReadonlyArray<ActiveCall> {
    const calls: Array<ActiveCall> = []
    for (let call = this.firstCall; call !== undefined; call = call.next) calls.push(call)
    return calls
  }

  /** Requests in flight may finish within the connector's time; all that wait fail now. */
  get close(): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.state !== "open") return restore(Deferred.await(this.done))
      this.state = "closing"
      for (const call of this.calls) {
        if (!call.inFlight) call.abort(this.closedError(call.details(undefined)))
      }
      const drained = atMost(this.transport.gracefulShutdownTimeout, (done) => {
        this.onQuiet = done
        if (this.firstCall === undefined) done()
      })
      const cut = Effect.sync(() => {
        for (const call of this.calls) call.cut(this.closedError(call.details(undefined)))
      })
      return drained.pipe(
        Effect.zipRight(cut),
        Effect.zipRight(this.ownsTransport ? this.transport.close : Effect.void),
        Effect.zipRight(this.ending),
        Effect.ensuring(Deferred.succeed(this.done, undefined))
      )
    })
  }
}
