/** Objects that are effects. */

/** The base of a class whose objects are effects: running one runs the effect that its `commit` returns. */
export { Class as EffectClass } from "effect/Effectable"
