/** Keeps responses in a KeyValueStore. A URL has one response per identity and per selection by Vary. */
import type { KeyValueStore } from "@effect/platform/KeyValueStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { storedText } from "../../effect/stores.js"
import { showAs } from "../../inspection.js"
import type { Sent } from "../../response/responseSource.js"
import { errorType } from "../../tracing/telemetryNames.js"
import { effectOr } from "../../userResult.js"
import { CacheIndex, indexKey } from "./cacheIndex.js"
import { type Lines, valuesOf } from "./freshness.js"
import { hash, selectionOf } from "./identity.js"

const Stored = Schema.Struct({
  /** `identityOf` the request. */
  identity: Schema.String,
  /** Hashes of the request headers that Vary names. */
  selection: Schema.Array(Schema.Tuple(Schema.String, Schema.String)),
  /** In milliseconds since the epoch. */
  receivedAt: Schema.Number,
  status: Schema.Int,
  reason: Schema.String,
  headers: Schema.Array(Schema.Tuple(Schema.String, Schema.String)),
  /** `Head.toleratesTruncatedCoding` of the response; entries of older versions lack it. */
  toleratesTruncatedCoding: Schema.optional(Schema.Boolean),
  /** As received, with its content codings; base64. */
  body: Schema.String
})

/** A stored response. */
export type Stored = typeof Stored.Type

const Entry = Schema.parseJson(Schema.Struct({ version: Schema.Literal(2), responses: Schema.Array(Stored) }))

const decode = Schema.decodeUnknownOption(Entry)
const encode = Schema.encodeSync(Entry)

/** Most responses per URL. */
const capacity = 8

/** How many removals are remembered. */
const remembered = 1024

/** The key of a URL. A hash, because the URL may contain secrets. */
export const keyOf = (url: string): string => `effect-http-session/cache/${hash(url)}`

/** The properties by which a stored response is found. */
export interface Query {
  /** The request as it would be sent. */
  readonly sent: Sent
  /** `identityOf` that request. */
  readonly identity: string
}

/** The header names of Vary; `undefined` for "*", which matches no other request (RFC 9110 section 12.5.5). */
export const varyOf = (headers: Lines): ReadonlyArray<string> | undefined => {
  const names = valuesOf(headers, "vary")
    .flatMap((value) => value.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "")
  return names.includes("*") ? undefined : [...new Set(names)].sort()
}

const matches = (stored: Stored, { identity, sent }: Query): boolean => {
  if (stored.identity !== identity) return false
  const vary = varyOf(stored.headers)
  if (vary === undefined) return false
  const selection = new Map(selectionOf(sent, vary))
  // The Vary of a 304 may name headers whose hashes were not stored.
  return (
    selection.size === stored.selection.length &&
    stored.selection.every(([name, value]) => selection.get(name) === value)
  )
}

const sameSelection = (a: Stored, b: Stored): boolean =>
  a.identity === b.identity && JSON.stringify(a.selection) === JSON.stringify(b.selection)

/** Logs the failure of a store, because a request must not fail for it. */
const orLog = <A, E>(what: string, use: () => Effect.Effect<A, E>): Effect.Effect<Option.Option<A>> =>
  Effect.catchAllCause(
    Effect.asSome(Effect.suspend(() => effectOr(use(), (kind) => new TypeError(`expected an Effect, got ${kind}`)))),
    (cause) =>
      // Logs only the type of the error, which may quote stored data.
      Effect.as(
        Effect.annotateLogs(Effect.logDebug(`The HTTP cache cannot ${what} its store`), { error: errorType(cause) }),
        Option.none()
      )
  )

/** The text that a store returned, or `undefined` for any other value. */
const textOf = (value: unknown): string | undefined => {
  const text = Option.getOrUndefined(storedText(value) ?? Option.none())
  return typeof text === "string" ? text : undefined
}

/** The stored responses of all URLs, with a total size limit. */
export class CacheStore {
  static {
    showAs(CacheStore, "Cache/Store")
  }

  private readonly store: KeyValueStore
  private readonly maxSize: number
  private index: CacheIndex | undefined = undefined
  private removals = 0
  /** The last removals of URLs, and of identities of a URL, each with its number. */
  private readonly removed = new Map<string, number>()
  /** The number of the last removal that was dropped from `removed`. It may concern any request sent before. */
  private forgotten = 0
  /** Serializes changes, because each reads an entry and the index and writes them back. */
  private readonly writing = Effect.unsafeMakeSemaphore(1)

