import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import { InvalidRequest, InvalidURL } from "../../../src/Errors.js"
import type { Origin } from "../../../src/internal/http/origin.js"
import { type Environment, readEnvironment } from "../../../src/internal/proxy/environment.js"

const originOf = (text: string): Origin => {
  const url = new URL(text)
  const secure = url.protocol === "https:" || url.protocol === "wss:"
  const host = url.hostname.replace(/^\[|\]$/g, "")
  return {
    scheme: secure ? "https" : "http",
    host,
    port: Number(url.port || (secure ? 443 : 80)),
    authority: url.host,
    ip: host.includes(":") ? 6 : /^[\d.]+$/.test(host) ? 4 : 0,
    key: url.origin
  }
}

const from = (variables: Record<string, string>): Effect.Effect<Environment> =>
  readEnvironment.pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables)))),
    Effect.orDie
  )

/** The URL of the proxy, "direct", or the tag and reason of the error. */
const proxyOf = (environment: Environment, target: string): string => {
  const found = environment.proxyFor(originOf(target), target)
  if (found === undefined) return "direct"
  if (found instanceof InvalidURL) return `InvalidURL ${found.reason}`
  return found instanceof InvalidRequest ? `InvalidRequest ${found.option}` : found.url
}

const p = "http://p.test:3128"
const q = "http://q.test:3128"
const http = "http://a.test/"
const https = "https://a.test/"
const ws = "ws://a.test/"
const wss = "wss://a.test/"

type Row = readonly [what: string, variables: Record<string, string>, target: string, proxy: string]

