/**
 * Saves a jar in a KeyValueStore that other processes may use at the same time. Stores have no transactions, so each
 * save reads the stored state, merges it into the jar and writes the result: the latest change of each cookie, removals
 * included. If another process overwrites a save, its changes are not lost, because the jar still has them and checks
 * the store again after saving.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import { CookieJarError } from "../../Errors.js"
import { fromEither } from "../effect/eithers.js"
import { type StoredText, type StoreError, storedKind, storedText } from "../effect/stores.js"
import { loadSuffixes } from "../http/publicSuffix.js"
import { raceWithCallback } from "../raceWithCallback.js"
import * as Deadlines from "../transport/deadlines.js"
import { effectOr, kindOf } from "../userResult.js"
import { decodeText, encodeText, type Saved } from "./document.js"
import type { Jar } from "./jar.js"
import type { Removed, Stored } from "./store.js"

/** Milliseconds between a change and its save, so that a change is stored within a second. */
const delay = 500

const maxRetryDelay = 60_000

/** Most checks after a save. One is enough, unless another process writes at the same time. */
const maxChecks = 5

const emptyJar: Saved = { cookies: [], removed: [] }

/**
 * How often invalid text is read before it counts as corrupt, because a store that writes in place may return half a
 * document during a write.
 */
const maxReadings = 10

const unreadable = (description: string) => new CookieJarError({ reason: "Malformed", description })

/** The store of a saved jar, such as a `KeyValueStore`. */
export interface JarStore<E> {
  readonly get: (key: string) => Effect.Effect<StoredText, CookieJarError | E>
  readonly set: (key: string, value: string) => Effect.Effect<void, E>
}

const read = <E extends StoreError>(store: JarStore<E>, key: string): Effect.Effect<Saved, CookieJarError | E> =>
  Effect.retry(
    Effect.flatMap(
      effectOr(store.get(key), (kind) => unreadable(`expected the store to return an Effect, got ${kind}`)),
      (found: unknown): Effect.Effect<Saved, CookieJarError> => {
        const text = storedText(found)
        if (text === undefined) return Effect.fail(unreadable(`expected ${storedKind}, got ${kindOf(found)}`))
        if (Option.isNone(text)) return Effect.succeed(emptyJar)
        const { value } = text
        return typeof value === "string"
          ? Effect.flatMap(Clock.currentTimeMillis, (now) => fromEither(decodeText(value, now)))
          : Effect.fail(unreadable(`expected the store to have text, got ${kindOf(value)}`))
      }
    ),
    { times: maxReadings, while: ({ _tag }) => _tag === "CookieJarError" }
  )

const readInto = <E extends StoreError>(
  jar: Jar,
  store: JarStore<E>,
  key: string
): Effect.Effect<Saved, CookieJarError | E> =>
  Effect.gen(function* () {
    yield* loadSuffixes
    const saved = yield* read(store, key)
    jar.merge(saved.cookies, saved.removed, yield* Clock.currentTimeMillis)
    return saved
  })

const identity = ({ domain, hostOnly, name, path }: Stored | Removed): string =>
  `${domain}\n${hostOnly ? "=" : "."}${name}\n${path}`

/** Whether the jar has changes that are not in the saved state. */
const hasUnsavedChanges = (jar: Jar, saved: Saved, now: number): boolean => {
  const known = new Map<string, number>()
  for (const each of [...saved.cookies, ...saved.removed]) known.set(identity(each), each.updated)
  const isNews = (each: Stored | Removed): boolean => (known.get(identity(each)) ?? -1) < each.updated
  return jar.entries(now).some(isNews) || jar.removed().some(isNews)
}

/** Milliseconds that closing the Scope waits for the store. */
const closeTime = 5000

/** Runs the last save with a limit of `closeTime`. */
const withinCloseTime = <A, E>(saving: Effect.Effect<A, E>): Effect.Effect<A, E | StoreTimeout> =>
  Effect.clockWith((clock) =>
    raceWithCallback(saving, (fail: (error: StoreTimeout) => void) => {
      const deadlines = Deadlines.of(clock)
      const deadline = deadlines.schedule(deadlines.now() + closeTime, () => fail({ _tag: "timeout" }))
      return () => deadline.cancel()
    })
  )

interface StoreTimeout {
  readonly _tag: "timeout"
}

/** Logs the tag of an error without its text, because errors of a store may quote the saved text. */
const warn = (error: string) => Effect.logWarning("The cookie jar was not saved").pipe(Effect.annotateLogs({ error }))

const warnOf = (cause: Cause.Cause<CookieJarError | StoreError | StoreTimeout>) =>
  warn(Option.match(Cause.failureOption(cause), { onNone: () => "defect", onSome: ({ _tag }) => _tag }))

/** Loads the jar, then saves each change within a second of the Clock, and the last ones when the Scope closes. */
export const persist = <E extends StoreError>(
  jar: Jar,
  store: JarStore<E>,
  key: string
): Effect.Effect<void, CookieJarError | E, Scope> =>
  Effect.gen(function* () {
    jar.startJournal()
    yield* readInto(jar, store, key)
    const changed = yield* Effect.makeLatch()
    const loaded = jar.revision
    jar.onChange = () => changed.unsafeOpen()

    /** Saves the jar. Succeeds with `true` if the store already had every change. */
    const save = Effect.gen(function* () {
      const before = yield* readInto(jar, store, key)
      const now = yield* Clock.currentTimeMillis
      const isSaved = !hasUnsavedChanges(jar, before, now)
      if (!isSaved) yield* Effect.uninterruptible(store.set(key, encodeText(jar, now)))
      return isSaved
    })

    const saveUntilSettled = Effect.gen(function* () {
      let wait = delay
      for (let checks = 0; checks <= maxChecks; ) {
        yield* Effect.sleep(wait)
        changed.unsafeClose()
        const settled = yield* Effect.catchAllCause(save, (cause) => Effect.as(warnOf(cause), undefined))
        if (settled === true) return
        if (settled === undefined) {
          wait = Math.min(wait * 2, maxRetryDelay)
        } else {
          wait = delay
          checks++
        }
      }
    })

    /** Saves even without new changes, because another process may have written without reading first. */
    const saveLast = Effect.suspend(
      (): Effect.Effect<unknown, CookieJarError | E> =>
        jar.revision === loaded ? Effect.void : Effect.repeat(save, { until: (settled) => settled, times: maxChecks })
    )

    const keepSaving = changed.await.pipe(Effect.zipRight(saveUntilSettled), Effect.forever, Effect.interruptible)
    yield* Effect.acquireRelease(Effect.forkDaemon(keepSaving), (saver) => {
      jar.onChange = undefined
      // A finalizer: an interrupt of its fiber must not lose changes, and a store that hangs must not block it.
      return withinCloseTime(Effect.zipRight(Fiber.interrupt(saver), saveLast)).pipe(Effect.catchAllCause(warnOf))
    })
  })
