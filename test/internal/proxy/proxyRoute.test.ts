import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import * as FastCheck from "fast-check"
import * as Auth from "../../../src/Auth.js"
import type { HeadersInput } from "../../../src/ClientRequest.js"
import { InvalidRequest, InvalidURL } from "../../../src/Errors.js"
import type { Origin } from "../../../src/internal/http/origin.js"
import type { Environment } from "../../../src/internal/proxy/environment.js"
import { resolveProxy } from "../../../src/internal/proxy/proxyInput.js"
import type { ProxyRoute } from "../../../src/internal/transport/transport.js"
import * as Proxy from "../../../src/Proxy.js"

const origin: Origin = {
  scheme: "http",
  host: "a.test",
  port: 80,
  authority: "a.test",
  ip: 0,
  key: "http://a.test:80"
}

const resolve = (
  input: Proxy.Input | undefined,
  auth?: Auth.Credentials,
  headers?: HeadersInput,
  environment?: Environment,
  url = "http://a.test/"
) => resolveProxy(input, environment, auth, headers, origin, url)

const routeOf = (...parameters: Parameters<typeof resolve>): ProxyRoute => {
  const found = resolve(...parameters)
  if (found === undefined || found instanceof InvalidURL || found instanceof InvalidRequest) {
    return assert.fail(`no route: ${String(found)}`)
  }
  return found
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`

describe("a proxy URL", () => {
  for (const [text, kind, host, port, ip, url] of [
    ["http://p.test", "http", "p.test", 80, 0, "http://p.test:80"],
    ["http://p.test:80", "http", "p.test", 80, 0, "http://p.test:80"],
    ["http://p.test:3128/", "http", "p.test", 3128, 0, "http://p.test:3128"],
    ["HTTP://P.Test:3128", "http", "p.test", 3128, 0, "http://p.test:3128"],
    ["https://p.test", "https", "p.test", 443, 0, "https://p.test:443"],
    ["https://p.test:80", "https", "p.test", 80, 0, "https://p.test:80"],
    ["socks5://p.test", "socks5", "p.test", 1080, 0, "socks5://p.test:1080"],
    ["socks5://p.test:80", "socks5", "p.test", 80, 0, "socks5://p.test:80"],
    ["socks5://p.test:21", "socks5", "p.test", 21, 0, "socks5://p.test:21"],
    ["socks5h://p.test:9050", "socks5h", "p.test", 9050, 0, "socks5h://p.test:9050"],
    ["socks4a://p.test", "socks4a", "p.test", 1080, 0, "socks4a://p.test:1080"],
    ["socks://p.test:9050", "socks5h", "p.test", 9050, 0, "socks5h://p.test:9050"],
    ["SOCKS://p.test", "socks5h", "p.test", 1080, 0, "socks5h://p.test:1080"],
    ["socks4://p.test", "socks4a", "p.test", 1080, 0, "socks4a://p.test:1080"],
    ["socks4://127.0.0.1:9050", "socks4a", "127.0.0.1", 9050, 4, "socks4a://127.0.0.1:9050"],
    ["socks5h://BÜCHER.test", "socks5h", "xn--bcher-kva.test", 1080, 0, "socks5h://xn--bcher-kva.test:1080"],
    ["http://127.0.0.1:8080", "http", "127.0.0.1", 8080, 4, "http://127.0.0.1:8080"],
    ["socks5://0x7f.1:8080", "socks5", "127.0.0.1", 8080, 4, "socks5://127.0.0.1:8080"],
    ["http://[::1]:8080", "http", "::1", 8080, 6, "http://[::1]:8080"],
    ["socks5h://[0:0::1]", "socks5h", "::1", 1080, 6, "socks5h://[::1]:1080"],
    ["http://bücher.test:1", "http", "xn--bcher-kva.test", 1, 0, "http://xn--bcher-kva.test:1"],
    ["  http://p.test:1  ", "http", "p.test", 1, 0, "http://p.test:1"],
    ["http://example.com:@evil.test:1", "http", "evil.test", 1, 0, "http://evil.test:1"]
  ] as const) {
    it(text, () => {
      const route = routeOf(text)
      assert.deepStrictEqual([route.kind, route.host, route.port, route.ip, route.url], [kind, host, port, ip, url])
    })
  }

  for (const [text, reason] of [
    ["", "Relative"],
    ["p.test", "Relative"],
    ["p.test:3128", "Relative"],
    ["//p.test:3128", "Relative"],
    ["http:p.test", "Relative"],
    ["ftp://p.test", "Scheme"],
    ["socks4b://p.test", "Scheme"],
    ["socks6://p.test", "Scheme"],
    ["toString://p.test", "Scheme"],
    ["pac+http://p.test/p.pac", "Scheme"],
    ["ws://p.test", "Scheme"],
    ["constructor://p.test", "Scheme"],
    ["http://", "Syntax"],
    ["http:///", "Syntax"],
    ["http://p.test:65536", "Syntax"],
    ["http://p.test:port", "Syntax"],
    ["http://p test", "Syntax"],
    ["http://user:s3cr3t@p.test\\@evil.test", "Syntax"],
    ["http://user:s3cr3t/x@p.test:port", "Syntax"],
    ["http://user:s3cr3t", "Syntax"],
    ["http://p.test:0", "Host"],
    ["http://p..test:1", "Host"],
    ["http://.p.test:1", "Host"],
    ["http://p*.test:1", "Host"],
    ["http://p,q.test:1", "Host"],
    [`http://${"a".repeat(64)}.test:1`, "Host"],
    ["http://p.t\r\nest:1", "Syntax"],
    ["http://p.t\test:1", "Syntax"],
    ["http://user:s3cr3t\n@p.test:1", "Syntax"],
    ["http://[fe80::1%25eth0]:1", "Syntax"],
    ["http://user:s3cr3t%0d%0ax@p.test", "Credentials"],
    ["http://us%3Aer:s3cr3t@p.test", "Credentials"],
    ["http://user:s3cr3t%ff@p.test", "Credentials"],
    ["http://user:s3cr3t%00@p.test", "Credentials"],
    [`socks5://user:s3cr3t${"x".repeat(256)}@p.test`, "Credentials"]
  ] as const) {
    it(`is refused with ${reason}: ${JSON.stringify(text.slice(0, 60))}`, () => {
      const error = resolve(text)
      assert.instanceOf(error, InvalidURL)
      assert.strictEqual(error.reason, reason)
      const shown = `${String(error)} ${error.url} ${error.description} ${JSON.stringify(error)} ${inspect(error, { depth: 9 })}`
      assert.notInclude(shown, "s3cr3t")
    })
  }

  it("is shown by its scheme and host if it is rejected, without parts that could be a password", () => {
    for (const [text, shown] of [
      ["gopher://user:s3cr3t@p.test:1/x", "gopher://p.test"],
      ["http://user:s3cr3t@p.test:port", "http://p.test"],
      ["http://user:s3cr3t@[::1]:port", "http://[::1]"],
      ["http://user:s3cr3t/x@p.test:port", "http://p.test"],
      ["http://user:s3cr3t@x@p.test:0", "http://p.test"],
      ["http://user:s3cr3t", "http://user"],
      ["http://:s3cr3t", "http://***"],
      ["http://user:s3cr3t@", "http://***"],
      ["http://user:@s3cr3t word", "http://***"],
      ["http://s3cr3t word:p", "http://***"],
      ["http://", "http://***"],
      ["s3cr3t", "***"],
      ["user:s3cr3t@p.test", "***"]
    ]) {
      const error = resolve(text)
      assert.instanceOf(error, InvalidURL, text)
      assert.deepStrictEqual([error.url, error.proxy, error.host], [shown, true, "a.test"])
      assert.isTrue(error.message.startsWith(`Cannot use the proxy "${shown}" for a.test: `), error.message)
      assert.notInclude(error.message, "s3cr3t")
    }
  })

  for (const [userinfo, user, password] of [
    ["user:pass@", "user", "pass"],
    ["user@", "user", ""],
    ["user:@", "user", ""],
    [":pass@", "", "pass"],
    ["user:p%40ss@", "user", "p@ss"],
    ["user:p%2540ss@", "user", "p%40ss"],
    ["a:b:c@", "a", "b:c"],
    ["us%2fer:p%3ass@", "us/er", "p:ss"],
    ["%C3%BC:%C3%9F@", "ü", "ß"],
    ["ü:ß@", "ü", "ß"],
    ["user:100%@", "user", "100%"],
    ["user:a b@", "user", "a b"],
    ["us@er:p@ss@", "us@er", "p@ss"]
  ] as const) {
    it(`has the credentials ${userinfo}`, () => {
      const route = routeOf(`http://${userinfo}p.test:3128`)
      assert.strictEqual(route.authorization, basic(user, password))
      assert.strictEqual(route.url, "http://p.test:3128")
      assert.strictEqual(routeOf(new URL(`http://${userinfo}p.test:3128`)).authorization, basic(user, password))
      const inner = routeOf(`socks5h://${userinfo}p.test`)
      assert.deepStrictEqual([inner.user, inner.password, inner.authorization], [user, password, undefined])
    })
  }

  it("of SOCKS can have a colon in the name, and can have no credentials", () => {
    assert.strictEqual(routeOf("socks5://us%3Aer:p@p.test").user, "us:er")
    assert.isUndefined(routeOf("socks5://p.test").user)
    assert.isUndefined(routeOf("http://p.test").authorization)
    assert.isUndefined(routeOf("http://@p.test").authorization)
  })

  it("of any text is a proxy or fails with a typed error", () => {
    const part = FastCheck.constantFrom(
      "http://",
      "socks5://",
      "p.test",
      ":80",
      "@",
      "%",
      "%41",
      "\\",
      "[::1]",
      "/",
      "?",
      "#",
      "\n",
      "x"
    )
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.oneof(part, FastCheck.string({ maxLength: 4 })), { maxLength: 8 }),
        (parts) => {
          const found = resolve(parts.join(""))
          assert.isTrue(
            found instanceof InvalidURL || found instanceof InvalidRequest || (found !== undefined && found.host !== "")
          )
        }
      ),
      { seed: 9, numRuns: 500 }
    )
  })
})

