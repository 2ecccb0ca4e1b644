import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Auth from "../../../src/Auth.js"
import type { HeadersInput, RequestOptions } from "../../../src/ClientRequest.js"
import { parseTarget, Target } from "../../../src/internal/http/target.js"
import { acceptEncoding, userAgent } from "../../../src/internal/request/automaticHeaders.js"
import { PreparedRequest } from "../../../src/internal/request/preparedRequest.js"
import { redirectTo } from "../../../src/internal/request/retarget.js"
import { makeDefaults } from "../../../src/internal/request/sessionDefaults.js"
import { isWireError, toWire } from "../../../src/internal/request/wireRequest.js"
import { bareDefaults, failure, lines, prepared, values, wire } from "./support.js"

const url = "http://h/x"
const headersOf = (options?: RequestOptions, method = "GET", defaults = bareDefaults) =>
  wire(prepared(method, url, options, defaults))

const target = (text: string): Target => {
  const parsed = parseTarget(text, false)
  if (parsed instanceof Target) return parsed
  throw parsed
}

describe("request headers", () => {
  it("are in the order Host, headers of the caller, Accept, Accept-Encoding, headers of the body, User-Agent", () => {
    const request = wire(prepared("POST", "http://h:8080/x", { headers: [["X-A", "1"]], json: {} }))
    assert.deepStrictEqual(lines(request), [
      "Host: h:8080",
      "X-A: 1",
      "Accept: */*",
      `Accept-Encoding: ${acceptEncoding}`,
      "Content-Length: 2",
      "Content-Type: application/json",
      `User-Agent: ${userAgent}`
    ])
    assert.deepStrictEqual(
      lines(wire(prepared("POST", "http://h:8080/x", { json: {} }))),
      lines(request).filter((line) => line !== "X-A: 1")
    )
  })

  it("of a request replace those of the session in any case, and duplicates are kept", () => {
    const defaults = makeDefaults({
      headers: [
        ["X-Tag", "s1"],
        ["X-Tag", "s2"],
        ["Authorization", "s"],
        ["X-Keep", "k"]
      ]
    })
    const request = headersOf(
      {
        headers: [
          ["x-tag", "a"],
          ["x-tag", "b"],
          ["authorization", "r"]
        ]
      },
      "GET",
      defaults
    )
    assert.deepStrictEqual(values(request, "x-tag"), ["a", "b"])
    assert.deepStrictEqual(values(request, "authorization"), ["r"])
    assert.deepStrictEqual(values(request, "x-keep"), ["k"])
    assert.deepStrictEqual(values(headersOf(undefined, "GET", defaults), "x-tag"), ["s1", "s2"])
    assert.deepStrictEqual(values(headersOf({ headers: { "x-tag": ["a", "b"], no: undefined } }), "x-tag"), ["a", "b"])
    assert.deepStrictEqual(values(headersOf({ headers: new Map([["x-tag", "m"]]) }), "x-tag"), ["m"])
  })

  it("that are automatic can be replaced and omitted", () => {
    assert.deepStrictEqual(values(headersOf({ headers: { "user-agent": "me" } }), "user-agent"), ["me"])
    assert.deepStrictEqual(values(headersOf({ skipAutoHeaders: ["User-Agent"] }), "user-agent"), [])
    const defaults = makeDefaults({ skipAutoHeaders: ["Accept"] })
    const both = headersOf({ skipAutoHeaders: ["content-type"], data: Uint8Array.of(1) }, "POST", defaults)
    assert.deepStrictEqual(values(both, "accept"), [])
    assert.deepStrictEqual(values(both, "content-type"), [])
    assert.deepStrictEqual(values(both, "content-length"), ["1"])
    assert.deepStrictEqual(
      values(headersOf({ skipAutoHeaders: ["content-length"], text: "" }, "POST"), "content-length"),
      ["0"]
    )
  })

  const hosts: ReadonlyArray<readonly [string, string]> = [
    ["http://h:80/", "h"],
    ["https://h:443/", "h"],
    ["https://h:80/", "h:80"],
    ["http://[::1]:99/", "[::1]:99"],
    ["http://u:p@éé.com/#f", "xn--9caa.com"],
    ["http://example.com.:99/", "example.com.:99"]
  ]
  for (const [input, host] of hosts) {
    it(`have Host: ${host} for ${input}`, () => {
      const request = wire(prepared("GET", input))
      assert.strictEqual(lines(request)[0], `Host: ${host}`)
      assert.notInclude(request.target, "#")
    })
  }

  it("begin with the Host of the caller, once", () => {
    const request = headersOf({
      headers: [
        ["X-A", "1"],
        ["host", "example.com.:99"]
      ]
    })
    assert.strictEqual(lines(request)[0], "Host: example.com.:99")
    assert.deepStrictEqual(values(request, "host").length, 1)
  })

  it("are UTF-8, may be empty, and lose outer white space", () => {
    const request = headersOf({ headers: { "x-u": "caf\u00e9 \u560a", "x-e": "", "x-w": " \ta b\t " } })
    assert.deepStrictEqual(values(request, "x-u"), [Buffer.from("caf\u00e9 \u560a").toString("latin1")])
    assert.deepStrictEqual(values(request, "x-e"), [""])
    assert.deepStrictEqual(values(request, "x-w"), ["a b"])
    assert.isFalse(/[\n\r]/.test(request.head.replaceAll("\r\n", "")))
  })

  it("contain Connection when it is needed", () => {
    const old = makeDefaults({ version: "1.0" })
    assert.deepStrictEqual(values(headersOf(undefined, "GET", old), "connection"), ["keep-alive"])
    assert.strictEqual(headersOf(undefined, "GET", old).version, "1.0")
    assert.isTrue(headersOf({ headers: { connection: "close" } }, "GET", old).close)
    assert.isTrue(headersOf({ headers: { connection: "Close" } }).close)
    assert.isFalse(headersOf().close)
    const upgrade = headersOf({ headers: { connection: "keep-alive, Upgrade", upgrade: "websocket" } })
    assert.strictEqual(upgrade.upgrade, "websocket")
    assert.isUndefined(headersOf({ headers: { upgrade: "websocket" } }).upgrade)
  })

  it("treat names of Object.prototype as ordinary names", () => {
    const given = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}')
    const request = headersOf({ headers: given })
    assert.deepStrictEqual(values(request, "__proto__"), ["a"])
    assert.deepStrictEqual(values(request, "constructor"), ["b"])
    assert.deepStrictEqual(values(request, "tostring"), ["c"])
  })
})

