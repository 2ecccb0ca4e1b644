import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { AddressPolicy } from "../../../../src/Connector.js"
import { compileAddressPolicy, embeddedIPv4, ranges } from "../../../../src/internal/network/dial/addressPolicy.js"
import type { Address } from "../../../../src/Resolver.js"

const address = (text: string): Address => ({ address: text, family: text.includes(":") ? 6 : 4 })

const allows = (policy: AddressPolicy | undefined, text: string) =>
  compileAddressPolicy(policy)(address(text), "host.test")

const notPublic = { deny: [...ranges.private, ...ranges.loopback, ...ranges.linkLocal] }

describe("addressPolicy", () => {
  it("lets everything pass where there is none", () => {
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
  it.each(passed)("lets %s pass as public", (text) => {
    assert.isTrue(allows(notPublic, text))
  })

  const rows: ReadonlyArray<[string, AddressPolicy, string, boolean]> = [
    ["only what is allowed", { allow: ["10.0.0.0/8"] }, "10.1.2.3", true],
    ["only what is allowed", { allow: ["10.0.0.0/8"] }, "11.1.2.3", false],
    ["deny beats allow", { allow: ["10.0.0.0/8"], deny: ["10.0.0.5"] }, "10.0.0.5", false],
    ["deny beats allow", { allow: ["10.0.0.0/8"], deny: ["10.0.0.5"] }, "10.0.0.6", true],
    ["deny beats allow, however exact", { allow: ["10.0.0.5/32"], deny: ["10.0.0.0/8"] }, "10.0.0.5", false],
    ["an empty allow allows nothing", { allow: [] }, "10.0.0.5", false],
    ["a mapped address is allowed as IPv4", { allow: ["10.0.0.0/8"] }, "::ffff:10.0.0.5", true],
    ["a mapped address is not IPv6", { allow: ["::/0"] }, "::ffff:10.0.0.5", false],
    ["IPv4 is no part of ::/0", { deny: ["::/0"] }, "10.0.0.5", true],
    ["IPv4 is no part of ::/0", { allow: ["::/0"] }, "10.0.0.5", false],
    ["IPv6 is no part of 0.0.0.0/0", { deny: ["0.0.0.0/0"] }, "2606::1", true],
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
  ])("throws for %j, which is no range", (range) => {
    assert.throws(() => compileAddressPolicy({ allow: [range] }), TypeError)
    assert.throws(() => compileAddressPolicy({ deny: [range] }), TypeError)
  })

  it("asks a predicate about the IPv4 form of a mapped address too, and about the host", () => {
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

  it("sees through every spelling of a mapped address", () => {
    const hex = (value: number) => value.toString(16)
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        const [a = 0, b = 0, c = 0, d = 0] = ip.split(".").map(Number)
        const groups = `${hex((a << 8) | b)}:${hex((c << 8) | d)}`
        for (const spelling of [`::ffff:${ip}`, `::ffff:${groups}`, `0:0:0:0:0:ffff:${groups}`, `::0:FFFF:${ip}`]) {
          assert.deepStrictEqual(embeddedIPv4(spelling), { address: ip, mapped: true })
          assert.isFalse(allows({ deny: [`${ip}/32`] }, spelling))
          assert.isTrue(allows({ allow: [ip] }, spelling))
        }
      }),
      { seed: 4291 }
    )
  })
})
