/**
 * Uses the features that a runtime may lack. Prints the outcomes as JSON: "yes", "no effect", or the tag of an error.
 */

import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Ssl } from "effect-http-session"
import { hasZstd } from "../../src/internal/http/contentCoding.js"
import { pfx } from "../../test/support/pfx.js"
import type { Sites } from "./tlsSites.js"

const { ca, crl, sites }: Sites = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"))

const secureUrl = `https://localhost:${sites[0]?.port}/`

const accepted = (options: Ssl.ContextOptions) =>
  Ssl.context(options).pipe(Effect.match({ onFailure: ({ _tag }) => _tag, onSuccess: () => "yes" }))

const effective = (works: boolean): string => (works ? "yes" : "no effect")

/** The info of the second of two TLS connections. */
const secondConnection = (options: Ssl.ContextOptions) =>
  Effect.gen(function* () {
    const ssl = yield* Ssl.context({ ca, ...options })
    const once = Effect.scoped(
      Effect.flatMap(Session.post(secureUrl), (response) => Effect.as(response.text, response.connection.tls))
    )
    const layer = Session.layer({ connector: { forceClose: true, ssl } })
    return yield* Effect.provide(Effect.zipRight(once, once), layer)
  })

const resumption = (version: Ssl.TlsVersion) =>
  Effect.map(secondConnection({ minVersion: version, maxVersion: version }), (tls) => effective(tls?.resumed === true))

const keyLog = Effect.gen(function* () {
  let lines = 0
  yield* secondConnection({ onKeyLog: () => Effect.sync(() => lines++) })
  return effective(lines > 0)
})

const unixSocket = Effect.gen(function* () {
  const path = join(tmpdir(), `support-${process.pid}.sock`)
  const server = createServer((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(path, () => resume(Effect.void))),
    () => Effect.sync(() => server.close())
  )
  const layer = Session.layerWithoutDependencies().pipe(
    Layer.provide([Connector.layerUnix({ path }), CookieJar.layer()])
  )
  return yield* Session.get("http://localhost/").pipe(ClientResponse.text, Effect.as("yes"), Effect.provide(layer))
}).pipe(Effect.scoped)

const rows: ReadonlyArray<readonly [feature: string, outcome: Effect.Effect<string, unknown>]> = [
  ["`ciphers` up to TLS 1.2", accepted({ ciphers: "ECDHE-RSA-AES128-GCM-SHA256", maxVersion: "TLSv1.2" })],
  ["`ciphers` of TLS 1.3", accepted({ ciphers: "TLS_AES_128_GCM_SHA256" })],
  ["`crl`", accepted({ ca, crl })],
  ["`allowRenegotiation`", accepted({ allowRenegotiation: true })],
  ["`pfx`, AES", accepted({ pfx: pfx("aes"), passphrase: Redacted.make("s3cr3t") })],
  ["`pfx`, triple DES", accepted({ pfx: pfx("des"), passphrase: Redacted.make("s3cr3t") })],
  ["`onKeyLog`", keyLog],
  ["resumption of TLS 1.2 sessions", resumption("TLSv1.2")],
  ["resumption of TLS 1.3 sessions", resumption("TLSv1.3")],
  ["Unix sockets", unixSocket],
  ["zstd", Effect.succeed(hasZstd ? "yes" : "not requested")]
]

const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)

const program = Effect.forEach(rows, ([feature, outcome]) =>
  outcome.pipe(
    Effect.catchAll((error) => Effect.succeed(tagOf(error))),
    Effect.map((text) => [feature, text])
  )
)

Effect.runPromise(program).then(
  (outcomes) => console.log(JSON.stringify(outcomes)),
  (error: unknown) => {
    console.error(error)
    process.exitCode = 1
  }
)
