/**
 * What the requests of a session share, and what ends with it.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { CookieJarService } from "../../CookieJar.js"
import { type Details, SessionClosedError } from "../../Errors.js"
import type { Jar } from "../cookies/jar.js"
import type { Hub } from "../transport/hub.js"
import type { Transport } from "../transport/Transport.js"
import type { Call } from "./call.js"
import type { Environment } from "./environment.js"

/** One lifetime: a session and all that `with` derives from it. */
export class SessionCore {
  readonly id: string
  readonly transport: Transport
  readonly jarService: CookieJarService
  /** `undefined` where the jar is the user's own: then it is asked by its effects. */
  readonly jar: Jar | undefined
  readonly environment: Environment | undefined
  readonly hub: Hub
  readonly ownsTransport: boolean
  /** The calls that have not ended, as a list: a Set that comes and goes costs more than a request may. */
  private firstCall: Call | undefined = undefined
  /** Hosts whose jar has got the session's own cookies. */
  readonly seeded = new Set<string>()
  requests = 0
  private state: "open" | "closing" = "open"
  private readonly done = Deferred.unsafeMake<void>(FiberId.none)
  private onQuiet: (() => void) | undefined = undefined

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

  begin(call: Call): void {
    call.next = this.firstCall
    if (this.firstCall !== undefined) this.firstCall.previous = call
    this.firstCall = call
  }

  end(call: Call): void {
    if (call.previous === undefined) this.firstCall = call.next
    else call.previous.next = call.next
    if (call.next !== undefined) call.next.previous = call.previous
    call.previous = undefined
    call.next = undefined
    if (this.firstCall === undefined) this.onQuiet?.()
  }

  private get calls(): ReadonlyArray<Call> {
    const calls: Array<Call> = []
    for (let call = this.firstCall; call !== undefined; call = call.next) calls.push(call)
    return calls
  }

  /** Requests in flight may finish within the connector's time; all that wait fail now. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.state !== "open") return Deferred.await(this.done)
      this.state = "closing"
      for (const call of this.calls) {
        if (!call.inFlight) call.abort(this.closedError(call.details(undefined)))
      }
      const finished = Effect.suspend(() =>
        this.firstCall === undefined
          ? Effect.void
          : Effect.async<void>((resume) => {
              this.onQuiet = () => resume(Effect.void)
            })
      )
      const drained = Effect.timeoutOption(finished, Duration.millis(this.transport.gracefulShutdownTimeout))
      const cut = Effect.sync(() => {
        for (const call of this.calls) call.abort(this.closedError(call.details(undefined)))
      })
      return drained.pipe(
        Effect.zipRight(cut),
        Effect.zipRight(this.ownsTransport ? this.transport.close : Effect.void),
        Effect.ensuring(Deferred.succeed(this.done, undefined)),
        Effect.uninterruptible,
        Effect.asVoid
      )
    })
  }
}
