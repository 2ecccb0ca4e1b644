/**
 * How values of this package are printed: a name and a few facts without secrets, never their fields. The same
 * rendering serves `util.inspect`, `console.log`, `JSON.stringify`, `String` and Effect's loggers.
 */
import { identity } from "effect/Function"
import { format, NodeInspectSymbol, printable, redactInLogger, symbolRedactable } from "./effect/printing.js"

/** The members that printing looks for, as in Effect's `Inspectable`. */
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
 * Rendering members for an object literal that implements a service. They are enumerable, so that a service spread into
 * another one keeps its rendering.
 */
export const inspectable = (name: string, facts: () => object = none): Shown => {
  const toJSON = () => rendering(name, facts)
  return { toJSON, toString: () => format(toJSON()), [NodeInspectSymbol]: toJSON }
}

/** Deno prints its own classes, such as Request, by another symbol than Node's, which must return a text. */
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
 * Changes how data that programs read, such as headers, is printed by `util.inspect`, `String` and Effect's loggers.
 * Everywhere else its JSON is `json`, by default the full value: programs store it and build keys from it, and keys
 * must differ where secrets differ.
 */
export const conceal = <A extends object>(self: A, shown: () => unknown, json: (self: A) => unknown = identity): A =>
  Object.defineProperties(self, {
    // `redactInLogger` returns the printed form inside Effect's loggers and the value itself elsewhere.
    toJSON: property(() => {
      const inLogger = redactInLogger(self)
      return inLogger === self ? json(self) : inLogger
    }),
    toString: property(() => format(shown())),
    [NodeInspectSymbol]: property(() => shown()),
    [denoInspectSymbol]: property(() => format(shown())),
    [symbolRedactable]: property(() => printable(shown()))
  })
