/**
 * Stores the cookies of a jar by domain. Evicts and expires them, and records removals for jars that are saved.
 * `jar.ts` decides which cookies may be set and sent.
 */
import type { SameSite } from "./parse.js"

/** A stored cookie. Names, values and paths are octets; times are in milliseconds since the epoch. */
export interface Stored {
  readonly name: string
  readonly value: string
  readonly domain: string
  readonly hostOnly: boolean
  readonly path: string
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite: SameSite | undefined
  readonly partitioned: boolean
  /** `Infinity` for a session cookie. */
  readonly expires: number
  readonly created: number
  /**
   * The time of the last change. Always later than earlier changes of the same cookie, even if the clock is set back.
   */
  readonly updated: number
}

/** The record of a removal. Merging with a store that still has the cookie does not restore it. */
export interface Removed {
  readonly name: string
  readonly domain: string
  readonly hostOnly: boolean
  readonly path: string
  readonly updated: number
}

/** A cookie with the fields needed to find and send it. */
export interface Entry extends Stored {
  readonly key: string
  /** The value as sent. */
  readonly sent: string
  /** A number in the order of insertion, for cookies with the same creation time. */
  readonly order: number
  /** The count of uses in the store when the cookie was last sent or set. */
  used: number
}

type Identity = Pick<Stored, "name" | "domain" | "hostOnly" | "path">

/** The identity of a cookie within a domain (RFC 6265bis section 5.7, step 23). No part can contain a line feed. */
const keyOf = (cookie: Identity): string => `${cookie.hostOnly ? "=" : "."}${cookie.name}\n${cookie.path}`

interface Bucket {
  readonly entries: Map<string, Entry>
  /** The entries in sending order, until the next change. */
  sorted: ReadonlyArray<Entry> | undefined
}

/** Orders longer paths first, then older cookies (RFC 6265bis section 5.8.3, step 2). */
export const sendingOrder = (a: Entry, b: Entry): number =>
  b.path.length - a.path.length || a.created - b.created || a.order - b.order

const creationOrder = (a: Entry, b: Entry): number => a.created - b.created || a.order - b.order

const isSameCookie = (a: Stored, b: Stored): boolean =>
  a.value === b.value &&
  a.secure === b.secure &&
  a.httpOnly === b.httpOnly &&
  a.sameSite === b.sameSite &&
  a.partitioned === b.partitioned &&
  a.expires === b.expires &&
  a.created === b.created

const none: ReadonlyArray<Entry> = []

/** Most recorded removals. The oldest are dropped. */
const maxRemoved = 3000

export interface StoreOptions {
  readonly maxCookies: number
  readonly maxCookiesPerDomain: number
  /** Converts a value to the text that is sent. */
  readonly toSent: (value: string) => string
}

export class Store {
  readonly #options: StoreOptions
  readonly #buckets = new Map<string, Bucket>()
  /** Secure cookies of all domains by name, for "leave secure cookies alone". */
  readonly #secure = new Map<string, Set<Entry>>()
  #removed: Map<string, Removed> | undefined
  #count = 0
  #clock = 0
  /** The value of `used` for the next restored cookie. Restored cookies count as used before all others. */
  #pastUse = Number.MIN_SAFE_INTEGER
  /** The earliest expiry of any cookie. */
  #earliest = Infinity
  /** The order of eviction, least recently used last. It may be stale; entries used since are skipped. */
  #oldest: Array<{ readonly entry: Entry; readonly used: number }> = []

  /** Changes with every modification of a cookie, but not when one is sent. */
  revision = 0
  onChange: (() => void) | undefined

  constructor(options: StoreOptions) {
    this.#options = options
  }

  /** The number of cookies, including expired ones that were not removed yet. */
  get count(): number {
    return this.#count
  }

  /** Starts to record removals for merging. */
  startJournal(): void {
    this.#removed ??= new Map()
  }

  /**
   * Whether removals are recorded. Other jars then share the cookies, and each change needs a later time stamp than
   * theirs.
   */
  get journaled(): boolean {
    return this.#removed !== undefined
  }

  removed(): ReadonlyArray<Removed> {
    return this.#removed === undefined ? [] : Array.from(this.#removed.values())
  }

  /** The cookies of a domain in sending order. */
  ofDomain(domain: string): ReadonlyArray<Entry> {
    const bucket = this.#buckets.get(domain)
    if (bucket === undefined) return none
    bucket.sorted ??= Array.from(bucket.entries.values()).sort(sendingOrder)
    return bucket.sorted
  }

  secureOfName(name: string): Iterable<Entry> {
    return this.#secure.get(name) ?? none
  }

  find(identity: Identity): Entry | undefined {
    return this.#buckets.get(identity.domain)?.entries.get(keyOf(identity))
  }

  removalOf(identity: Identity): Removed | undefined {
    return this.#removed?.get(`${identity.domain}\n${keyOf(identity)}`)
  }

  /** The time stamp of a change at `now`. `old` is the cookie before the change. */
  stamp(identity: Identity, now: number, old = this.find(identity)): number {
    const known = Math.max(old?.updated ?? -1, this.removalOf(identity)?.updated ?? -1)
    return Math.max(now, known + 1)
  }

  touch(entry: Entry): void {
    entry.used = ++this.#clock
  }

