import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeSessionCache } from "../../../../src/internal/network/tls/sessionCache.js"
import * as Ssl from "../../../../src/Ssl.js"
import { type Issued, standard } from "../../../support/certificates.js"
import { failure, outcome, ping, shake, tlsServer } from "./support.js"

const serverWith = ({ cert, key }: Issued) => tlsServer({ cert, key })

describe("pins", () => {
  it.scopedLive("accept the pinned certificate even if verification would fail", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      for (const issued of [set.good, set.expired, set.selfSigned, set.wrongHost, set.untrusted, set.cnOnly]) {
        const server = yield* serverWith(issued)
        assert.strictEqual(yield* outcome(server.port, { ssl: Ssl.fingerprint(issued.sha256) }), "accepted")
      }
    })
  )

  it.scopedLive("with verify require the pinned certificate and its verification", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const context = yield* Ssl.context({ ca: set.ca })
      const strict = (issued: Issued) => Ssl.fingerprint(issued.sha256, { verify: true, context })
      assert.strictEqual(yield* outcome((yield* serverWith(set.good)).port, { ssl: strict(set.good) }), "accepted")
      assert.strictEqual(yield* outcome((yield* serverWith(set.expired)).port, { ssl: strict(set.expired) }), "Expired")
      const noCa = Ssl.fingerprint(set.good.sha256, { verify: true })
      assert.strictEqual(yield* outcome((yield* serverWith(set.good)).port, { ssl: noCa }), "UntrustedIssuer")
      const wrong = Ssl.fingerprint("0".repeat(64), { verify: true, context })
      assert.strictEqual(yield* outcome((yield* serverWith(set.good)).port, { ssl: wrong }), "FingerprintMismatch")
    })
  )

  it.scopedLive("that do not match close the socket before a byte of a request is sent", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const server = yield* serverWith(set.good)
      const ssl = Ssl.fingerprint("ab".repeat(32))
      const error = failure(yield* Effect.exit(shake(server.port, { ssl })))
      if (error._tag !== "FingerprintMismatch") return assert.fail(error._tag)
      assert.strictEqual(error.expected, "ab".repeat(32))
      assert.strictEqual(error.got, set.good.sha256)
      assert.deepStrictEqual([error.host, error.port], ["localhost", server.port])
      assert.strictEqual(error.certificate.sha256, set.good.sha256)
      yield* server.idle
      assert.strictEqual(server.received(), 0)
    })
  )

  it.scopedLive("of the connector always apply", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const server = yield* serverWith(set.good)
      const right = Ssl.fingerprint(set.good.sha256)
      const wrong = Ssl.fingerprint("0".repeat(64))
      const context = yield* Ssl.context({ ca: set.ca })
      const rows = [
        [undefined, right, "accepted"],
        [true, right, "accepted"],
        [false, right, "accepted"],
        [context, right, "accepted"],
        [right, right, "accepted"],
        [true, wrong, "FingerprintMismatch"],
        [false, wrong, "FingerprintMismatch"],
        [context, wrong, "FingerprintMismatch"],
        [right, wrong, "FingerprintMismatch"],
        [wrong, right, "FingerprintMismatch"],
        [wrong, context, "FingerprintMismatch"],
        [right, context, "accepted"],
        // The context of the request requires verification, which the pin of the connector alone would not.
        [yield* Ssl.context(), right, "UntrustedIssuer"]
      ] as const
      for (const [ssl, connectorSsl, expected] of rows) {
        assert.strictEqual(yield* outcome(server.port, { ssl, connectorSsl }), expected)
      }
    })
  )

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    it.scopedLive(`apply to every connection and resume none, ${maxVersion}`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const server = yield* tlsServer({ ...set.good, maxVersion })
        const sessions = makeSessionCache()
        const ssl = Ssl.fingerprint(set.good.sha256)
        for (const _ of [1, 2, 3]) {
          const secured = yield* shake(server.port, { ssl, sessions })
          yield* ping(secured)
          assert.isFalse(secured.info.resumed)
        }
        assert.strictEqual(sessions.size(), 0)
        server.server.setSecureContext({ cert: set.untrusted.cert, key: set.untrusted.key })
        assert.strictEqual(yield* outcome(server.port, { ssl, sessions }), "FingerprintMismatch")
      })
    )
  }
})
