/**
 * Every way in which an error comes before somebody's eyes.
 */
import { inspect } from "node:util"
import { Cause, Exit, Inspectable } from "effect"

/** By the name of the way. */
export const renderings = (error: unknown): Record<string, string> => {
  const cause = Cause.fail(error)
  return {
    message: error instanceof Error ? error.message : "",
    string: String(error),
    json: JSON.stringify(error) ?? "",
    jsonInside: JSON.stringify({ list: [error] }),
    inspect: inspect(error),
    inspectDeep: inspect({ nested: { error } }, { depth: Infinity, getters: true, showHidden: false }),
    inspectHidden: inspect(error, { showHidden: true, depth: Infinity }),
    spread: JSON.stringify({ ...(error as object) }),
    stack: error instanceof Error ? (error.stack ?? "") : "",
    effectJson: JSON.stringify(Inspectable.toJSON(error)) ?? "",
    effectString: Inspectable.toStringUnknown(error),
    pretty: Cause.pretty(cause),
    prettyWithCause: Cause.pretty(cause, { renderErrorCause: true }),
    causeJson: JSON.stringify(cause),
    causeInspect: inspect(cause, { depth: Infinity }),
    exit: inspect(Exit.fail(error), { depth: Infinity }),
    defect: Cause.pretty(Cause.die(error), { renderErrorCause: true })
  }
}
