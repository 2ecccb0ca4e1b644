import { inspect } from "node:util"
import { FileSystem } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as FastCheck from "effect/FastCheck"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Ssl from "effect-http-session/Ssl"
import { readPfx } from "../../../../src/internal/network/tls/pkcs12.js"
import { standard } from "../../../support/certificates.js"
import { pfx, root, server } from "../../../support/pfx.js"
import { secureSite } from "../../../support/secureSite.js"
import { sessionOn } from "../../../support/session.js"

const readable: ReadonlyArray<readonly [file: Parameters<typeof pfx>[0], passphrase: string | undefined]> = [
  ["aes", "s3cr3t"],
  ["des", "s3cr3t"],
  ["plain", "s3cr3t"],
  ["empty", ""],
  ["empty", undefined],
  ["emptydes", ""],
  ["emptydes", undefined],
  ["unicode", "päß€wort"],
  ["unides", "päßwort"]
]

const rejected: ReadonlyArray<readonly [file: Parameters<typeof pfx>[0], passphrase: string | undefined, why: RegExp]> =
  [
    ["aes", "s3cr3t-not", /expected the passphrase that decrypts the file/],
    ["aes", undefined, /expected a passphrase for the encrypted file/],
    ["des", "", /expected the passphrase that decrypts the file/],
    ["rc2", "s3cr3t", /not supported, such as RC2; export it/],
    ["nokey", "s3cr3t", /expected a private key/],
    ["nocert", "s3cr3t", /expected a certificate for the private key/]
  ]

describe("a PKCS #12 file", () => {
  for (const [file, passphrase] of readable) {
    it(`${file}, passphrase ${JSON.stringify(passphrase)}, is its key and its chain without the root`, () => {
      const { chain, key } = readPfx(pfx(file), passphrase)
      assert.deepStrictEqual(
        chain.map(({ subject }) => subject),
        ["CN=device", "CN=Pfx Intermediate"]
      )
      assert.isTrue(chain[0]?.checkPrivateKey(key))
    })
  }

  for (const [file, passphrase, why] of rejected) {
    it.effect(`${file}, passphrase ${JSON.stringify(passphrase)}, is rejected, and the error shows nothing of it`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Ssl.context({ pfx: pfx(file), passphrase }))
        assert.strictEqual(error.option, "pfx")
        assert.match(error.description, why)
        assert.notInclude(`${error.message} ${JSON.stringify(error)} ${inspect(error, { depth: 9 })}`, "s3cr3t")
      })
    )
  }

  it.effect("is redacted, bytes or base64", () =>
    Effect.gen(function* () {
      const bytes = pfx("aes")
      for (const given of [bytes, Redacted.make(bytes), Redacted.make(bytes.toString("base64"))]) {
        yield* Ssl.context({ pfx: given, passphrase: Redacted.make("s3cr3t") })
      }
      for (const given of ["text", 42, Redacted.make(42), Buffer.alloc(0), Buffer.from("0"), server.cert] as const) {
        const error = yield* Effect.flip(Ssl.context({ pfx: given as Ssl.Pfx }))
        assert.strictEqual(error.option, "pfx")
      }
      const { client } = yield* standard()
      for (const beside of [{ cert: client.cert }, { key: client.key }]) {
        const error = yield* Effect.flip(Ssl.context({ pfx: bytes, passphrase: "s3cr3t", ...beside }))
        assert.include(error.description, "either pfx, or cert and key")
      }
    })
  )

  it("any change of it is rejected or has no effect", () => {
    const bytes = pfx("aes")
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 0, max: bytes.length - 1 }),
        FastCheck.integer({ min: 0, max: 255 }),
        FastCheck.boolean(),
        (at, byte, cut) => {
          const changed = cut ? bytes.subarray(0, at) : Buffer.from(bytes)
          if (!cut) changed[at] = byte
          try {
            assert.strictEqual(readPfx(changed, "s3cr3t").chain[0]?.subject, "CN=device")
          } catch (error) {
            assert.strictEqual((error as { readonly _tag?: string })._tag, "SslContextError", String(error))
          }
        }
      ),
      { numRuns: 150 }
    )
  })

  it.scopedLive("shows its certificate and chain to a server that asks", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const at = yield* secureSite({ ...set.good, ca: root, requestCert: true, rejectUnauthorized: true })
      const options = { ca: set.ca, passphrase: Redacted.make("s3cr3t") }
      const fromFile = Ssl.contextFromFiles({ caFile: "ca", pfxFile: "id.p12", passphrase: "s3cr3t" }).pipe(
        Effect.provide(
          Layer.succeed(
            FileSystem.FileSystem,
            FileSystem.makeNoop({
              readFile: (path) => Effect.succeed(path === "ca" ? Buffer.from(set.ca) : pfx("des"))
            })
          )
        )
      )
      for (const context of [Ssl.context({ ...options, pfx: pfx("aes") }), fromFile]) {
        const { session } = yield* sessionOn({ ssl: yield* context })
        assert.strictEqual(yield* session.get(at.url).pipe(ClientResponse.text), "ok")
      }
      assert.deepStrictEqual(
        at.asked.map(({ subject }) => subject),
        ["CN=device", "CN=device"]
      )
    })
  )

  it.scopedLive("adds no authority from the file", () =>
    Effect.gen(function* () {
      const at = yield* secureSite({ ...server })
      const identity = { pfx: pfx("aes"), passphrase: "s3cr3t" }
      for (const ssl of [
        yield* Ssl.context(identity),
        yield* Ssl.context({ ...identity, ca: (yield* standard()).ca })
      ]) {
        const { session } = yield* sessionOn({ ssl })
        const error = yield* Effect.flip(session.get(at.url).pipe(ClientResponse.text))
        assert.strictEqual(error._tag === "ClientConnectorSSLError" ? error.reason : error._tag, "UntrustedIssuer")
      }
      const { session } = yield* sessionOn({ ssl: yield* Ssl.context({ ...identity, ca: root }) })
      assert.strictEqual(yield* session.get(at.url).pipe(ClientResponse.text), "ok")
    })
  )
})
