/**
 * Conditions that hold after every fault: nothing is left open, no secret is shown, and no error is uncaught.
 */
import { readdirSync } from "node:fs"
import { Cause, Effect, Exit, Logger, LogLevel, type Scope } from "effect"
import type { Counts } from "effect-http-session/Connector"
import { fiberWatch } from "./fiberWatch.js"
import { renderings } from "./renderings.js"
import { countsDescriptors } from "./runtime.js"
import type { LoggedRequest } from "./server.js"
import { timed } from "./time.js"

/** A server whose connections and requests are checked. */
export interface WatchedServer {
  readonly connections: Effect.Effect<number>
  readonly requests?: Effect.Effect<ReadonlyArray<LoggedRequest>> | undefined
}

export interface InvariantOptions {
  /** The connector of the test, made before it. */
  readonly connector?:
    | { readonly stats: Effect.Effect<Counts>; readonly closeIdle?: Effect.Effect<void> | undefined }
    | undefined
  /** The servers of the test, made before it. */
  readonly servers?: ReadonlyArray<WatchedServer> | undefined
  /** Another request on the same session, which fails if it does not get its own response. */
  readonly followUp?: Effect.Effect<void, unknown> | undefined
  /** Texts that must never be shown. Default: every text that begins with "s3cr3t-". */
  readonly secrets?: ReadonlyArray<string> | undefined
  /** The permitted tags of the error. Default: any. */
  readonly tags?: ReadonlyArray<string> | undefined
  /** Whether the test may end by interruption. Default: `false`. */
  readonly interrupts?: boolean | undefined
  /** How long in milliseconds it may take, 250 over, without the time for which the machine held it up. Default: for ever. */
  readonly within?: number | undefined
  /** How often a request that is not idempotent may arrive, per method and target. Default 1. */
  readonly deliveries?: number | undefined
  /** Milliseconds that sockets and timers have to close. Default 250. */
  readonly settle?: number | undefined
}

/** The violated conditions. */
export class BrokenInvariants extends Error {
  readonly _tag = "BrokenInvariants"
  readonly violations: ReadonlyArray<string>
  constructor(violations: ReadonlyArray<string>, options?: ErrorOptions) {
    super(`Broken invariants:\n${violations.map((violation) => `- ${violation}`).join("\n")}`, options)
    this.name = this._tag
    this.violations = violations
  }
}

/** An interrupted getaddrinfo outlives its request, because it cannot be cancelled. */
const excepted: ReadonlySet<string> = new Set(["GetAddrInfoReqWrap"])

const resources = (): ReadonlyMap<string, number> => {
  const out = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) {
    if (!excepted.has(name)) out.set(name, (out.get(name) ?? 0) + 1)
  }
  return out
}

const descriptors = (): number => {
  if (!countsDescriptors) return 0
  try {
    return readdirSync("/proc/self/fd").length
  } catch {
    return 0
  }
}

/** A turn of the event loop without timers of the invariants. */
const pause = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(() => setImmediate(resolve), 2)
  })

/** Waits until no problem remains, up to the limit; returns the remaining problems. */
const settled = async (problems: () => ReadonlyArray<string>, millis: number): Promise<ReadonlyArray<string>> => {
  let last = problems()
  // A pause takes 2 ms or more. They are counted, so that a busy machine has as many turns as an idle one.
  for (let paused = 0; last.length > 0 && paused < millis; paused += 2) {
    await pause()
    last = problems()
  }
  return last
}

const surplus = (what: string, before: number, now: number): ReadonlyArray<string> =>
  now > before ? [`${now - before} ${what} more than before`] : []

/** Records errors that were not caught. */
const watchProcess = () => {
  const seen: Array<string> = []
  const rejected = (reason: unknown) => seen.push(`unhandledRejection: ${String(reason)}`)
  const thrown = (error: unknown) => seen.push(`uncaughtException: ${String(error)}`)
  const warned = (warning: Error) => seen.push(`warning: ${String(warning)}`)
  process.on("unhandledRejection", rejected)
  process.on("uncaughtExceptionMonitor", thrown)
  process.on("warning", warned)
  return {
    seen,
    stop: () => {
      process.off("unhandledRejection", rejected)
      process.off("uncaughtExceptionMonitor", thrown)
      process.off("warning", warned)
    }
  }
}

const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])

const exitProblems = (exit: Exit.Exit<unknown, unknown>, options: InvariantOptions): Array<string> => {
  if (Exit.isSuccess(exit)) return []
  const out: Array<string> = []
  for (const defect of Cause.defects(exit.cause)) out.push(`died: ${String(defect)}`)
  if (Cause.isInterrupted(exit.cause) && options.interrupts !== true) out.push("was interrupted")
  for (const error of Cause.failures(exit.cause)) {
    const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
    if (typeof tag !== "string") out.push(`failed with something that has no tag: ${String(error)}`)
    else if (options.tags !== undefined && !options.tags.includes(tag)) out.push(`failed with ${tag}`)
  }
  return out
}

