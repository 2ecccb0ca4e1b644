/** Loggers and printing of Effect 3 that tests use, on Effect 4. */
import { type Context, Effect, Formatter, HashMap, Inspectable, type Layer, Logger, References } from "effect"

/** What a logger of Effect 3 gets, beside what one of Effect 4 gets. */
interface Entry extends Logger.Options<unknown> {
  readonly annotations: HashMap.HashMap<string, unknown>
}

export const makeLogger = <A>(log: (entry: Entry) => A): Logger.Logger<unknown, A> =>
  Logger.make((entry) =>
    log({
      ...entry,
      annotations: HashMap.fromIterable(Object.entries(entry.fiber.getRef(References.CurrentLogAnnotations)))
    })
  )

export const defaultLogger = Logger.defaultLogger

export const stringLogger = Logger.formatSimple

export const structuredLogger = Logger.formatStructured

export const allLevels = "All"

export const debugLevel = "Debug"

export const replace = (_: unknown, logger: Logger.Logger<unknown, any>): Layer.Layer<never> => Logger.layer([logger])

export const remove = (_: unknown): Layer.Layer<never> => Logger.layer([])

export const withMinimumLogLevel = (...given: ReadonlyArray<any>): any => {
  const run = (effect: Effect.Effect<any, any, any>, level: any) =>
    Effect.provideService(effect, References.MinimumLogLevel, level)
  return given.length === 1 ? (effect: Effect.Effect<any, any, any>) => run(effect, given[0]) : run(given[0], given[1])
}

export const toJSON = (value: unknown): unknown => Inspectable.toJson(value)

/** Effect 4 takes the context of the running fiber. */
export const withRedactableContext = <A>(context: Context.Context<never>, f: () => A): A =>
  Effect.runSync(Effect.provideContext(Effect.sync(f), context))

export const formatted = Formatter.format
