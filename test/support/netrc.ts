/**
 * Sessions that read a netrc file.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ConfigProvider, Effect } from "effect"
import type * as Session from "effect-http-session/Session"
import { sessionWith } from "./sites.js"

/** A session that trusts its environment, in which NETRC names a file with this content. */
export const sessionWithNetrc = (content: string, options: Session.SessionOptions = {}) =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "netrc-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true }))
    )
    const path = join(directory, "netrc")
    yield* Effect.promise(() => writeFile(path, content, { mode: 0o600 }))
    return yield* sessionWith({ trustEnv: true, ...options }).pipe(
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["NETRC", path]])))
    )
  })

/** The value of Authorization for a user. */
export const basicValue = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`
