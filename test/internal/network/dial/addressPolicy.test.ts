import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { AddressPolicy } from "../../../../src/Connector.js"
import { compileAddressPolicy, ranges } from "../../../../src/internal/network/dial/addressPolicy.js"
import { embeddedIPv4 } from "../../../../src/internal/network/dial/embeddedIPv4.js"
import type { Address } from "../../../../src/Resolver.js"

const address = (text: string): Address => ({ address: text, family: text.includes(":") ? 6 : 4 })

const allows = (policy: AddressPolicy | undefined, text: string) =>
  compileAddressPolicy(policy)(address(text), "host.test")

const notPublic = { deny: [...ranges.private, ...ranges.loopback, ...ranges.linkLocal] }

describe("addressPolicy", () => {
  it("allows every address without a policy", () => {
    assert.isTrue(allows(undefined, "127.0.0.1"))
    assert.isTrue(allows({}, "::1"))
  })

  const refused = [
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "169.254.169.254",
    "::1",
    "::",
    "0:0:0:0:0:0:0:1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "fc00::",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:127.0.0.1",
    "::FFFF:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::",
    "2002:0a00:0001::1"
  ]
  it.each(refused)("refuses %s as not public", (text) => {
    assert.isFalse(allows(notPublic, text))
  })

  const passed = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "128.0.0.1",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2002:0101:0101::1"
  ]
  it.each(passed)("allows %s as public", (text) => {
    assert.isTrue(allows(notPublic, text))
  })

  // https://www.iana.org/assignments/iana-ipv4-special-registry, with multicast: each block's first and last address.
  const registry4: ReadonlyArray<readonly [block: string, first: string, last: string]> = [
    ["0.0.0.0/8", "0.0.0.0", "0.255.255.255"],
    ["10.0.0.0/8", "10.0.0.0", "10.255.255.255"],
    ["100.64.0.0/10", "100.64.0.0", "100.127.255.255"],
    ["127.0.0.0/8", "127.0.0.0", "127.255.255.255"],
    ["169.254.0.0/16", "169.254.0.0", "169.254.255.255"],
    ["172.16.0.0/12", "172.16.0.0", "172.31.255.255"],
    ["192.0.0.0/24", "192.0.0.0", "192.0.0.255"],
    ["192.0.0.0/29", "192.0.0.0", "192.0.0.7"],
    ["192.0.0.8/32", "192.0.0.8", "192.0.0.8"],
    ["192.0.0.9/32", "192.0.0.9", "192.0.0.9"],
    ["192.0.0.10/32", "192.0.0.10", "192.0.0.10"],
    ["192.0.0.170/32", "192.0.0.170", "192.0.0.171"],
    ["192.0.2.0/24", "192.0.2.0", "192.0.2.255"],
    ["192.31.196.0/24", "192.31.196.0", "192.31.196.255"],
    ["192.52.193.0/24", "192.52.193.0", "192.52.193.255"],
    ["192.88.99.0/24", "192.88.99.0", "192.88.99.255"],
    ["192.168.0.0/16", "192.168.0.0", "192.168.255.255"],
    ["192.175.48.0/24", "192.175.48.0", "192.175.48.255"],
    ["198.18.0.0/15", "198.18.0.0", "198.19.255.255"],
    ["198.51.100.0/24", "198.51.100.0", "198.51.100.255"],
    ["203.0.113.0/24", "203.0.113.0", "203.0.113.255"],
    ["224.0.0.0/4", "224.0.0.0", "239.255.255.255"],
    ["240.0.0.0/4", "240.0.0.0", "255.255.255.254"],
    ["255.255.255.255/32", "255.255.255.255", "255.255.255.255"]
  ]
  // https://www.iana.org/assignments/iana-ipv6-special-registry, with multicast and deprecated ranges.
  const registry6: ReadonlyArray<readonly [block: string, first: string, last: string]> = [
    ["::/128", "::", "::"],
    ["::1/128", "::1", "::1"],
    ["::/96", "::2", "::ffff:ffff"],
    ["::ffff:0:0:0/96", "::ffff:0:0:0", "::ffff:0:ffff:ffff"],
    ["64:ff9b::/96", "64:ff9b::", "64:ff9b::ffff:ffff"],
    ["64:ff9b:1::/48", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
    ["100::/64", "100::", "100::ffff:ffff:ffff:ffff"],
    ["100:0:0:1::/64", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"],
    ["2001::/23", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001::/32", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:1::1/128", "2001:1::1", "2001:1::3"],
    ["2001:2::/48", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"],
    ["2001:3::/32", "2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:4:112::/48", "2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff"],
    ["2001:10::/28", "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:20::/28", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:30::/28", "2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2002::/16", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2620:4f:8000::/48", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"],
    ["3fff::/20", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["5f00::/16", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["fc00::/7", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["fec0::/10", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["ff00::/8", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
  ]
  const special: AddressPolicy = { deny: ranges.special }
  it.each([...registry4, ...registry6])("ranges.special refuses all of %s", (_, first, last) => {
    assert.isFalse(allows(special, first))
    assert.isFalse(allows(special, last))
  })
  it.each(registry4)("ranges.special refuses an IPv4-mapped address in %s", (_, first, last) => {
    for (const text of [first, last]) assert.isFalse(allows(special, `::ffff:${text}`), text)
  })

  it.each([
    ["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"],
    ["169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0"],
    ["192.31.195.255", "192.31.197.0", "192.52.192.255", "192.52.194.0", "192.88.98.255", "192.88.100.0"],
    ["192.167.255.255", "192.169.0.0", "192.175.47.255", "192.175.49.0", "198.17.255.255", "198.20.0.0"],
    ["198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255"],
    ["64:ff9a:ffff::", "64:ff9b:2::", "100:0:0:2::", "2000::", "2001:200::", "2001:db7:ffff::", "2001:db9::"],
    ["2003::", "2620:4f:7fff::", "2620:4f:8001::", "3ffe:ffff::", "3fff:1000::", "5eff:ffff::", "5f01::", "::1:0:0:0"],
    ["fbff:ffff::", "2606:4700::1111", "::ffff:1.1.1.1"]
  ])("ranges.special allows the neighbours of a special block: %s and so on", (...texts) => {
    for (const text of texts) assert.isTrue(allows(special, text), text)
  })

  it("ranges.special contains every other range", () => {
    const { special: all, ...groups } = ranges
    const known = new Set<string>(all)
    for (const range of Object.values(groups).flat()) assert.isTrue(known.has(range), range)
    assert.strictEqual(known.size, all.length)
  })

  it.each([
    ["192.0.2.1"],
    ["192.0.0.8"],
    ["198.51.100.1"],
    ["203.0.113.1"],
    ["240.0.0.1"],
    ["255.255.255.255"],
    ["2001:db8::1"],
    ["3fff::1"],
    ["100::1"],
    ["5f00::1"]
  ])("ranges.private refuses %s, which is not globally reachable", (text) => {
    assert.isFalse(allows({ deny: ranges.private }, text))
  })

  // Each contains 127.0.0.1, or 10.0.0.1, and is outside of every refused range itself.
  const embedding: ReadonlyArray<readonly [what: string, address: string, inner: string]> = [
    ["mapped (RFC 4291)", "::ffff:127.0.0.1", "127.0.0.1"],
    ["compatible (RFC 4291)", "::127.0.0.1", "127.0.0.1"],
    ["compatible, 0.0.0.5", "::5", "0.0.0.5"],
    ["SIIT (RFC 2765)", "::ffff:0:127.0.0.1", "127.0.0.1"],
    ["NAT64 (RFC 6052)", "64:ff9b::127.0.0.1", "127.0.0.1"],
    ["local NAT64, /48 (RFC 8215)", "64:ff9b:1:7f00:0:100::", "127.0.0.1"],
    ["local NAT64, /56", "64:ff9b:1:ab7f:0:1::", "127.0.0.1"],
    ["local NAT64, /64", "64:ff9b:1:abcd:7f:0:100:0", "127.0.0.1"],
    ["local NAT64, /96", "64:ff9b:1:abcd::127.0.0.1", "127.0.0.1"],
    ["6to4 (RFC 3056)", "2002:7f00:1:abcd::1", "127.0.0.1"],
    ["Teredo's client (RFC 4380)", "2001:0:101:101:8000:ffff:80ff:fffe", "127.0.0.1"],
    ["Teredo's server", "2001:0:7f00:1:8000:ffff:fefe:fefe", "127.0.0.1"],
    ["ISATAP (RFC 5214)", "2606:4700::5efe:10.0.0.1", "10.0.0.1"],
    ["ISATAP of a global address", "2606:4700::200:5efe:10.0.0.1", "10.0.0.1"],
    ["6to4 and ISATAP at once", "2002:101:101::5efe:10.0.0.1", "10.0.0.1"]
  ]
  it.each(embedding)("checks the IPv4 address in %s: %s", (_, text, inner) => {
    assert.include(
      embeddedIPv4(text).map(({ address: found }) => found),
      inner
    )
    assert.isFalse(allows({ deny: [inner] }, text))
    const asked: Array<string> = []
    const policy: AddressPolicy = (given) => {
      asked.push(`${given.address} ${given.family}`)
      return given.address !== inner
    }
    assert.isFalse(allows(policy, text))
    assert.include(asked, `${inner} 4`)
  })

  it.each([
    ["::", "::1", "2606:4700::1111", "2606:4700::5efe", "2606:4700::300:5efe:10.0.0.1", "2606:4700:0:1:5efe::1"],
    ["fe80::1", "2003:7f00:1::", "65:ff9b::127.0.0.1", "::1:ffff:127.0.0.1", "::1:0:127.0.0.1", "10.0.0.1"]
  ])("finds no IPv4 address in %s and so on", (...texts) => {
    for (const text of texts) assert.deepStrictEqual(embeddedIPv4(text), [], text)
  })

  it("reads a local NAT64 address only with the prefix lengths that its zeros allow", () => {
    const found = (text: string) => embeddedIPv4(text).map((each) => each.address)
    assert.deepStrictEqual(found("64:ff9b:1::8.8.8.8"), ["8.8.8.8"])
    assert.deepStrictEqual(found("64:ff9b:1:808:8:800::"), ["8.8.8.8", "8.8.8.0", "8.8.0.0", "0.0.0.0"])
  })

  it("passes a function the address without its zone, and the zone separately", () => {
    const asked: Array<unknown> = []
    const policy = compileAddressPolicy((given, host) => {
      asked.push([given, host])
      return true
    })
    assert.isTrue(policy({ address: "fe80::1%eth0", family: 6 }, "a.test"))
    assert.isTrue(policy({ address: "1.1.1.1", family: 4 }, "a.test"))
    assert.isTrue(policy({ address: "::ffff:1.1.1.1%2", family: 6 }, "a.test"))
    assert.deepStrictEqual(asked, [
      [{ address: "fe80::1", family: 6, zone: "eth0" }, "a.test"],
      [{ address: "1.1.1.1", family: 4, zone: undefined }, "a.test"],
      [{ address: "1.1.1.1", family: 4, zone: undefined }, "a.test"],
      [{ address: "::ffff:1.1.1.1", family: 6, zone: "2" }, "a.test"]
    ])
  })

  it.each(["fe80::1%eth0", "fe80::1%1", "fe80::ffff%a.b-c"])("applies ranges to %s with any zone", (text) => {
    assert.isFalse(allows({ deny: ranges.linkLocal }, text))
    assert.isTrue(allows({ allow: ["fe80::/64"] }, text))
    assert.isFalse(allows({ allow: ["fe81::/64"] }, text))
  })

  it.each([undefined, null, 0, 1, "true", {}, [], Promise.resolve(true)])(
    "accepts only true from a function as permission, and not %s",
    (answer) => {
      const policy = (() => answer) as unknown as AddressPolicy
      assert.isFalse(allows(policy, "1.1.1.1"))
      assert.isFalse(allows(policy, "::ffff:1.1.1.1"))
    }
  )

  it.each([
    null,
    true,
    "10.0.0.0/8",
    // `each` spreads an array, and this case is the array itself.
    [["10.0.0.0/8"]],
    { denied: ["10.0.0.0/8"] },
    { deny: "10.0.0.0/8" },
    { deny: null },
    { deny: [null] },
    { allow: [42] }
  ])("throws for %j, which is neither a function nor ranges", (policy) => {
    assert.throws(() => compileAddressPolicy(policy as unknown as AddressPolicy), TypeError, "addressPolicy")
  })

  it("explains that a function is the policy itself", () => {
    const policy: unknown = { allow: () => true }
    assert.throws(
      () => compileAddressPolicy(policy as AddressPolicy),
      TypeError,
      'expected an array of ranges such as ["10.0.0.0/8"], got a function; pass the function as addressPolicy itself'
    )
  })

  const rows: ReadonlyArray<[string, AddressPolicy, string, boolean]> = [
    ["only allowed addresses", { allow: ["10.0.0.0/8"] }, "10.1.2.3", true],
    ["only allowed addresses", { allow: ["10.0.0.0/8"] }, "11.1.2.3", false],
    ["deny beats allow", { allow: ["10.0.0.0/8"], deny: ["10.0.0.5"] }, "10.0.0.5", false],
    ["deny beats allow", { allow: ["10.0.0.0/8"], deny: ["10.0.0.5"] }, "10.0.0.6", true],
    ["deny beats allow, however exact", { allow: ["10.0.0.5/32"], deny: ["10.0.0.0/8"] }, "10.0.0.5", false],
    ["an empty allow allows nothing", { allow: [] }, "10.0.0.5", false],
    ["a mapped address is allowed as IPv4", { allow: ["10.0.0.0/8"] }, "::ffff:10.0.0.5", true],
    ["a mapped address is not IPv6", { allow: ["::/0"] }, "::ffff:10.0.0.5", false],
    ["IPv4 is not part of ::/0", { deny: ["::/0"] }, "10.0.0.5", true],
    ["IPv4 is not part of ::/0", { allow: ["::/0"] }, "10.0.0.5", false],
    ["IPv6 is not part of 0.0.0.0/0", { deny: ["0.0.0.0/0"] }, "2606::1", true],
    ["a mapped one is", { deny: ["0.0.0.0/0"] }, "::ffff:1.1.1.1", false],
    ["a mapped range is an IPv4 one", { deny: ["::ffff:10.0.0.0/104"] }, "10.9.9.9", false],
    ["a mapped range is an IPv4 one", { deny: ["::ffff:10.0.0.0/104"] }, "11.9.9.9", true],
    ["a translated address needs its own allowance", { allow: ["1.1.1.1"] }, "64:ff9b::1.1.1.1", false],
    ["IPv6 ranges", { allow: ["2001:db8::/32"] }, "2001:db8:1::1", true],
    ["IPv6 ranges", { allow: ["2001:db8::/32"] }, "2001:db9::1", false]
  ]
  it.each(rows)("%s: %j %s", (_, policy, text, expected) => {
    assert.strictEqual(allows(policy, text), expected)
  })

  it.each([
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "::/129",
    "10.0.0.0/",
    "localhost",
    "fe80::1%eth0/64",
    "10.0.0.0/-1",
    "1.1.1.1/8/8"
  ])("throws for %j, which is not a range", (range) => {
    assert.throws(() => compileAddressPolicy({ allow: [range] }), TypeError)
    assert.throws(() => compileAddressPolicy({ deny: [range] }), TypeError)
  })

  it("passes a predicate the IPv4 form of a mapped address too, and the host", () => {
    const asked: Array<string> = []
    const policy: AddressPolicy = (given, host) => {
      asked.push(`${host} ${given.address} ${given.family}`)
      return given.address !== "127.0.0.1"
    }
    assert.isFalse(allows(policy, "::ffff:7f00:1"))
    assert.isFalse(allows(policy, "127.0.0.1"))
    assert.isTrue(allows(policy, "::ffff:1.1.1.1"))
    assert.deepStrictEqual(asked, [
      "host.test 127.0.0.1 4",
      "host.test 127.0.0.1 4",
      "host.test 1.1.1.1 4",
      "host.test ::ffff:1.1.1.1 6"
    ])
  })

  it("recognises every spelling of a mapped address", () => {
    const hex = (value: number) => value.toString(16)
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        const [a = 0, b = 0, c = 0, d = 0] = ip.split(".").map(Number)
        const groups = `${hex((a << 8) | b)}:${hex((c << 8) | d)}`
        for (const spelling of [`::ffff:${ip}`, `::ffff:${groups}`, `0:0:0:0:0:ffff:${groups}`, `::0:FFFF:${ip}`]) {
          assert.deepStrictEqual(embeddedIPv4(spelling), [{ address: ip, mapped: true }])
          assert.isFalse(allows({ deny: [`${ip}/32`] }, spelling))
          assert.isTrue(allows({ allow: [ip] }, spelling))
        }
      }),
      { seed: 4291 }
    )
  })
})
