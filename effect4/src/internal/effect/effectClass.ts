/** Objects that are effects. */
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"

/** The base of a class whose objects are effects: running one runs the effect that its `commit` returns. */
export abstract class EffectClass<A, E = never, R = never> extends Effectable.Class<A, E, R> {
  abstract commit(): Effect.Effect<A, E, R>

  override asEffect(): Effect.Effect<A, E, R> {
    return this.commit()
  }
}
