/**
 * SSL control for TCP sockets: custom authorities, client certificates, pins, and errors caught by tag.
 */
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, DateTime, Effect } from "effect"
import { ClientResponse, Errors, Session, Ssl } from "effect-http-session"
import { standard } from "./support/certificates.js"
import { httpbin } from "./support/httpbin.js"

const program = Effect.gen(function* () {
  const made = yield* standard()
  const good = yield* httpbin({ tls: made.good })
  const expired = yield* httpbin({ tls: made.expired })
  const wrongHost = yield* httpbin({ tls: made.wrongHost })
  const wantsCertificate = yield* httpbin({
    tls: { ...made.good, ca: made.ca, requestCert: true, rejectUnauthorized: true }
  })
  const get = (server: { readonly url: string }, ssl?: Ssl.Ssl) =>
    Session.get(`${server.url}/get`, { ssl }).pipe(
      ClientResponse.use((response) => Effect.succeed(`${response.status} over ${response.connection.tls?.protocol}`))
    )

  // By default, certificates are verified, and the authority of the example is unknown.
  yield* get(good).pipe(
    Effect.catchTag("ClientConnectorSSLError", (error) => Effect.succeed(error.reason)),
    Effect.flatMap((result) => Console.log("default:            ", result))
  )
  yield* Console.log("ssl: false:         ", yield* get(good, false))

  // A custom authority from a file.
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  yield* fs.writeFileString(`${directory}/ca-bundle.crt`, made.ca)
  const trusting = yield* Ssl.contextFromFiles({ caFile: `${directory}/ca-bundle.crt` })
  yield* Console.log("own authority:      ", yield* get(good, trusting))

  // With a client certificate, from values.
  const device = yield* Ssl.context({ ca: made.ca, cert: made.client.cert, key: made.client.key })
  yield* Console.log("client certificate: ", yield* get(wantsCertificate, device))

  yield* get(expired, trusting).pipe(
    Effect.catchTag("ClientConnectorSSLError", (error) =>
      Effect.succeed(
        `${error.reason} (${error.code}), valid to ${error.certificate && DateTime.formatIsoDateUtc(error.certificate.validTo)}`
      )
    ),
    Effect.flatMap((result) => Console.log("expired:            ", result))
  )

  yield* get(wrongHost, trusting).pipe(
    Effect.catchTag("ClientConnectorCertificateError", (error) =>
      Effect.succeed(`${error.reason}, the certificate names ${error.certificate.names.join(", ")}`)
    ),
    Effect.flatMap((result) => Console.log("wrong host:         ", result))
  )

  // Both errors, caught by their group.
  const either = (server: { readonly url: string }) =>
    get(server, trusting).pipe(
      Effect.catchIf(Errors.isClientSSLError, (error) => Effect.succeed(error._tag)),
      Effect.flatMap((result) => Console.log("by group:           ", result))
    )
  yield* either(expired)
  yield* either(wrongHost)

  // A pin accepts only this certificate. The client checks it before it writes any byte of the request.
  yield* Console.log("right pin:          ", yield* get(good, Ssl.fingerprint(made.good.sha256)))
  yield* get(good, Ssl.fingerprint("0".repeat(64))).pipe(
    Effect.catchTag("FingerprintMismatch", ({ expected, got }) =>
      Effect.succeed(`expected ${expected.slice(0, 8)}…, got ${got.slice(0, 8)}…`)
    ),
    Effect.flatMap((result) => Console.log("wrong pin:          ", result))
  )

  // Invalid settings fail when the context is made, not in a request.
  yield* Ssl.context({ ca: "no certificate" }).pipe(
    Effect.catchTag("SslContextError", (error) => Console.log("bad settings:       ", error.message))
  )
}).pipe(Effect.scoped, Effect.provide([Session.layer(), NodeContext.layer]))

NodeRuntime.runMain(program)
