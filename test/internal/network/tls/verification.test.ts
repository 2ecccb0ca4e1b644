import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import * as Ssl from "../../../../src/Ssl.js"
import { type Issued, type Standard, selfSigned, standard } from "../../../support/certificates.js"
import { allowWeak } from "../../../support/runtime.js"
import { failure, optionsOf, outcome, ping, shake, tlsServer } from "./support.js"

const serverWith = ({ cert, key }: Issued) => tlsServer({ cert, key, ...allowWeak })

type Row = readonly [
  name: string,
  issued: (set: Standard) => Effect.Effect<Issued>,
  host: string,
  expected: string,
  serverHostname?: string
]

const names =
  (...list: ReadonlyArray<string>) =>
  (set: Standard) =>
    set.authority.issue({ names: list })

const constrained =
  (constraints: { readonly permitted?: ReadonlyArray<string>; readonly excluded?: ReadonlyArray<string> }) =>
  (...list: ReadonlyArray<string>) =>
  (set: Standard) =>
    Effect.flatMap(set.authority.intermediate(constraints), (authority) => authority.issue({ names: list }))

const within = constrained({ permitted: ["in.test"] })
const without = constrained({ excluded: ["out.test"] })

const rows: ReadonlyArray<Row> = [
  ["a certificate for the name", (set) => Effect.succeed(set.good), "localhost", "accepted"],
  ["the name in another case", (set) => Effect.succeed(set.good), "LOCALHOST", "accepted"],
  ["the name with a dot at its end", (set) => Effect.succeed(set.good), "localhost.", "accepted"],
  ["an IPv4 address in the SAN", (set) => Effect.succeed(set.good), "127.0.0.1", "accepted"],
  ["an IPv6 address in the SAN", (set) => Effect.succeed(set.good), "::1", "accepted"],
  ["an expired certificate", (set) => Effect.succeed(set.expired), "localhost", "Expired"],
  ["one that is not yet valid", (set) => Effect.succeed(set.notYetValid), "localhost", "NotYetValid"],
  ["one for another host", (set) => Effect.succeed(set.wrongHost), "localhost", "HostnameMismatch"],
  ["one that signs itself", (set) => Effect.succeed(set.selfSigned), "localhost", "SelfSigned"],
  ["one of an unknown authority", (set) => Effect.succeed(set.untrusted), "localhost", "UntrustedIssuer"],
  ["one with a CN and no SAN", (set) => Effect.succeed(set.cnOnly), "localhost", "HostnameMismatch"],
  ["one for clients only", (set) => set.authority.issue({ client: true }), "localhost", "UntrustedIssuer"],
  [
    "a complete chain",
    (set) => Effect.flatMap(set.authority.intermediate(), (a) => a.issue()),
    "localhost",
    "accepted"
  ],
  [
    "a chain without its intermediate",
    (set) =>
      Effect.flatMap(set.authority.intermediate(), (authority) =>
        Effect.map(authority.issue(), (issued) => ({
          ...issued,
          cert: issued.cert.slice(0, issued.cert.indexOf("-----BEGIN", 10))
        }))
      ),
    "localhost",
    "UntrustedIssuer"
  ],
  ["an RSA key of 2048 bits", (set) => set.authority.issue({ rsa: 2048 }), "localhost", "accepted"],
  ["an RSA key of 1024 bits", (set) => set.authority.issue({ rsa: 1024 }), "localhost", "UntrustedIssuer"],
  ["a SHA-1 signature", (set) => set.authority.issue({ hash: "SHA-1" }), "localhost", "UntrustedIssuer"],
  [
    "an address only as a DNS name",
    (set) => set.authority.issue({ names: [], extraNames: [{ type: "dns", value: "127.0.0.1" }] }),
    "127.0.0.1",
    "HostnameMismatch"
  ],
  ["an address not in the SAN", names("127.0.0.2"), "127.0.0.1", "HostnameMismatch"],
  ["a name where an address is asked for", names("localhost"), "127.0.0.1", "HostnameMismatch"],
  [
    "only a URI",
    (set) => set.authority.issue({ names: [], extraNames: [{ type: "url", value: "https://localhost/" }] }),
    "localhost",
    "HostnameMismatch"
  ],
  [
    "a comma in a SAN",
    (set) => set.authority.issue({ names: [], extraNames: [{ type: "dns", value: "x, DNS:localhost" }] }),
    "localhost",
    "HostnameMismatch"
  ],
  [
    "a NUL in a SAN",
    (set) => set.authority.issue({ names: [], extraNames: [{ type: "dns", value: "localhost\0.evil.example" }] }),
    "localhost",
    "HostnameMismatch"
  ],
  [
    "a quote in a SAN",
    (set) => set.authority.issue({ names: [], extraNames: [{ type: "dns", value: 'x", DNS:"localhost' }] }),
    "localhost",
    "HostnameMismatch"
  ],
  ["a wildcard, one label", names("*.x.t"), "a.x.t", "accepted"],
  ["a wildcard, two labels", names("*.x.t"), "a.b.x.t", "HostnameMismatch"],
  ["a wildcard, no label", names("*.x.t"), "x.t", "HostnameMismatch"],
  ["a wildcard and an empty label", names("*.x.t"), ".x.t", "HostnameMismatch"],
  ["a wildcard for a top-level domain", names("*.t"), "a.t", "HostnameMismatch"],
  ["a wildcard for a registry's suffix", names("*.co.uk"), "a.co.uk", "HostnameMismatch"],
  ["a wildcard below a registry's suffix", names("*.a.co.uk"), "www.a.co.uk", "accepted"],
  ["a wildcard for a private suffix", names("*.github.io"), "a.github.io", "accepted"],
  ["a wildcard inside the name", names("a.*.x.t"), "a.b.x.t", "HostnameMismatch"],
  ["a partial wildcard in front", names("a*.x.t"), "ab.x.t", "HostnameMismatch"],
  ["a partial wildcard behind", names("*b.x.t"), "ab.x.t", "HostnameMismatch"],
  ["a partial wildcard and an A-label", names("x*.x.t"), "xn--nxasmq6b.x.t", "HostnameMismatch"],
  ["a wildcard alone", names("*"), "localhost", "HostnameMismatch"],
  ["a wildcard and an A-label", names("*.x.t"), "xn--nxasmq6b.x.t", "accepted"],
  ["a partial wildcard inside an A-label", names("xn--n*.x.t"), "xn--nxasmq6b.x.t", "HostnameMismatch"],
  ["the A-label of an international name", names("xn--bcher-kva.t"), "xn--bcher-kva.t", "accepted"],
  ["another A-label", names("xn--bcher-kva.t"), "xn--bcher-kwa.t", "HostnameMismatch"],
  ["an A-label in place of the URL's host", names("xn--bcher-kva.t"), "127.0.0.1", "accepted", "xn--bcher-kva.t"],
  [
    "a U-label in the SAN",
    (set) => set.authority.issue({ names: [], extraNames: [{ type: "dns", value: "b\u00fccher.t" }] }),
    "xn--bcher-kva.t",
    "HostnameMismatch"
  ],
  ["an authority for names within, and one of them", within("a.in.test"), "a.in.test", "accepted"],
  ["an authority for names within, and another", within("a.out.test"), "a.out.test", "UntrustedIssuer"],
  ["an authority for names within, and one of each", within("a.in.test", "b.test"), "a.in.test", "UntrustedIssuer"],
  ["an authority for names without, and one of them", without("a.in.test"), "a.in.test", "accepted"],
  ["an authority for names without, and another", without("a.out.test"), "a.out.test", "UntrustedIssuer"],
  ["another name to verify", names("db.internal"), "127.0.0.1", "accepted", "db.internal"],
  ["the URL's name if another must be verified", names("localhost"), "localhost", "HostnameMismatch", "db.internal"],
  ["an address to verify", (set) => Effect.succeed(set.good), "elsewhere", "accepted", "127.0.0.1"]
]

