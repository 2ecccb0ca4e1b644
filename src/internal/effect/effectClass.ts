/** The base of objects that are effects. */

/** A class whose objects are effects. Running an object runs the effect that its `commit` returns. */
export { Class as EffectClass } from "effect/Effectable"
