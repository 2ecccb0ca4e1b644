/**
 * Names objects that can be compared only by identity, such as functions and services. Objects with the same name
 * behave alike.
 */
import { randomUUID } from "node:crypto"

const names = new WeakMap<object, string>()

/**
 * Names `value` after its behaviour, so that the name is the same in every process. The name must not contain a secret.
 */
export const nameObject = <A extends object>(value: A, name: string): A => {
  names.set(value, name)
  return value
}

/** Returns the name of `value`. An object without one gets a random name that lasts as long as the object. */
export const nameOf = (value: object): string => {
  let name = names.get(value)
  if (name === undefined) {
    name = randomUUID()
    names.set(value, name)
  }
  return name
}
