/**
 * A key-value store in memory that keeps everything written to it.
 */
import { KeyValueStore } from "@effect/platform"
import { Effect, Layer, Option } from "effect"

/** The store as a layer, its entries, and all keys and values that were ever written. */
export const recordingStore = () => {
  const written: Array<string> = []
  const map = new Map<string, string>()
  const store = KeyValueStore.makeStringOnly({
    get: (key) => Effect.sync(() => Option.fromNullable(map.get(key))),
    set: (key, value) =>
      Effect.sync(() => {
        written.push(key, value)
        map.set(key, value)
      }),
    remove: (key) => Effect.sync(() => void map.delete(key)),
    clear: Effect.sync(() => map.clear()),
    size: Effect.sync(() => map.size)
  })
  return { written, map, layer: Layer.succeed(KeyValueStore.KeyValueStore, store) }
}
