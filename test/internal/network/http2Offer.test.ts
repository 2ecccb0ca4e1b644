import { assert, describe, it } from "@effect/vitest"
import { modeOf, offerOf } from "../../../src/internal/network/http2Offer.js"
import { SpokenProtocols } from "../../../src/internal/network/spokenProtocols.js"
import type { Http2Mode, ProxyRoute, Route } from "../../../src/internal/transport/transport.js"

const proxy: ProxyRoute = {
  kind: "http",
  host: "p.test",
  port: 1,
  ip: 0,
  url: "http://p.test:1",
  authorization: undefined,
  user: undefined,
  password: undefined,
  headers: [],
  ssl: true,
  key: "p"
}

const routeOf = (scheme: "http" | "https", version: Route["version"], over: Partial<Route> = {}): Route => ({
  origin: { scheme, host: "a.test", port: 1, ip: 0, key: "a", authority: "a.test:1" },
  proxy: undefined,
  ssl: true,
  serverHostname: undefined,
  tunnel: false,
  version,
  key: "a",
  ...over
})

const shown = (offer: ReturnType<typeof offerOf>): string => (typeof offer === "string" ? offer : offer.option)

describe("the offer of HTTP/2", () => {
  const rows: ReadonlyArray<readonly [mode: Http2Mode, https: string, http: string, https1: string, http2: string]> = [
    [false, "never", "never", "never", "required"],
    ["auto", "allowed", "never", "never", "required"],
    ["require", "required", "http2", "http2", "required"],
    ["prior-knowledge", "required", "required", "never", "required"]
  ]
  for (const [mode, https, http, version1, version2] of rows) {
    it(`depends on scheme and version with mode ${String(mode)}`, () => {
      const offer = (route: Route) => shown(offerOf(mode, false, route, false))
      assert.deepStrictEqual(
        [
          offer(routeOf("https", "any")),
          offer(routeOf("http", "any")),
          offer(routeOf("https", "1")),
          offer(routeOf("https", "2")),
          offer(routeOf("http", "2"))
        ],
        [https, http, version1, version2, version2]
      )
    })
  }

  it("is withdrawn if the server has required HTTP/1.1, unless the client requires HTTP/2", () => {
    assert.strictEqual(offerOf("auto", false, routeOf("https", "any"), true), "never")
    assert.strictEqual(offerOf("require", false, routeOf("https", "any"), true), "required")
    assert.strictEqual(offerOf("auto", false, routeOf("https", "2"), true), "required")
  })

  it("is not made to a proxy that forwards requests", () => {
    assert.strictEqual(offerOf("auto", false, routeOf("http", "any", { proxy }), false), "never")
    assert.strictEqual(offerOf("auto", false, routeOf("https", "any", { proxy }), false), "allowed")
  })

  it("is refused together with forceClose", () => {
    assert.strictEqual(shown(offerOf(false, true, routeOf("https", "2"), false)), "version")
    assert.strictEqual(offerOf(false, true, routeOf("https", "any"), false), "never")
  })

  it("follows from the option of the connector", () => {
    assert.deepStrictEqual(
      [undefined, false, true, {}, { mode: "require" as const }].map((http2) => modeOf({ http2 })),
      ["auto", false, "auto", "auto", "require"]
    )
    assert.strictEqual(modeOf({}), "auto")
  })

  it("is off by default if each connection serves one request", () => {
    assert.isFalse(modeOf({ forceClose: true }))
    assert.strictEqual(modeOf({ forceClose: false }), "auto")
  })
})

describe("the memory of spoken protocols", () => {
  it("keeps the 256 routes that were used last", () => {
    const spoken = new SpokenProtocols()
    for (let index = 0; index < 256; index++) spoken.set(`k${index}`, { protocol: "h2", limit: index })
    assert.deepStrictEqual(spoken.get("k0"), { protocol: "h2", limit: 0 })
    spoken.set("k256", { protocol: "http/1.1", required: false })
    assert.isUndefined(spoken.get("k1"))
    assert.isDefined(spoken.get("k0"))
    assert.isDefined(spoken.get("k256"))
  })

  it("keeps the last protocol of each route", () => {
    const spoken = new SpokenProtocols()
    spoken.set("a", { protocol: "http/1.1", required: true })
    assert.isTrue(spoken.requiresHttp1("a"))
    spoken.set("a", { protocol: "http/1.1", required: false })
    assert.isFalse(spoken.requiresHttp1("a"))
    spoken.set("a", { protocol: "h2", limit: 5 })
    assert.isFalse(spoken.requiresHttp1("a"))
    assert.isFalse(spoken.requiresHttp1("b"))
  })
})
