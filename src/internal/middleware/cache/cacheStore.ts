/**
 * What is stored of a URL: one response for each selection by Vary, and for each who asked.
 */

import { createHash } from "node:crypto"
import type { KeyValueStore } from "@effect/platform/KeyValueStore"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { getField } from "../../http/headerFields.js"
import { showAs } from "../../inspection.js"
import { authorizationOf } from "../../request/authorization.js"
import { acceptEncoding, userAgent } from "../../request/automaticHeaders.js"
import type { Prepared } from "../../request/preparedRequest.js"
import { toSkip } from "../../request/sessionDefaults.js"
import { errorType } from "../../tracing/spans.js"
import { CacheIndex, indexKey } from "./cacheIndex.js"
import { type Lines, valuesOf } from "./freshness.js"

const Stored = Schema.Struct({
  /** A hash of the credentials it was asked for with. */
  who: Schema.String,
  /** Hashes of the request's values of the headers that Vary names. */
  selection: Schema.Array(Schema.Tuple(Schema.String, Schema.String)),
  /** Milliseconds since the epoch. */
  receivedAt: Schema.Number,
  status: Schema.Int,
  reason: Schema.String,
  headers: Schema.Array(Schema.Tuple(Schema.String, Schema.String)),
  /** As it came, in its content codings; base64. */
  body: Schema.String
})

/** A stored response. */
export type Stored = typeof Stored.Type

const Entry = Schema.parseJson(Schema.Struct({ version: Schema.Literal(1), responses: Schema.Array(Stored) }))

const decode = Schema.decodeUnknownOption(Entry)
const encode = Schema.encodeSync(Entry)

/** Responses that are kept of one URL. */
const capacity = 8

/** URLs that are remembered to have been removed. */
const remembered = 1024

const hash = (text: string): string => createHash("sha256").update(text).digest("base64url")

/** The URL may hold secrets, so that its hash is the key. */
export const keyOf = (url: string): string => `effect-http-session/cache/${hash(url)}`

/** Who asks: by credentials and cookies of the request's own. */
export const whoOf = (request: Prepared): string => {
  const header = getField(request.fields.pairs, "authorization")
  const auth = request.auth === undefined ? undefined : authorizationOf(request.auth)
  const authorization = header ?? (auth !== undefined && Either.isRight(auth) ? auth.right : "")
  const cookies = [
    ...valuesOf(request.fields.pairs, "cookie"),
    ...request.cookies.map(([name, value]) => `${name}=${value}`)
  ]
  return authorization === "" && cookies.length === 0 ? "" : hash(JSON.stringify([authorization, cookies]))
}

const automatic: ReadonlyMap<string, string> = new Map([
  ["accept", "*/*"],
  ["accept-encoding", acceptEncoding],
  ["user-agent", userAgent]
])

/** The value of a request header as it will be sent. */
const valueOf = (request: Prepared, name: string): string => {
  const values = valuesOf(request.fields.pairs, name)
  if (values.length > 0) return values.map((value) => value.trim()).join(", ")
  const skipped = request.defaults.skip.has(name) || toSkip(request.given.skipAutoHeaders).has(name)
  return skipped ? "" : (automatic.get(name) ?? "")
}

/** The same for requests that one response may answer, before anybody knows its Vary. */
export const likenessOf = (request: Prepared): string => {
  const skipped = [...toSkip(request.given.skipAutoHeaders)].sort()
  return hash(JSON.stringify([request.url, whoOf(request), request.fields.pairs, skipped]))
}

/** The names of Vary, or `undefined` where no other request can be told to be alike. */
export const varyOf = (headers: Lines): ReadonlyArray<string> | undefined => {
  const names = valuesOf(headers, "vary")
    .flatMap((value) => value.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "")
  // Cookies are added after the middlewares.
  return names.includes("*") || names.includes("cookie") ? undefined : [...new Set(names)].sort()
}

/** What the headers that Vary names are in this request. Credentials are compared by `whoOf`. */
export const selectionOf = (request: Prepared, vary: ReadonlyArray<string>): Stored["selection"] =>
  vary.filter((name) => name !== "authorization").map((name) => [name, hash(valueOf(request, name))] as const)

const selects = (stored: Stored, request: Prepared, who: string): boolean => {
  if (stored.who !== who) return false
  const vary = varyOf(stored.headers)
  if (vary === undefined) return false
  const selection = new Map(selectionOf(request, vary))
  // The Vary of a 304 may name more than was stored.
  return (
    selection.size === stored.selection.length &&
    stored.selection.every(([name, value]) => selection.get(name) === value)
  )
}

