import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { tlsLibrary } from "../../../../src/internal/network/tls/tlsLibrary.js"
import { isSsl, settingsOf, withoutIdentity } from "../../../../src/internal/network/tls/tlsSettings.js"
import * as Ssl from "../../../../src/Ssl.js"
import { standard } from "../../../support/certificates.js"

const seed = 20_261_122

const { cipherLists, tls13CipherLists } = tlsLibrary()

const fields = ["ca", "identity", "crl", "min", "max", "ciphers", "alpn", "name", "verify", "pin"] as const

/** A number from 0 to 2 for each field. */
const choices = fc.record(
  Object.fromEntries(fields.map((field) => [field, fc.nat({ max: 2 })])) as Record<
    (typeof fields)[number],
    fc.Arbitrary<number>
  >
)

type Choices = Record<(typeof fields)[number], number>

const makeBuilder = Effect.gen(function* () {
  const set = yield* standard()
  const second = yield* set.authority.issue({ names: ["device"], client: true })
  const empty = yield* set.authority.crl([])
  const revoked = yield* set.authority.crl([set.good])
  const other = set.untrustedAuthority.ca.cert
  return (choice: Choices) => {
    const options: Ssl.ContextOptions = {
      ca: [set.ca, other, [set.ca, other]][choice.ca],
      ...[{}, { cert: set.client.cert, key: set.client.key }, { cert: second.cert, key: second.key }][choice.identity],
      crl: cipherLists ? [undefined, empty, revoked][choice.crl] : undefined,
      minVersion: ([undefined, "TLSv1.1", "TLSv1"] as const)[choice.min],
      maxVersion: (["TLSv1.3", "TLSv1.2", "TLSv1.2"] as const)[choice.max],
      ciphers: cipherLists ? ["HIGH", "AES256", "HIGH:!SHA"][choice.ciphers] : undefined,
      alpn: [undefined, [], ["x"]][choice.alpn],
      verify: [true, false, undefined][choice.verify],
      bundledCa: false
    }
    const serverHostname = [undefined, "a.example", "b.example"][choice.name]
    const pin = [undefined, "0".repeat(64), "1".repeat(64)][choice.pin]
    return Effect.map(Ssl.context(options), (context) => {
      const connector = pin === undefined ? undefined : Ssl.fingerprint(pin)
      return settingsOf(context, connector, serverHostname).key
    })
  }
})

/** The effective options, which are equal for options with the same effect. */
const meaning = (choice: Choices): string =>
  JSON.stringify({
    ...choice,
    ...(cipherLists ? {} : { crl: 0, ciphers: 0 }),
    // Without lists for TLS 1.3, a list excludes that version.
    max: cipherLists && !tls13CipherLists ? 1 : Math.min(choice.max, 1),
    verify: choice.verify === 1
  })

