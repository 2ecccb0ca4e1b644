import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as fc from "fast-check"
import { decode, decodeText, encode, encodeText } from "../../../src/internal/cookies/document.js"
import { defaultSettings, Jar, type JarSettings } from "../../../src/internal/cookies/jar.js"
import type { CookieTarget } from "../../../src/internal/cookies/target.js"
import { fromWire } from "../../../src/internal/cookies/wire.js"
import { loadSuffixes } from "../../../src/internal/http/publicSuffix.js"

beforeAll(() => Effect.runPromise(loadSuffixes))

const target = (host: string, path = "/", scheme: CookieTarget["scheme"] = "https"): CookieTarget => ({
  scheme,
  host,
  port: scheme === "https" ? 443 : 80,
  ip: 0,
  path
})

const make = (settings: Partial<JarSettings> = {}) => new Jar({ ...defaultSettings, ...settings })
const site = target("www.example.com")
const names = (jar: Jar, now = 0) => jar.entries(now).map((entry) => entry.name)

describe("the limits of a jar", () => {
  it("allow 50 lines of a response", () => {
    const jar = make()
    jar.store(
      Array.from({ length: 60 }, (_, index) => `c${index}=1`),
      site,
      0
    )
    assert.strictEqual(jar.size(0), 50)
    assert.include(jar.header(site, 0) ?? "", "c49=1")
  })

  it("of a domain evict the least recently used cookie", () => {
    const jar = make({ maxCookiesPerDomain: 3 })
    for (const name of ["a", "b", "c"]) jar.store([`${name}=1; Path=/${name}`], site, 0)
    jar.header(target("www.example.com", "/a"), 1)
    jar.store(["d=1"], site, 2)
    assert.deepStrictEqual(names(jar).sort(), ["a", "c", "d"])
  })

  it("of a domain evict expired cookies before others, then cookies that are not Secure", () => {
    const jar = make({ maxCookiesPerDomain: 3 })
    jar.store(["safe=1; Secure", "old=1; Max-Age=1", "open=1"], site, 0)
    jar.store(["x=1; Secure"], site, 2000)
    assert.deepStrictEqual(names(jar, 2000), ["safe", "open", "x"])
    jar.store(["y=1; Secure"], site, 2000)
    assert.deepStrictEqual(names(jar, 2000), ["safe", "x", "y"])
    jar.store(["z=1; Secure"], site, 2000)
    assert.deepStrictEqual(names(jar, 2000), ["x", "y", "z"])
  })

  it("of the jar evict the least recently used cookie of all", () => {
    const jar = make({ maxCookies: 3 })
    for (const name of ["a", "b", "c"]) jar.store([`${name}=1`], target(`${name}.com`), 0)
    jar.header(target("a.com"), 1)
    jar.store(["d=1"], target("d.com"), 2)
    jar.header(target("c.com"), 3)
    jar.store(["e=1"], target("e.com"), 4)
    assert.deepStrictEqual(names(jar).sort(), ["c", "d", "e"].sort())
  })

  it("prevent a sibling from making a host's requests or the jar too large", () => {
    const jar = make()
    for (let index = 0; index < 5000; index++) {
      jar.store([`c${index}=${"x".repeat(100)}; Domain=ex.com`], target("a.ex.com"), index)
    }
    assert.strictEqual(jar.size(5000), 180)
    const header = jar.header(target("b.ex.com"), 5000) ?? ""
    assert.isAtMost("Cookie: ".length + header.length, 8190)
    assert.isAbove(header.length, 8000)
  })

  it("of 0 allow no cookie", () => {
    const jar = make({ maxCookies: 0 })
    jar.store(["a=1"], site, 0)
    jar.put({ name: "b", value: "1" }, undefined, 0)
    jar.restore([...make().entries(0)], 0)
    assert.isTrue(jar.isEmpty)
  })
})

describe("octets of cookies", () => {
  it("are sent back byte for byte in any encoding", () => {
    const jar = make()
    jar.storeWire(["utf8=\xc3\xa9", "latin1=\xe9", "both=\xff\xc3\xa9"], site, 0)
    assert.strictEqual(jar.header(site, 0), "utf8=\xc3\xa9; latin1=\xe9; both=\xff\xc3\xa9")
    const copy = make()
    copy.restore(Either.getOrThrow(decodeText(encodeText(jar, 0), 0)).cookies, 0)
    assert.strictEqual(copy.header(site, 0), jar.header(site, 0))
  })
})