describe("verification", () => {
  for (const [name, issued, host, expected, serverHostname] of rows) {
    it.scopedLive(`of ${name} gives ${expected}`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const server = yield* Effect.flatMap(issued(set), serverWith)
        const ssl = yield* Ssl.context({ ca: set.ca })
        assert.strictEqual(yield* outcome(server.port, { ssl, host, serverHostname }), expected)
        yield* server.idle
        assert.strictEqual(server.received(), 0)
      })
    )
  }

  it.scopedLive("sends a host name and no IP address", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const server = yield* serverWith(set.good)
      const ssl = yield* Ssl.context({ ca: set.ca })
      for (const [host, serverHostname] of [
        ["localhost"],
        ["127.0.0.1"],
        ["::1"],
        ["localhost."],
        ["::1", "localhost"]
      ]) {
        yield* Effect.flatMap(shake(server.port, { ssl, host, serverHostname }), ping)
      }
      assert.deepStrictEqual(server.servernames, ["localhost", false, false, "localhost", "localhost"])
    })
  )

  it.scopedLive("reports the certificate that it refuses", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const expired = yield* serverWith(set.expired)
      const wrong = yield* serverWith(set.wrongHost)
      const cnOnly = yield* serverWith(set.cnOnly)
      const ssl = yield* Ssl.context({ ca: set.ca })

      const first = failure(yield* Effect.exit(shake(expired.port, { ssl })))
      if (first._tag !== "ClientConnectorSSLError") return assert.fail(first._tag)
      assert.strictEqual(first.code, "CERT_HAS_EXPIRED")
      assert.deepStrictEqual([first.host, first.port], ["localhost", expired.port])
      assert.deepStrictEqual([first.method, first.url, first.attempt], ["GET", "https://localhost/", 1])
      const shown = first.certificate
      if (shown === undefined) return assert.fail("no certificate")
      assert.strictEqual(shown.subject, "CN=localhost")
      assert.strictEqual(shown.issuer, "CN=Test Authority")
      assert.strictEqual(shown.sha256, set.expired.sha256)
      assert.deepStrictEqual(shown.names, ["localhost", "127.0.0.1", "::1"])
      const age = Date.now() - DateTime.toEpochMillis(shown.validTo)
      assert.isTrue(age > 47 * 3_600_000 && age < 49 * 3_600_000)
      assert.isTrue(DateTime.lessThan(shown.validFrom, shown.validTo))

      const second = failure(yield* Effect.exit(shake(wrong.port, { ssl })))
      if (second._tag !== "ClientConnectorCertificateError") return assert.fail(second._tag)
      assert.strictEqual(second.code, "ERR_TLS_CERT_ALTNAME_INVALID")
      assert.deepStrictEqual(second.certificate.names, ["wrong.example"])

      const third = failure(yield* Effect.exit(shake(cnOnly.port, { ssl })))
      if (third._tag !== "ClientConnectorCertificateError") return assert.fail(third._tag)
      assert.deepStrictEqual(third.certificate.names, [])
      assert.strictEqual(third.certificate.subject, "CN=localhost")
    })
  )

  it.scopedLive("refuses a revoked certificate and accepts another", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const revoked = yield* set.authority.issue()
      const ssl = yield* Ssl.context({ ca: set.ca, crl: yield* set.authority.crl([revoked]) })
      assert.strictEqual(yield* outcome((yield* serverWith(revoked)).port, { ssl }), "Revoked")
      assert.strictEqual(yield* outcome((yield* serverWith(set.good)).port, { ssl }), "accepted")
    })
  )

  it.scopedLive("does not trust the authority of the tests by default", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const server = yield* serverWith(set.good)
      assert.strictEqual(yield* outcome(server.port), "UntrustedIssuer")
      assert.strictEqual(
        yield* outcome(server.port, { ssl: yield* Ssl.context({ bundledCa: false }) }),
        "UntrustedIssuer"
      )
      const both = yield* Ssl.context({ ca: set.ca, bundledCa: true })
      assert.strictEqual(yield* outcome(server.port, { ssl: both }), "accepted")
    })
  )

  it.scopedLive("ignores NODE_TLS_REJECT_UNAUTHORIZED", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const server = yield* serverWith(set.selfSigned)
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
          process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"
          return before
        }),
        (before) =>
          Effect.sync(() => {
            if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
            else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
          })
      )
      assert.strictEqual(yield* outcome(server.port), "SelfSigned")
      assert.strictEqual(yield* outcome(server.port, { ssl: yield* Ssl.context({ verify: undefined }) }), "SelfSigned")
    })
  )

  it.scopedLive("is disabled only by false", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const server = yield* serverWith(set.selfSigned)
      assert.strictEqual(yield* outcome(server.port, { ssl: false }), "accepted")
      assert.strictEqual(yield* outcome(server.port, { connectorSsl: false }), "accepted")
      assert.strictEqual(yield* outcome(server.port, { ssl: yield* Ssl.context({ verify: false }) }), "accepted")
      for (const falsy of [undefined, null, 0, "", Number.NaN, 42, "x", {}] as unknown as ReadonlyArray<never>) {
        assert.strictEqual(yield* outcome(server.port, { ssl: falsy, connectorSsl: falsy }), "SelfSigned")
      }
      const second = yield* selfSigned()
      assert.strictEqual(yield* outcome((yield* serverWith(second)).port, { ssl: true }), "SelfSigned")
    })
  )

  it("is set explicitly for every handshake", () => {
    assert.strictEqual(optionsOf(1).settings.verify, true)
    assert.strictEqual(optionsOf(1, { ssl: false }).settings.verify, false)
  })
})
