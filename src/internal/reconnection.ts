/** Pulls from a source that is opened again after a loss. Event streams and WebSockets extend it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

/** The wait before the next attempt. */
export interface Pause<E> {
  /** Waits. Succeeds with `false` if no attempt follows. */
  readonly after: (error: E) => Effect.Effect<boolean>
  /** Runs when the first values of an open source arrive. */
  readonly reset: Effect.Effect<void>
}

/** The pause of sources that are opened only once. */
export const noPause: Pause<unknown> = { after: () => Effect.succeed(false), reset: Effect.void }

/** The next values; fails with `None` at the end. */
type Pulled<A, E, R> = Effect.Effect<ReadonlyArray<A>, Option.Option<E>, R>

/** A source with one open `Reading` at a time, which its Scope releases. `F` is the error that a pause receives. */
export abstract class Reconnection<A, Reading extends { readonly scope: Scope.CloseableScope }, F, E, R = never> {
  private reading: Reading | undefined = undefined
  private ended = false
  /** Whether the current reading has delivered no values yet. */
  private hasNoValues = true
  private readonly pause: Pause<F>

  constructor(pause: Pause<F>) {
    this.pause = pause
  }

  /** Opens the source, then pulls from it or ends. */
  protected abstract connect(): Pulled<A, E, R>
  /** Pulls from the open source. */
  protected abstract read(reading: Reading): Pulled<A, E, R>

  /** The next values. Pulls must not overlap. */
  readonly pull: Pulled<A, E, R> = Effect.suspend(() => {
    if (this.ended) return Effect.fail(Option.none())
    return this.reading === undefined ? this.connect() : this.read(this.reading)
  })

  /** Releases the open reading, if there is one. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { reading } = this
    this.reading = undefined
    return reading === undefined ? Effect.void : Scope.close(reading.scope, Exit.void)
  })

  /**
   * Runs `open` in a new Scope, and keeps the Scope open with the reading that `begin` makes. Closes it if `open`
   * fails, or if `begin` makes no reading.
   */
  protected openReading<B, E2, Begun extends Reading | undefined>(
    open: Effect.Effect<B, E2, Scope.Scope>,
    begin: (opened: B, scope: Scope.CloseableScope) => Effect.Effect<Begun>
  ): Effect.Effect<Begun, E2> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) =>
        Effect.matchCauseEffect(restore(Scope.extend(open, scope)), {
          onFailure: (cause) => Effect.zipRight(Scope.close(scope, Exit.void), Effect.failCause(cause)),
          onSuccess: (opened) =>
            Effect.flatMap(begin(opened, scope), (reading) => {
              this.reading = reading
              return reading === undefined ? Effect.as(Scope.close(scope, Exit.void), reading) : Effect.succeed(reading)
            })
        })
      )
    )
  }

  /** Succeeds with values of the source. The first ones after a loss reset the pause. */
  protected deliver(values: ReadonlyArray<A>): Pulled<A, E, R> {
    if (!this.hasNoValues || values.length === 0) return Effect.succeed(values)
    this.hasNoValues = false
    return Effect.as(this.pause.reset, values)
  }

  /** Ends all pulls. */
  protected end(end: Option.Option<E>): Pulled<A, E, R> {
    this.ended = true
    return Effect.fail(end)
  }

  /** Waits and connects again, or ends with `end`. */
  protected reconnect(error: F, end: Option.Option<E>): Pulled<A, E, R> {
    this.hasNoValues = true
    return Effect.flatMap(this.pause.after(error), (attemptFollows) => (attemptFollows ? this.pull : this.end(end)))
  }
}
