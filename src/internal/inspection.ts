/**
 * Prints values of this package: a name and a few facts without secrets, never the fields. `util.inspect`,
 * `console.log`, `JSON.stringify`, `String` and Effect's loggers show the same.
 */
import { identity } from "effect/Function"
import { format, NodeInspectSymbol, printable, redactInLogger, symbolRedactable } from "./effect/printing.js"

/** The members by which values are printed, as in Effect's `Inspectable`. */
interface Shown {
  readonly toJSON: () => unknown
  readonly toString: () => string
  readonly [NodeInspectSymbol]: () => unknown
}

/** The rendering. Falls back to the name alone if `facts` throws, because printing must not throw. */
const rendering = (name: string, facts: () => object): object => {
  const id = { _id: `effect-http-session/${name}` }
  try {
    return { ...id, ...facts() }
  } catch {
    return id
  }
}

const none = (): object => ({})

/**
 * The members that print a service which is an object literal. They are enumerable, so that a service that is spread
 * into another one prints in the same way.
 */
export const inspectable = (name: string, facts: () => object = none): Shown => {
  const toJSON = () => rendering(name, facts)
  return { toJSON, toString: () => format(toJSON()), [NodeInspectSymbol]: toJSON }
}

/**
 * The symbol by which Deno prints its own classes, such as Request. Unlike the member of Node's symbol, it returns
 * text.
 */
const denoInspectSymbol = Symbol.for("Deno.customInspect")

const property = (value: unknown): PropertyDescriptor => ({ configurable: true, value, writable: true })

/** Adds a rendering to a class. Call it in a static block of the class, where `facts` can read private fields. */
export const showAs = <A>(of: { readonly prototype: A }, name: string, facts: (self: A) => object = none): void => {
  function toJSON(this: A): object {
    return rendering(name, () => facts(this))
  }
  function toString(this: A): string {
    return format(toJSON.call(this))
  }
  Object.defineProperties(of.prototype, {
    toJSON: property(toJSON),
    toString: property(toString),
    [NodeInspectSymbol]: property(toJSON)
  })
}

/** Adds a rendering to one object, as `showAs` does for a class. */
export const showObjectAs = <A extends object>(self: A, shown: () => object): A =>
  Object.defineProperties(conceal(self, shown), { toJSON: property(() => shown()) })

/**
 * Changes how `util.inspect`, `String` and Effect's loggers print data that programs read, such as headers. Elsewhere
 * its JSON is `json`, by default the full value, because programs store it and build keys from it, and keys must differ
 * if secrets differ.
 */
export const conceal = <A extends object>(self: A, shown: () => unknown, json: (self: A) => unknown = identity): A =>
  Object.defineProperties(self, {
    // `redactInLogger` returns the printed form within Effect's loggers, and the value itself elsewhere.
    toJSON: property(() => {
      const inLogger = redactInLogger(self)
      return inLogger === self ? json(self) : inLogger
    }),
    toString: property(() => format(shown())),
    [NodeInspectSymbol]: property(() => shown()),
    [denoInspectSymbol]: property(() => format(shown())),
    [symbolRedactable]: property(() => printable(shown()))
  })
