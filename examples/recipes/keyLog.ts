import { appendFile } from "node:fs/promises"
import { Effect } from "effect"
import { Ssl } from "effect-http-session"

/** TLS settings that append the secrets of each connection to a file that only its owner can read. */
export const loggingKeys = (path: string, options: Ssl.ContextOptions = {}) =>
  Ssl.context({
    ...options,
    onKeyLog: (line) => Effect.promise(() => appendFile(path, `${line}\n`, { mode: 0o600 }))
  })
