import { createPrivateKey } from "node:crypto"
import { inspect } from "node:util"
import { FileSystem } from "@effect/platform"
import { SystemError } from "@effect/platform/Error"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Exit, Layer, Redacted } from "effect"
import * as Ssl from "../src/Ssl.js"
import { standard } from "./support/certificates.js"

const passphrase = "s3cr3t-passphrase"

const encrypted = (key: string) =>
  createPrivateKey(key).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }).toString()

const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64")

describe("Ssl.context", () => {
  it.live("accepts text, bytes, DER and redacted values", () =>
    Effect.gen(function* () {
      const { authority, ca, client } = yield* standard()
      const crl = yield* authority.crl([])
      const key = createPrivateKey(client.key)
      const rows: ReadonlyArray<Ssl.ContextOptions> = [
        {},
        { ca },
        { ca: Buffer.from(ca) },
        { ca: derOf(ca) },
        { ca: [ca, derOf(ca)], bundledCa: true },
        { ca: `# a comment\n${ca}\n${ca}` },
        { cert: client.cert, key: client.key },
        { cert: derOf(client.cert), key: derOf(client.key) },
        { cert: client.cert, key: key.export({ type: "sec1", format: "der" }) },
        { cert: client.cert, key: key.export({ type: "sec1", format: "pem" }) },
        { cert: client.cert + client.key, key: client.cert + client.key },
        { cert: Redacted.make(client.cert), key: Redacted.make(client.key) },
        { cert: client.cert, key: encrypted(client.key), passphrase },
        { cert: client.cert, key: encrypted(client.key), passphrase: Redacted.make(passphrase) },
        { crl },
        { crl: [derOf(crl)] },
        { minVersion: "TLSv1.3", ciphers: "HIGH", alpn: [], serverHostname: "db.internal", verify: false }
      ]
      for (const options of rows) {
        const context = yield* Ssl.context(options)
        assert.strictEqual(context[Ssl.SslContextTypeId], Ssl.SslContextTypeId)
      }
    })
  )

  it.live("names an invalid option and shows no secret", () =>
    Effect.gen(function* () {
      const { authority, ca, client, good } = yield* standard()
      const cut = ca.slice(0, -40)
      const bad = ca.replace(/[A-Za-z0-9]{20}\n/, "AAAAAAAAAAAAAAAAAAAA\n")
      const rows: ReadonlyArray<readonly [option: string, options: object]> = [
        ["ca", { ca: "" }],
        ["ca", { ca: [] }],
        ["ca", { ca: "s3cr3t is no certificate" }],
        ["ca", { ca: cut }],
        ["ca", { ca: bad.replace("MII", "AAA") }],
        ["ca", { ca: client.key }],
        ["ca", { ca: Buffer.from([0x30, 0x82, 1, 2, 3]) }],
        ["ca", { ca: 42 }],
        ["ca", { ca: [ca, null] }],
        ["cert", { key: client.key }],
        ["key", { cert: client.cert }],
        ["cert", { cert: client.key, key: client.key }],
        ["key", { cert: client.cert, key: client.cert }],
        ["key", { cert: client.cert, key: good.key }],
        ["key", { cert: client.cert, key: "s3cr3t" }],
        ["key", { cert: client.cert, key: encrypted(client.key) }],
        ["key", { cert: client.cert, key: encrypted(client.key), passphrase: "s3cr3t-wrong" }],
        ["key", { cert: client.cert, key: derOf(client.cert) }],
        ["crl", { crl: ca }],
        ["crl", { crl: (yield* authority.crl([])).replace(/\n[A-Za-z0-9+/]{8}/, "\nAAAAAAAA") }],
        ["minVersion", { minVersion: "SSLv3" }],
        ["maxVersion", { maxVersion: "TLSv2" }],
        ["minVersion", { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" }],
        ["maxVersion", { maxVersion: "TLSv1.1" }],
        ["ciphers", { ciphers: "s3cr3t" }],
        ["alpn", { alpn: [""] }],
        ["alpn", { alpn: ["x".repeat(256)] }],
        ["serverHostname", { serverHostname: "" }],
        ["serverHostname", { serverHostname: "a b" }],
        ["serverHostname", { serverHostname: "a\r\nb" }],
        ["serverHostname", { serverHostname: "a..b" }],
        ["serverHostname", { serverHostname: "b\u00fccher\n.test" }],
        ["serverHostname", { serverHostname: "*.test" }],
        ["serverHostname", { serverHostname: "127.1" }],
        ["serverHostname", { serverHostname: "fe80::1%eth0" }],
        ["serverHostname", { serverHostname: "a".repeat(64) }],
        ["serverHostname", { serverHostname: 42 }]
      ]
      for (const [option, options] of rows) {
        const exit = yield* Effect.exit(Ssl.context(options))
        const label = `${option}: ${JSON.stringify(options).slice(0, 60)}`
        if (Exit.isSuccess(exit) || exit.cause._tag !== "Fail") return assert.fail(`${label}: ${String(exit)}`)
        const error = exit.cause.error
        assert.strictEqual(error.option, option, label)
        assert.isAbove(error.description.length, 5)
        const text = [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 9 })].join()
        assert.notInclude(text, "s3cr3t")
        assert.notInclude(text, client.key.split("\n")[1] ?? "?")
      }
    })
  )

  it.live("explains the fault of an encrypted key", () =>
    Effect.gen(function* () {
      const { client } = yield* standard()
      const describeKey = (extra: Ssl.ContextOptions) =>
        Effect.map(
          Effect.flip(Ssl.context({ cert: client.cert, key: encrypted(client.key), ...extra })),
          (error) => error.description
        )
      assert.include(yield* describeKey({}), "encrypted")
      assert.include(yield* describeKey({ passphrase: "wrong" }), "passphrase")
    })
  )
})

