import { inspect } from "node:util"
import * as Cookies from "@effect/platform/Cookies"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as CookieJar from "effect-http-session/CookieJar"
import { jarOf } from "../src/internal/cookies/registry.js"

const day = 24 * 60 * 60 * 1000
const url = "https://www.example.com/"

const header = (jar: CookieJar.CookieJarService, to: string | URL = url) =>
  Effect.map(
    jar.cookieHeader(to),
    Option.getOrElse(() => "")
  )

const names = (jar: CookieJar.CookieJarService) =>
  Effect.map(jar.entries, (entries) => entries.map((entry) => entry.name))

describe("a cookie", () => {
  it.effect("shows its fields as they were set", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      const jar = yield* CookieJar.make()
      const line = `n="v%20"; Domain=.Example.COM; Path=/p; Secure; HttpOnly; SameSite=Strict; Partitioned; Max-Age=60`
      yield* jar.setCookies([line], "https://www.example.com/p/q")
      assert.deepStrictEqual(yield* jar.entries, [
        {
          name: "n",
          value: `"v%20"`,
          domain: "example.com",
          hostOnly: false,
          path: "/p",
          secure: true,
          httpOnly: true,
          sameSite: Option.some<"strict" | "lax" | "none">("strict"),
          partitioned: true,
          expires: Option.some(DateTime.unsafeMake(1_060_000)),
          created: DateTime.unsafeMake(1_000_000)
        }
      ])
      yield* jar.setCookies(["m=1"], url)
      const plain = (yield* jar.entries)[1]
      assert.deepInclude(plain, { hostOnly: true, expires: Option.none(), sameSite: Option.none(), partitioned: false })
    })
  )

  it.effect("expires by the Clock, after 400 days at most", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      yield* jar.setCookies(
        ["short=1; Max-Age=60", "age=1; Max-Age=99999999999", "date=1; Expires=Fri, 01 Jan 2999 00:00:00 GMT"],
        url
      )
      yield* TestClock.adjust(59_999)
      assert.strictEqual(yield* header(jar), "short=1; age=1; date=1")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* header(jar), "age=1; date=1")
      assert.strictEqual(yield* jar.size, 2)
      yield* TestClock.setTime(400 * day - 1)
      assert.strictEqual(yield* jar.size, 2)
      yield* TestClock.setTime(400 * day)
      assert.strictEqual(yield* header(jar), "")
      assert.deepStrictEqual(yield* names(jar), [])
    })
  )
})

describe("setCookies", () => {
  it.effect("keeps the other lines if one is invalid", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      yield* jar.setCookies(new Set(["a=1", "bad\x01=1", "b=2; Domain=com", "c=3"]), new URL(url))
      assert.strictEqual(yield* header(jar), "a=1; c=3")
    })
  )

  const refused: ReadonlyArray<readonly [url: string, reason: string]> = [
    ["/relative", "Relative"],
    ["www.example.com", "Relative"],
    ["http://", "Syntax"],
    ["http://user:hunter2@exa mple/?token=hunter2", "Syntax"],
    ["ftp://user:hunter2@example.com/", "Scheme"],
    ["data:,x", "Scheme"]
  ]
  for (const [bad, reason] of refused) {
    it.effect(`refuses ${bad} without showing its secrets`, () =>
      Effect.gen(function* () {
        const jar = yield* CookieJar.make()
        const members = [
          jar.setCookies(["a=1"], bad),
          jar.updateCookies({ a: "1" }, bad),
          jar.filterCookies(bad),
          jar.cookieHeader(bad)
        ]
        for (const member of members) {
          const error = yield* Effect.flip(
            Effect.asVoid<unknown, typeof member extends Effect.Effect<unknown, infer E> ? E : never, never>(member)
          )
          assert.strictEqual(error._tag, "InvalidURL")
          assert.strictEqual(error.reason, reason)
          assert.notInclude(
            inspect(error, { depth: 9, showHidden: true }) + String(error) + JSON.stringify(error),
            "hunter2"
          )
        }
        assert.strictEqual(yield* jar.size, 0)
      })
    )
  }

  it.effect("loses no concurrent update", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) =>
          Effect.zipRight(Effect.yieldNow(), Effect.zipRight(jar.setCookies([`c${index}=1`], url), header(jar))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(yield* jar.size, 100)
    })
  )
})

