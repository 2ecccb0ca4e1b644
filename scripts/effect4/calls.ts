/** Rewrites calls whose arguments differ in Effect 4. */
import { posix } from "node:path"
import ts from "typescript"
import type { Rewriter, Rule } from "./rewriter.js"

type CallRule = Rule<ts.CallExpression>

const local = (node: ts.CallExpression, file: Rewriter): string => {
  const { expression } = node
  return ts.isPropertyAccessExpression(expression) ? file.emit(expression.expression) : file.emit(expression)
}

/** Calls another member with the same arguments. */
const named =
  (member: string): CallRule =>
  (node, file) =>
    `${local(node, file)}.${member}${file.types(node)}(${file.args(node.arguments)})`

/** Replaces a call by its only argument. */
const argument: CallRule = (node, file) => file.args(node.arguments)

/** Replaces a call by its only argument, except in tests, which use a helper. */
const argumentOutsideTests: CallRule = (node, file) =>
  file.path.startsWith("test/") || node.arguments.length !== 1 ? undefined : file.args(node.arguments)

/** Passes the arguments of a call as one array. */
const list =
  (member: string, least: number): CallRule =>
  (node, file) =>
    node.arguments.length < least || (node.arguments[0] !== undefined && ts.isArrayLiteralExpression(node.arguments[0]))
      ? undefined
      : `${local(node, file)}.${member}([${file.args(node.arguments)}])`

/** Replaces a filter of a schema by a check. */
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

/** Fibers of Effect 3 start with the interruptibility of their parent; those of Effect 4 do so on demand. */
const fork =
  (member: string): CallRule =>
  (node, file) =>
    file.path.startsWith("examples/") || !/^(?:src|test)\//.test(file.path) || file.checker === undefined
      ? undefined
      : `${local(node, file)}.${member}(${file.args(node.arguments)}, { uninterruptible: "inherit" })`

const effects: Readonly<Record<string, CallRule>> = {
  fork: fork("forkChild"),
  forkDaemon: fork("forkDetach"),
  forkIn: fork("forkIn"),
  forkScoped: fork("forkScoped"),
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
  zipLeft: (node, file) =>
    node.arguments.length === 3
      ? `${local(node, file)}.map(${local(node, file)}.all([${file.args(node.arguments.slice(0, 2))}], { concurrency: 2 }), ([first]) => first)`
      : named("tap")(node, file)
}

const schemas: Readonly<Record<string, CallRule>> = {
  Record: (node, file) => {
    const [options] = node.arguments
    if (options === undefined || !ts.isObjectLiteralExpression(options)) return undefined
    const of = (name: string) => {
      const found = options.properties.find((each) => each.name?.getText(file.source) === name)
      return found !== undefined && ts.isPropertyAssignment(found) ? file.emit(found.initializer) : undefined
    }
    const [key, value] = [of("key"), of("value")]
    return key === undefined || value === undefined ? undefined : `${local(node, file)}.Record(${key}, ${value})`
  },
  optionalWith: (node, file) => {
    const [schema, options] = node.arguments
    return schema !== undefined && options?.getText(file.source) === '{ as: "Option" }'
      ? `${local(node, file)}.OptionFromOptional(${file.emit(schema)})`
      : undefined
  },
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

/** Rewrites a call with `Fiber.all` of several fibers, because Effect 4 cannot combine fibers. */
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

/** Rewrites a fold of a stream, whose initial value is a function in Effect 4. */
const fold =
  (member: string): CallRule =>
  (node, file) => {
    if (file.path.startsWith("test/") && member === "runFold") return undefined
    const given = node.arguments.map((each) => file.emit(each))
    const zero = given.splice(-2, 1)
    return `${local(node, file)}.${member}(${[...given.slice(0, -1), `() => ${zero}`, ...given.slice(-1)].join(", ")})`
  }

/** Rules by module and member of Effect 3. */
export const calls: Readonly<Record<string, Readonly<Record<string, CallRule>>>> = {
  "effect/Effect": effects,
  "effect/Schema": schemas,
  "effect/Fiber": fibers,
  "effect/Stream": {
    dieMessage: (node, file) => `${local(node, file)}.die(new Error(${file.args(node.arguments)}))`,
    paginateEffect: (node, file) => {
      const [state, step] = node.arguments
      if (state === undefined || step === undefined || !ts.isArrowFunction(step) || ts.isBlock(step.body))
        return undefined
      const parameters = file.text.slice(step.getStart(file.source), step.equalsGreaterThanToken.end)
      const effect = file.need("effect/Effect")
      return `${local(node, file)}.paginate${file.types(node)}(${file.emit(state)}, ${parameters} ${effect}.map(${file.emit(step.body)}, ([value, next]) => [[value], next] as const))`
    },
    runFold: fold("runFold"),
    scan: fold("scan"),
    make: (node, file) => (node.arguments.length === 0 ? `${local(node, file)}.empty` : undefined)
  },
  "@effect/platform-node/NodeStream": {
    fromReadable: (node, file) => {
      const [evaluate, onError] = node.arguments.map((each) => file.emit(each))
      return evaluate === undefined || onError === undefined
        ? undefined
        : `${local(node, file)}.fromReadable({ evaluate: ${evaluate}, onError: ${onError} })`
    }
  },
  "effect/Chunk": {
    toArray: argumentOutsideTests,
    toReadonlyArray: argumentOutsideTests
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
    mapAttempt: (node, file) => {
      if (file.path.startsWith("test/")) return `${file.helper("configs", "mapAttempt")}(${file.args(node.arguments)})`
      const f = node.arguments.at(-1)
      const config = node.arguments.length === 2 ? `${file.args(node.arguments.slice(0, 1))}, ` : ""
      if (f === undefined || !ts.isArrowFunction(f) || ts.isBlock(f.body)) return undefined
      const parameters = file.text.slice(f.getStart(file.source), f.equalsGreaterThanToken.end)
      const source = `new ${file.need("effect/ConfigProvider")}.SourceError({ message: String(error) })`
      const attempt = `${file.need("effect/Effect")}.try({ try: () => ${file.emit(f.body)}, catch: (error) => new ${file.need("effect/Config")}.ConfigError(${source}) })`
      return `${local(node, file)}.mapEffect(${config}${parameters} ${attempt})`
    }
  },
  "effect/Schedule": {
    intersect: (node, file) =>
      file.path.startsWith("test/") || node.arguments.length !== 2
        ? undefined
        : `${local(node, file)}.max([${file.args(node.arguments)}])`
  },
  "effect/ConfigProvider": {
    fromMap: (node, file) => {
      if (file.path.startsWith("test/")) return `${file.helper("configs", "fromMap")}(${file.args(node.arguments)})`
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
  "effect/Clock": {
    make: (node, file) => `${local(node, file)}.Clock.defaultValue()`
  }
}
