/** Import and export of cookies: single cookies, cookies.txt, the JSON of tough-cookie, and a file. */
import { inspect } from "node:util"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as CookieJar from "effect-http-session/CookieJar"

const start = Date.UTC(2026, 0, 1)
const day = 24 * 60 * 60 * 1000

const header = (jar: CookieJar.CookieJarService, to: string) =>
  Effect.map(
    jar.cookieHeader(to),
    Option.getOrElse(() => "")
  )

const jarWith = (options?: CookieJar.CookieJarOptions) =>
  Effect.zipRight(TestClock.setTime(start), CookieJar.make(options))

describe("set", () => {
  it.effect("stores a cookie with all its attributes", () =>
    Effect.gen(function* () {
      const jar = yield* jarWith()
      yield* jar.set({
        name: "a",
        value: "1",
        domain: ".Example.COM",
        path: "/p",
        secure: true,
        httpOnly: true,
        sameSite: "lax",
        partitioned: true,
        expires: new Date(start + day)
      })
      const [cookie] = yield* jar.entries
      assert.deepInclude(cookie, {
        name: "a",
        value: "1",
        domain: "example.com",
        hostOnly: false,
        path: "/p",
        secure: true,
        httpOnly: true,
        sameSite: Option.some<"strict" | "lax" | "none">("lax"),
        partitioned: true,
        expires: Option.some(DateTime.unsafeMake(start + day))
      })
      assert.strictEqual(yield* header(jar, "https://www.example.com/p/q"), "a=1")
      assert.strictEqual(yield* header(jar, "http://www.example.com/p/q"), "")
    })
  )

  it.effect("applies defaults, and stores a cookie for the host only if hostOnly is set", () =>
    Effect.gen(function* () {
      const jar = yield* jarWith()
      yield* jar.set({ name: "wide", value: "1", domain: "example.com" })
      yield* jar.set({ name: "host", value: "2", domain: "example.com", hostOnly: true })
      yield* jar.set({ name: "all", value: "3", domain: "" })
      assert.strictEqual(yield* header(jar, "http://example.com/"), "wide=1; host=2; all=3")
      assert.strictEqual(yield* header(jar, "http://www.example.com/"), "wide=1; all=3")
      assert.strictEqual(yield* header(jar, "http://other.test/"), "all=3")
    })
  )

  it.effect("accepts the cookies of another jar", () =>
    Effect.gen(function* () {
      const from = yield* jarWith({ nameless: true, unsafe: true })
      yield* from.setCookies(
        ["n=ä; Path=/x; Max-Age=60; SameSite=None; Secure; HttpOnly", "bare"],
        "https://a.example.com/"
      )
      yield* from.setCookies(["ip=1"], "http://10.0.0.1/")
      const to = yield* jarWith({ nameless: true, unsafe: true })
      for (const cookie of yield* from.entries) yield* to.set(cookie)
      assert.deepStrictEqual(yield* to.entries, yield* from.entries)
    })
  )

  it.effect("replaces a cookie with the same name, domain and path, and removes it if it has expired", () =>
    Effect.gen(function* () {
      const jar = yield* jarWith()
      yield* jar.set({ name: "a", value: "1", domain: "example.com" })
      yield* jar.set({ name: "a", value: "2", domain: "example.com" })
      assert.strictEqual(yield* header(jar, "http://example.com/"), "a=2")
      yield* jar.set({ name: "a", value: "", domain: "example.com", expires: DateTime.unsafeMake(start - 1) })
      assert.strictEqual(yield* jar.size, 0)
    })
  )

  const rejected: ReadonlyArray<readonly [name: string, cookie: CookieJar.CookieInput]> = [
    ["a line break in the value", { name: "a", value: "s3cr3t\r\n", domain: "example.com" }],
    ["a semicolon in the value", { name: "a", value: "s3cr3t;b", domain: "example.com" }],
    ["an equals sign in the name", { name: "a=b", value: "s3cr3t", domain: "example.com" }],
    ["a cookie without a name", { name: "", value: "s3cr3t", domain: "example.com" }],
    ["a cookie of more than 4096 octets", { name: "a", value: "s3cr3t".repeat(1000), domain: "example.com" }],
    ["an invalid domain name", { name: "a", value: "s3cr3t", domain: "exam ple" }],
    ["an IP address as domain", { name: "a", value: "s3cr3t", domain: "10.0.0.1" }],
    ["a name with __Host- and a Domain", { name: "__Host-a", value: "s3cr3t", domain: "example.com" }],
    [
      "a name with __Secure- that is not Secure",
      { name: "__Secure-a", value: "s3cr3t", domain: "example.com", secure: false }
    ]
  ]
  for (const [name, cookie] of rejected) {
    it.effect(`fails for ${name}`, () =>
      Effect.gen(function* () {
        const jar = yield* jarWith()
        const error = yield* Effect.flip(jar.set(cookie))
        assert.strictEqual(error._tag, "CookieJarError")
        assert.strictEqual(error.reason, "Rejected")
        assert.strictEqual(error.message, `Cannot store the cookie: ${error.description}`)
        assert.notInclude(inspect(error, { depth: 9, showHidden: true }), "s3cr3t")
        assert.strictEqual(yield* jar.size, 0)
      })
    )
  }
})

