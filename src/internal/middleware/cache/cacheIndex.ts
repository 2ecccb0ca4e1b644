/** The entries of a cache with their sizes, least recently used first. Decides which entries are evicted. */
import * as Schema from "effect/Schema"

const Index = Schema.parseJson(
  Schema.Struct({ version: Schema.Literal(1), entries: Schema.Array(Schema.Tuple(Schema.String, Schema.Number)) })
)

const decode = Schema.decodeUnknownOption(Index)
const encode = Schema.encodeSync(Index)

/** Most entries of a cache, in addition to the limit of their total size. */
const capacity = 4096

/** The key of the index in the store. */
export const indexKey = "effect-http-session/cache/index"

export class CacheIndex {
  private readonly entries: Map<string, number>
  private readonly maxSize: number
  private size = 0

  constructor(text: string | undefined, maxSize: number) {
    const stored = text === undefined ? undefined : decode(text)
    this.entries = new Map(stored?._tag === "Some" ? stored.value.entries : [])
    this.maxSize = maxSize
    for (const size of this.entries.values()) this.size += size
  }

  /** Marks an entry as used. */
  touch(key: string): void {
    const size = this.entries.get(key)
    if (size === undefined) return
    this.entries.delete(key)
    this.entries.set(key, size)
  }

  /** Adds an entry and returns the keys to evict for it. */
  add(key: string, size: number): ReadonlyArray<string> {
    this.remove(key)
    this.entries.set(key, size)
    this.size += size
    const evicted: Array<string> = []
    for (const oldest of this.entries.keys()) {
      if (this.size <= this.maxSize && this.entries.size <= capacity) break
      this.remove(oldest)
      evicted.push(oldest)
    }
    return evicted
  }

  remove(key: string): void {
    const size = this.entries.get(key)
    if (size === undefined) return
    this.entries.delete(key)
    this.size -= size
  }

  toText(): string {
    return encode({ version: 1, entries: [...this.entries] })
  }
}