describe("request credentials", () => {
  const basic = Auth.basic("user", "pass")
  const header = "Basic dXNlcjpwYXNz"
  it("are taken from the URL, the option or the header, and are refused if two have them", () => {
    const auth = (input: string, options?: RequestOptions) =>
      values(wire(prepared("GET", input, options)), "authorization")
    assert.deepStrictEqual(auth("http://nkim:1234@h/"), ["Basic bmtpbToxMjM0"])
    assert.deepStrictEqual(auth("http://:1234@h/"), ["Basic OjEyMzQ="])
    assert.deepStrictEqual(auth("http://user@h/"), [`Basic ${Buffer.from("user:").toString("base64")}`])
    assert.deepStrictEqual(auth(url, { auth: basic }), [header])
    assert.deepStrictEqual(auth(url, { auth: Auth.bearer("t") }), ["Bearer t"])
    assert.deepStrictEqual(auth("http://u:p@h/", { auth: false }), [])
    for (const [input, options] of [
      ["http://u:p@h/", { auth: basic }],
      ["http://u:p@h/", { headers: { authorization: "x" } }],
      [url, { auth: basic, headers: { Authorization: "x" } }]
    ] as const) {
      const error = failure("GET", input, options)
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.deepInclude(error, { option: "auth" })
    }
  })

  it("of a request replace the session's", () => {
    const session = makeDefaults({ headers: { authorization: "session" } })
    const auth = (options?: RequestOptions, defaults = session, input = url) =>
      values(wire(prepared("GET", input, options, defaults)), "authorization")
    assert.deepStrictEqual(auth(), ["session"])
    assert.deepStrictEqual(auth({ auth: basic }), [header])
    assert.deepStrictEqual(auth({ auth: false }), [])
    assert.deepStrictEqual(auth(undefined, session, "http://user:pass@h/"), [header])
    assert.deepStrictEqual(auth({}, session, "http://user:pass@h/"), [header])
    const other = makeDefaults({ auth: basic })
    assert.deepStrictEqual(auth(undefined, other), [header])
    assert.deepStrictEqual(auth({ headers: { authorization: "mine" } }, other), ["mine"])
    assert.deepStrictEqual(auth({ auth: Auth.bearer("t") }, other), ["Bearer t"])
  })

  it("of a session with baseUrl are sent to its origin only", () => {
    for (const defaults of [
      makeDefaults({ baseUrl: "http://h/api/", auth: basic, headers: { "x-key": Redacted.make("k"), cookie: "a=b" } }),
      makeDefaults({ baseUrl: "http://user:pass@h/api/", headers: { "x-key": Redacted.make("k"), cookie: "a=b" } })
    ]) {
      for (const options of [undefined, { headers: { "x-other": "1" } }] as const) {
        const home = wire(prepared("GET", "things", options, defaults))
        assert.strictEqual(home.target, "/api/things")
        assert.deepStrictEqual(values(home, "authorization"), [header])
        assert.deepStrictEqual(values(home, "x-key"), ["k"])
        for (const input of ["http://evil/", "//evil", "https://h/", "http://h:81/"]) {
          const away = wire(prepared("GET", input, options, defaults))
          for (const name of ["authorization", "x-key", "cookie"]) assert.deepStrictEqual(values(away, name), [], input)
        }
      }
    }
  })

  it("are checked when the session is made", () => {
    const wrong: ReadonlyArray<() => unknown> = [
      () => makeDefaults({ baseUrl: "/relative/" }),
      () => makeDefaults({ baseUrl: "http://h/no-slash" }),
      () => makeDefaults({ baseUrl: "ftp://h/" }),
      () => makeDefaults({ auth: basic, headers: { authorization: "x" } }),
      () => makeDefaults({ auth: basic, baseUrl: "http://u:p@h/" }),
      () => makeDefaults({ auth: Auth.basic("a:b") }),
      () => makeDefaults({ headers: { "a b": "c" } }),
      () => makeDefaults({ cookies: { a: "b\r\nc" } }),
      () => makeDefaults({ maxBodySize: -1 }),
      () => makeDefaults({ timeout: -1 }),
      () => makeDefaults({ timeout: { connect: Number.NaN } })
    ]
    for (const make of wrong) assert.throws(make)
    assert.strictEqual(makeDefaults({ baseUrl: "http://h" }).base?.url, "http://h/")
  })

  it("are never shown", () => {
    const request = prepared("GET", "http://name:hidden1@h/?sig=hidden2", {
      headers: { "x-key": Redacted.make("hidden3"), cookie: "a=hidden4" },
      cookies: { c: "hidden5" }
    })
    assert.strictEqual(wire(request).head.match(/hidden/g)?.length, 3)
    for (const text of [String(request), JSON.stringify(request), inspect(request, { depth: 9 })]) {
      assert.notInclude(text, "hidden")
    }
  })
})