const rows: ReadonlyArray<Row> = [
  ["nothing", {}, http, "direct"],
  ["HTTP_PROXY, http", { HTTP_PROXY: p }, http, p],
  ["HTTP_PROXY, https", { HTTP_PROXY: p }, https, "direct"],
  ["HTTPS_PROXY, https", { HTTPS_PROXY: p }, https, p],
  ["HTTPS_PROXY, http", { HTTPS_PROXY: p }, http, "direct"],
  ["lower case", { http_proxy: p }, http, p],
  ["lower case wins", { http_proxy: p, HTTP_PROXY: q }, http, p],
  ["lower case wins, https", { https_proxy: p, HTTPS_PROXY: q }, https, p],
  ["an empty lower-case one cancels the other", { http_proxy: "", HTTP_PROXY: q }, http, "direct"],
  ["an empty one leaves ALL_PROXY", { http_proxy: "", HTTP_PROXY: q, ALL_PROXY: p }, http, p],
  ["blanks are empty", { HTTP_PROXY: "  " }, http, "direct"],
  ["blanks around", { HTTP_PROXY: `  ${p} ` }, http, p],
  ["ALL_PROXY, http", { ALL_PROXY: p }, http, p],
  ["ALL_PROXY, https", { ALL_PROXY: p }, https, p],
  ["ALL_PROXY, ws", { ALL_PROXY: p }, ws, p],
  ["all_proxy", { all_proxy: p, ALL_PROXY: q }, wss, p],
  ["a scheme's own before ALL_PROXY", { ALL_PROXY: q, HTTP_PROXY: p }, http, p],
  ["WS_PROXY, ws", { WS_PROXY: p }, ws, p],
  ["WS_PROXY, http", { WS_PROXY: p }, http, "direct"],
  ["WS_PROXY, wss", { WS_PROXY: p }, wss, "direct"],
  ["WSS_PROXY, wss", { WSS_PROXY: p }, wss, p],
  ["WSS_PROXY, https", { WSS_PROXY: p }, https, "direct"],
  ["ws falls back on HTTP_PROXY", { HTTP_PROXY: p }, ws, p],
  ["wss falls back on HTTPS_PROXY", { HTTPS_PROXY: p, HTTP_PROXY: q }, wss, p],
  ["WS_PROXY before HTTP_PROXY", { WS_PROXY: p, HTTP_PROXY: q }, ws, p],
  ["CGI: HTTP_PROXY is the client's", { HTTP_PROXY: p, REQUEST_METHOD: "GET" }, http, "direct"],
  ["CGI: nor for ws", { HTTP_PROXY: p, REQUEST_METHOD: "GET" }, ws, "direct"],
  ["CGI: http_proxy is not", { http_proxy: p, REQUEST_METHOD: "GET" }, http, p],
  ["CGI: HTTPS_PROXY is not", { HTTPS_PROXY: p, REQUEST_METHOD: "GET" }, https, p],
  ["no scheme is http", { HTTP_PROXY: "p.test:3128" }, http, p],
  ["no scheme and no port", { HTTP_PROXY: "p.test" }, http, "http://p.test:80"],
  ["an https proxy", { HTTPS_PROXY: "https://p.test" }, https, "https://p.test:443"],
  ["SOCKS", { ALL_PROXY: "socks5h://p.test" }, https, "socks5h://p.test:1080"],
  ["an unknown scheme", { HTTP_PROXY: "gopher://p.test" }, http, "InvalidURL Scheme"],
  ["a PAC file", { HTTP_PROXY: "pac+http://p.test/x.pac" }, http, "InvalidURL Scheme"],
  ["a bad URL", { HTTP_PROXY: "http://p.test:port" }, http, "InvalidURL Syntax"],
  [
    "an invalid URL does not fall back to ALL_PROXY",
    { HTTP_PROXY: "http://", ALL_PROXY: p },
    http,
    "InvalidURL Syntax"
  ],
  ["a bad one of another scheme", { HTTP_PROXY: "http://", HTTPS_PROXY: p }, https, p],
  ["NO_PROXY", { HTTP_PROXY: p, NO_PROXY: "a.test" }, http, "direct"],
  ["no_proxy wins", { HTTP_PROXY: p, NO_PROXY: "a.test", no_proxy: "b.test" }, http, p],
  ["an empty no_proxy wins", { HTTP_PROXY: p, NO_PROXY: "a.test", no_proxy: "" }, http, p],
  ["NO_PROXY before a bad proxy", { HTTP_PROXY: "http://", NO_PROXY: "a.test" }, http, "direct"],
  ["NO_PROXY with the default port", { HTTPS_PROXY: p, NO_PROXY: "a.test:443" }, https, "direct"],
  ["NO_PROXY with another port", { HTTPS_PROXY: p, NO_PROXY: "a.test:80" }, https, p],
  ["NO_PROXY, ws", { WS_PROXY: p, NO_PROXY: "*" }, ws, "direct"],
  ["NO_PROXY, IPv6", { HTTP_PROXY: p, NO_PROXY: "[::1]" }, "http://[::1]:8080/", "direct"],
  ["NO_PROXY, a short IPv4", { HTTP_PROXY: p, NO_PROXY: "127.0.0.0/8" }, "http://0x7f.1/", "direct"],
  ["NO_PROXY, other hosts", { HTTP_PROXY: p, NO_PROXY: "b.test,.c.test" }, http, p]
]