describe("the proxy options", () => {
  const p = "http://p.test:3128"
  const environment: Environment = { proxyFor: () => routeOf("http://env.test:1"), netrc: () => undefined }

  it("mean a direct connection if there is no proxy, or if proxy is false in any environment", () => {
    assert.isUndefined(resolve(undefined))
    assert.isUndefined(resolve(false))
    assert.isUndefined(resolve(false, undefined, undefined, environment))
  })

  it("take precedence over the environment", () => {
    assert.strictEqual(routeOf(undefined, undefined, undefined, environment).url, "http://env.test:1")
    assert.strictEqual(routeOf(p, undefined, undefined, environment).url, p)
  })

  it("do not apply proxyAuth to proxies of the environment", () => {
    assert.isUndefined(routeOf(undefined, Auth.basic("u", "p"), undefined, environment).authorization)
  })

  it("apply proxyAuth and proxyHeaders to a URL", () => {
    const route = routeOf(p, Auth.basic("u", "p"), { "x-a": ["1", "2"], "x-b": undefined, "x-c": Redacted.make("3") })
    assert.strictEqual(route.authorization, basic("u", "p"))
    assert.deepStrictEqual(route.headers, [
      ["x-a", "1"],
      ["x-a", "2"],
      ["x-c", "3"]
    ])
    assert.strictEqual(routeOf(new URL(p), Auth.bearer("t")).authorization, "Bearer t")
    assert.strictEqual(routeOf(p, undefined, { "Proxy-Authorization": "Custom x" }).authorization, "Custom x")
    assert.deepStrictEqual(
      routeOf(p, undefined, [
        ["X-A", "1"],
        ["x-a", "2"]
      ]).headers,
      [
        ["X-A", "1"],
        ["x-a", "2"]
      ]
    )
  })

  for (const [what, input, auth, headers, option] of [
    ["credentials twice", "http://u:p@p.test", Auth.basic("u", "s3cr3t"), undefined, "proxyAuth"],
    ["proxyAuth with Proxy.make", Proxy.make(p), Auth.basic("u", "s3cr3t"), undefined, "proxyAuth"],
    ["proxyAuth with Proxy.route", Proxy.route(() => p), Auth.basic("u", "s3cr3t"), undefined, "proxyAuth"],
    ["proxyHeaders with Proxy.make", Proxy.make(p), undefined, { "x-a": "s3cr3t" }, "proxyHeaders"],
    [
      "Proxy.make with credentials twice",
      Proxy.make("http://u:p@p.test", { auth: Auth.basic("u", "s3cr3t") }),
      undefined,
      undefined,
      "proxy"
    ],
    ["a header and credentials", p, Auth.basic("u", "s3cr3t"), { "proxy-authorization": "x" }, "proxyAuth"],
    ["a colon in the name", p, Auth.basic("a:b", "s3cr3t"), undefined, "proxyAuth"],
    ["CRLF in the password", p, Auth.basic("a", "s3cr3t\r\n"), undefined, "proxyAuth"],
    ["a token for SOCKS", "socks5://p.test", Auth.bearer("s3cr3t"), undefined, "proxyAuth"],
    ["NUL in a SOCKS4a name", "socks4a://p.test", Auth.basic("a\0evil.test"), undefined, "proxyAuth"],
    ["256 bytes for SOCKS5", "socks5://p.test", Auth.basic("a", "ü".repeat(128)), undefined, "proxyAuth"],
    ["CRLF in a header's value", p, undefined, { "x-a": "s3cr3t\r\nx-b: 1" }, "proxyHeaders"],
    ["LF in a header's value", p, undefined, { "x-a": "s3cr3t\n" }, "proxyHeaders"],
    ["NUL in a header's value", p, undefined, { "x-a": "s3cr3t\0" }, "proxyHeaders"],
    ["U+010A in a header's value", p, undefined, { "x-a": "s3cr3t\u010a" }, "proxyHeaders"],
    ["U+560A in a header's value", p, undefined, { "x-a": "s3cr3t\u560a" }, "proxyHeaders"],
    ["CRLF in a header's name", p, undefined, { "x-a: 1\r\nx-b": "s3cr3t" }, "proxyHeaders"],
    ["an empty header name", p, undefined, { "": "s3cr3t" }, "proxyHeaders"],
    ["Host", p, undefined, { Host: "evil.test" }, "proxyHeaders"],
    ["Content-Length", p, undefined, { "content-length": "5" }, "proxyHeaders"],
    ["Transfer-Encoding", p, undefined, [["Transfer-Encoding", "chunked"]] as const, "proxyHeaders"],
    ["two Proxy-Authorization", p, undefined, { "proxy-authorization": ["a", "b"] }, "proxyHeaders"]
  ] as const) {
    it(`refuse ${what}`, () => {
      const error = resolve(input, auth, headers)
      assert.instanceOf(error, InvalidRequest)
      assert.strictEqual(error.option, option)
      assert.notInclude(`${String(error)} ${JSON.stringify(error)} ${inspect(error, { depth: 9 })}`, "s3cr3t")
    })
  }

  it("make one route for equal options, with or without credentials", () => {
    const auth = Auth.basic("u", "p")
    assert.strictEqual(routeOf(p), routeOf(p))
    assert.strictEqual(routeOf(p, auth), routeOf(p, auth))
    assert.notStrictEqual(routeOf(p, auth), routeOf("http://q.test:3128", auth))
    assert.strictEqual(routeOf("http://q.test:3128", auth).host, "q.test")
  })
})