describe("Ssl.contextFromFiles", () => {
  const files = (content: Record<string, string>) =>
    Layer.succeed(
      FileSystem.FileSystem,
      FileSystem.makeNoop({
        readFile: (path) =>
          Object.hasOwn(content, path)
            ? Effect.succeed(Buffer.from(content[path] ?? ""))
            : Effect.fail(
                new SystemError({
                  module: "FileSystem",
                  method: "readFile",
                  reason: "NotFound",
                  pathOrDescriptor: path
                })
              )
      })
    )

  it.live("reads the files when it runs, and names the option of a file that cannot be read or used", () =>
    Effect.gen(function* () {
      const { ca, client } = yield* standard()
      const content: Record<string, string> = {
        "ca.pem": ca,
        "c.pem": client.cert,
        "k.pem": client.key,
        "bad.pem": "x"
      }
      const use = (options: Ssl.FileOptions) => Effect.provide(Ssl.contextFromFiles(options), files(content))
      yield* use({ caFile: "ca.pem", certFile: "c.pem", keyFile: "k.pem", minVersion: "TLSv1.3" })
      yield* use({ caFile: ["ca.pem", "ca.pem"] })
      const rows: ReadonlyArray<readonly [option: string, options: Ssl.FileOptions]> = [
        ["caFile", { caFile: "none.pem" }],
        ["caFile", { caFile: ["ca.pem", "bad.pem"] }],
        ["certFile", { certFile: "bad.pem", keyFile: "k.pem" }],
        ["keyFile", { certFile: "c.pem", keyFile: "bad.pem" }],
        ["keyFile", { certFile: "c.pem" }],
        ["certFile", { keyFile: "k.pem" }],
        ["crlFile", { crlFile: "ca.pem" }]
      ]
      for (const [option, options] of rows) {
        assert.strictEqual((yield* Effect.flip(use(options))).option, option)
      }
      const missing = yield* Effect.flip(use({ caFile: "none.pem" }))
      assert.include(missing.description, "none.pem")
      assert.include(missing.description, "NotFound")
    })
  )
})

describe("Ssl.fingerprint", () => {
  const hex = "0123456789abcdef".repeat(4)

  it("accepts 32 bytes, or 64 hex digits with or without colons", () => {
    const colons = (hex.match(/../g) ?? []).join(":")
    for (const pin of [hex, hex.toUpperCase(), colons, colons.toUpperCase(), Buffer.from(hex, "hex")]) {
      assert.strictEqual(Ssl.fingerprint(pin).sha256, hex)
    }
    assert.strictEqual(Ssl.fingerprint(new Uint8Array(32)).sha256, "0".repeat(64))
    assert.strictEqual(Ssl.fingerprint(hex).verify, false)
    assert.strictEqual(Ssl.fingerprint(hex, { verify: true }).verify, true)
    assert.strictEqual(Ssl.fingerprint(hex, { verify: undefined }).verify, false)
    assert.strictEqual(Ssl.fingerprint(hex)[Ssl.FingerprintTypeId], Ssl.FingerprintTypeId)
  })

  it("throws for any other value", () => {
    const colons = (hex.match(/../g) ?? []).join(":")
    const refused = [
      "",
      "x",
      hex.slice(1),
      `${hex}0`,
      `${hex}00`,
      `g${hex.slice(1)}`,
      ` ${hex}`,
      `${hex}\n`,
      `${colons}:`,
      `:${colons}`,
      colons.replace(":", ""),
      "0".repeat(32),
      new Uint8Array(0),
      new Uint8Array(31),
      new Uint8Array(33),
      new Uint8Array(64)
    ]
    for (const pin of refused) assert.throws(() => Ssl.fingerprint(pin), TypeError)
    for (const length of [16, 20]) {
      assert.throws(() => Ssl.fingerprint(new Uint8Array(length)), /MD5 and SHA-1/)
      assert.throws(() => Ssl.fingerprint("a0".repeat(length)), /MD5 and SHA-1/)
    }
  })

  it.effect("is a ConfigError in a Config", () =>
    Effect.gen(function* () {
      const pin = Config.mapAttempt(Config.string("PIN"), (text) => Ssl.fingerprint(text))
      const read = (text: string) =>
        Effect.withConfigProvider(Effect.exit(pin), ConfigProvider.fromMap(new Map([["PIN", text]])))
      assert.isTrue(Exit.isSuccess(yield* read(hex)))
      const exit = yield* read("no")
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail")
    })
  )
})
