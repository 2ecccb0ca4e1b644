import * as FastCheck from "fast-check"
import { assert, describe, it } from "vitest"
import { compile } from "../../../src/internal/proxy/noProxy.js"

type Row = readonly [list: string, host: string, direct: boolean, port?: number]

const check = (rows: ReadonlyArray<Row>) => {
  for (const [list, host, direct, port = 80] of rows) {
    it(`${JSON.stringify(list)} ${direct ? "covers" : "does not cover"} ${host}:${port}`, () => {
      assert.strictEqual(compile(list)({ host, port }), direct)
    })
  }
}

describe("names in NO_PROXY", () => {
  check([
    ["", "example.com", false],
    [" , ,, ", "example.com", false],
    ["*", "example.com", true],
    ["*", "10.0.0.1", true],
    ["a.test, *", "example.com", true],
    ["example.com", "example.com", true],
    ["example.com", "www.example.com", true],
    ["example.com", "a.b.example.com", true],
    ["example.com", "notexample.com", false],
    ["example.com", "example.com.evil.test", false],
    ["example.com", "example.org", false],
    ["ample.com", "example.com", false],
    [".example.com", "example.com", true],
    [".example.com", "www.example.com", true],
    [".example.com", "notexample.com", false],
    ["*.example.com", "www.example.com", true],
    ["*.example.com", "example.com", false],
    ["*.example.com", "notexample.com", false],
    ["*.example.com", "a.b.example.com", true],
    ["*.Example.COM.", "www.example.com", true],
    ["*.example.com", "WWW.EXAMPLE.COM.", true],
    ["*.example.com", "www.example.com.evil.test", false],
    ["*.bücher.example", "www.xn--bcher-kva.example", true],
    ["*.com", "example.com", true],
    ["*.example.com,*.example.org", "www.example.org", true],
    ["*example.com", "example.com", true],
    ["*example.com", "notexample.com", true],
    ["*example.com", "www.example.com", true],
    ["*example.com", "example.com.evil.test", false],
    ["**.example.com", "www.example.com", false],
    ["*.*.example.com", "a.b.example.com", false],
    ["*..example.com", "www.example.com", false],
    ["*.0.0.1", "127.0.0.1", false],
    ["*0.0.1", "10.0.0.1", false],
    ["*:1", "::1", false],
    ["exam*.com", "example.com", false],
    ["EXAMPLE.com", "example.com", true],
    ["example.com", "EXAMPLE.COM", true],
    ["example.com.", "example.com", true],
    ["example.com", "example.com.", true],
    ["example.com.", "www.example.com.", true],
    ["localhost", "localhost", true],
    ["localhost.", "localhost", true],
    ["localhost", "localhost.", true],
    ["localhost", "a.localhost", true],
    ["localhost", "127.0.0.1", false],
    ["localhost", "::1", false],
    ["bücher.example", "xn--bcher-kva.example", true],
    ["xn--bcher-kva.example", "www.xn--bcher-kva.example", true],
    ["BÜCHER.example", "xn--bcher-kva.example", true],
    ["a.test,b.test", "b.test", true],
    ["a.test b.test\tc.test", "c.test", true],
    [" a.test ,  b.test ", "b.test", true],
    [",,a.test,,", "a.test", true],
    ["http://example.com", "example.com", false],
    ["com", "example.com", true],
    [".", "example.com", false],
    ["example.com?x", "example.com", false],
    ["example.com#x", "example.com", false],
    ["example.com\\x", "example.com", false],
    ["ex%61mple.com", "example.com", false],
    ["example..com", "example.com", false],
    ["..example.com", "www.example.com", false],
    ["*.", "example.com", false]
  ])
})

describe("ports in NO_PROXY", () => {
  check([
    ["example.com:8080", "example.com", true, 8080],
    ["example.com:8080", "www.example.com", true, 8080],
    ["example.com:8080", "example.com", false, 80],
    ["example.com:8080", "example.com", false, 443],
    [".example.com:443", "www.example.com", true, 443],
    ["*.example.com:8443", "www.example.com", true, 8443],
    ["*.example.com:8443", "www.example.com", false, 443],
    ["*:8080", "example.com", true, 8080],
    ["*:8080", "10.0.0.1", true, 8080],
    ["*:8080", "example.com", false, 80],
    ["127.0.0.1:3000", "127.0.0.1", true, 3000],
    ["127.0.0.1:3000", "127.0.0.1", false, 3001],
    ["[::1]:3000", "::1", true, 3000],
    ["[::1]:3000", "::1", false, 80],
    ["example.com:", "example.com", false],
    ["example.com:port", "example.com", false],
    ["example.com:80:80", "example.com", false]
  ])
})

