import { X509Certificate } from "node:crypto"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import * as fc from "fast-check"
import { loadSuffixes } from "../../../../src/internal/http/publicSuffix.js"
import { fromX509, namesHost } from "../../../../src/internal/network/tls/certificate.js"
import { dns, ip, uri, withNames } from "../../../support/alternativeNames.js"
import { standard } from "../../../support/certificates.js"
import { cpuTime } from "../../../support/time.js"

beforeAll(() => Effect.runPromise(loadSuffixes))

const zeros = (count: number): ReadonlyArray<number> => Array.from({ length: count }, () => 0)

/** A certificate with another DER form. */
const withDer = (raw: Buffer, real: X509Certificate): X509Certificate =>
  new Proxy(real, {
    get: (target, field) => (field === "raw" ? raw : Reflect.get(target, field, target))
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

  it.live("contains only names and addresses, in canonical spelling", () =>
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

  it.live("never throws, and does not match other hosts", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const real = new X509Certificate(good.cert)
      const names = fc.oneof(
        fc.constantFrom("x, DNS:localhost", "localhost\0", "localhost\0.test", '"localhost"', "*", "*.", " localhost"),
        fc.string({ maxLength: 6 })
      )
      const pieces = fc.oneof(names.map(dns), names.map(uri), fc.array(fc.nat(255), { maxLength: 20 }).map(ip))
      const der = fc.array(pieces, { maxLength: 8 }).map((all) => withNames(...all))
      const damaged = fc.tuple(der, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
        bytes[at % bytes.length] = byte
        return bytes
      })
      fc.assert(
        fc.property(fc.oneof(der, damaged), (raw) => {
          const certificate = withDer(raw, real)
          fromX509(certificate)
          assert.isFalse(namesHost(certificate, "localhost"))
          assert.isFalse(namesHost(certificate, "127.0.0.1"))
          assert.isFalse(namesHost(certificate, ""))
        }),
        { seed: 20_261_122, numRuns: 500 }
      )
    })
  )

  it.live("is compared label by label", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const real = new X509Certificate(good.cert)
      const rows: ReadonlyArray<readonly [der: Buffer, host: string, expected: boolean]> = [
        [Buffer.alloc(0), "localhost", false],
        [withNames(), "localhost", false],
        [withNames(dns("localhost")), "localhost", true],
        [withNames(dns("LOCALHOST.")), "localhost", true],
        [withNames(dns("x"), dns("localhost")), "localhost", true],
        [withNames(dns('"localhost"')), "localhost", false],
        [withNames(dns("*.example.com")), "www.example.com", true],
        [withNames(dns("*.example.com")), "*.example.com", false],
        [withNames(dns("*.*.com")), "a.b.com", false],
        [withNames(dns("*.")), "localhost", false],
        [withNames(dns("*")), "localhost", false],
        [withNames(dns("*")), "a.example.com", false],
        // RFC 9525, section 6.3: the complete left-most label, and exactly one.
        [withNames(dns("*.example.com")), "WWW.Example.COM.", true],
        [withNames(dns("*.EXAMPLE.com.")), "www.example.com", true],
        [withNames(dns("*.example.com")), "example.com", false],
        [withNames(dns("*.example.com")), ".example.com", false],
        [withNames(dns("*.example.com")), "a.b.example.com", false],
        [withNames(dns("*.example.com")), "wwwexample.com", false],
        [withNames(dns("*.example.com")), "www.example.com.evil.test", false],
        [withNames(dns("*.example.com")), "xn--bcher-kva.example.com", true],
        [withNames(dns("w*.example.com")), "www.example.com", false],
        [withNames(dns("*w.example.com")), "www.example.com", false],
        [withNames(dns("w*w.example.com")), "www.example.com", false],
        [withNames(dns("xn--*.example.com")), "xn--bcher-kva.example.com", false],
        [withNames(dns("**.example.com")), "www.example.com", false],
        [withNames(dns("www.*.com")), "www.example.com", false],
        [withNames(dns("a.*.example.com")), "a.b.example.com", false],
        [withNames(dns("*.*.example.com")), "a.b.example.com", false],
        // At least two labels follow the wildcard, and they are not a public suffix.
        [withNames(dns("*.test")), "x.test", false],
        [withNames(dns("*.com")), "example.com", false],
        [withNames(dns("*.x.test")), "a.x.test", true],
        [withNames(dns("*.co.uk")), "example.co.uk", false],
        [withNames(dns("*.co.uk.")), "example.co.uk.", false],
        [withNames(dns("*.example.co.uk")), "www.example.co.uk", true],
        [withNames(dns("*.foo.ck")), "a.foo.ck", false],
        [withNames(dns("*.www.ck")), "a.www.ck", true],
        [withNames(dns("*.xn--55qx5d.cn")), "a.xn--55qx5d.cn", false],
        // A private suffix has an owner, to whom the certificate belongs.
        [withNames(dns("*.github.io")), "someone.github.io", true],
        [withNames(dns("*.xn--bcher-kva.test")), "www.xn--bcher-kva.test", true],
        [withNames(dns("*.b\u00fccher.test")), "www.xn--bcher-kva.test", false],
        [withNames(dns("*.168.0.1")), "192.168.0.1", false],
        [withNames(dns("*.0.0.1"), ip([127, 0, 0, 1])), "127.0.0.1", true],
        [withNames(dns("fe80::1%eth0")), "fe80::1%eth0", false],
        [withNames(dns("*.xn--bcher-kva.example")), "www.xn--bcher-kva.example", true],
        [withNames(dns("127.0.0.1")), "127.0.0.1", false],
        [withNames(dns("*.0.0.1")), "127.0.0.1", false],
        [withNames(ip([127, 0, 0, 1])), "127.0.0.1", true],
        [withNames(ip([127, 0, 0, 1])), "127.0.0.10", false],
        [withNames(ip([0x20, 0x01, 0x0d, 0xb8, ...zeros(11), 1])), "2001:db8::1", true],
        [withNames(ip([...zeros(10), 0xff, 0xff, 127, 0, 0, 1])), "127.0.0.1", false],
        [withNames(ip([127, 0, 0, 1, 0])), "127.0.0.1", false],
        [withNames(uri("https://localhost/"), uri("localhost")), "localhost", false],
        [withNames(dns("a, DNS:localhost")), "localhost", false]
      ]
      for (const [der, host, expected] of rows) {
        assert.strictEqual(namesHost(withDer(der, real), host), expected, `${der.toString("latin1")} for ${host}`)
      }
    })
  )
})