describe("updateCookies", () => {
  it.effect("without a URL stores cookies for every host, IP addresses included", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      yield* jar.updateCookies({ shared: "first" })
      yield* jar.updateCookies([
        ["a", "1"],
        ["a", "2"]
      ])
      for (const to of [url, "http://other.org/x", "http://127.0.0.1:1/", "http://[::1]/"]) {
        assert.strictEqual(yield* header(jar, to), "shared=first; a=2")
      }
      assert.deepInclude((yield* jar.entries)[0], { domain: "", hostOnly: false, path: "/" })
    })
  )

  it.effect("with a URL stores cookies for its host alone, on all its paths", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      yield* jar.updateCookies({ a: "1", "__Host-b": "2" }, "https://www.example.com/x/y")
      yield* jar.updateCookies({ c: "3" }, "http://127.0.0.1/")
      assert.strictEqual(yield* header(jar), "a=1; __Host-b=2")
      assert.strictEqual(yield* header(jar, "https://x.www.example.com/"), "")
      assert.strictEqual(yield* header(jar, "http://www.example.com/"), "a=1")
      assert.strictEqual(yield* header(jar, "http://127.0.0.1/"), "")
    })
  )

  it.effect("lets no value break out of the header", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      yield* jar.updateCookies({
        ok: `a=b, "c" d`,
        injected: "1; Domain=evil",
        line: "1\r\nX: y",
        nul: "\x00",
        "a;b": "1",
        "a=b": "1",
        "": "1",
        "c\n": "1",
        long: "x".repeat(4096)
      })
      assert.strictEqual(yield* header(jar), `ok=a=b, "c" d`)
    })
  )

  it.effect("applies the attributes of the platform's cookies", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      const jar = yield* CookieJar.make()
      const cookies = Cookies.fromSetCookie([
        "domain-cookie=second; Domain=example.com",
        "subdomain1=third; Domain=test1.example.com",
        "different=fifth; Domain=different.org",
        "secure=1; Domain=secure.com; Secure",
        "path=1; Domain=pathtest.com; Path=/one",
        "old=1; Domain=example.com; Expires=Tue, 1 Jan 1980 12:00:00 GMT",
        "aged=%20; Domain=example.com; Max-Age=60",
        "suffix=1; Domain=com"
      ])
      yield* jar.updateCookies(cookies)
      assert.strictEqual(yield* header(jar, "http://example.com/"), "domain-cookie=second; aged=%20")
      assert.strictEqual(
        yield* header(jar, "http://test1.example.com/"),
        "domain-cookie=second; subdomain1=third; aged=%20"
      )
      assert.strictEqual(yield* header(jar, "http://different.org/"), "different=fifth")
      assert.strictEqual(yield* header(jar, "http://secure.com/"), "")
      assert.strictEqual(yield* header(jar, "https://secure.com/"), "secure=1")
      assert.strictEqual(yield* header(jar, "http://pathtest.com/"), "")
      assert.strictEqual(yield* header(jar, "http://pathtest.com/one/two"), "path=1")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* header(jar, "http://example.com/"), "domain-cookie=second")
      yield* jar.updateCookies(cookies, "https://test1.example.com/")
      assert.strictEqual(
        yield* header(jar, "https://test1.example.com/"),
        "domain-cookie=second; subdomain1=third; aged=%20"
      )
    })
  )
})

describe("quoteCookie", () => {
  it.effect("quotes a value that is not a token, once", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make({ quoteCookie: true })
      yield* jar.setCookies(["a=b=c", `q="x y"`, "t=abc"], url)
      yield* jar.updateCookies({ s: "1;2" }, url)
      assert.strictEqual(yield* header(jar), `a="b=c"; q="x y"; t=abc; s="1\\0732"`)
      assert.strictEqual((yield* jar.filterCookies(url))[0]?.value, "b=c")
    })
  )
})