describe("request cookies", () => {
  it("take precedence over those of the jar, and are sent byte for byte", () => {
    const cookies = (options: RequestOptions | undefined, jar?: string) =>
      values(wire(prepared("GET", url, options), jar), "cookie")
    assert.deepStrictEqual(cookies(undefined), [])
    assert.deepStrictEqual(cookies(undefined, "a=1; b=2"), ["a=1; b=2"])
    assert.deepStrictEqual(cookies({ cookies: { b: 'x"={,' } }, "a=1; b=2"), ['a=1; b=x"={,'])
    assert.deepStrictEqual(
      cookies({
        cookies: [
          ["a", "1"],
          ["a", "2"]
        ]
      }),
      ["a=1; a=2"]
    )
    const octets = (text: string) => Buffer.from(text).toString("latin1")
    assert.deepStrictEqual(cookies({ cookies: { é: "2" } }, octets("é=1; ü=ß")), [octets("ü=ß; é=2")])
    assert.deepStrictEqual(cookies({ headers: { cookie: "é" } }, octets("ü=ß")), [octets("é; ü=ß")])
    assert.deepStrictEqual(cookies({ headers: { cookie: "u=1" }, cookies: { a: "1" } }, "j=1"), ["u=1; j=1; a=1"])
  })
})

describe("request params", () => {
  const query = (input: string, params: NonNullable<RequestOptions["params"]>, encoded?: boolean) =>
    wire(prepared("GET", input, { params, encoded })).target
  it("are appended and encoded", () => {
    assert.strictEqual(query("http://h/path?key=value#f", { a: "b" }), "/path?key=value&a=b")
    assert.strictEqual(
      query("http://h/", [
        ["test", "foo"],
        ["test", "baz"]
      ]),
      "/?test=foo&test=baz"
    )
    assert.strictEqual(
      query("http://h/", { a: ["1", "2"], n: 1, f: 1.5, u: undefined, z: null }),
      "/?a=1&a=2&n=1&f=1.5"
    )
    assert.strictEqual(query("http://h/", "test=f+oo"), "/?test=f+oo")
    assert.strictEqual(query("http://h/", { "a b": "c&d/é+" }), "/?a+b=c%26d/%C3%A9%2B")
    assert.strictEqual(query("http://h/?a", {}), "/?a")
    assert.strictEqual(query("http://h/?", "b"), "/?b")
    assert.strictEqual(query("http://h/", ""), "/")
    assert.strictEqual(query("http://h/", new URLSearchParams("a=b%2Fc")), "/?a=b/c")
  })
  it("keep their order and repeat", () => {
    assert.strictEqual(
      query("http://h/", { "a b": "c&d/é+~*!':@;,()$?#[]\"<>|^`{}%=\\" }),
      "/?a+b=c%26d/%C3%A9%2B~*!':@%3B,()$?%23%5B%5D%22%3C%3E%7C%5E%60%7B%7D%25%3D%5C"
    )
  })
  it("are not encoded a second time", () => {
    assert.strictEqual(query("http://h/?a=%2f", "raw=%61+b c%2f%20"), "/?a=%2f&raw=a+b+c%2F%20")
    assert.strictEqual(query("http://h/?a=%2f", "b=%61%2f", true), "/?a=%2f&b=%61%2f")
    assert.strictEqual(query("http://h/", { a: "\r\n\0" }), "/?a=%0D%0A%00")
  })
  it("accept text with a leading question mark", () => {
    assert.strictEqual(query("http://h/", "?a=1"), "/?a=1")
    assert.strictEqual(query("http://h/?x", "?a=1"), "/?x&a=1")
    assert.strictEqual(query("http://h/", "?a=1", true), "/?a=1")
    assert.strictEqual(query("http://h/", "?"), "/")
    assert.strictEqual(query("http://h/", "a=?1"), "/?a=?1")
    assert.strictEqual(query("http://h/", "??a=1"), "/??a=1")
  })
  it("refuse values without a text form", () => {
    for (const params of ["a\r\nb", "a#b", "\ud800", { a: "\ud800" }, { a: Symbol() }, { a: () => 1 }, [["a"]], 1]) {
      const options: RequestOptions = JSON.parse("{}")
      Object.assign(options, { params })
      assert.deepInclude(failure("GET", url, options), { _tag: "InvalidRequest", option: "params" })
    }
  })
})