describe("TLS settings", () => {
  it.live("have equal keys if and only if they are equal", () =>
    Effect.gen(function* () {
      const build = yield* makeBuilder
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(choices, fc.constantFrom(...fields), fc.nat({ max: 2 }), async (one, field, value) => {
            const two: Choices = { ...one, [field]: value }
            const [first, second] = await Effect.runPromise(Effect.all([build(one), build(two)]))
            assert.strictEqual(first === second, meaning(one) === meaning(two), JSON.stringify([one, two]))
          }),
          { seed, numRuns: 200 }
        )
      )
    })
  )

  it.live("hold no secret, and are equal for every form of the same material", () =>
    Effect.gen(function* () {
      const { ca, client } = yield* standard()
      const plain = yield* Ssl.context({ ca, cert: client.cert, key: client.key })
      const wrapped = yield* Ssl.context({
        ca: [Buffer.from(ca)],
        cert: `A comment.\n${client.cert}`,
        key: new TextEncoder().encode(client.key)
      })
      const one = settingsOf(plain, undefined, undefined)
      assert.strictEqual(one.key, settingsOf(wrapped, undefined, undefined).key)
      const secret = client.key.split("\n")[1] ?? ""
      assert.isAbove(secret.length, 10)
      for (const text of [
        one.key,
        inspect(plain, { depth: 9, showHidden: true }),
        JSON.stringify(plain),
        String(plain)
      ]) {
        assert.notInclude(text, secret)
      }
    })
  )

  it.live("of a request take precedence over those of the connector, except its pin", () =>
    Effect.gen(function* () {
      const { ca } = yield* standard()
      const context = yield* Ssl.context({ ca })
      const a = Ssl.fingerprint("a".repeat(64))
      const b = Ssl.fingerprint("b".repeat(64), { verify: true })
      const row = (request: Ssl.Ssl | undefined, connector: Ssl.Ssl | undefined) => {
        const { pins, verify } = settingsOf(request, connector, undefined)
        return `${verify ? "verify" : "any"} ${pins.map((pin) => pin[0]).join("")}`.trim()
      }
      assert.strictEqual(row(undefined, undefined), "verify")
      assert.strictEqual(row(true, false), "any")
      assert.strictEqual(row(false, true), "any")
      assert.strictEqual(row(context, false), "verify")
      assert.strictEqual(row(false, context), "any")
      assert.strictEqual(row(true, a), "any a")
      assert.strictEqual(row(context, a), "verify a")
      assert.strictEqual(row(a, a), "any a")
      assert.strictEqual(row(b, a), "verify ab")
      assert.strictEqual(row(false, b), "any b")
      assert.strictEqual(row(a, context), "any a")
      const key = (request: Ssl.Ssl | undefined, connector?: Ssl.Ssl) => settingsOf(request, connector, undefined).key
      assert.strictEqual(key(true, context), key(context, true))
      assert.strictEqual(key(yield* Ssl.context()), key(true))
      assert.notStrictEqual(key(yield* Ssl.context({ bundledCa: false })), key(true))
      assert.notStrictEqual(key(yield* Ssl.context({ ca, bundledCa: true })), key(context))
      assert.strictEqual(settingsOf(true, undefined, undefined), settingsOf(undefined, true, undefined))
    })
  )

  it.live("use a request's server name before the context's, in canonical spelling", () =>
    Effect.gen(function* () {
      const context = yield* Ssl.context({ serverHostname: "DB.internal." })
      assert.strictEqual(settingsOf(context, undefined, undefined).serverHostname, "db.internal")
      assert.strictEqual(
        settingsOf(context, undefined, "xn--bcher-kva.example").serverHostname,
        "xn--bcher-kva.example"
      )
      assert.strictEqual(settingsOf(true, context, undefined).serverHostname, "db.internal")
      assert.strictEqual(settingsOf(false, context, undefined).serverHostname, undefined)
    })
  )

  it.live("for another origin have the same trust without the identity and the name", () =>
    Effect.gen(function* () {
      const { ca, client } = yield* standard()
      const plain = yield* Ssl.context({ ca })
      const device = yield* Ssl.context({ ca, cert: client.cert, key: client.key, serverHostname: "db" })
      const key = (ssl: Ssl.Ssl) => settingsOf(ssl, undefined, undefined).key
      assert.strictEqual(key(withoutIdentity(device)), key(plain))
      assert.strictEqual(withoutIdentity(device), withoutIdentity(device))
      assert.strictEqual(withoutIdentity(plain), plain)
      assert.strictEqual(withoutIdentity(true), true)
      assert.strictEqual(withoutIdentity(false), false)
      const pin = Ssl.fingerprint("a".repeat(64), { verify: true, context: device })
      assert.strictEqual(
        key(withoutIdentity(pin)),
        key(Ssl.fingerprint("a".repeat(64), { verify: true, context: plain }))
      )
    })
  )

  it.live("are distinguished from all other values", () =>
    Effect.gen(function* () {
      const inherited = Object.create({ [Ssl.SslContextTypeId]: Ssl.SslContextTypeId })
      for (const value of [undefined, null, 0, 42, "", "x", {}, [], inherited, Symbol.iterator])
        assert.isFalse(isSsl(value))
      for (const value of [true, false, yield* Ssl.context(), Ssl.fingerprint("a".repeat(64))])
        assert.isTrue(isSsl(value))
    })
  )
})
