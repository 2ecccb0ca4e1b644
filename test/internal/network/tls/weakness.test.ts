import { X509Certificate } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { tlsLibrary } from "../../../../src/internal/network/tls/tlsLibrary.js"
import { hasStrongKey, weakness } from "../../../../src/internal/network/tls/weakness.js"
import { type Issued, makeAuthority } from "../../../support/certificates.js"

/** A certificate with its issuers, in the form in which the runtime reports that of a peer. */
const chain = ({ cert }: Issued, ...issuers: ReadonlyArray<Issued>): X509Certificate => {
  const certificate = new X509Certificate(cert)
  const [issuer, ...rest] = issuers
  const value = issuer === undefined ? undefined : chain(issuer, ...rest)
  return Object.defineProperty(certificate, "issuerCertificate", { value })
}

describe("weakness", () => {
  it.live("accepts chains of elliptic curves and of RSA with 2048 bits and SHA-256", () =>
    Effect.gen(function* () {
      const authority = yield* makeAuthority()
      const intermediate = yield* authority.intermediate()
      const leaf = yield* intermediate.issue()
      assert.isUndefined(weakness(chain(leaf, intermediate.ca, authority.ca)))
      assert.isUndefined(weakness(chain(yield* authority.issue({ rsa: 2048 }), authority.ca)))
      assert.isUndefined(weakness(chain(yield* authority.issue())))
    })
  )

  it.live("refuses short RSA keys and SHA-1 signatures", () =>
    Effect.gen(function* () {
      const authority = yield* makeAuthority()
      const short = yield* authority.issue({ rsa: 1024 })
      assert.isFalse(hasStrongKey(new X509Certificate(short.cert)))
      assert.strictEqual(weakness(chain(short, authority.ca)), "EE_KEY_TOO_SMALL")
      assert.strictEqual(weakness(chain(yield* authority.issue(), short)), "CERT_SIGNATURE_FAILURE")
      assert.strictEqual(weakness(chain(yield* authority.issue({ hash: "SHA-1" }), authority.ca)), "CA_MD_TOO_WEAK")
    })
  )

  it.live("refuses a chain in which an issuer has the right name and another key", () =>
    Effect.gen(function* () {
      const leaf = yield* (yield* makeAuthority("Same Name")).issue()
      const other = yield* makeAuthority("Same Name")
      assert.strictEqual(weakness(chain(leaf, other.ca)), "CERT_SIGNATURE_FAILURE")
    })
  )
})

describe("tlsLibrary", () => {
  it("reports that OpenSSL has security levels and applies cipher lists to every version", () => {
    const { cipherLists, securityLevels, tls13CipherLists } = tlsLibrary()
    const openssl = process.versions.bun === undefined && process.versions.deno === undefined
    assert.deepStrictEqual(
      { cipherLists, securityLevels, tls13CipherLists },
      {
        cipherLists: process.versions.deno === undefined,
        securityLevels: openssl,
        tls13CipherLists: openssl
      }
    )
  })
})