const sameSelection = (a: Stored, b: Stored): boolean =>
  a.who === b.who && JSON.stringify(a.selection) === JSON.stringify(b.selection)

/** A store that cannot be read or written is no reason for a request to fail. */
const tolerant = <A, E>(what: string, use: () => Effect.Effect<A, E>): Effect.Effect<Option.Option<A>> =>
  Effect.catchAllCause(Effect.asSome(Effect.suspend(use)), (cause) =>
    // A store's own errors may quote what was written.
    Effect.as(
      Effect.annotateLogs(Effect.logDebug(`The HTTP cache cannot ${what} its store`), { error: errorType(cause) }),
      Option.none()
    )
  )

/** The stored responses of URLs, up to a size of all. */
export class CacheStore {
  static {
    showAs(CacheStore, "Cache/Store")
  }

  private readonly store: KeyValueStore
  private readonly maxSize: number
  private index: CacheIndex | undefined = undefined
  private removals = 0
  /** When URLs were removed, the last ones. */
  private readonly removed = new Map<string, number>()
  /** Entries and the index are read and written back. */
  private readonly writing = Effect.unsafeMakeSemaphore(1)

  constructor(store: KeyValueStore, maxSize: number) {
    this.store = store
    this.maxSize = maxSize
  }

  private all(key: string): Effect.Effect<ReadonlyArray<Stored>> {
    return Effect.map(
      tolerant("read", () => this.store.get(key)),
      (text) =>
        Option.match(Option.flatMap(Option.flatten(text), decode), {
          onNone: () => [],
          onSome: (entry) => entry.responses
        })
    )
  }

  /** The newest that this request may get. */
  find(request: Prepared): Effect.Effect<Stored | undefined> {
    return Effect.suspend(() => {
      const who = whoOf(request)
      const key = keyOf(request.url)
      return Effect.map(this.all(key), (all) => {
        this.index?.touch(key)
        return all.find((stored) => selects(stored, request, who))
      })
    })
  }

  /** Now, for `put`: what is removed from here on stays so. */
  get moment(): number {
    return this.removals
  }

  /**
   * In place of what was there for the same requests, unless the URL was removed since it was asked for. What was used
   * longest ago goes where it is too much.
   */
  put(url: string, stored: Stored, since: number): Effect.Effect<void> {
    const key = keyOf(url)
    return this.alone((index) =>
      Effect.flatMap(this.all(key), (all) => {
        if ((this.removed.get(key) ?? 0) > since) return Effect.void
        const others = all.filter((other) => !sameSelection(other, stored))
        const text = encode({ version: 1, responses: [stored, ...others].slice(0, capacity) })
        const gone = index.add(key, text.length)
        const write = gone.includes(key) ? Effect.void : tolerant("write", () => this.store.set(key, text))
        return Effect.zipRight(
          write,
          Effect.forEach(gone, (old) => tolerant("write", () => this.store.remove(old)), { discard: true })
        )
      })
    )
  }

  remove(url: string): Effect.Effect<void> {
    const key = keyOf(url)
    return Effect.suspend(() => {
      this.removed.delete(key)
      this.removed.set(key, ++this.removals)
      const [oldest] = this.removed.size > remembered ? this.removed.keys() : []
      if (oldest !== undefined) this.removed.delete(oldest)
      return this.alone((index) => {
        index.remove(key)
        return Effect.asVoid(tolerant("write", () => this.store.remove(key)))
      })
    })
  }

  /** One change at a time, with the index as it is and written as it has become. */
  private alone(change: (index: CacheIndex) => Effect.Effect<void>): Effect.Effect<void> {
    const read = Effect.suspend(() =>
      this.index === undefined
        ? Effect.map(
            tolerant("read", () => this.store.get(indexKey)),
            (text) => new CacheIndex(Option.getOrUndefined(Option.flatten(text)), this.maxSize)
          )
        : Effect.succeed(this.index)
    )
    const changed = Effect.flatMap(read, (index) => {
      this.index = index
      return Effect.zipRight(
        change(index),
        Effect.suspend(() => tolerant("write", () => this.store.set(indexKey, index.toText())))
      )
    })
    // Without a wait where there need be none: what has been read is stored then.
    return Effect.flatMap(this.writing.withPermitsIfAvailable(1)(changed), (done) =>
      Option.isSome(done) ? Effect.void : Effect.asVoid(this.writing.withPermits(1)(changed))
    )
  }
}
