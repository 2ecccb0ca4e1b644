/** Calls whose arguments differ in Effect 4. */
import { posix } from "node:path"
import ts from "typescript"
import type { Rewriter, Rule } from "./rewriter.js"

type CallRule = Rule<ts.CallExpression>

const local = (node: ts.CallExpression, file: Rewriter): string => {
  const { expression } = node
  return ts.isPropertyAccessExpression(expression) ? file.emit(expression.expression) : file.emit(expression)
}

/** The same call of another member. */
const named =
  (member: string): CallRule =>
  (node, file) =>
    `${local(node, file)}.${member}${file.types(node)}(${file.args(node.arguments)})`

/** The only argument. */
const argument: CallRule = (node, file) => file.args(node.arguments)

/** A call whose arguments become one array. */
const list =
  (member: string, least: number): CallRule =>
  (node, file) =>
    node.arguments.length < least || (node.arguments[0] !== undefined && ts.isArrayLiteralExpression(node.arguments[0]))
      ? undefined
      : `${local(node, file)}.${member}([${file.args(node.arguments)}])`

/** A filter of a schema, which is a check in Effect 4. */
const check =
  (
    member: string,
    given: (node: ts.CallExpression, file: Rewriter) => string = (node, file) => file.args(node.arguments)
  ): CallRule =>
  (node, file) => {
    const schema = local(node, file)
    return `${schema}.check(${schema}.${member}(${given(node, file)}))`
  }

/** Provides a service of a module instead of calling a function of Effect. */
const provides =
  (module: string, service: string): CallRule =>
  (node, file) => {
    const given = node.arguments.map((each) => file.emit(each))
    const value = given.pop()
    return `${local(node, file)}.provideService(${[...given, `${file.need(module)}.${service}`, value].join(", ")})`
  }

const timeoutFail: CallRule = (node, file) => {
  const options = node.arguments.at(-1)
  if (options === undefined || !ts.isObjectLiteralExpression(options)) return undefined
  const of = (name: string) => options.properties.find((each) => each.name?.getText(file.source) === name)
  const duration = of("duration")
  const failure = of("onTimeout")
  if (duration === undefined || failure === undefined || !ts.isPropertyAssignment(failure)) return undefined
  const before = node.arguments.slice(0, -1).map((each) => `${file.emit(each)}, `)
  const make = file.emit(failure.initializer)
  const effect = local(node, file)
  const orElse =
    ts.isArrowFunction(failure.initializer) && !ts.isBlock(failure.initializer.body)
      ? `() => ${effect}.fail(${file.emit(failure.initializer.body)})`
      : `() => ${effect}.fail((${make})())`
  return `${effect}.timeoutOrElse(${before.join("")}{ ${file.emit(duration)}, orElse: ${orElse} })`
}

const effects: Readonly<Record<string, CallRule>> = {
  catchSome: () => undefined,
  dieMessage: (node, file) => `${local(node, file)}.die(new Error(${file.args(node.arguments)}))`,
  getFiberRefs: (node, file) => `${local(node, file)}.context<never>()`,
  ignoreLogged: (node, file) => `${local(node, file)}.ignore(${file.args(node.arguments)}, { log: "Debug" })`,
  makeLatch: (node, file) => `${file.need("effect/Latch")}.make(${file.args(node.arguments)})`,
  repeatN: (node, file) => {
    const given = node.arguments.map((each) => file.emit(each))
    const times = given.pop()
    return `${local(node, file)}.repeat(${[...given, `{ times: ${times} }`].join(", ")})`
  },
  scopeWith: (node, file) => `${local(node, file)}.flatMap(${local(node, file)}.scope, ${file.args(node.arguments)})`,
  timeoutFail,
  unsafeMakeLatch: (node, file) => `${file.need("effect/Latch")}.makeUnsafe(${file.args(node.arguments)})`,
  unsafeMakeSemaphore: (node, file) => `${file.need("effect/Semaphore")}.makeUnsafe(${file.args(node.arguments)})`,
  withClock: provides("effect/Clock", "Clock"),
  withConfigProvider: provides("effect/ConfigProvider", "ConfigProvider"),
  yieldNow: (node, file) => `${local(node, file)}.yieldNow`,
  zipLeft: named("tap")
}

