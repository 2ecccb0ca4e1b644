import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Connector from "../../../../src/Connector.js"
import type { Origin } from "../../../../src/internal/http/origin.js"
import type { ProxyRoute, Route } from "../../../../src/internal/transport/transport.js"
import { transportOf } from "../../../../src/internal/transport/transportHandle.js"
import * as Resolver from "../../../../src/Resolver.js"
import * as Ssl from "../../../../src/Ssl.js"

const origin: Origin = {
  scheme: "https",
  host: "a.test",
  port: 443,
  authority: "a.test",
  ip: 0,
  key: "https://a.test:443"
}

const route: Route = {
  origin,
  proxy: undefined,
  ssl: true,
  serverHostname: undefined,
  tunnel: false,
  version: "any",
  key: origin.key
}

const proxy: ProxyRoute = {
  kind: "http",
  host: "p.test",
  port: 3128,
  ip: 0,
  url: "http://p.test:3128",
  authorization: undefined,
  user: undefined,
  password: undefined,
  headers: [],
  ssl: true,
  key: "http://p.test:3128"
}

const keyOf = (connector: Connector.ConnectorService, of = route): string =>
  transportOf(connector[Connector.TypeId]).peerKey(of)

const resolver: Resolver.ResolverService = { resolve: Resolver.system.resolve }
const otherResolver: Resolver.ResolverService = { resolve: Resolver.system.resolve }
const policy: Connector.AddressPolicy = () => true

/** Connectors that may reach another peer by the same route, or trust it differently. */
const connectors: ReadonlyArray<readonly [string, () => Connector.TcpOptions]> = [
  ["the default", () => ({})],
  ["IPv4", () => ({ family: 4 })],
  ["IPv6", () => ({ family: 6 })],
  ["a local address", () => ({ localAddress: "127.0.0.1" })],
  ["another local address", () => ({ localAddress: "127.0.0.2" })],
  ["a custom resolver", () => ({ resolver })],
  ["another custom resolver", () => ({ resolver: otherResolver })],
  ["name servers", () => ({ resolver: Resolver.nameservers(["192.0.2.1"]) })],
  ["other name servers", () => ({ resolver: Resolver.nameservers(["192.0.2.2"]) })],
  ["overrides", () => ({ resolver: Resolver.overrides({ "a.test": "192.0.2.1" }) })],
  ["other overrides", () => ({ resolver: Resolver.overrides({ "a.test": "192.0.2.2" }) })],
  [
    "overrides over name servers",
    () => ({
      resolver: Resolver.overrides({ "a.test": "192.0.2.1" }, Resolver.nameservers(["192.0.2.1"]))
    })
  ],
  ["two resolvers", () => ({ resolver: Resolver.orElse(Resolver.system, Resolver.nameservers(["192.0.2.1"])) })],
  ["a policy of ranges", () => ({ addressPolicy: { deny: ["10.0.0.0/8"] } })],
  ["another policy of ranges", () => ({ addressPolicy: { allow: ["10.0.0.0/8"] } })],
  ["a policy of a function", () => ({ addressPolicy: policy })],
  ["no verification", () => ({ ssl: false })],
  ["a pin", () => ({ ssl: Ssl.fingerprint("a".repeat(64)) })]
]

/** Routes to one origin that lead to another peer, or show it another identity. */
const routes: ReadonlyArray<readonly [string, Partial<Route>]> = [
  ["a plain one", {}],
  ["without verification", { ssl: false }],
  ["with a pin", { ssl: Ssl.fingerprint("b".repeat(64)) }],
  ["with another name", { serverHostname: "b.test" }],
  ["by a proxy", { proxy }],
  ["by another proxy", { proxy: { ...proxy, url: "http://p.test:3129" } }],
  ["with a user of the proxy", { proxy: { ...proxy, authorization: "Basic s3cret1" } }],
  ["with another user of the proxy", { proxy: { ...proxy, authorization: "Basic s3cret2" } }],
  ["with a SOCKS user", { proxy: { ...proxy, user: "u", password: "s3cret1" } }],
  ["with another SOCKS password", { proxy: { ...proxy, user: "u", password: "s3cret2" } }],
  ["with a header to the proxy", { proxy: { ...proxy, headers: [["x-a", "s3cret1"]] } }],
  ["with another header to the proxy", { proxy: { ...proxy, headers: [["x-a", "s3cret2"]] } }],
  ["by a TLS proxy", { proxy: { ...proxy, kind: "https", url: "https://p.test:3128" } }],
  [
    "by a TLS proxy that is not verified",
    { proxy: { ...proxy, kind: "https", url: "https://p.test:3128", ssl: false } }
  ],
  ["to another origin", { origin: { ...origin, port: 444, key: "https://a.test:444" } }]
]

describe("the peer key", () => {
  it.scoped("differs between connectors, and is equal for equal options", () =>
    Effect.gen(function* () {
      const keys = new Map<string, string>()
      for (const [name, options] of connectors) {
        const key = keyOf(yield* Connector.tcp(options()))
        assert.isUndefined(keys.get(key), `${name} and ${keys.get(key)}`)
        keys.set(key, name)
        assert.strictEqual(keyOf(yield* Connector.tcp(options())), key, name)
      }
      for (const path of ["/a.sock", "/b.sock"]) {
        const key = keyOf(yield* Connector.unix({ path }))
        assert.isUndefined(keys.get(key))
        keys.set(key, path)
        assert.strictEqual(keyOf(yield* Connector.unix({ path })), key)
      }
    })
  )

  it.scoped("differs between routes, and shows no secret", () =>
    Effect.gen(function* () {
      const connector = yield* Connector.tcp()
      const keys = new Map<string, string>()
      for (const [name, changes] of routes) {
        const key = keyOf(connector, { ...route, ...changes })
        assert.isUndefined(keys.get(key), `${name} and ${keys.get(key)}`)
        assert.match(key, /^[\w-]{43}$/)
        keys.set(key, name)
      }
    })
  )

  it.scoped("is equal for TLS settings with the same effect, and ignores them for http", () =>
    Effect.gen(function* () {
      const plain = yield* Connector.tcp()
      const lax = yield* Connector.tcp({ ssl: false })
      assert.strictEqual(keyOf(plain, { ...route, ssl: false }), keyOf(lax))
      const http: Route = { ...route, origin: { ...origin, scheme: "http" } }
      assert.strictEqual(keyOf(plain, http), keyOf(lax, { ...http, ssl: Ssl.fingerprint("b".repeat(64)) }))
    })
  )

  it.scoped("of credentials that change for each request is the key of their user name", () =>
    Effect.gen(function* () {
      const connector = yield* Connector.tcp()
      const of = (identity: string, authorization: string) =>
        keyOf(connector, { ...route, proxy: { ...proxy, identity, authorization } })
      assert.strictEqual(of("digest 1", "Digest a"), of("digest 1", "Digest b"))
      assert.notStrictEqual(of("digest 1", "Digest a"), of("digest 2", "Digest a"))
    })
  )
})
