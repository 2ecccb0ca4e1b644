import { inspect } from "node:util"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as CookieJar from "effect-http-session/CookieJar"
import { header, names, url } from "./support/jars.js"

const badDocuments: ReadonlyArray<readonly [name: string, json: unknown]> = (() => {
  const good = {
    name: "a",
    value: "secret",
    domain: "example.com",
    hostOnly: true,
    path: "/",
    secure: false,
    httpOnly: false,
    sameSite: null,
    partitioned: false,
    expires: null,
    created: 0,
    updated: 0
  }
  const one = (change: object) => ({
    version: 1,
    cookies: [
      { ...good, name: "fine" },
      { ...good, ...change }
    ]
  })
  return [
    ["null", null],
    ["an array", []],
    ["another version", { version: 2, cookies: [] }],
    ["no cookies", { version: 1 }],
    ["cookies that are none", { version: 1, cookies: ["secret"] }],
    ["a control character in a value", one({ value: "secret\r\nX: y" })],
    ["a semicolon in a name", one({ name: "a;b" })],
    ["a domain in upper case", one({ domain: "EXAMPLE.com" })],
    ["an invalid path", one({ path: "x" })],
    ["a size too large", one({ value: "secret".repeat(1000) })],
    ["neither name nor value", one({ name: "", value: "" })],
    ["an invalid time", one({ created: 1e300 })],
    ["a date in words", one({ expires: "tomorrow" })],
    ["a shared cookie of one host", one({ domain: "" })],
    ["a missing field", { version: 1, cookies: [{ name: "a", value: "secret" }] }],
    ["too many", { version: 1, cookies: new Array(100_001).fill(good) }]
  ]
})()

describe("toJson and fromJson", () => {
  it.effect("keep every field of a cookie and leave out expired cookies", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      const jar = yield* CookieJar.make({ unsafe: true })
      yield* jar.setCookies(
        [
          "a=é; Secure; HttpOnly; SameSite=Lax; Partitioned; Max-Age=60",
          "b=2; Domain=example.com",
          "__Host-c=3; Secure; Path=/",
          "gone=1; Max-Age=5"
        ],
        "https://www.example.com/x/y"
      )
      yield* jar.setCookies(["ip=1"], "http://127.0.0.1/")
      yield* jar.updateCookies({ shared: "1" })
      const json: unknown = JSON.parse(JSON.stringify(yield* jar.toJson))
      yield* TestClock.adjust("10 seconds")
      const copy = yield* CookieJar.make({ unsafe: true })
      yield* copy.fromJson(json)
      assert.deepStrictEqual(yield* copy.entries, yield* jar.entries)
      assert.strictEqual((yield* copy.entries).length, 5)
      assert.strictEqual(
        yield* header(copy, "https://www.example.com/x/"),
        yield* header(jar, "https://www.example.com/x/")
      )
      const strict = yield* CookieJar.make()
      yield* strict.fromJson(json)
      assert.notInclude(yield* names(strict), "ip")
    })
  )

  for (const [name, json] of badDocuments) {
    it.effect(`refuses ${name}, and changes nothing`, () =>
      Effect.gen(function* () {
        const jar = yield* CookieJar.make()
        yield* jar.setCookies(["kept=1"], url)
        const error = yield* Effect.flip(jar.fromJson(json))
        assert.strictEqual(error._tag, "CookieJarError")
        assert.strictEqual(error.reason, name === "too many" ? "TooLarge" : "Malformed")
        assert.notInclude(inspect(error, { depth: 9, showHidden: true }), "secret")
        assert.deepStrictEqual(yield* names(jar), ["kept"])
      })
    )
  }

  it.effect("treat __proto__ in a document as an ordinary name", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      yield* jar.fromJson(JSON.parse(`{"version":1,"cookies":[],"__proto__":{"polluted":true}}`))
      assert.strictEqual(yield* jar.size, 0)
      assert.notProperty({}, "polluted")
    })
  )

  it.effect("leave out cookies that a jar may not hold: public suffixes and broken prefixes", () =>
    Effect.gen(function* () {
      const from = yield* CookieJar.make()
      yield* from.setCookies(["a=1; Domain=example.com", "__Host-b=1; Secure; Path=/", "c=1"], url)
      const text = JSON.stringify(yield* from.toJson)
      const jar = yield* CookieJar.make()
      yield* jar.fromJson(
        JSON.parse(text.replace('"domain":"example.com"', '"domain":"com"').replace('"secure":true', '"secure":false'))
      )
      assert.deepStrictEqual(yield* names(jar), ["c"])
    })
  )
})

describe("save and load", () => {
  it.scopedLive("write a complete private file and leave nothing beside it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const path = `${folder}/cookies.json`
      const jar = yield* CookieJar.make()
      yield* jar.setCookies(["a=1", "b=2; Domain=example.com"], url)
      yield* fs.writeFileString(path, "old", { mode: 0o644 })
      yield* CookieJar.save(jar, path)
      assert.strictEqual((yield* fs.stat(path)).mode & 0o777, 0o600)
      assert.deepStrictEqual(yield* fs.readDirectory(folder), ["cookies.json"])
      const copy = yield* CookieJar.make()
      yield* CookieJar.load(copy, path)
      assert.strictEqual(yield* header(copy), "a=1; b=2")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.scopedLive("keep the old file and leave no other if saving fails", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const jar = yield* CookieJar.make()
      yield* fs.makeDirectory(`${folder}/cookies.json/x`, { recursive: true })
      const error = yield* Effect.flip(CookieJar.save(jar, `${folder}/cookies.json`))
      assert.strictEqual(error._tag, "SystemError")
      assert.deepStrictEqual(yield* fs.readDirectory(folder), ["cookies.json"])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.scopedLive("refuse a file that is not a saved jar, and change nothing", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const jar = yield* CookieJar.make()
      yield* jar.setCookies(["kept=1"], url)
      for (const text of [
        "",
        "secret",
        `{"version":1,"cookies":[`,
        "[".repeat(100_000),
        `{"version":1,"cookies":[{"value":"secret"}]}`
      ]) {
        yield* fs.writeFileString(`${folder}/bad`, text)
        const error = yield* Effect.flip(CookieJar.load(jar, `${folder}/bad`))
        assert.strictEqual(error._tag, "CookieJarError")
        assert.notInclude(inspect(error, { depth: 9, showHidden: true }), "secret")
      }
      yield* fs.truncate(`${folder}/bad`, 65 * 1024 * 1024)
      const large = yield* Effect.flip(CookieJar.load(jar, `${folder}/bad`))
      assert.isTrue(large._tag === "CookieJarError" && large.reason === "TooLarge")
      const directory = yield* Effect.flip(CookieJar.load(jar, folder))
      assert.strictEqual(directory._tag, "CookieJarError")
      const missing = yield* Effect.flip(CookieJar.load(jar, `${folder}/missing`))
      assert.strictEqual(missing._tag, "SystemError")
      assert.deepStrictEqual(yield* names(jar), ["kept"])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