const schemas: Readonly<Record<string, CallRule>> = {
  Literal: list("Literals", 2),
  Tuple: list("Tuple", 0),
  Union: list("Union", 0),
  asSchema: (node, file) =>
    node.typeArguments === undefined ? file.args(node.arguments) : `(${file.args(node.arguments)})`,
  between: check("isBetween", (node, file) => {
    const [minimum, maximum] = node.arguments.map((each) => file.emit(each))
    return `{ minimum: ${minimum}, maximum: ${maximum} }`
  }),
  filter: check("makeFilter"),
  greaterThan: check("isGreaterThan"),
  greaterThanOrEqualTo: check("isGreaterThanOrEqualTo"),
  lessThan: check("isLessThan"),
  maxLength: check("isMaxLength"),
  minLength: check("isMinLength"),
  nonNegative: check("isGreaterThanOrEqualTo", () => "0"),
  pattern: check("isPattern"),
  positive: check("isGreaterThan", () => "0"),
  startsWith: check("isStartingWith")
}

const fibers: Readonly<Record<string, CallRule>> = {
  await: (node, file) => ofAll(node, file, (fibers) => `${file.helper("fibers", "awaitAll")}(${fibers})`),
  join: (node, file) => ofAll(node, file, (fibers) => `${local(node, file)}.joinAll(${fibers})`),
  interruptAsFork: (node, file) => interruption(node, file),
  interruptFork: (node, file) => interruption(node, file),
  poll: (node, file) => {
    const option = file.need("effect/Option")
    return `${file.need("effect/Effect")}.sync(() => ${option}.fromUndefinedOr(${file.args(node.arguments)}.pollUnsafe()))`
  }
}

/** A call with `Fiber.all` of several fibers, which is no fiber in Effect 4. */
const ofAll = (node: ts.CallExpression, file: Rewriter, make: (fibers: string) => string): string | undefined => {
  const [all] = node.arguments
  return all !== undefined && ts.isCallExpression(all) && file.is(all.expression, "effect/Fiber", "all")
    ? make(file.args(all.arguments))
    : undefined
}

const interruption = (node: ts.CallExpression, file: Rewriter): string => {
  const [fiber] = node.arguments
  return `${file.need("effect/Effect")}.sync(() => ${fiber === undefined ? "" : file.emit(fiber)}.interruptUnsafe())`
}

/** Rules by module and member of Effect 3. */
export const calls: Readonly<Record<string, Readonly<Record<string, CallRule>>>> = {
  "effect/Effect": effects,
  "effect/Schema": schemas,
  "effect/Fiber": fibers,
  "effect/Stream": {
    dieMessage: (node, file) => `${local(node, file)}.die(new Error(${file.args(node.arguments)}))`,
    make: (node, file) => (node.arguments.length === 0 ? `${local(node, file)}.empty` : undefined)
  },
  "effect/Context": {
    GenericTag: (node, file) => `${local(node, file)}.Service${file.types(node)}(${file.args(node.arguments)})`
  },
  "effect/Deferred": {
    unsafeMake: (node, file) => `${local(node, file)}.makeUnsafe${file.types(node)}()`
  },
  "effect/Cause": {
    interrupt: (node, file) => `${local(node, file)}.interrupt()`
  },
  "effect/Scope": {
    fork: (node, file) => {
      const [scope, strategy] = node.arguments
      return scope === undefined || strategy === undefined
        ? undefined
        : `${local(node, file)}.fork(${file.emit(scope)}, "sequential")`
    }
  },
  "effect/FiberRef": {
    get: argument,
    unsafeMake: (node, file) => {
      const id = `"effect-http-session/${posix.basename(file.path, ".ts")}/${node.pos}"`
      return `${file.need("effect/Context")}.Reference${file.types(node)}(${id}, { defaultValue: () => ${file.args(node.arguments)} })`
    }
  },
  "effect/Config": {
    mapAttempt: (node, file) => `${file.helper("configs", "mapAttempt")}(${file.args(node.arguments)})`
  },
  "effect/ConfigProvider": {
    fromMap: (node, file) => {
      const [map] = node.arguments
      const env = `Object.fromEntries(${map === undefined ? "" : file.emit(map)})`
      return `${local(node, file)}.fromEnvRecord(${env}, { preserveEmptyStrings: true })`
    }
  },
  "effect/Layer": {
    setConfigProvider: (node, file) => `${file.need("effect/ConfigProvider")}.layer(${file.args(node.arguments)})`
  },
  "effect/Pipeable": {
    Class: (node, file) => `${local(node, file)}.Class`
  },
  "effect/HashMap": {
    // Annotations of logs are records in Effect 4.
    toEntries: (node, file) =>
      file.path.startsWith("test/support/") ? `Object.entries(${file.args(node.arguments)})` : undefined
  },
  "effect/Clock": {
    make: (node, file) => `${local(node, file)}.Clock.defaultValue()`
  }
}