describe("proxies of the environment", () => {
  for (const [what, variables, target, proxy] of rows) {
    it.effect(what, () =>
      Effect.gen(function* () {
        assert.strictEqual(proxyOf(yield* from(variables), target), proxy)
      })
    )
  }

  it.effect("name the variable of an invalid proxy, and do not show its value", () =>
    Effect.gen(function* () {
      const environment = yield* from({ https_proxy: "http://user:s3cr3t@p.test:port/" })
      const found = environment.proxyFor(originOf(https), https)
      assert.instanceOf(found, InvalidURL)
      assert.strictEqual(
        found.message,
        'Cannot use the proxy "http://p.test" for a.test: expected a valid proxy URL, such as http://proxy:3128 (HTTPS_PROXY, from the environment)'
      )
      assert.deepStrictEqual([found.url, found.host, found.port], ["http://p.test", "a.test", 443])
      assert.notInclude(`${found.url} ${found.description} ${found.message} ${JSON.stringify(found)}`, "s3cr3t")
    })
  )

  const bad: ReadonlyArray<readonly [name: string, target: string, value: string, host: string]> = [
    ["HTTP_PROXY", http, "gopher://u:s3cr3t@p.test", "gopher://p.test"],
    ["ALL_PROXY", https, "http://u:s3cr3t@p.test:0", "http://p.test"],
    ["WS_PROXY", ws, "socks9://u:s3cr3t@p.test", "socks9://p.test"],
    ["WSS_PROXY", wss, "http://u:s3cr3t%ff@p.test", "http://p.test:80"],
    ["HTTP_PROXY", http, `socks5://u:s3cr3t${"x".repeat(250)}@p.test`, "socks5://p.test:1080"],
    ["HTTP_PROXY", http, "u:s3cr3t@p..test", "http://p..test"]
  ]
  for (const [name, target, value, shown] of bad) {
    it.effect(`an unusable ${name}, ${shown}, fails with an error that names it and the host`, () =>
      Effect.gen(function* () {
        const found = (yield* from({ [name]: value })).proxyFor(originOf(target), target)
        assert.instanceOf(found, InvalidURL)
        assert.isTrue(found.message.startsWith(`Cannot use the proxy "${shown}" for a.test: `), found.message)
        assert.isTrue(found.message.endsWith(`(${name}, from the environment)`), found.message)
        assert.notInclude(`${found.message} ${JSON.stringify(found)} ${String(found.cause)}`, "s3cr3t")
      })
    )
  }

  it.effect("sends the headers of a request with CONNECT, and no others", () =>
    Effect.gen(function* () {
      const environment = yield* from({ HTTPS_PROXY: "http://u:p@p.test:3128", ALL_PROXY: "socks://p.test" })
      const plain = environment.proxyFor(originOf(https), https)
      const found = environment.proxyFor(originOf(https), https, { "X-Team": "a" })
      if (plain === undefined || found === undefined || "_tag" in found || "_tag" in plain)
        return assert.fail("no route")
      assert.deepStrictEqual([plain.headers, found.headers], [[], [["X-Team", "a"]]])
      assert.deepStrictEqual([found.url, found.authorization], [plain.url, plain.authorization])
      assert.notStrictEqual(found.key, plain.key)
      const socks = environment.proxyFor(originOf(http), http, { "X-Team": "a" })
      assert.deepStrictEqual(socks !== undefined && "headers" in socks ? [socks.kind, socks.headers] : [], [
        "socks5h",
        []
      ])
    })
  )

  it.effect("refuses headers that cannot be sent", () =>
    Effect.gen(function* () {
      const environment = yield* from({ HTTPS_PROXY: "http://u:s3cr3t@p.test:3128" })
      for (const headers of [{ host: "x" }, { "x-a": "1\r\nx-b: 2" }, { "": "x" }]) {
        const found = environment.proxyFor(originOf(https), https, headers)
        assert.instanceOf(found, InvalidRequest)
        assert.strictEqual(found.option, "proxyHeaders")
      }
      const twice = environment.proxyFor(originOf(https), https, { "proxy-authorization": "Basic eA==" })
      assert.instanceOf(twice, InvalidURL)
      assert.include(twice.message, "HTTPS_PROXY")
      assert.notInclude(twice.message, "s3cr3t")
    })
  )

  it.effect("are read through the ConfigProvider, which can add a prefix to their names", () =>
    Effect.gen(function* () {
      const provider = ConfigProvider.fromMap(
        new Map([
          ["APP.HTTP_PROXY", p],
          ["HTTP_PROXY", q]
        ])
      )
      const environment = yield* readEnvironment.pipe(
        Effect.withConfigProvider(ConfigProvider.nested(provider, "APP")),
        Effect.orDie
      )
      assert.strictEqual(proxyOf(environment, http), p)
    })
  )

  it.effect("decode credentials once", () =>
    Effect.gen(function* () {
      const environment = yield* from({ HTTP_PROXY: "http://us%40er:p%2540:x@p.test:3128" })
      const found = environment.proxyFor(originOf(http), http)
      assert.isTrue(found !== undefined && "kind" in found)
      if (found === undefined || !("kind" in found)) return
      assert.strictEqual(found.authorization, `Basic ${Buffer.from("us@er:p%40:x").toString("base64")}`)
      assert.strictEqual(found.url, p)
      assert.notInclude(found.key, "p%40")
    })
  )
})

