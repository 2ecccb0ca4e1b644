import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Ssl } from "effect-http-session"
import { standard } from "../support/certificates.js"
import { directory, freePort, start, write } from "./peer.js"

/** How `openssl pkcs12 -export` protects a file. */
const protections: ReadonlyArray<ReadonlyArray<string>> = [
  [],
  ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
  ["-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC", "-macalg", "sha512"],
  ["-keypbe", "NONE", "-certpbe", "NONE"]
]

describe("openssl s_server", () => {
  for (const version of ["-tls1_2", "-tls1_3"]) {
    it.scopedLive(`accepts identities that openssl pkcs12 has exported, ${version}`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const path = yield* directory
        const port = yield* freePort
        const files = {
          ca: set.ca,
          cert: set.good.cert,
          key: set.good.key,
          own: set.client.cert,
          ownKey: set.client.key
        }
        for (const [name, text] of Object.entries(files)) yield* write(`${path}/${name}.pem`, text)
        const server = `s_server -www -accept ${port} ${version} -Verify 1 -verify_return_error -quiet`.split(" ")
        const trust = ["-cert", `${path}/cert.pem`, "-key", `${path}/key.pem`, "-CAfile", `${path}/ca.pem`]
        yield* start("openssl", [...server, ...trust], [port])
        for (const protection of protections) {
          const out = `${path}/identity.p12`
          const identity = ["-in", `${path}/own.pem`, "-inkey", `${path}/ownKey.pem`, "-passout", "pass:s3cr3t"]
          execFileSync("openssl", ["pkcs12", "-export", "-out", out, ...identity, ...protection])
          const ssl = yield* Ssl.context({ ca: set.ca, pfx: readFileSync(out), passphrase: "s3cr3t" })
          const session = yield* Session.make().pipe(
            Effect.provideServiceEffect(Connector.Connector, Connector.tcp({ ssl })),
            Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
          )
          const page = yield* session.get(`https://localhost:${port}/`).pipe(ClientResponse.text)
          assert.match(page, /CN ?= ?device/)
        }
      })
    )
  }
})