const seconds = start / 1000 + 3600

const cookiesTxt = [
  "# Netscape HTTP Cookie File",
  "# https://curl.se/docs/http-cookies.html",
  "",
  `.example.com\tTRUE\t/\tFALSE\t${seconds}\twide\t1`,
  `www.example.com\tFALSE\t/p\tTRUE\t0\tsession\ta=b`,
  `#HttpOnly_.example.com\tTRUE\t/\tTRUE\t${seconds}\thidden\t2`,
  `#HttpOnly_www.example.com\tFALSE\t/\tFALSE\t0\tempty\t`,
  `.example.com\tTRUE\t/\tFALSE\t1\tgone\tx`
].join("\n")

describe("fromNetscape", () => {
  it.effect("reads cookies.txt, including the HttpOnly prefix", () =>
    Effect.gen(function* () {
      const jar = yield* jarWith()
      yield* CookieJar.fromNetscape(jar, cookiesTxt)
      assert.deepStrictEqual(
        (yield* jar.entries).map((each) => [
          each.name,
          each.value,
          each.domain,
          each.hostOnly,
          each.path,
          each.secure,
          each.httpOnly,
          Option.getOrUndefined(Option.map(each.expires, DateTime.toEpochMillis))
        ]),
        [
          ["wide", "1", "example.com", false, "/", false, false, seconds * 1000],
          ["session", "a=b", "www.example.com", true, "/p", true, false, undefined],
          ["hidden", "2", "example.com", false, "/", true, true, seconds * 1000],
          ["empty", "", "www.example.com", true, "/", false, true, undefined]
        ]
      )
      assert.strictEqual(yield* header(jar, "https://www.example.com/p"), "session=a=b; wide=1; hidden=2; empty=")
    })
  )

  const odd: ReadonlyArray<readonly [name: string, text: string, sent: string]> = [
    [
      "Windows line breaks and a byte order mark",
      "\ufeff# Netscape HTTP Cookie File\r\na.test\tFALSE\t/\tFALSE\t0\ta\t1\r\n",
      "a=1"
    ],
    ["a text without a header line", "a.test\tFALSE\t/\tFALSE\t0\ta\t1", "a=1"],
    ["flags in lower case", "a.test\tfalse\t/\tfalse\t0\ta\t1", "a=1"],
    ["six fields as an empty value", "a.test\tFALSE\t/\tFALSE\t0\ta", "a="],
    ["an expiry with a fraction", `a.test\tFALSE\t/\tFALSE\t${seconds}.25\ta\t1`, "a=1"],
    ["an expiry of -1", "a.test\tFALSE\t/\tFALSE\t-1\ta\t1", "a=1"],
    ["an empty expiry", "a.test\tFALSE\t/\tFALSE\t\ta\t1", "a=1"],
    ["a flag without a dot", "a.test\tTRUE\t/\tFALSE\t0\ta\t1", "a=1"],
    ["a dot without the flag", ".a.test\tFALSE\t/\tFALSE\t0\ta\t1", "a=1"],
    ["a host in capitals", "A.TEST\tFALSE\t/\tFALSE\t0\ta\t1", "a=1"],
    ["text beyond ASCII", "a.test\tFALSE\t/\tFALSE\t0\tä\tö", "ä=ö"],
    ["a tab in the value", "a.test\tFALSE\t/\tFALSE\t0\ta\tb\tc", "a=b\tc"],
    ["an empty text", "", ""],
    ["a text of comments", "# a\n#b\n\n", ""]
  ]
  for (const [name, text, sent] of odd) {
    it.effect(`reads ${name}`, () =>
      Effect.gen(function* () {
        const jar = yield* jarWith()
        yield* CookieJar.fromNetscape(jar, text)
        assert.strictEqual(yield* header(jar, "http://a.test/"), sent)
      })
    )
  }

  const bad: ReadonlyArray<readonly [name: string, line: string]> = [
    ["JSON", `{"cookies":["s3cr3t"]}`],
    ["spaces instead of tabs", "a.test FALSE / FALSE 0 a s3cr3t"],
    ["too few fields", "a.test\tFALSE\t/\ts3cr3t"],
    ["an invalid flag", "a.test\tmaybe\t/\tFALSE\t0\ta\ts3cr3t"],
    ["text as expiry", "a.test\tFALSE\t/\tFALSE\ttomorrow\ta\ts3cr3t"],
    ["an empty domain", "\tFALSE\t/\tFALSE\t0\ta\ts3cr3t"],
    ["a URL as domain", "http://a.test\tFALSE\t/\tFALSE\t0\ta\ts3cr3t"],
    ["an empty path", "a.test\tFALSE\t\tFALSE\t0\ta\ts3cr3t"],
    ["a control character", "a.test\tFALSE\t/\tFALSE\t0\ta\ts3cr3t\u0000"],
    ["a semicolon in the name", "a.test\tFALSE\t/\tFALSE\t0\ta;b\ts3cr3t"],
    ["an empty name with an empty value", "a.test\tFALSE\t/\tFALSE\t0\t\t"],
    ["a value of more than 4096 octets", `a.test\tFALSE\t/\tFALSE\t0\ta\t${"s3cr3t".repeat(1000)}`]
  ]
  for (const [name, line] of bad) {
    it.effect(`rejects ${name} with the number of the line, and changes nothing`, () =>
      Effect.gen(function* () {
        const jar = yield* jarWith()
        yield* jar.setCookies(["kept=1"], "http://a.test/")
        const error = yield* Effect.flip(
          CookieJar.fromNetscape(jar, `# comment\na.test\tFALSE\t/\tFALSE\t0\tgood\t1\n${line}\n`)
        )
        assert.strictEqual(error.reason, "Malformed")
        assert.match(error.description, /^line 3: /)
        assert.notInclude(inspect(error, { depth: 9, showHidden: true }), "s3cr3t")
        assert.strictEqual(yield* header(jar, "http://a.test/"), "kept=1")
      })
    )
  }

  it.effect("skips cookies that the options of the jar do not allow", () =>
    Effect.gen(function* () {
      const text = [
        "10.0.0.1\tFALSE\t/\tFALSE\t0\tip\t1",
        "a.test\tFALSE\t/\tFALSE\t0\t\tbare",
        "a.test\tFALSE\t/\tFALSE\t0\t__Secure-a\t1",
        "a.test\tFALSE\t/\tFALSE\t0\tkept\t1"
      ].join("\n")
      const strict = yield* jarWith()
      yield* CookieJar.fromNetscape(strict, text)
      assert.deepStrictEqual(
        (yield* strict.entries).map(({ name }) => name),
        ["kept"]
      )
      const lax = yield* jarWith({ unsafe: true, nameless: true })
      yield* CookieJar.fromNetscape(lax, text)
      assert.deepStrictEqual(
        (yield* lax.entries).map(({ name }) => name),
        ["ip", "", "kept"]
      )
    })
  )
})