describe("serverHostname", () => {
  const named = (serverHostname: string) => prepared("GET", "https://h/", { serverHostname }).serverHostname

  it("is canonical in the settings of a request", () => {
    assert.strictEqual(named("DB.Internal."), "db.internal")
    assert.strictEqual(named("B\u00fccher.Example"), "xn--bcher-kva.example")
    assert.strictEqual(named("127.0.0.1"), "127.0.0.1")
    assert.strictEqual(named("[0:0::1]"), "::1")
    assert.strictEqual(named("0:0::1"), "::1")
    assert.isUndefined(prepared("GET", "https://h/", {}).serverHostname)
  })

  it("names the expected value, and shows no control character", () => {
    const error = failure("GET", "https://h/", { serverHostname: "a\r\nEvil: 1" })
    assert.include(error.message, "expected a host name or an IP address")
    assert.isFalse(/[\0-\x1f]|Evil/.test(error.message))
  })
})

describe("injection into a request", () => {
  const evil = ["\r", "\n", "\r\nX-Evil: 1", "\0", "\x01", "\x1f", "\x7f", "\ud800"]
  const places: ReadonlyArray<readonly [place: string, options: (bad: string) => RequestOptions]> = [
    ["header value", (bad) => ({ headers: { "x-a": `a${bad}` } })],
    ["redacted value", (bad) => ({ headers: { "x-a": Redacted.make(`a${bad}`) } })],
    ["header name", (bad) => ({ headers: [[`x${bad}`, "a"]] })],
    ["User-Agent", (bad) => ({ headers: { "user-agent": `a${bad}b` } })],
    ["Host", (bad) => ({ headers: { host: `a${bad}b` } })],
    ["serverHostname", (bad) => ({ serverHostname: `a${bad}b` })],
    ["serverHostname with an A-label", (bad) => ({ serverHostname: `b\u00fccher${bad}.test` })],
    ["cookie name", (bad) => ({ cookies: [[`a${bad}`, "b"]] })],
    ["cookie value", (bad) => ({ cookies: { a: `b${bad}` } })],
    ["user", (bad) => ({ auth: Auth.basic(`a${bad}`, "b") })],
    ["password", (bad) => ({ auth: Auth.basic("a", `b${bad}`) })],
    ["token", (bad) => ({ auth: Auth.bearer(`t${bad}`) })]
  ]
  for (const [place, options] of places) {
    for (const bad of evil) {
      it(`is refused in ${place} with ${JSON.stringify(bad)}`, () => {
        const error = failure("GET", url, options(bad))
        assert.strictEqual(error._tag, "InvalidRequest")
        assert.isFalse(/[\0-\x1f\x7f]/.test(error.message))
      })
    }
  }
  for (const bad of [...evil, " ", "\u010a", "\u560a", "", "/", "é"]) {
    it(`is refused in a method and header name with ${JSON.stringify(bad)}`, () => {
      assert.deepInclude(failure(bad === "" ? "" : `GE${bad}T`, url), { _tag: "InvalidRequest", option: "method" })
      assert.strictEqual(failure("GET", url, { headers: [[bad === "" ? "" : `x${bad}y`, "a"]] })._tag, "InvalidRequest")
    })
  }
  it("is not possible with U+010A and U+560A, which are sent as UTF-8", () => {
    const request = wire(prepared("GET", "http://h/\u010a\u560a?\u010a", { headers: { "x-a": "\u010a\u560a" } }))
    assert.isFalse(/[^\x20-\x7e]/.test(request.target))
    assert.isFalse(/[\r\n]/.test(request.head.replaceAll("\r\n", "")))
    assert.strictEqual(lines(request).length, lines(wire(prepared("GET", url))).length + 1)
  })
  it("is refused in values of the jar and in extra headers", () => {
    const request = prepared("GET", url)
    assert.isTrue(isWireError(toWire(request, "a=b\r\nX-Evil: 1")))
    assert.isTrue(isWireError(toWire(request, undefined, [["x", "a\nb"]])))
    assert.isTrue(isWireError(toWire(request, undefined, [["x y", "a"]])))
  })
  it("is not possible with values that are not text, which are read only once", () => {
    let reads = 0
    const shifty = { toString: () => (reads++ === 0 ? "fine" : "a\r\nb") }
    for (const value of [1, null, shifty, [["x"]], {}]) {
      const headers: HeadersInput = JSON.parse("{}")
      Object.assign(headers, { "x-a": value })
      assert.strictEqual(failure("GET", url, { headers })._tag, "InvalidRequest")
    }
    assert.strictEqual(reads, 0)
    let gets = 0
    const headers: HeadersInput = Object.defineProperty({}, "x-a", {
      enumerable: true,
      get: () => (gets++ === 0 ? "one" : "a\r\nb")
    })
    const request = prepared("GET", url, { headers })
    assert.deepStrictEqual(values(wire(request), "x-a"), ["one"])
    assert.deepStrictEqual(values(wire(request), "x-a"), ["one"])
  })
  it("is not possible with methods, which are sent in upper case, and CONNECT is refused", () => {
    assert.strictEqual(prepared("patch", url).method, "PATCH")
    assert.strictEqual(prepared("propFind", url).method, "PROPFIND")
    assert.strictEqual(failure("CONNECT", url)._tag, "InvalidRequest")
    assert.strictEqual(failure("\u0131nfo", url)._tag, "InvalidRequest")
  })
  it("is not possible with a polluted Object.prototype", () => {
    const before = wire(prepared("POST", url, { text: "a" }))
    const poison: Record<string, unknown> = {
      auth: Auth.basic("evil"),
      headers: { "x-evil": "1" },
      proxy: "http://evil/",
      baseUrl: "http://evil/",
      maxRedirects: 0,
      ssl: false,
      json: { evil: 1 },
      data: "evil",
      params: "evil",
      compress: true,
      chunked: true,
      expect100: true,
      cookies: { evil: "1" }
    }
    Object.assign(Object.prototype, poison)
    try {
      const defaults = makeDefaults({})
      for (const session of [bareDefaults, defaults]) {
        const request = prepared("POST", url, { text: "a" }, session)
        const after = wire(request)
        assert.strictEqual(after.head, before.head)
        assert.strictEqual(after.target, before.target)
        assert.isUndefined(request.proxy.proxy)
        assert.isUndefined(request.ssl)
        assert.strictEqual(request.maxRedirects, 10)
        assert.strictEqual(
          wire(prepared("GET", url, undefined, session)).head,
          wire(prepared("GET", url, {}, session)).head
        )
        assert.notInclude(wire(prepared("GET", url, undefined, session)).head, "evil")
        assert.isUndefined(wire(prepared("GET", url, undefined, session)).body)
      }
    } finally {
      for (const key of Object.keys(poison)) Reflect.deleteProperty(Object.prototype, key)
    }
  })
})

