/** The base of objects that are effects. */
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"

/** A class whose objects are effects. Running an object runs the effect that its `commit` returns. */
export abstract class EffectClass<A, E = never, R = never> extends Effectable.Class<A, E, R> {
  abstract commit(): Effect.Effect<A, E, R>

  override asEffect(): Effect.Effect<A, E, R> {
    return this.commit()
  }
}