describe("netrc of the environment", () => {
  const withNetrc = <A>(text: string, use: (path: string) => Effect.Effect<A>) =>
    Effect.acquireUseRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "netrc-"))),
      (folder) => {
        const path = join(folder, ".netrc")
        return Effect.zipRight(
          Effect.promise(() => writeFile(path, text, { mode: 0o600 })),
          use(path)
        )
      },
      (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
    )

  const text = "machine p.test login pu password pp\nmachine a.test login au password ap"

  const authorizationOf = (environment: Environment) => {
    const found = environment.proxyFor(originOf(http), http)
    return found !== undefined && "kind" in found ? (found.authorization ?? "none") : "no proxy"
  }

  it.effect("provides credentials for targets from the file in NETRC", () =>
    withNetrc(text, (path) =>
      Effect.gen(function* () {
        const environment = yield* from({ NETRC: path })
        const found = environment.netrc("a.test")
        assert.strictEqual(found && Redacted.value(found.user), "au")
        assert.strictEqual(found && Redacted.value(found.password), "ap")
        assert.isUndefined(environment.netrc("b.test"))
        assert.isUndefined(environment.netrc("a.test", "somebody"))
      })
    )
  )

  it.effect.runIf(process.platform !== "win32")("provides credentials for targets, from the home directory", () =>
    withNetrc(text, (path) =>
      Effect.gen(function* () {
        const environment = yield* from({ HOME: join(path, "..") })
        assert.isDefined(environment.netrc("a.test"))
      })
    )
  )

  it.effect("provides credentials for the proxy of the environment", () =>
    withNetrc(text, (path) =>
      Effect.gen(function* () {
        const environment = yield* from({ NETRC: path, HTTP_PROXY: p })
        assert.strictEqual(authorizationOf(environment), `Basic ${Buffer.from("pu:pp").toString("base64")}`)
      })
    )
  )

  it.effect("does not provide the credentials of another machine for a proxy", () =>
    withNetrc(text, (path) =>
      Effect.gen(function* () {
        assert.strictEqual(authorizationOf(yield* from({ NETRC: path, HTTP_PROXY: q })), "none")
      })
    )
  )

  it.effect("yields to credentials in the URL of the proxy", () =>
    withNetrc(text, (path) =>
      Effect.gen(function* () {
        const environment = yield* from({ NETRC: path, HTTP_PROXY: "http://x:y@p.test:3128" })
        assert.strictEqual(authorizationOf(environment), `Basic ${Buffer.from("x:y").toString("base64")}`)
      })
    )
  )

  for (const [userinfo, pair] of [
    ["pu", "pu:pp"],
    ["other", "other:"],
    [":x", ":x"]
  ] as const) {
    it.effect(`provides only the password of the login in the URL of the proxy: ${userinfo}`, () =>
      withNetrc(text, (path) =>
        Effect.gen(function* () {
          const environment = yield* from({ NETRC: path, HTTP_PROXY: `http://${userinfo}@p.test:3128` })
          assert.strictEqual(authorizationOf(environment), `Basic ${Buffer.from(pair).toString("base64")}`)
        })
      )
    )
  }

  it.effect("is empty if neither NETRC nor a home directory is known", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* from({})).netrc("a.test"))
    })
  )
})