describe("redirectTo", () => {
  const options: RequestOptions = {
    auth: Auth.basic("user", "pass"),
    headers: [
      ["Host", "virtual"],
      ["Cookie", "a=b"],
      ["Proxy-Authorization", "x"],
      ["X-Key", Redacted.make("k")],
      ["X-Plain", "p"],
      ["Content-Type", "a/b"],
      ["Content-Language", "de"]
    ],
    cookies: { c: "d" },
    serverHostname: "sni",
    data: "body"
  }
  it("does not send data of the origin to another origin", () => {
    for (const other of ["http://h:81/", "https://h/", "http://sub.h/", "http://evil/"]) {
      const first = prepared("POST", url, options)
      const next = redirectTo(first, target(other), "POST", true)
      const request = wire(next)
      for (const name of ["authorization", "cookie", "proxy-authorization", "x-key"]) {
        assert.deepStrictEqual(values(request, name), [], `${name} to ${other}`)
      }
      assert.deepStrictEqual(values(request, "host"), [target(other).origin.authority])
      assert.deepStrictEqual(values(request, "x-plain"), ["p"])
      assert.isUndefined(next.serverHostname)
      assert.deepInclude(next, { hop: 1 })
      assert.isUndefined(next.options.auth)
      assert.isUndefined(next.options.cookies)
      // They are not sent after a redirect back either.
      assert.deepStrictEqual(values(wire(redirectTo(next, target(url), "POST", true)), "authorization"), [])
    }
  })
  it("keeps all headers within the origin", () => {
    const next = redirectTo(prepared("POST", url, options), target("http://h:80/y"), "POST", true)
    const request = wire(next)
    for (const name of ["authorization", "cookie", "x-key", "content-type"])
      assert.lengthOf(values(request, name), 1, name)
    assert.strictEqual(next.serverHostname, "sni")
  })
  it("sends no header about the body if it sends no body", () => {
    const next = redirectTo(
      prepared("POST", url, { ...options, compress: "gzip", expect100: true }),
      target("http://h/y"),
      "GET",
      false
    )
    const request = wire(next)
    assert.isUndefined(request.body)
    assert.isFalse(lines(request).some((line) => /^(?:content-|transfer-|expect)/i.test(line)))
    assert.isUndefined(next.options.data)
  })
  it("sends credentials of the new URL to its origin only", () => {
    const first = prepared("GET", url, { auth: Auth.bearer("t") })
    const second = redirectTo(first, target("http://x:y@b/"), "GET", true)
    assert.deepStrictEqual(values(wire(second), "authorization"), [`Basic ${Buffer.from("x:y").toString("base64")}`])
    assert.deepStrictEqual(values(wire(redirectTo(second, target("http://c/"), "GET", true)), "authorization"), [])
  })
})

it("makes a new request", () => {
  const request = prepared("GET", url)
  const other = request.derive({ hop: 3 })
  assert.instanceOf(other, PreparedRequest)
  assert.strictEqual(request.hop, 0)
  assert.strictEqual(other.hop, 3)
  assert.strictEqual(other.url, request.url)
})
