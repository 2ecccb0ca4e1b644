/** Runs the listeners of one request one after the other, each signal with all trace configs. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { ClientError } from "../../Errors.js"
import type { Environment } from "../effect/fiberState.js"
import { interruptSoon, runLater } from "../effect/fibers.js"
import { raceWithCallback } from "../raceWithCallback.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { RequestSignal } from "../transport/trace.js"
import { Editor } from "./headerEditor.js"
import type { Configs } from "./traceConfig.js"

/** Milliseconds that listeners get, at the least, for the end of a failed request. */
const lastWord = 1000

/** The members of a call that its listeners use. */
export interface ListenedCall {
  readonly core: {
    /** Registers a fiber that runs listeners after the request. */
    readonly keep: (fiber: Fiber.RuntimeFiber<void>) => void
    /** Calls `stop` when the session has ended. The returned function cancels this. */
    readonly whenEnded: (stop: () => void) => () => void
  }
  readonly request: PreparedRequest
  readonly expiresAt: number
  readonly deadlines: Deadlines
  readonly environment: Environment<never>
  /** Why the call was aborted, if it was. */
  readonly failure: ClientError | undefined
}

export class Listeners {
  /** Runs the listeners of all signals so far in the current fiber. */
  readonly listen: Effect.Effect<void>
  /** The defect of a listener that ran outside the fiber of the request. */
  defect: Cause.Cause<never> | undefined = undefined
  private readonly call: ListenedCall
  private readonly configs: Configs
  private readonly queue: Array<RequestSignal> = []
  private readonly editor = new Editor()
  private readonly lock = Effect.unsafeMakeSemaphore(1)
  private contexts: ReadonlyArray<unknown> | undefined = undefined
  private pumping = false

  constructor(call: ListenedCall, configs: Configs) {
    this.call = call
    this.configs = configs
    this.listen = this.lock.withPermits(1)(this.runQueued)
  }

  /** Calls `ctx` of each config. */
  begin(): void {
    const given = this.call.request.given.traceRequestCtx
    this.contexts = this.configs.listening.map((config) => config.ctx(given))
  }

  /** The request with the headers that the listeners of its start set. */
  edited(request: PreparedRequest): PreparedRequest {
    return this.editor.close(request)
  }

  add(signal: RequestSignal): void {
    this.queue.push(signal)
  }

  /** Runs the listeners of the queued signals, one signal after the other. */
  private get runQueued(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const signal = this.queue.shift()
      return signal === undefined ? Effect.void : Effect.zipRight(this.run(signal), this.runQueued)
    })
  }

  private run(signal: RequestSignal): Effect.Effect<void> {
    const { listening, session } = this.configs
    const name = `on${signal._tag}`
    let runAll: Effect.Effect<void> = Effect.void
    listening.forEach((config, index) => {
      const listener = config.listeners.get(name)
      if (listener === undefined) return
      const runOne = Effect.suspend(() => listener(session, this.contexts?.[index], signal, this.editor))
      runAll = runAll === Effect.void ? runOne : Effect.zipRight(runAll, runOne)
    })
    return runAll
  }

  /**
   * Runs the listeners within the total limit. For use after the end of the call, which no longer enforces the limit.
   */
  get listenInTime(): Effect.Effect<void> {
    return this.runUntil(this.call.expiresAt, this.listen)
  }

  /** Runs the listeners until `time`. An uninterruptible listener continues in the background. */
  private runUntil(time: number, listening: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.ignore(
      raceWithCallback(listening, (fail: (late: "late") => void) => this.limit(time, () => fail("late")))
    )
  }

  /** Calls `late` at `time`, or one second after the end of the session. The returned function cancels this. */
  private limit(time: number, late: () => void): () => void {
    const { core, deadlines } = this.call
    let deadline = deadlines.schedule(time, late)
    const release = core.whenEnded(() => {
      deadline.cancel()
      deadline = deadlines.schedule(Math.min(time, deadlines.now() + lastWord), late)
    })
    return () => {
      deadline.cancel()
      release()
    }
  }

  /**
   * The deadline of listeners after the last step of the call. Grants a minimum, because the total limit may be over.
   */
  private get lastTime(): number {
    return Math.max(this.call.expiresAt, this.call.deadlines.now() + lastWord)
  }

  /** Runs the listeners outside the fiber of the request, and records the defect of a listener. */
  get listenBeside(): Effect.Effect<void> {
    return Effect.tapErrorCause(this.listen, (cause) =>
      Effect.sync(() => {
        this.defect ??= cause
      })
    )
  }

  /** Runs the listeners of signals after the end of the request, in a fiber of the session. */
  pump(): void {
    if (this.pumping) return
    this.pumping = true
    const run = Effect.suspend(() => {
      this.pumping = false
      return Effect.catchAllCause(this.listenBeside, () => Effect.void)
    })
    const fiber = runLater(this.call.environment, run)
    fiber.addObserver(this.limit(this.lastTime, () => interruptSoon(fiber)))
    this.call.core.keep(fiber)
  }

  /**
   * Runs the listeners after a failure, like finalizers. A listener that still runs after the call was aborted is
   * uninterruptible. A time limit must not wait for it, so a fiber of the session runs the rest.
   */
  get listenToFailure(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.call.failure === undefined) return this.runUntil(this.lastTime, this.listen)
      const free = this.lock.withPermitsIfAvailable(1)(this.runQueued)
      const listened = Effect.map(free, (done) => {
        if (Option.isNone(done)) this.pump()
      })
      return this.runUntil(this.lastTime, listened)
    })
  }
}
