/**
 * Sends a request to each server in a file. Prints the outcomes as JSON: the reason and the code of the error by name.
 */
import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { ClientResponse, Session, Ssl } from "effect-http-session"
import type { Site, Sites } from "./tlsSites.js"

const { ca, crl, sites }: Sites = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"))

const told = (error: { readonly _tag: string }): string => {
  const reason = "reason" in error ? ` ${String(error.reason)}` : ""
  const code = "code" in error ? `, ${String(error.code)}` : ""
  return `${error._tag}${reason}${code}`
}

const ask = (session: Session.SessionService, { crl: revocation, port }: Site) =>
  Effect.flatMap(Ssl.context({ ca, crl: revocation === true ? crl : undefined }), (ssl) =>
    session.post(`https://localhost:${port}/`, { ssl, timeout: "10 seconds" }).pipe(ClientResponse.text)
  ).pipe(
    // rustls may report an alert only after the end of the connection: the most exact of several results counts.
    Effect.retry({ times: 20, while: (error) => error._tag === "ServerDisconnectedError" }),
    Effect.match({ onFailure: told, onSuccess: () => "accepted" })
  )

const program = Effect.gen(function* () {
  const session = yield* Session.Session
  const rows = yield* Effect.forEach(sites, (site) => Effect.map(ask(session, site), (text) => [site.name, text]))
  yield* Effect.sync(() => console.log(JSON.stringify(rows)))
})

Effect.runPromise(Effect.provide(program, Session.layer())).catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