  /** All cookies, oldest first. */
  all(): ReadonlyArray<Entry> {
    const out: Array<Entry> = []
    for (const bucket of this.#buckets.values()) {
      for (const entry of bucket.entries.values()) out.push(entry)
    }
    return out.sort(creationOrder)
  }

  /**
   * Inserts or replaces a cookie, then evicts cookies beyond the limits. A `restored` cookie does not count as recently
   * used. `old` is the cookie before the change.
   */
  put(cookie: Stored, now: number, restored = false, old = this.find(cookie)): void {
    if (old !== undefined && isSameCookie(old, cookie) && this.#removed === undefined) {
      this.touch(old)
      return
    }
    const order = old !== undefined && old.created === cookie.created ? old.order : ++this.#clock
    if (old !== undefined) this.#unlink(old)
    const key = keyOf(cookie)
    if (restored) this.#oldest = []
    this.#earliest = Math.min(this.#earliest, cookie.expires)
    this.#link({
      ...cookie,
      key,
      sent: this.#options.toSent(cookie.value),
      order,
      used: restored ? ++this.#pastUse : ++this.#clock
    })
    this.#removed?.delete(`${cookie.domain}\n${key}`)
    this.#changed()
    this.#evict(cookie.domain, now)
  }

  /** Removes a cookie, and records the removal if removals are recorded. */
  remove(identity: Identity, updated: number): void {
    const { domain, hostOnly, name, path } = identity
    const old = this.find(identity)
    if (old !== undefined) this.#unlink(old)
    if (this.#removed !== undefined) {
      const key = `${domain}\n${keyOf(identity)}`
      this.#removed.delete(key)
      this.#removed.set(key, { name, domain, hostOnly, path, updated })
      for (const oldest of this.#removed.keys()) {
        if (this.#removed.size <= maxRemoved) break
        this.#removed.delete(oldest)
      }
    }
    if (old !== undefined || this.#removed !== undefined) this.#changed()
  }

  /** Removes expired cookies. Does not record them as removals, because other jars know their expiry, too. */
  expire(now: number): void {
    if (now < this.#earliest) return
    this.#earliest = Infinity
    for (const bucket of this.#buckets.values()) {
      this.#expireBucket(bucket, now)
      for (const entry of bucket.entries.values()) this.#earliest = Math.min(this.#earliest, entry.expires)
    }
  }

  #changed(): void {
    this.revision++
    this.onChange?.()
  }

  #link(entry: Entry): void {
    let bucket = this.#buckets.get(entry.domain)
    if (bucket === undefined) {
      bucket = { entries: new Map(), sorted: undefined }
      this.#buckets.set(entry.domain, bucket)
    }
    bucket.entries.set(entry.key, entry)
    bucket.sorted = undefined
    this.#count++
    if (!entry.secure) return
    const named = this.#secure.get(entry.name)
    if (named === undefined) this.#secure.set(entry.name, new Set([entry]))
    else named.add(entry)
  }

  #unlink(entry: Entry): void {
    const bucket = this.#buckets.get(entry.domain)
    if (bucket?.entries.delete(entry.key) !== true) return
    this.#count--
    bucket.sorted = undefined
    if (bucket.entries.size === 0) this.#buckets.delete(entry.domain)
    const named = entry.secure ? this.#secure.get(entry.name) : undefined
    if (named?.delete(entry) && named.size === 0) this.#secure.delete(entry.name)
  }

  #expireBucket(bucket: Bucket, now: number): void {
    for (const entry of bucket.entries.values()) {
      if (entry.expires <= now) this.#unlink(entry)
    }
  }

  /**
   * Evicts expired cookies first, then insecure cookies of the domain, then the least recently used (RFC 6265bis
   * section 5.7).
   */
  #evict(domain: string, now: number): void {
    const { maxCookies, maxCookiesPerDomain } = this.#options
    const bucket = this.#buckets.get(domain)
    if (bucket !== undefined && bucket.entries.size > maxCookiesPerDomain) {
      this.#expireBucket(bucket, now)
      while (bucket.entries.size > maxCookiesPerDomain) {
        const victim = leastRecent(bucket, true) ?? leastRecent(bucket, false)
        if (victim === undefined) break
        this.#unlink(victim)
      }
    }
    if (this.#count > maxCookies) this.expire(now)
    while (this.#count > maxCookies) this.#unlink(this.#leastRecentOfAll())
  }

  #leastRecentOfAll(): Entry {
    while (true) {
      const oldest = this.#oldest.pop()
      if (oldest === undefined) this.#oldest = this.#snapshot()
      else if (oldest.entry.used === oldest.used && this.find(oldest.entry) === oldest.entry) return oldest.entry
    }
  }

  #snapshot(): Array<{ readonly entry: Entry; readonly used: number }> {
    const out: Array<{ readonly entry: Entry; readonly used: number }> = []
    for (const bucket of this.#buckets.values()) {
      for (const entry of bucket.entries.values()) out.push({ entry, used: entry.used })
    }
    return out.sort((a, b) => b.used - a.used)
  }
}

const leastRecent = (bucket: Bucket, insecureOnly: boolean): Entry | undefined => {
  let least: Entry | undefined
  for (const entry of bucket.entries.values()) {
    if ((least === undefined || entry.used < least.used) && !(insecureOnly && entry.secure)) least = entry
  }
  return least
}
