/**
 * One request to a server with the authorities that a process of this environment trusts; prints how it ended.
 */
import { writeSync } from "node:fs"
import { Effect } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import type { ClientError } from "../../../src/Errors.js"
import * as Session from "../../../src/Session.js"
import * as Ssl from "../../../src/Ssl.js"

const [url = "", other = ""] = process.argv.slice(2)

const tagAndReason = (error: ClientError): string => ("reason" in error ? `${error._tag} ${error.reason}` : error._tag)

const outcome = (ssl: Ssl.Ssl | undefined) =>
  Session.get(url, { ssl, timeout: "10 seconds" }).pipe(
    ClientResponse.text,
    Effect.match({ onFailure: tagAndReason, onSuccess: (text) => text })
  )

const program = Effect.gen(function* () {
  return {
    default: yield* outcome(undefined),
    context: yield* outcome(yield* Ssl.context()),
    beside: yield* outcome(yield* Ssl.context({ ca: other, bundledCa: true })),
    alone: yield* outcome(yield* Ssl.context({ ca: other })),
    noAuthority: yield* outcome(yield* Ssl.context({ bundledCa: false }))
  }
})

writeSync(1, JSON.stringify(await Effect.runPromise(Effect.provide(program, Session.layer()))))