describe("zones in NO_PROXY", () => {
  const rows: ReadonlyArray<readonly [list: string, zone: string | undefined, direct: boolean]> = [
    ["fe80::1", "eth0", true],
    ["fe80::1", undefined, true],
    ["fe80::1%eth0", "eth0", true],
    ["[fe80::1%eth0]:80", "eth0", true],
    ["fe80::1%eth0", "eth1", false],
    ["fe80::1%eth0", "ETH0", false],
    ["fe80::1%eth0", undefined, false],
    ["fe80::/10", "eth0", true],
    ["fe80::2", "eth0", false]
  ]
  for (const [list, zone, direct] of rows) {
    it(`${list} ${direct ? "covers" : "does not cover"} fe80::1 of the zone ${zone}`, () => {
      assert.strictEqual(compile(list)({ host: "fe80::1", port: 80, zone }), direct)
    })
  }
})

describe("addresses in NO_PROXY", () => {
  check([
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.2", false],
    ["127.0.0.1", "127.0.0.1.nip.test", false],
    ["0.1", "127.0.0.1", false],
    [".0.0.1", "127.0.0.1", false],
    ["127.0.0.0/8", "127.0.0.1", true],
    ["127.0.0.0/8", "127.255.255.255", true],
    ["127.0.0.0/8", "128.0.0.1", false],
    ["10.1.2.3/8", "10.200.0.1", true],
    ["192.168.1.0/24", "192.168.1.77", true],
    ["192.168.1.0/24", "192.168.2.1", false],
    ["192.168.1.1/32", "192.168.1.1", true],
    ["192.168.1.1/32", "192.168.1.2", false],
    ["0.0.0.0/0", "8.8.8.8", true],
    ["0.0.0.0/0", "example.com", false],
    ["10.0.0.0/33", "10.0.0.1", false],
    ["10.0.0.0/-1", "10.0.0.1", false],
    ["10.0.0.0/", "10.0.0.1", false],
    ["10.0.0.0/8x", "10.0.0.1", false],
    ["10.0.0.0/8", "10.0.0.1.example.com", false],
    ["192.168.1.", "192.168.1.5", false],
    ["192.168.1.", "192.168.0.1", false],
    ["192.168.1", "192.168.0.1", false],
    ["0x7f.1", "127.0.0.1", false],
    ["2130706433", "127.0.0.1", false],
    ["010.0.0.1", "8.0.0.1", false],
    ["::1", "::1", true],
    ["[::1]", "::1", true],
    ["0:0:0:0:0:0:0:1", "::1", true],
    ["::1", "::2", false],
    ["::1", "127.0.0.1", false],
    ["2001:DB8::1", "2001:db8::1", true],
    ["fe80::/10", "fe80::1", true],
    ["fe80::/10", "febf::1", true],
    ["fe80::/10", "fec0::1", false],
    ["[fd00::]/8", "fd12::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["::/129", "::1", false],
    ["::ffff:127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "::ffff:7f00:1", true],
    ["::ffff:7f00:1", "::ffff:7f00:1", true],
    ["127.0.0.0/8", "::ffff:7f00:1", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "11.1.2.3", false],
    ["10.0.0.0/8", "::a00:1", false],
    ["::/0", "2001:db8::1", true],
    ["::/0", "8.8.8.8", false],
    ["[127.0.0.1]", "127.0.0.1", false],
    ["[::1", "::1", false]
  ])
})

describe("any list in NO_PROXY", () => {
  it("compiles, and covers neither an unrelated host nor a name with the same end", () => {
    const item = FastCheck.string({ maxLength: 20 }).filter((text) => !text.includes("*"))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(item, { maxLength: 5 }), (items) => {
        const direct = compile(items.join(","))
        assert.isFalse(direct({ host: "stranger.target-that-nobody-names.test", port: 4711 }))
      }),
      { seed: 6, numRuns: 300 }
    )
  })

  it("covers every subdomain of a listed name, and no other name with the same end", () => {
    const label = FastCheck.stringMatching(/^[a-z]([a-z0-9]{0,8}[a-z])?$/)
    FastCheck.assert(
      FastCheck.property(label, label, label, (a, b, c) => {
        const direct = compile(`${a}.${b}`)
        assert.isTrue(direct({ host: `${a}.${b}`, port: 1 }))
        assert.isTrue(direct({ host: `${c}.${a}.${b}`, port: 1 }))
        assert.isFalse(direct({ host: `${c}${a}.${b}`, port: 1 }))
        assert.isFalse(direct({ host: `${a}.${b}.${c}x`, port: 1 }) && c !== b)
      }),
      { seed: 7, numRuns: 200 }
    )
  })
})
