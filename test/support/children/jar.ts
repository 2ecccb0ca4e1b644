/**
 * A program that sets cookies one after the other, in a jar with a shared file: it reports when all are set, and ends
 * with its input.
 */
import { writeSync } from "node:fs"
import * as NodeKeyValueStore from "@effect/platform-node/NodeKeyValueStore"
import { Effect, Layer } from "effect"
import * as CookieJar from "../../../src/CookieJar.js"

const [, , folder = "", name = "", count = "0"] = process.argv

const program = Effect.gen(function* () {
  const jar = yield* CookieJar.CookieJar
  for (let index = 0; index < Number(count); index++) {
    // All cookies of all processes fit into one domain.
    yield* jar.setCookies([`${name}${index}=1; Max-Age=1000`], `https://${name}.example.com/`)
    yield* Effect.sleep("40 millis")
  }
  writeSync(1, "set\n")
  yield* Effect.async<void>((resume) => {
    process.stdin.on("end", () => resume(Effect.void)).resume()
  })
})

await Effect.runPromise(
  Effect.provide(program, Layer.provide(CookieJar.layerPersisted(), NodeKeyValueStore.layerFileSystem(folder)))
)
