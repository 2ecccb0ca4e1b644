/** Custom authorities, pins, and the three errors of certificates. */
import { DateTime, Effect } from "effect"
import { ClientResponse, Session, Ssl } from "effect-http-session"
import type { Server } from "../support/server.js"
import { fact, section } from "./print.js"
import { World } from "./world.js"

export const tls = Effect.gen(function* () {
  yield* section("TLS: own authority, pin, and what is refused")
  const { certificates, expired, secure, wrongHost } = yield* World
  const ssl = yield* Ssl.context({ ca: certificates.ca })
  const get = (server: Server, setting: Ssl.Ssl) =>
    Session.get(`${server.url}/get`, { ssl: setting }).pipe(
      ClientResponse.use(({ connection }) =>
        Effect.succeed(`${connection.tls?.protocol}, ${connection.tls?.cipher}, resumed: ${connection.tls?.resumed}`)
      )
    )

  yield* fact("own authority", yield* get(secure, ssl))
  yield* fact("the right pin", yield* get(secure, Ssl.fingerprint(certificates.good.sha256)))
  yield* get(secure, Ssl.fingerprint("0".repeat(64))).pipe(
    Effect.catchTag("FingerprintMismatch", ({ _tag, expected, got }) =>
      fact(_tag, `expected ${expected.slice(0, 12)}…, got ${got.slice(0, 12)}…`)
    )
  )
  yield* get(expired, ssl).pipe(
    Effect.catchTag("ClientConnectorSSLError", ({ _tag, certificate, reason }) =>
      fact(_tag, `${reason}, was valid to ${certificate && DateTime.formatIsoDateUtc(certificate.validTo)}`)
    )
  )
  yield* get(wrongHost, ssl).pipe(
    Effect.catchTag("ClientConnectorCertificateError", ({ _tag, certificate, reason }) =>
      fact(_tag, `${reason}, the certificate names ${certificate.names.join(", ")}`)
    )
  )
})