const secretProblems = (
  exit: Exit.Exit<unknown, unknown>,
  lines: ReadonlyArray<string>,
  secrets: ReadonlyArray<string>
): Array<string> => {
  const out: Array<string> = []
  const look = (where: string, text: string) => {
    for (const secret of secrets) if (text.includes(secret)) out.push(`${where} shows ${secret}`)
  }
  for (const line of lines) look("a log line", line)
  if (Exit.isFailure(exit)) {
    const thrown = [...Cause.failures(exit.cause), ...Cause.defects(exit.cause)]
    for (const error of thrown) for (const [how, text] of Object.entries(renderings(error))) look(how, text)
  }
  return out
}

const deliveryProblems = (options: InvariantOptions): Effect.Effect<Array<string>> =>
  Effect.gen(function* () {
    const out: Array<string> = []
    for (const server of options.servers ?? []) {
      if (server.requests === undefined) continue
      const counts = new Map<string, number>()
      for (const { method, target } of yield* server.requests) {
        if (!idempotent.has(method)) counts.set(`${method} ${target}`, (counts.get(`${method} ${target}`) ?? 0) + 1)
      }
      for (const [request, count] of counts) {
        if (count > (options.deliveries ?? 1)) out.push(`${request} was delivered ${count} times`)
      }
    }
    return out
  })

/** The pool is empty, and the servers see as many connections as it keeps. */
const poolProblems = (
  options: InvariantOptions,
  settle: number,
  expected: number
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(() =>
    settled(() => {
      const out: Array<string> = []
      const open = (options.servers ?? [])
        .map((server) => Effect.runSync(server.connections))
        .reduce((a, b) => a + b, 0)
      if (options.connector === undefined) return surplus("connections open at the servers", expected, open)
      const stats = Effect.runSync(options.connector.stats)
      for (const name of ["acquired", "waiting", "connecting"] as const) {
        if (stats[name] !== 0) out.push(`the pool has ${name}=${stats[name]}`)
      }
      if (options.servers !== undefined && open !== stats.idle) {
        out.push(`the servers see ${open} connections and the pool keeps ${stats.idle}`)
      }
      return out
    }, settle)
  )

/**
 * Runs a test and then checks the conditions: returns its exit, or fails with the broken ones. Create everything that
 * outlives the test (session, servers) before; `connector.closeIdle` closes its idle connections at the end.
 */
export const invariants = <A, E, R>(
  test: Effect.Effect<A, E, R>,
  options: InvariantOptions = {}
): Effect.Effect<Exit.Exit<A, E>, BrokenInvariants, Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    const settle = options.settle ?? 250
    const lines: Array<string> = []
    const capture = Logger.make((entry) => {
      lines.push(Logger.logfmtLogger.log(entry), Logger.jsonLogger.log(entry))
    })

    yield* Effect.promise(pause)
    const openBefore = yield* Effect.all((options.servers ?? []).map((server) => server.connections))
    const fibers = yield* fiberWatch
    const resourcesBefore = resources()
    const descriptorsBefore = descriptors()
    const watch = watchProcess()

    const { active, value: exit } = yield* Effect.exit(
      fibers.watched(Effect.scoped(test)).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, capture)),
        Logger.withMinimumLogLevel(LogLevel.All),
        Effect.onInterrupt(() => Effect.sync(watch.stop))
      )
    ).pipe(timed)

    const broken = exitProblems(exit, options)
    if (options.within !== undefined && active > options.within + 250) {
      broken.push(`took ${Math.round(active)} ms of ${options.within}`)
    }
    broken.push(
      ...(yield* poolProblems(
        options,
        settle,
        openBefore.reduce((a, b) => a + b, 0)
      ))
    )
    if (options.followUp !== undefined) {
      const next = yield* Effect.exit(options.followUp)
      if (Exit.isFailure(next)) broken.push(`the next request failed: ${Cause.pretty(next.cause)}`)
      broken.push(...(yield* poolProblems(options, settle, Infinity)))
    }
    broken.push(...(yield* deliveryProblems(options)))

    if (options.connector?.closeIdle !== undefined) yield* options.connector.closeIdle
    const leftovers = yield* Effect.promise(() =>
      settled(() => {
        const out: Array<string> = []
        for (const [name, count] of resources()) out.push(...surplus(name, resourcesBefore.get(name) ?? 0, count))
        out.push(...surplus("file descriptors", descriptorsBefore, descriptors()))
        out.push(...surplus("fibers", 0, fibers.left()))
        return out
      }, settle)
    )
    broken.push(...leftovers)

    // A rejection counts as unhandled only a turn later.
    yield* Effect.promise(pause)
    watch.stop()
    broken.push(...watch.seen, ...secretProblems(exit, lines, options.secrets ?? ["s3cr3t-"]))
    if (broken.length > 0) {
      return yield* Effect.fail(
        new BrokenInvariants(broken, Exit.isFailure(exit) ? { cause: Cause.squash(exit.cause) } : undefined)
      )
    }
    return exit
  })
