import { X509Certificate } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import * as fc from "fast-check"
import { fromX509, namesHost } from "../../../../src/internal/network/tls/certificate.js"
import { standard } from "../../../support/certificates.js"
import { cpuTime } from "../../../support/time.js"

/** A certificate of which only the SAN matters, as Node would print it. */
const withSan = (text: string | undefined, real: X509Certificate): X509Certificate =>
  new Proxy(real, {
    get: (target, field) => {
      if (field === "subjectAltName") return text
      return Reflect.get(target, field, target)
    }
  })

describe("a peer's certificate", () => {
  it.live("with 10 000 names is read quickly and keeps 1000 of them", () =>
    Effect.gen(function* () {
      const { authority } = yield* standard()
      const names = Array.from({ length: 10_000 }, (_, index) => `host-${index}.example`)
      const issued = yield* authority.issue({ names, commonName: "many" })
      const certificate = new X509Certificate(issued.cert)
      const spent = cpuTime()
      assert.strictEqual(fromX509(certificate).names.length, 1000)
      assert.isTrue(namesHost(certificate, "host-9999.example"))
      assert.isFalse(namesHost(certificate, "host-10000.example"))
      assert.isBelow(spent(), 5000)
    })
  )

  it.live("shows names and addresses in canonical spelling, and nothing else", () =>
    Effect.gen(function* () {
      const { authority } = yield* standard()
      const issued = yield* authority.issue({
        names: ["a.example", "*.b.example", "10.0.0.1", "2001:db8::1"],
        extraNames: [
          { type: "email", value: "x@example" },
          { type: "url", value: "https://c.example/" },
          { type: "dns", value: "d, DNS:e" }
        ],
        notBefore: new Date("2026-01-02T03:04:05Z"),
        notAfter: new Date("2049-12-31T23:59:59Z")
      })
      const certificate = fromX509(new X509Certificate(issued.cert))
      assert.deepStrictEqual(certificate.names, [
        "a.example",
        "*.b.example",
        "10.0.0.1",
        "2001:db8::1",
        "d\\u002c DNS:e"
      ])
      assert.strictEqual(certificate.sha256, issued.sha256)
      assert.strictEqual(DateTime.formatIso(certificate.validFrom), "2026-01-02T03:04:05.000Z")
      assert.strictEqual(DateTime.formatIso(certificate.validTo), "2049-12-31T23:59:59.000Z")
    })
  )

  it.live("never throws, and never matches a host by accident", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const real = new X509Certificate(good.cert)
      const piece = fc.oneof(
        fc.constantFrom("DNS:", "IP Address:", ", ", '"', "\\", "URI:", "*", ".", "localhos", ":", "\0", "1.2.3", "::"),
        fc.string({ maxLength: 6 })
      )
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
          const certificate = withSan(pieces.join(""), real)
          fromX509(certificate)
          assert.isFalse(namesHost(certificate, "localhost"))
          assert.isFalse(namesHost(certificate, "127.0.0.1"))
          assert.isFalse(namesHost(certificate, ""))
        }),
        { seed: 20_261_122, numRuns: 500 }
      )
    })
  )

  it.live("is matched by label", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const real = new X509Certificate(good.cert)
      const rows: ReadonlyArray<readonly [san: string | undefined, host: string, expected: boolean]> = [
        [undefined, "localhost", false],
        ["", "localhost", false],
        ["DNS:localhost", "localhost", true],
        ["DNS:LOCALHOST.", "localhost", true],
        ["DNS:x, DNS:localhost", "localhost", true],
        ['DNS:"localhost"', "localhost", false],
        ["DNS:*.example.com", "www.example.com", true],
        ["DNS:*.example.com", "*.example.com", false],
        ["DNS:*.*.com", "a.b.com", false],
        ["DNS:*.", "localhost", false],
        ["DNS:*", "localhost", false],
        ["DNS:*", "a.example.com", false],
        // RFC 9525, section 6.3: the complete left-most label, and exactly one.
        ["DNS:*.example.com", "WWW.Example.COM.", true],
        ["DNS:*.EXAMPLE.com.", "www.example.com", true],
        ["DNS:*.example.com", "example.com", false],
        ["DNS:*.example.com", ".example.com", false],
        ["DNS:*.example.com", "a.b.example.com", false],
        ["DNS:*.example.com", "wwwexample.com", false],
        ["DNS:*.example.com", "www.example.com.evil.test", false],
        ["DNS:*.example.com", "xn--bcher-kva.example.com", true],
        ["DNS:w*.example.com", "www.example.com", false],
        ["DNS:*w.example.com", "www.example.com", false],
        ["DNS:w*w.example.com", "www.example.com", false],
        ["DNS:xn--*.example.com", "xn--bcher-kva.example.com", false],
        ["DNS:**.example.com", "www.example.com", false],
        ["DNS:www.*.com", "www.example.com", false],
        ["DNS:a.*.example.com", "a.b.example.com", false],
        ["DNS:*.*.example.com", "a.b.example.com", false],
        // Two labels at least stand behind it, which are not a registry's.
        ["DNS:*.test", "x.test", false],
        ["DNS:*.com", "example.com", false],
        ["DNS:*.x.test", "a.x.test", true],
        ["DNS:*.co.uk", "example.co.uk", false],
        ["DNS:*.co.uk.", "example.co.uk.", false],
        ["DNS:*.example.co.uk", "www.example.co.uk", true],
        ["DNS:*.foo.ck", "a.foo.ck", false],
        ["DNS:*.www.ck", "a.www.ck", true],
        ["DNS:*.xn--55qx5d.cn", "a.xn--55qx5d.cn", false],
        // A private suffix has an owner, and this is the owner's certificate.
        ["DNS:*.github.io", "someone.github.io", true],
        ["DNS:*.xn--bcher-kva.test", "www.xn--bcher-kva.test", true],
        ["DNS:*.b\u00fccher.test", "www.xn--bcher-kva.test", false],
        ["DNS:*.168.0.1", "192.168.0.1", false],
        ["DNS:*.0.0.1, IP Address:127.0.0.1", "127.0.0.1", true],
        ["DNS:fe80::1%eth0", "fe80::1%eth0", false],
        ["DNS:*.xn--bcher-kva.example", "www.xn--bcher-kva.example", true],
        ["DNS:127.0.0.1", "127.0.0.1", false],
        ["DNS:*.0.0.1", "127.0.0.1", false],
        ["IP Address:127.0.0.1", "127.0.0.1", true],
        ["IP Address:127.0.0.1", "127.0.0.10", false],
        ["IP Address:2001:DB8:0:0:0:0:0:1", "2001:db8::1", true],
        ["IP Address:0:0:0:0:0:FFFF:7F00:1", "127.0.0.1", false],
        ["IP Address:<invalid length=5>", "127.0.0.1", false],
        ["URI:https://localhost/, email:localhost", "localhost", false],
        ['DirName:"CN = localhost", DNS:a', "localhost", false]
      ]
      for (const [san, host, expected] of rows) {
        assert.strictEqual(namesHost(withSan(san, real), host), expected, `${san} for ${host}`)
      }
    })
  )
})