describe("toNetscape", () => {
  it.effect("writes a text from which fromNetscape restores the jar", () =>
    Effect.gen(function* () {
      const jar = yield* jarWith({ unsafe: true })
      yield* CookieJar.fromNetscape(jar, cookiesTxt)
      yield* jar.setCookies(["ip=ä", "tab=a\tb"], "http://[::1]/")
      const text = yield* CookieJar.toNetscape(jar)
      assert.deepStrictEqual(text.split("\n"), [
        "# Netscape HTTP Cookie File",
        `.example.com\tTRUE\t/\tFALSE\t${seconds}\twide\t1`,
        "www.example.com\tFALSE\t/p\tTRUE\t0\tsession\ta=b",
        `#HttpOnly_.example.com\tTRUE\t/\tTRUE\t${seconds}\thidden\t2`,
        "#HttpOnly_www.example.com\tFALSE\t/\tFALSE\t0\tempty\t",
        "::1\tFALSE\t/\tFALSE\t0\tip\tä",
        "::1\tFALSE\t/\tFALSE\t0\ttab\ta\tb",
        ""
      ])
      const copy = yield* jarWith({ unsafe: true })
      yield* CookieJar.fromNetscape(copy, text)
      assert.strictEqual(yield* CookieJar.toNetscape(copy), text)
    })
  )

  it.effect("omits cookies that the format cannot represent", () =>
    Effect.gen(function* () {
      const jar = yield* jarWith()
      yield* jar.updateCookies({ shared: "1" })
      yield* jar.setCookies(["a=1; Path=/x\ty", "b=2"], "http://a.test/")
      assert.strictEqual(
        yield* CookieJar.toNetscape(jar),
        "# Netscape HTTP Cookie File\na.test\tFALSE\t/\tFALSE\t0\tb\t2\n"
      )
    })
  )
})

