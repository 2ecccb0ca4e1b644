/**
 * How values of this package look where they are printed: a name and a few facts that hold no secret, never their
 * fields. One rendering serves `util.inspect` and `console.log`, `JSON.stringify`, `String` and Effect's loggers.
 */
import { identity } from "effect/Function"
import { format, NodeInspectSymbol, redact, symbolRedactable } from "effect/Inspectable"

/** What printing asks a value for, as `Inspectable` of Effect has it. */
interface Shown {
  readonly toJSON: () => unknown
  readonly toString: () => string
  readonly [NodeInspectSymbol]: () => unknown
}

/** The rendering, or its name alone where the facts cannot be read: printing must not throw. */
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
 * Members for an object literal that is a service. They are enumerable, so that a service spread into another one
 * keeps its rendering.
 */
export const inspectable = (name: string, facts: () => object = none): Shown => {
  const toJSON = () => rendering(name, facts)
  return { toJSON, toString: () => format(toJSON()), [NodeInspectSymbol]: toJSON }
}

const property = (value: unknown): PropertyDescriptor => ({ configurable: true, value, writable: true })

/** Gives a class its rendering. Called in a static block of the class, `facts` may read private fields. */
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

/** Gives one object a rendering, as `showAs` gives one to a class. */
export const hide = <A extends object>(self: A, shown: () => object): A =>
  Object.defineProperties(conceal(self, shown), { toJSON: property(() => shown()) })

/**
 * Gives data that a program reads, such as headers, another look in `util.inspect`, `String` and Effect's loggers. Its
 * JSON elsewhere is `json`, by default all that it holds: programs store it, and make keys of it, which must differ
 * where secrets differ.
 */
export const conceal = <A extends object>(self: A, shown: () => unknown, json: (self: A) => unknown = identity): A =>
  Object.defineProperties(self, {
    // `redact` gives the look in Effect's loggers, and the value itself elsewhere.
    toJSON: property(() => {
      const inLogger = redact(self)
      return inLogger === self ? json(self) : inLogger
    }),
    toString: property(() => format(shown())),
    [NodeInspectSymbol]: property(() => shown()),
    [symbolRedactable]: property(() => shown())
  })
