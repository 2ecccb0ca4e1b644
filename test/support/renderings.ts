/**
 * All ways in which a person can see a value or an error.
 */
import { formatWithOptions, inspect } from "node:util"
import { Cause, Effect, Exit, HashMap, Inspectable, Logger, LogLevel } from "effect"

/** The output of a logger for a logged value, an annotation of a line, and a cause. */
const logged = (value: unknown): Record<string, string> => {
  const lines: { [name: string]: Array<string> } = {}
  const into = <A>(name: string, logger: Logger.Logger<unknown, A>, text: (line: A) => string) => {
    const kept: Array<string> = []
    lines[name] = kept
    return Logger.map(logger, (line) => void kept.push(text(line)))
  }
  const loggers = [
    into("logString", Logger.stringLogger, String),
    into("logLogfmt", Logger.logfmtLogger, String),
    into("logJson", Logger.jsonLogger, String),
    into("logStructured", Logger.structuredLogger, (line) => inspect(line, { depth: Infinity })),
    into(
      "logRaw",
      Logger.make(({ annotations, message }) => ({ message, annotations: HashMap.toEntries(annotations) })),
      // The pretty logger prints values with this format.
      (line) => formatWithOptions({ depth: 5, colors: true }, "%o", line)
    )
  ]
  const log = Effect.zipRight(
    Effect.annotateLogs(Effect.logInfo("shown", value, { inside: value }), { annotated: value }),
    Effect.logError("failed", Cause.fail(value))
  )
  for (const logger of loggers) {
    Effect.runSync(
      log.pipe(Logger.withMinimumLogLevel(LogLevel.All), Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
    )
  }
  return Object.fromEntries(Object.entries(lines).map(([name, kept]) => [name, kept.join("\n")]))
}

/** Output for people, not for programs, by the name of the rendering. */
export const inspected = (value: unknown): Record<string, string> => ({
  string: String(value),
  inspect: inspect(value),
  inspectFive: inspect(value, { depth: 5 }),
  inspectDeep: inspect({ nested: { value } }, { depth: Infinity, getters: true, showHidden: false }),
  inspectHidden: inspect(value, { showHidden: true, depth: Infinity }),
  console: formatWithOptions({ depth: Infinity }, "%s %o %O", value, value, value),
  ...logged(value)
})

/** All outputs that print a value, by the name of the rendering. */
export const printed = (value: unknown): Record<string, string> => {
  const cause = Cause.fail(value)
  return {
    ...inspected(value),
    json: JSON.stringify(value) ?? "",
    jsonInside: JSON.stringify({ list: [value] }),
    consoleJson: formatWithOptions({}, "%j", value),
    effectJson: JSON.stringify(Inspectable.toJSON(value)) ?? "",
    effectString: Inspectable.toStringUnknown(value),
    pretty: Cause.pretty(cause),
    causeJson: JSON.stringify(cause),
    causeString: String(cause),
    causeInspect: inspect(cause, { depth: Infinity }),
    exit: inspect(Exit.fail(value), { depth: Infinity }),
    success: inspect(Exit.succeed(value), { depth: Infinity })
  }
}

/** The same for an error, also as a defect, with its stack and as a cause. */
export const renderings = (error: unknown): Record<string, string> => {
  const cause = Cause.fail(error)
  return {
    ...printed(error),
    message: error instanceof Error ? error.message : "",
    spread: JSON.stringify({ ...(error as object) }),
    stack: error instanceof Error ? (error.stack ?? "") : "",
    prettyWithCause: Cause.pretty(cause, { renderErrorCause: true }),
    defect: Cause.pretty(Cause.die(error), { renderErrorCause: true })
  }
}
