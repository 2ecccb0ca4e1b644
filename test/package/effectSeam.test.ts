/** Only `src/internal/effect` and a few other files use parts of Effect that differ in kind between major versions. */
import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const src = new URL("../../src/", import.meta.url)

/** The files that have a second implementation. */
const seam =
  /^internal\/(?:effect\/|platform\/(?:responseBase|safeErrors)\.ts|mock\/httpApp\.ts|webSocket\/platformSocket\.ts)/

/** Expressions that other files must not contain, and the module of `internal/effect` that replaces them. */
const forbidden: ReadonlyArray<readonly [pattern: RegExp, module: string]> = [
  [/\bEffect\.async\b/, "callback.ts"],
  [/\bEffect\.disconnect\b/, "disconnect.ts"],
  [/"effect\/(?:Runtime|FiberRefs?|DefaultServices)"/, "fiberState.ts"],
  [/\.(?:getFiberRefs?|currentDefaultServices)\b/, "fiberState.ts"],
  [/\b(?:unsafeInterruptAsFork|interruptFork|interruptAsFork|inheritAll|removeObserver)\b/, "fibers.ts"],
  [/\.(?:currentSpan|currentTracer)\b/, "tracers.ts"],
  [/"effect\/(?:Channel|Chunk)"|\bStream\.toPull\b/, "pullStream.ts"],
  [/\bStream\.(?:\w*Chunks?\w*|unfold|filterMap|paginate\w*|StreamTypeId)\b/, "streams.ts"],
  [/"effect\/Schedule(?:Decision|Intervals?|Driver)"|\bSchedule\.(?:driver|modifyDelay|either)\b/, "schedules.ts"],
  [/"effect\/Metric\w*"/, "metrics.ts"],
  [/^import (?!type ).*"effect\/(?:Inspectable|Redactable)"/, "printing.ts"],
  [/"effect\/Effectable"/, "effectClass.ts"],
  [/\bSystemError\b/, "fileErrors.ts"],
  [/\bConfigError\.\w+\(/, "configErrors.ts"],
  [/\bArrayFormatter\b/, "schemaErrors.ts"],
  [/\bCause\.flatMap\b/, "causes.ts"],
  [/\bClock\.make\b/, "fiberState.ts"],
  [/\b(?:Arr|Array)\.partition\b/, "none: it returns its parts in another order; filter twice"]
]

const files = (readdirSync(src, { recursive: true, encoding: "utf8" }) as ReadonlyArray<string>)
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts") && !seam.test(path))
  .sort()

describe("The seam to Effect", () => {
  it("is the only place that uses parts of Effect that differ in kind between major versions", () => {
    const found = files.flatMap((path) => {
      const lines = readFileSync(new URL(path, src), "utf8").split("\n")
      return lines.flatMap((line, index) =>
        /^\s*(?:\*|\/[/*])/.test(line)
          ? []
          : forbidden
              .filter(([pattern]) => pattern.test(line))
              .map(([, module]) => `${path}:${index + 1} ${line.trim()} (use internal/effect/${module})`)
      )
    })
    assert.deepStrictEqual(found, [])
  })
})