const hosts = ["a.example.com", "b.example.com", "example.com", "other.org"] as const
const operation = fc.oneof(
  fc.record({
    kind: fc.constant("store" as const),
    host: fc.constantFrom(...hosts),
    scheme: fc.constantFrom("http" as const, "https" as const),
    lines: fc.array(
      fc.tuple(
        fc.constantFrom("a", "b", "c", "__Host-x", "__Secure-x", "__proto__"),
        fc.constantFrom("1", "é", '"q"', "x".repeat(3000)),
        fc.constantFrom(
          "",
          "; Secure",
          "; Domain=example.com",
          "; Path=/p",
          "; Max-Age=5",
          "; Max-Age=0",
          "; Secure; Path=/"
        )
      ),
      { maxLength: 5 }
    )
  }),
  fc.record({ kind: fc.constant("send" as const), host: fc.constantFrom(...hosts) }),
  fc.record({ kind: fc.constant("clear" as const), host: fc.constantFrom(...hosts) })
)

const apply = (
  jar: Jar,
  operations: ReadonlyArray<typeof operation extends fc.Arbitrary<infer A> ? A : never>,
  start = 0
) => {
  let now = start
  for (const each of operations) {
    now += 1000
    if (each.kind === "store") {
      const lines = each.lines.map(([name, value, rest]) => `${name}=${value}${rest}`)
      jar.store(lines, target(each.host, "/p/q", each.scheme), now)
    } else if (each.kind === "send") {
      jar.header(target(each.host, "/p/q"), now)
    } else {
      jar.removeDomain(each.host, now)
    }
  }
  return now
}

const state = (jar: Jar, now: number) => JSON.stringify(encode(jar, now))

describe("a jar under random operations", () => {
  it("keeps its limits, order and secrecy", () =>
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const jar = make({ maxCookies: 6, maxCookiesPerDomain: 3 })
        const now = apply(jar, operations)
        const entries = jar.entries(now)
        assert.isAtMost(entries.length, 6)
        assert.strictEqual(jar.size(now), entries.length)
        for (const host of hosts) {
          assert.isAtMost(entries.filter((entry) => entry.domain === host).length, 3)
          const plain = jar.select(target(host, "/p/q", "http"), now)
          assert.isFalse(plain.some((entry) => entry.secure))
          assert.isTrue(
            plain.every((entry) => host === entry.domain || (!entry.hostOnly && host.endsWith(`.${entry.domain}`)))
          )
          assert.isTrue(
            plain.every((entry, index) => index === 0 || (plain[index - 1]?.path.length ?? 0) >= entry.path.length)
          )
        }
        for (const entry of entries) {
          if (entry.name === "__Host-x") assert.isTrue(entry.secure && entry.hostOnly && entry.path === "/")
          if (entry.name === "__Secure-x") assert.isTrue(entry.secure)
        }
      }),
      { seed: 6265, numRuns: 500 }
    ))

  it("is the same after it is saved and loaded", () =>
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
        const jar = make()
        const now = apply(jar, operations)
        const copy = make()
        copy.restore(Either.getOrThrow(decode(JSON.parse(JSON.stringify(encode(jar, now))), now)).cookies, now)
        assert.strictEqual(state(copy, now), state(jar, now))
        for (const host of hosts) {
          assert.strictEqual(copy.header(target(host, "/p/q"), now), jar.header(target(host, "/p/q"), now))
        }
      }),
      { seed: 6265 }
    ))

  it("sends the cookies that it stores", () =>
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 50 }), (value) => {
        const jar = make()
        jar.store([`a=${value}`], site, 0)
        const kept = jar.entries(0)[0]
        assert.strictEqual(jar.header(site, 0), kept === undefined ? undefined : `a=${kept.value}`)
        if (!/[\x00-\x08\x0a-\x1f\x7f;]/.test(value)) {
          assert.strictEqual(fromWire(kept?.value ?? "none"), value.replace(/^[ \t]+|[ \t]+$/g, ""))
        }
      }),
      { seed: 6265, numRuns: 1000 }
    ))

  it("converges with another jar when they merge", () =>
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 10 }), fc.array(operation, { maxLength: 10 }), (first, second) => {
        const [a, b] = [make(), make()]
        a.startJournal()
        b.startJournal()
        const now = Math.max(apply(a, first), apply(b, second))
        const saved = (jar: Jar) => Either.getOrThrow(decodeText(encodeText(jar, now), now))
        const before = saved(a)
        const [ofA, ofB] = [before, saved(b)]
        a.merge(ofB.cookies, ofB.removed, now)
        b.merge(ofA.cookies, ofA.removed, now)
        const view = (jar: Jar) =>
          jar
            .entries(now)
            .map(({ domain, hostOnly, name, path, updated, value }) =>
              JSON.stringify([domain, hostOnly, name, path, updated, value])
            )
            .sort()
        assert.deepStrictEqual(view(a), view(b))
      }),
      { seed: 6265, numRuns: 500 }
    ))

  it("refuses a hostile document, or loads it within the limits of the jar", () =>
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.record({ version: fc.constant(1), cookies: fc.array(fc.anything()) })),
        (json) => {
          const decoded = decode(json, 0)
          if (Either.isLeft(decoded)) assert.strictEqual(decoded.left._tag, "CookieJarError")
          else make().restore(decoded.right.cookies, 0)
        }
      ),
      { seed: 6265, numRuns: 1000 }
    ))
})