describe("clear", () => {
  const filled = Effect.gen(function* () {
    const jar = yield* CookieJar.make()
    yield* jar.setCookies(["a=1", "b=1; Domain=example.com", "c=1; Secure"], url)
    yield* jar.setCookies(["d=1"], "https://badexample.com/")
    yield* jar.updateCookies({ e: "1" })
    return jar
  })

  it.effect("removes all cookies, or those that match", () =>
    Effect.gen(function* () {
      const jar = yield* filled
      yield* jar.clear((cookie) => cookie.secure)
      assert.deepStrictEqual(yield* names(jar), ["a", "b", "d", "e"])
      yield* jar.clear()
      assert.strictEqual(yield* jar.size, 0)
    })
  )

  it.effect("changes nothing if the predicate throws", () =>
    Effect.gen(function* () {
      const jar = yield* filled
      const exit = yield* Effect.exit(
        jar.clear((cookie) => {
          if (cookie.name === "d") throw new Error("no")
          return true
        })
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* jar.size, 5)
    })
  )

  it.effect("removes the cookies of a domain and its subdomains", () =>
    Effect.gen(function* () {
      const jar = yield* filled
      const all = yield* names(jar)
      for (const domain of ["exam\tple.com", "example.com/x", "example..com"]) yield* jar.clearDomain(domain)
      assert.deepStrictEqual(yield* names(jar), all, "what names no host clears no host")
      yield* jar.clearDomain(".Example.com")
      assert.deepStrictEqual(yield* names(jar), ["d", "e"])
      yield* jar.clearDomain("")
      assert.deepStrictEqual(yield* names(jar), ["d"])
    })
  )
})

describe("the layers", () => {
  it.effect("have one jar each", () =>
    Effect.gen(function* () {
      const [a, b] = yield* Effect.all(
        [CookieJar.layer(), CookieJar.layer()].map((layer) => Effect.provide(CookieJar.CookieJar, layer))
      )
      yield* a!.updateCookies({ a: "1" })
      assert.strictEqual(yield* b!.size, 0)
      assert.isDefined(jarOf(a!))
    })
  )

  it.effect("include layerDummy, which stores and sends nothing", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.CookieJar
      yield* jar.setCookies(["a=1"], url)
      yield* jar.updateCookies({ b: "1" })
      assert.strictEqual(yield* header(jar), "")
      assert.deepStrictEqual(yield* jar.filterCookies(url), [])
      assert.strictEqual(yield* jar.size, 0)
      assert.isTrue(jarOf(jar)?.isEmpty)
    }).pipe(Effect.provide(CookieJar.layerDummy))
  )

  it.effect("include layerConfig, which reads the options", () =>
    Effect.gen(function* () {
      const layer = CookieJar.layerConfig({ treatAsSecureOrigin: Config.string("DEV"), unsafe: Config.succeed(true) })
      const withDev = (dev: string) => Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["DEV", dev]])))
      const jar = yield* Effect.provide(CookieJar.CookieJar, layer).pipe(withDev("http://127.0.0.1:3000"))
      yield* jar.setCookies(["a=1; Secure"], "http://127.0.0.1:3000/")
      assert.strictEqual(yield* header(jar, "http://127.0.0.1:3000/"), "a=1")
      const error = yield* Effect.flip(Effect.provide(CookieJar.CookieJar, layer).pipe(withDev("nonsense")))
      assert.include(String(error), "treatAsSecureOrigin")
    })
  )

  it.effect("die of invalid options", () =>
    Effect.gen(function* () {
      for (const options of [
        { maxCookies: -1 },
        { maxCookiesPerDomain: Number.NaN },
        { treatAsSecureOrigin: "localhost" },
        { treatAsSecureOrigin: "http://local\thost:3000" },
        { treatAsSecureOrigin: "http://a..b:3000" },
        { treatAsSecureOrigin: "http://127.1:3000" }
      ]) {
        const exit = yield* Effect.exit(CookieJar.make(options))
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      }
    })
  )
})

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

  it.scopedLive("keep the old file and no other if saving fails", () =>
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

  it.scopedLive("refuse a file that is not a jar's, and change nothing", () =>
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

/** A jar on a store, and its Scope. */
const persisted = (store: KeyValueStore.KeyValueStore, options?: Parameters<typeof CookieJar.layerPersisted>[0]) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const layer = CookieJar.layerPersisted(options).pipe(
      Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore, store))
    )
    const context = yield* Layer.buildWithScope(layer, scope)
    return { jar: Context.get(context, CookieJar.CookieJar), close: Scope.close(scope, Exit.void) }
  })