describe("the key of a proxy", () => {
  it("is equal if everything is equal, and shows no secret", () => {
    const make = (password: string, header = "1") =>
      routeOf("http://p.test:3128", Auth.basic("us3r", password), { "x-a": header }).key
    assert.strictEqual(make("s3cr3t"), make("s3cr3t"))
    assert.notStrictEqual(make("s3cr3t"), make("s3cr3t2"))
    assert.notStrictEqual(make("s3cr3t"), make("s3cr3t", "2"))
    assert.match(make("s3cr3t"), /^http:\/\/p\.test:3128#[0-9a-f]{32}$/)
    assert.strictEqual(routeOf("http://p.test:3128").key, "http://p.test:3128")
    assert.notInclude(make("s3cr3t"), Buffer.from("us3r:s3cr3t").toString("base64"))
  })

  it("differs by kind, port, name, password and TLS settings", () => {
    const keys = [
      routeOf("http://p.test:1080"),
      routeOf("https://p.test:1080"),
      routeOf("socks5://p.test:1080"),
      routeOf("socks5h://p.test:1080"),
      routeOf("socks4a://p.test:1080"),
      routeOf("http://p.test:1081"),
      routeOf("socks5://a:bc@p.test:1080"),
      routeOf("socks5://ab:c@p.test:1080"),
      routeOf(Proxy.make("https://p.test:1080", { ssl: false }))
    ].map((route) => route.key)
    assert.strictEqual(new Set(keys).size, keys.length)
    assert.strictEqual(routeOf(Proxy.make("https://p.test:1080", { ssl: true })).key, keys[1])
    assert.strictEqual(routeOf(Proxy.make("https://p.test:1080", { ssl: false })).key, keys[8])
  })
})

describe("Proxy.make", () => {
  it("shows its URL and nothing else", () => {
    const proxy = Proxy.make("http://us3r:s3cr3t@p.test:3128", { headers: { "x-a": "s3cr3t" } })
    assert.strictEqual(proxy.url, "http://p.test:3128")
    const shown = `${String(proxy)} ${JSON.stringify(proxy)} ${inspect(proxy, { depth: 9, showHidden: true })}`
    assert.notInclude(shown, "s3cr3t")
    assert.notInclude(shown, "us3r")
    assert.notInclude(Proxy.make("http://us3r:s3cr3t@p.test:port").url, "s3cr3t")
  })

  it("reads its input once", () => {
    const url = new URL("http://p.test:3128")
    const headers: Record<string, string> = { "x-a": "1" }
    const proxy = Proxy.make(url, { headers })
    url.hostname = "evil.test"
    headers["x-a"] = "2\r\nx: y"
    const route = routeOf(proxy)
    assert.strictEqual(route.host, "p.test")
    assert.deepStrictEqual(route.headers, [["x-a", "1"]])
    assert.strictEqual(routeOf(proxy), route)
  })

  it("refuses values that only look like a proxy", () => {
    const error = resolve({ [Proxy.TypeId]: Proxy.TypeId, url: "http://p.test" })
    assert.instanceOf(error, InvalidRequest)
  })
})

describe("Proxy.route", () => {
  it("is called for each target, without its credentials, and its result is resolved", () => {
    const seen: Array<string> = []
    const route = Proxy.route((target) => {
      seen.push(target.href)
      if (target.protocol === "wss:") return new URL("http://ws.test:1")
      return target.hostname === "a.test" ? Proxy.make("https://p.test", { auth: Auth.basic("u", "p") }) : undefined
    })
    assert.strictEqual(routeOf(route, undefined, undefined, undefined, "http://us3r:s3cr3t@a.test/x?y").kind, "https")
    assert.isUndefined(resolve(route, undefined, undefined, undefined, "http://b.test/"))
    assert.strictEqual(routeOf(route, undefined, undefined, undefined, "wss://a.test/").host, "ws.test")
    assert.deepStrictEqual(seen, ["http://a.test/x?y", "http://b.test/", "wss://a.test/"])
  })

  it("connects directly if it returns undefined, in any environment", () => {
    const environment: Environment = { proxyFor: () => routeOf("http://env.test:1"), netrc: () => undefined }
    assert.isUndefined(
      resolve(
        Proxy.route(() => undefined),
        undefined,
        undefined,
        environment
      )
    )
  })

  it("fails its request if it throws or returns an invalid URL", () => {
    const thrown = resolve(
      Proxy.route(() => {
        throw new Error("boom")
      })
    )
    assert.instanceOf(thrown, InvalidRequest)
    assert.strictEqual(thrown.option, "proxy")
    assert.instanceOf(resolve(Proxy.route(() => "gopher://p.test")), InvalidURL)
  })
})
