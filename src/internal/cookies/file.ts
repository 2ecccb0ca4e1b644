/** Saves a cookie jar in a file that only its owner can read. */

import { randomUUID } from "node:crypto"
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { CookieJarError } from "../../Errors.js"
import { isNotFound } from "../effect/fileErrors.js"
import { toStored } from "../effect/stores.js"
import { maxLength } from "./document.js"
import type { JarStore } from "./persist.js"

/**
 * Atomically replaces the file at `path` by one with mode 0600, so that readers see either the old or the new content.
 */
export const write = (fs: FileSystem, path: string, text: string): Effect.Effect<void, PlatformError> => {
  const temporary = `${path}.${randomUUID()}.tmp`
  const fill = Effect.scoped(
    Effect.flatMap(fs.open(temporary, { flag: "wx", mode: 0o600 }), (file) =>
      Effect.zipRight(file.writeAll(new TextEncoder().encode(text)), file.sync)
    )
  )
  return Effect.zipRight(fill, fs.rename(temporary, path)).pipe(
    Effect.onExit((exit) => (exit._tag === "Success" ? Effect.void : Effect.ignore(fs.remove(temporary))))
  )
}

/** Reads a regular file, unless it is too large to be a saved jar. */
export const read = (fs: FileSystem, path: string): Effect.Effect<string, CookieJarError | PlatformError> =>
  Effect.gen(function* () {
    const info = yield* fs.stat(path)
    if (info.type !== "File") {
      return yield* new CookieJarError({ reason: "Malformed", description: "not a regular file" })
    }
    if (info.size > maxLength) {
      return yield* new CookieJarError({ reason: "TooLarge", description: `more than ${maxLength} bytes` })
    }
    return yield* fs.readFileString(path)
  })

/** Parses the text of a saved jar as JSON. */
export const parse = (text: string): Effect.Effect<unknown, CookieJarError> =>
  Effect.try({
    try: (): unknown => JSON.parse(text),
    // The original error would quote the text.
    catch: () => new CookieJarError({ reason: "Malformed", description: "not JSON" })
  })

/** A store of files. Its keys are their paths. */
export const store = (fs: FileSystem): JarStore<PlatformError> => ({
  get: (path) =>
    Effect.map(
      Effect.catchIf(read(fs, path), isNotFound, () => Effect.succeed(undefined)),
      toStored
    ),
  set: (path, text) => write(fs, path, text)
})