const memory = Effect.provide(KeyValueStore.KeyValueStore, KeyValueStore.layerMemory)

describe("layerPersisted", () => {
  it.effect("saves each change within a second, and loads it", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store, { key: "mine" })
      yield* one.jar.setCookies(["a=1"], url)
      yield* TestClock.adjust("1 second")
      assert.include(Option.getOrThrow(yield* store.get("mine")), `"a"`)
      yield* one.jar.setCookies(["b=1"], url)
      yield* TestClock.adjust("1 second")
      const two = yield* persisted(store, { key: "mine" })
      assert.deepStrictEqual(yield* names(two.jar), ["a", "b"])
      assert.isDefined(jarOf(two.jar))
    })
  )

  it.effect("saves pending changes when its Scope closes, and writes nothing if nothing changed", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const idle = yield* persisted(store)
      yield* idle.close
      assert.strictEqual(yield* store.size, 0)
      const one = yield* persisted(store)
      yield* one.jar.updateCookies({ a: "1" })
      yield* one.close
      assert.deepStrictEqual(yield* names((yield* persisted(store)).jar), ["a"])
    })
  )

  it.effect("loses no cookie of jars that share a store, and keeps removals", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store)
      yield* one.jar.setCookies(["both=1", "gone=1"], url)
      yield* TestClock.adjust("2 seconds")
      const two = yield* persisted(store)
      yield* one.jar.setCookies(["one=1", "gone=; Max-Age=0"], url)
      yield* TestClock.adjust("100 millis")
      yield* two.jar.setCookies(["two=1", "both=2"], url)
      yield* TestClock.adjust("5 seconds")
      yield* one.close
      yield* two.close
      const three = yield* persisted(store)
      assert.deepStrictEqual((yield* names(three.jar)).sort(), ["both", "one", "two"])
      assert.include(yield* header(three.jar), "both=2")
    })
  )

  it.effect("repeats a write that another jar overtook", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store)
      yield* one.jar.setCookies(["one=1"], url)
      yield* TestClock.adjust("500 millis")
      const overtaken = yield* store.get("cookies")
      assert.isTrue(Option.isSome(overtaken))
      // The write of a process that read the empty store before.
      yield* store.set("cookies", JSON.stringify({ version: 1, cookies: [] }))
      yield* TestClock.adjust("1 second")
      assert.include(Option.getOrThrow(yield* store.get("cookies")), `"one"`)
    })
  )

  it.effect("restores a saved change that another jar overwrote when the Scope closes", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store)
      yield* one.jar.setCookies(["one=1"], url)
      yield* TestClock.adjust("10 seconds")
      yield* store.set("cookies", JSON.stringify({ version: 1, cookies: [] }))
      yield* one.close
      assert.deepStrictEqual(yield* names((yield* persisted(store)).jar), ["one"])
    })
  )

  it.effect("reads again if a file is only half written", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store)
      yield* one.jar.setCookies(["one=1"], url)
      yield* one.close
      const whole = Option.getOrThrow(yield* store.get("cookies"))
      const halves = ["", whole.slice(0, 20), ""]
      const writing = KeyValueStore.make({
        ...store,
        get: (key) =>
          Effect.suspend(() => (halves.length > 0 ? Effect.succeedSome(halves.shift() ?? "") : store.get(key)))
      })
      assert.deepStrictEqual(yield* names((yield* persisted(writing)).jar), ["one"])
    })
  )

  it.effect("fails with a CookieJarError if the key holds another value, which stays", () =>
    Effect.gen(function* () {
      const store = yield* memory
      yield* store.set("cookies", "secret")
      const error = yield* Effect.flip(persisted(store))
      assert.strictEqual(error._tag, "CookieJarError")
      assert.strictEqual(Option.getOrThrow(yield* store.get("cookies")), "secret")
    })
  )

  it.effect("warns without secrets while a store fails, and saves once it works", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ annotations, message }) => {
        logged.push(message, ...annotations)
      })
      const store = yield* memory
      let broken = true
      const failure = new SystemError({
        module: "KeyValueStore",
        method: "set",
        reason: "Unknown",
        description: "hunter2"
      })
      const flaky = KeyValueStore.make({
        ...store,
        set: (key, value) => (broken ? Effect.fail(failure) : store.set(key, value))
      })
      yield* Effect.gen(function* () {
        const one = yield* persisted(flaky)
        yield* one.jar.updateCookies({ a: "hunter2" })
        yield* TestClock.adjust("1 second")
        broken = false
        yield* TestClock.adjust("1 minute")
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.isTrue(Option.isSome(yield* store.get("cookies")))
      assert.include(inspect(logged), "not saved")
      assert.notInclude(inspect(logged, { depth: 9 }), "hunter2")
    })
  )

  it.effect("treats a store that dies like a store that fails", () =>
    Effect.gen(function* () {
      const store = yield* memory
      let dead = true
      const dying = KeyValueStore.make({
        ...store,
        set: (key, value) => {
          if (dead) throw new Error("no store")
          return store.set(key, value)
        }
      })
      const one = yield* persisted(dying)
      yield* one.jar.updateCookies({ a: "1" })
      yield* TestClock.adjust("1 second")
      dead = false
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Option.isSome(yield* store.get("cookies")))
      dead = true
      yield* one.jar.updateCookies({ b: "2" })
      yield* one.close
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )

  for (const when of ["before", "while"] as const) {
    it.effect(`waits 5 seconds for a store that hangs when its Scope closes, ${when} something is saved`, () =>
      Effect.gen(function* () {
        const store = yield* memory
        const one = yield* persisted(KeyValueStore.make({ ...store, set: () => Effect.async<void>(() => {}) }))
        yield* one.jar.updateCookies({ a: "1" })
        if (when === "while") yield* TestClock.adjust("1 second")
        const closing = yield* Effect.fork(one.close)
        yield* TestClock.adjust("4999 millis")
        assert.isNull(closing.unsafePoll())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(closing)
      }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
    )
  }

  it.effect("saves the last change if the fiber that closes its Scope is interrupted again", () =>
    Effect.gen(function* () {
      const saving = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const saved: Array<string> = []
      const store = KeyValueStore.makeStringOnly({
        get: () => Effect.succeed(Option.fromNullable(saved.at(-1))),
        set: (_, value) =>
          Deferred.succeed(saving, undefined).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.zipRight(Effect.sync(() => saved.push(value)))
          ),
        remove: () => Effect.void,
        clear: Effect.void,
        size: Effect.succeed(0)
      })
      const fiber = yield* Effect.flatMap(CookieJar.CookieJar, (jar) => jar.updateCookies({ a: "last" }, url)).pipe(
        Effect.zipRight(Effect.never),
        Effect.provide(
          CookieJar.layerPersisted().pipe(Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore, store)))
        ),
        Effect.fork
      )
      yield* Effect.yieldNow().pipe(Effect.repeatN(50))
      yield* Fiber.interruptFork(fiber)
      yield* Deferred.await(saving)
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow().pipe(Effect.repeatN(50))
      assert.isNull(fiber.unsafePoll())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(fiber)
      assert.include(saved.at(-1), "last")
    })
  )

  for (const change of ["an update", "a removal"] as const) {
    it.effect(`keeps the cookies that were read back after ${change}`, () =>
      Effect.gen(function* () {
        const { close, jar } = yield* persisted(yield* memory)
        yield* TestClock.adjust("1 hour")
        yield* jar.updateCookies({ a: "old" }, url)
        const backup = yield* jar.toJson
        yield* TestClock.adjust("10 seconds")
        if (change === "an update") yield* jar.updateCookies({ a: "new" }, url)
        else yield* jar.clear()
        yield* TestClock.adjust("10 seconds")
        yield* jar.fromJson(backup)
        yield* TestClock.adjust("10 seconds")
        assert.include(yield* header(jar), "a=old")
        yield* close
      })
    )
  }

  it.effect("ignores an invalid Date as the expiry of a cookie", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      const cookie = Cookies.unsafeMakeCookie("a", "b", { expires: new Date("nonsense") })
      yield* jar.updateCookies(Cookies.fromIterable([cookie]), "http://a.test/")
      assert.strictEqual((yield* jar.entries).length, 1)
    })
  )
})
