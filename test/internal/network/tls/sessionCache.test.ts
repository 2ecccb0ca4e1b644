import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { makeSessionCache } from "../../../../src/internal/network/tls/sessionCache.js"
import { tlsLibrary } from "../../../../src/internal/network/tls/tlsLibrary.js"
import * as Ssl from "../../../../src/Ssl.js"
import { standard } from "../../../support/certificates.js"
import { outcome, ping, type Shake, shake, tlsServer } from "./support.js"

const session = (name: string, extra: { once?: boolean; validTo?: number } = {}) => ({
  session: Buffer.from(name),
  once: extra.once ?? false,
  certificate:
    extra.validTo === undefined
      ? undefined
      : {
          subject: "",
          issuer: "",
          names: [],
          validFrom: DateTime.unsafeMake(0),
          validTo: DateTime.unsafeMake(extra.validTo),
          sha256: ""
        }
})

describe("the TLS session cache", () => {
  it("is bounded, and evicts the least recently used key", () => {
    const cache = makeSessionCache(3)
    for (const key of ["a", "b", "c"]) cache.put(key, session(key))
    cache.take("a", 0)
    cache.put("d", session("d"))
    assert.strictEqual(cache.size(), 3)
    assert.strictEqual(cache.take("b", 0), undefined)
    assert.strictEqual(cache.take("a", 0)?.session.toString(), "a")
    for (let index = 0; index < 10_000; index++) cache.put(`k${index % 50}`, session("x"))
    assert.strictEqual(cache.size(), 3)
  })

  it("keeps a few sessions of a key, uses the newest, and reuses a ticket only if it is the last", () => {
    const cache = makeSessionCache()
    for (let index = 0; index < 10_000; index++) cache.put("a", session(String(index), { once: true }))
    const taken: Array<string | undefined> = []
    for (let index = 0; index < 6; index++) taken.push(cache.take("a", 0)?.session.toString())
    assert.deepStrictEqual(taken, ["9999", "9998", "9997", "9996", "9996", "9996"])
    cache.remove("a")
    assert.strictEqual(cache.take("a", 0), undefined)
    cache.put("b", session("b"))
    assert.strictEqual(cache.take("b", 0)?.session.toString(), "b")
    assert.strictEqual(cache.take("b", 0)?.session.toString(), "b")
  })

  it("does not store a huge session, and does not return one with an expired certificate", () => {
    const cache = makeSessionCache()
    cache.put("a", session("x".repeat(100_000)))
    assert.strictEqual(cache.take("a", 0), undefined)
    cache.put("b", session("b", { validTo: 1000 }))
    assert.strictEqual(cache.take("b", 999)?.session.toString(), "b")
    assert.strictEqual(cache.take("b", 1000), undefined)
    assert.strictEqual(cache.size(), 0)
  })
})

describe("TLS resumption", () => {
  const resumed = (port: number, options: Shake) =>
    Effect.scoped(
      Effect.gen(function* () {
        const secured = yield* shake(port, options)
        yield* ping(secured)
        return secured.info
      })
    )

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    it.scopedLive(`is enabled, and reports the certificate, ${maxVersion}`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const server = yield* tlsServer({ ...set.good, maxVersion })
        const sessions = makeSessionCache()
        const ssl = yield* Ssl.context({ ca: set.ca })
        assert.isFalse((yield* resumed(server.port, { ssl, sessions })).resumed)
        for (const _ of [1, 2, 3]) {
          const info = yield* resumed(server.port, { ssl, sessions })
          assert.isTrue(info.resumed)
          assert.strictEqual(info.certificate?.sha256, set.good.sha256)
        }
        // Equal settings of different objects count as the same.
        const same = yield* Ssl.context({ ca: set.ca })
        assert.isTrue((yield* resumed(server.port, { ssl: same, sessions })).resumed)
      })
    )

    it.scopedLive(`never crosses settings, names, peers or routes, ${maxVersion}`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const server = yield* tlsServer({
          ...set.good,
          maxVersion,
          ca: set.ca,
          requestCert: true,
          rejectUnauthorized: false
        })
        const sessions = makeSessionCache()
        const { ca } = set
        const identity = { cert: set.client.cert, key: set.client.key }
        const ssl = yield* Ssl.context({ ca })
        const { cipherLists, securityLevels } = tlsLibrary()
        const others: ReadonlyArray<Shake> = [
          { ssl: false },
          { ssl: yield* Ssl.context({ ca: [ca, set.untrustedAuthority.ca.cert] }) },
          { ssl: yield* Ssl.context({ ca, ...identity }) },
          { ssl: yield* Ssl.context({ ca, verify: false }) },
          ...(cipherLists ? [{ ssl: yield* Ssl.context({ ca, ciphers: "HIGH" }) }] : []),
          { ssl: yield* Ssl.context({ ca, alpn: [] }) },
          ...(securityLevels ? [{ ssl: yield* Ssl.context({ ca, allowRenegotiation: true }) }] : []),
          { ssl: yield* Ssl.context({ ca, legacyServerConnect: true }) },
          { ssl, host: "127.0.0.1" },
          { ssl, host: "127.0.0.1", serverHostname: "localhost" },
          { ssl, via: "http://proxy" },
          ...(cipherLists ? [{ ssl: yield* Ssl.context({ ca, crl: yield* set.authority.crl([]) }) }] : [])
        ]
        yield* resumed(server.port, { ssl, sessions })
        for (const other of others) {
          assert.isFalse((yield* resumed(server.port, { ...other, sessions })).resumed)
          assert.isTrue((yield* resumed(server.port, { ...other, sessions })).resumed)
        }
        assert.isTrue((yield* resumed(server.port, { ssl, sessions })).resumed)
      })
    )

    it.scopedLive(`does not apply to sessions that were not verified, ${maxVersion}`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const server = yield* tlsServer({ ...set.wrongHost, maxVersion })
        const sessions = makeSessionCache()
        const ssl = yield* Ssl.context({ ca: set.ca })
        yield* resumed(server.port, { ssl: false, sessions })
        assert.strictEqual(yield* outcome(server.port, { ssl, sessions }), "HostnameMismatch")
        assert.strictEqual(yield* outcome(server.port, { ssl, sessions }), "HostnameMismatch")
        yield* resumed(server.port, { ssl, sessions, serverHostname: "wrong.example" })
        assert.strictEqual(yield* outcome(server.port, { ssl, sessions }), "HostnameMismatch")
        yield* server.idle
      })
    )
  }

  it.scopedLive("falls back to a full handshake if the server does not know the session", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const server = yield* tlsServer(set.good)
      const sessions = makeSessionCache()
      const ssl = yield* Ssl.context({ ca: set.ca })
      yield* resumed(server.port, { ssl, sessions })
      server.server.setTicketKeys(Buffer.alloc(48, 7))
      assert.isFalse((yield* resumed(server.port, { ssl, sessions })).resumed)
      // The client verifies the certificate that the server presents now.
      server.server.setTicketKeys(Buffer.alloc(48, 8))
      server.server.setSecureContext({ cert: set.untrusted.cert, key: set.untrusted.key })
      assert.strictEqual(yield* outcome(server.port, { ssl, sessions }), "UntrustedIssuer")
    })
  )
})
