/**
 * Names for objects that can only be compared by identity, such as functions and services. Equal names stand for equal
 * behaviour.
 */
import { randomUUID } from "node:crypto"

const names = new WeakMap<object, string>()

/**
 * Gives `value` a name that says how it behaves, so that it is the same in every process. Holds no secret.
 */
export const named = <A extends object>(value: A, name: string): A => {
  names.set(value, name)
  return value
}

/**
 * The name of `value`; without one, a random name that holds as long as the object lives.
 */
export const nameOf = (value: object): string => {
  let name = names.get(value)
  if (name === undefined) {
    name = randomUUID()
    names.set(value, name)
  }
  return name
}
