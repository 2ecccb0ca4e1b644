import { inspect } from "node:util"
import * as Cookies from "@effect/platform/Cookies"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as CookieJar from "effect-http-session/CookieJar"
import { jarOf } from "../src/internal/cookies/registry.js"
import { header, names, url } from "./support/jars.js"

const day = 24 * 60 * 60 * 1000

describe("a cookie", () => {
  it.effect("has the fields of its Set-Cookie line", () =>
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
  it.effect("stores the valid lines if one is invalid", () =>
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

  it.effect("ignores an invalid Date as the expiry of a cookie", () =>
    Effect.gen(function* () {
      const jar = yield* CookieJar.make()
      const cookie = Cookies.unsafeMakeCookie("a", "b", { expires: new Date("nonsense") })
      yield* jar.updateCookies(Cookies.fromIterable([cookie]), "http://a.test/")
      assert.strictEqual((yield* jar.entries).length, 1)
    })
  )
})

describe("quoteCookie", () => {
  it.effect("quotes a value that is not a token, and does not quote a quoted value again", () =>
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
      assert.deepStrictEqual(yield* names(jar), all, "an invalid host clears nothing")
      yield* jar.clearDomain(".Example.com")
      assert.deepStrictEqual(yield* names(jar), ["d", "e"])
      yield* jar.clearDomain("")
      assert.deepStrictEqual(yield* names(jar), ["d"])
    })
  )
})

describe("the layers", () => {
  it.effect("each have their own jar", () =>
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