  constructor(store: KeyValueStore, maxSize: number) {
    this.store = store
    this.maxSize = maxSize
  }

  private responsesOf(key: string): Effect.Effect<ReadonlyArray<Stored>> {
    return Effect.map(this.read(key), (text) =>
      Option.match(decode(text), { onNone: () => [], onSome: (entry) => entry.responses })
    )
  }

  private read(key: string): Effect.Effect<string | undefined> {
    return Effect.map(
      orLog("read", () => this.store.get(key)),
      (found) => textOf(Option.getOrUndefined(found))
    )
  }

  /** The newest stored response that answers a query. */
  find(query: Query): Effect.Effect<Stored | undefined> {
    return Effect.suspend(() => {
      const key = keyOf(query.sent.url)
      return Effect.map(this.responsesOf(key), (all) => {
        this.index?.touch(key)
        return all.find((stored) => matches(stored, query))
      })
    })
  }

  /** The number of the last removal, for `put`. */
  get lastRemoval(): number {
    return this.removals
  }

  /**
   * Stores a response in place of the one for the same requests, unless its URL was removed after `since`. Evicts the
   * least recently used entries that exceed the size limit.
   */
  put(url: string, stored: Stored, since: number): Effect.Effect<void> {
    const key = keyOf(url)
    return this.exclusively((index) =>
      Effect.flatMap(this.responsesOf(key), (all) => {
        if (this.removedSince(key, stored.identity, since)) return Effect.void
        return this.write(index, key, [stored, ...all.filter((other) => !sameSelection(other, stored))])
      })
    )
  }

  private write(index: CacheIndex, key: string, responses: ReadonlyArray<Stored>): Effect.Effect<void> {
    const text = encode({ version: 2, responses: responses.slice(0, capacity) })
    const evicted = index.add(key, text.length)
    const write = evicted.includes(key) ? Effect.void : orLog("write", () => this.store.set(key, text))
    return Effect.zipRight(
      write,
      Effect.forEach(evicted, (old) => orLog("write", () => this.store.remove(old)), { discard: true })
    )
  }

  /** Removes all responses of a URL, whatever their identity (RFC 9111 section 4.4). */
  remove(url: string): Effect.Effect<void> {
    const key = keyOf(url)
    return Effect.suspend(() => {
      this.remember(key)
      return this.exclusively((index) => this.drop(index, key))
    })
  }

  /** Removes the responses of one identity only, because a response to one user proves nothing about those to others. */
  removeIdentity(url: string, identity: string): Effect.Effect<void> {
    const key = keyOf(url)
    return Effect.suspend(() => {
      this.remember(`${key} ${identity}`)
      return this.exclusively((index) =>
        Effect.flatMap(this.responsesOf(key), (all) => {
          const others = all.filter((stored) => stored.identity !== identity)
          if (others.length === 0) return this.drop(index, key)
          return others.length === all.length ? Effect.void : this.write(index, key, others)
        })
      )
    })
  }

  private drop(index: CacheIndex, key: string): Effect.Effect<void> {
    index.remove(key)
    return Effect.asVoid(orLog("write", () => this.store.remove(key)))
  }

  private remember(key: string): void {
    this.removed.delete(key)
    this.removed.set(key, ++this.removals)
    const [oldest] = this.removed.size > remembered ? this.removed : []
    if (oldest === undefined) return
    this.removed.delete(oldest[0])
    this.forgotten = oldest[1]
  }

  private removedSince(key: string, identity: string, since: number): boolean {
    if (since < this.forgotten) return true
    return (this.removed.get(key) ?? 0) > since || (this.removed.get(`${key} ${identity}`) ?? 0) > since
  }

  /** Runs a change when no other one runs, then writes the index. */
  private exclusively(change: (index: CacheIndex) => Effect.Effect<void>): Effect.Effect<void> {
    const read = Effect.suspend(() =>
      this.index === undefined
        ? Effect.map(this.read(indexKey), (text) => new CacheIndex(text, this.maxSize))
        : Effect.succeed(this.index)
    )
    const changeAndWrite = Effect.flatMap(read, (index) => {
      this.index = index
      return Effect.zipRight(
        change(index),
        Effect.suspend(() => orLog("write", () => this.store.set(indexKey, index.toText())))
      )
    })
    // Does not yield if no other change runs, so that a response is already stored when its reader continues.
    return Effect.flatMap(this.writing.withPermitsIfAvailable(1)(changeAndWrite), (done) =>
      Option.isSome(done) ? Effect.void : Effect.asVoid(this.writing.withPermits(1)(changeAndWrite))
    )
  }
}