/** The JSON of tough-cookie 4 and 6. */
const tough = (cookies: ReadonlyArray<object>, version = "tough-cookie@6.1.0") => ({
  version,
  storeType: "MemoryCookieStore",
  rejectPublicSuffixes: true,
  enableLooseMode: false,
  allowSpecialUseDomain: true,
  prefixSecurity: "silent",
  cookies
})

const created = "2026-01-01T00:00:00.000Z"

describe("tough-cookie's JSON", () => {
  for (const version of ["tough-cookie@6.1.0", "tough-cookie@4.1.4"]) {
    it.effect(`of ${version} is read by fromJson`, () =>
      Effect.gen(function* () {
        const jar = yield* jarWith()
        const dates = { creation: created, lastAccessed: created }
        yield* jar.fromJson(
          tough(
            [
              {
                key: "sid",
                value: "1",
                maxAge: 3600,
                domain: "example.com",
                path: "/a",
                secure: true,
                httpOnly: true,
                hostOnly: false,
                pathIsDefault: true,
                ...dates,
                sameSite: "lax"
              },
              { key: "plain", value: "2", domain: "www.example.com", path: "/a", hostOnly: true, ...dates },
              { key: "e", expires: "2026-01-02T00:00:00.000Z", domain: "www.example.com", path: "/p", hostOnly: true },
              { key: "gone", value: "3", maxAge: "-Infinity", domain: "www.example.com", path: "/" },
              { key: "old", value: "3", expires: "2020-01-01T00:00:00.000Z", domain: "www.example.com", path: "/" },
              { key: "ever", value: "4", maxAge: "Infinity", domain: "www.example.com", path: null, sameSite: "none" }
            ],
            version
          )
        )
        const entries = yield* jar.entries
        assert.deepStrictEqual(
          entries.map((each) => [
            each.name,
            each.value,
            each.domain,
            each.hostOnly,
            each.path,
            each.secure,
            each.httpOnly,
            Option.getOrUndefined(each.sameSite),
            Option.getOrUndefined(Option.map(each.expires, (time) => (DateTime.toEpochMillis(time) - start) / 1000))
          ]),
          [
            ["sid", "1", "example.com", false, "/a", true, true, "lax", 3600],
            ["plain", "2", "www.example.com", true, "/a", false, false, undefined, undefined],
            ["e", "", "www.example.com", true, "/p", false, false, undefined, 86_400],
            ["ever", "4", "www.example.com", false, "/", false, false, "none", undefined]
          ]
        )
      })
    )
  }

  const bad: ReadonlyArray<readonly [name: string, json: unknown]> = [
    ["without cookies", { version: "tough-cookie@4.1.4" }],
    ["without a domain", tough([{ key: "a", value: "s3cr3t", path: "/" }])],
    ["without a name and a value", tough([{ domain: "a.test" }])],
    ["with a line break", tough([{ key: "a", value: "s3cr3t\n", domain: "a.test" }])],
    ["with an invalid date", tough([{ key: "a", value: "s3cr3t", domain: "a.test", expires: "soon" }])],
    ["with an invalid domain", tough([{ key: "a", value: "s3cr3t", domain: "a test" }])]
  ]
  for (const [name, json] of bad) {
    it.effect(`${name} is rejected, and changes nothing`, () =>
      Effect.gen(function* () {
        const jar = yield* jarWith()
        yield* jar.setCookies(["kept=1"], "http://a.test/")
        const error = yield* Effect.flip(jar.fromJson(json))
        assert.strictEqual(error.reason, "Malformed")
        assert.notInclude(inspect(error, { depth: 9, showHidden: true }), "s3cr3t")
        assert.strictEqual(yield* header(jar, "http://a.test/"), "kept=1")
      })
    )
  }

  it.scoped("is loaded from a file", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/tough.json`
      yield* fs.writeFileString(
        path,
        JSON.stringify(tough([{ key: "a", value: "1", domain: "a.test", hostOnly: true }]))
      )
      const jar = yield* jarWith()
      yield* CookieJar.load(jar, path)
      assert.strictEqual(yield* header(jar, "http://a.test/"), "a=1")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

const inFile = (path: string) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(CookieJar.layerFile(path), scope)
    return { jar: Context.get(context, CookieJar.CookieJar), close: Scope.close(scope, Exit.void) }
  })

describe("layerFile", () => {
  it.scoped("keeps a jar in a file that only its owner can read, even if the old file had another mode", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const path = `${folder}/cookies.json`
      const mode = Effect.map(fs.stat(path), (info) => info.mode & 0o777)
      const one = yield* inFile(path)
      assert.isFalse(yield* fs.exists(path))
      yield* one.jar.setCookies(["a=1"], "http://a.test/")
      yield* one.close
      assert.strictEqual(yield* mode, 0o600)
      yield* fs.chmod(path, 0o644)
      const two = yield* inFile(path)
      assert.strictEqual(yield* header(two.jar, "http://a.test/"), "a=1")
      yield* two.jar.setCookies(["b=2"], "http://a.test/")
      yield* two.close
      assert.strictEqual(yield* mode, 0o600)
      assert.strictEqual(yield* header((yield* inFile(path)).jar, "http://a.test/"), "a=1; b=2")
      assert.deepStrictEqual(yield* fs.readDirectory(folder), ["cookies.json"])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.scoped("loads a jar of tough-cookie", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/cookies.json`
      yield* fs.writeFileString(
        path,
        JSON.stringify(tough([{ key: "a", value: "1", domain: "a.test", hostOnly: true }]))
      )
      const one = yield* inFile(path)
      yield* one.jar.setCookies(["b=2"], "http://a.test/")
      yield* one.close
      assert.strictEqual(yield* header((yield* inFile(path)).jar, "http://a.test/"), "a=1; b=2")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.scoped("fails for a file that is not a saved jar, and does not change it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      yield* fs.writeFileString(`${folder}/x`, "s3cr3t")
      const error = yield* Effect.flip(inFile(`${folder}/x`))
      assert.strictEqual(error._tag, "CookieJarError")
      assert.strictEqual(yield* fs.readFileString(`${folder}/x`), "s3cr3t")
      assert.strictEqual((yield* Effect.flip(inFile(folder)))._tag, "CookieJarError")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
