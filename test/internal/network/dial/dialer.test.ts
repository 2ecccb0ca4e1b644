import * as Tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, TestClock } from "effect"
import type { TcpOptions } from "../../../../src/Connector.js"
import * as Resolver from "../../../../src/Resolver.js"
import { until, untilValue } from "../../../support/wait.js"
import { expectTag, firstBytes, resolverOf, secureServer, setup } from "./dialSupport.js"
import { blackHole, type ExchangeOptions, listen, listenAll, makeTrace, openHandles, timerOf, turn } from "./support.js"

describe("a direct connection", () => {
  it.scopedLive("resolves, connects and reports its signals, and uses the cache the second time", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1", 0, (socket) => socket.write("hello"))
      const { dial, dialer } = yield* setup({ resolver: resolverOf({ "a.test": ["127.0.0.1"] }) })
      const { tags, signals, trace } = makeTrace()
      const { phases, wire } = yield* dial({ host: "a.test", port: server.port, trace })
      assert.deepStrictEqual(phases, ["+dns", "-dns", "+connect", "-connect"])
      assert.strictEqual(wire.remoteAddress, "127.0.0.1")
      assert.strictEqual(wire.localAddress, "127.0.0.1")
      assert.deepStrictEqual([wire.tls, wire.failed, wire.forward], [undefined, [], false])
      assert.strictEqual(yield* firstBytes(wire), "hello")
      assert.deepStrictEqual(tags(), ["DnsCacheMiss", "DnsResolveHostStart", "DnsResolveHostEnd"])
      assert.deepStrictEqual(signals[2], {
        _tag: "DnsResolveHostEnd",
        host: "a.test",
        addresses: [{ address: "127.0.0.1", family: 4 }]
      })
      yield* dial({ host: "a.test", port: server.port, trace })
      assert.strictEqual(tags().at(-1), "DnsCacheHit")
      assert.strictEqual(tags().length, 4)
      yield* dialer.clearDnsCache("a.test", server.port)
      yield* dial({ host: "a.test", port: server.port, trace })
      assert.strictEqual(tags()[4], "DnsCacheMiss")
    })
  )

  it.scopedLive.skipIf(process.platform !== "linux")("enables TCP keep-alive probes after a minute by default", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1")
      for (const [options, least, most] of [
        [{}, 10, 60],
        [{ tcpKeepAlive: "10 seconds" }, 1, 10],
        [{ tcpKeepAlive: 0 }, 0, 1],
        [{ tcpKeepAlive: Infinity }, undefined, undefined]
      ] as const) {
        const { dial } = yield* setup(options)
        const { wire } = yield* dial({ host: "127.0.0.1", port: server.port })
        // The kernel runs another timer until the peer has acknowledged.
        const timer = yield* untilValue(
          Effect.sync(() => timerOf(wire.socket) ?? ""),
          (value) => /^0[02]/.test(value)
        )
        const [kind, ticks = ""] = timer.split(":")
        assert.strictEqual(kind, most === undefined ? "00" : "02")
        if (most === undefined) continue
        assert.isAtMost(Number.parseInt(ticks, 16), most * 100)
        assert.isAtLeast(Number.parseInt(ticks, 16), least * 100)
      }
    })
  )

  it.scopedLive("to an IP address makes no lookup and no DNS signal", () =>
    Effect.gen(function* () {
      const four = yield* listen("127.0.0.1")
      const six = yield* listen("::1")
      const { dial } = yield* setup({ resolver: { resolve: () => Effect.dieMessage("asked") } })
      for (const server of [four, six]) {
        const { signals, trace } = makeTrace()
        const { phases, wire } = yield* dial({ host: server.address, port: server.port, trace })
        assert.strictEqual(wire.remoteAddress, server.address)
        assert.deepStrictEqual(phases, ["+connect", "-connect"])
        assert.deepStrictEqual(signals, [])
      }
    })
  )

  it.scopedLive("goes to the resolved addresses, which are looked up once for each connection", () =>
    Effect.gen(function* () {
      const [good, evil] = yield* listenAll(["127.0.0.1", "127.0.0.2"])
      if (good === undefined || evil === undefined) return assert.fail("no listeners")
      let asked = 0
      const rebinding: Resolver.ResolverService = {
        resolve: () =>
          Effect.sync(() => {
            asked += 1
            return [{ address: asked === 1 ? "127.0.0.1" : "127.0.0.2", family: 4 }] as const
          })
      }
      const { dial } = yield* setup({ resolver: rebinding, useDnsCache: false, addressPolicy: { deny: ["127.0.0.2"] } })
      const { wire } = yield* dial({ host: "a.test", port: good.port })
      assert.strictEqual(wire.remoteAddress, "127.0.0.1")
      assert.strictEqual(asked, 1)
      const error = yield* Effect.flip(dial({ host: "a.test", port: good.port }))
      assert.strictEqual(expectTag(error, "ClientConnectorError").reason, "AddressPolicy")
      assert.strictEqual(asked, 2)
      yield* turn
      assert.strictEqual(evil.accepted(), 0)
    })
  )

  const loopbackNames = ["localhost", "localhost.", "LOCALHOST", "app.localhost", "a.b.LocalHost."]
  it.scopedLive.each(loopbackNames)("a connector reaches the loopback as %s and asks no resolver for it", (host) =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1")
      for (const resolver of [
        { resolve: () => Effect.dieMessage("asked") },
        { resolve: () => Effect.succeed([{ address: "127.0.0.77", family: 4 }] as const) },
        Resolver.overrides({ [host]: "127.0.0.77" })
      ]) {
        for (const useDnsCache of [true, false]) {
          const { dial } = yield* setup({ resolver, useDnsCache })
          const { wire } = yield* dial({ host, port: server.port })
          assert.strictEqual(wire.remoteAddress, "127.0.0.1")
          assert.deepStrictEqual(
            wire.failed.map(({ address }) => address),
            ["::1"]
          )
        }
      }
    })
  )

  it.scopedLive("a connector of one family reaches the loopback of that family", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1")
      const resolver = { resolve: () => Effect.dieMessage("asked") }
      const four = yield* setup({ resolver, family: 4 })
      const { wire } = yield* four.dial({ host: "app.localhost", port: server.port })
      assert.deepStrictEqual([wire.remoteAddress, wire.failed], ["127.0.0.1", []])
      const six = yield* setup({ resolver, family: 6 })
      const error = expectTag(
        yield* Effect.flip(six.dial({ host: "localhost", port: server.port })),
        "ClientConnectorError"
      )
      assert.deepStrictEqual(
        error.addresses?.map(({ address }) => address),
        ["::1"]
      )
    })
  )

  const otherNames = ["localhost.test", "notlocalhost", "localhost.localdomain", "localhost-", "xlocalhost."]
  it.scopedLive.each(otherNames)("a connector asks its resolver for %s, which is not a name of the loopback", (host) =>
    Effect.gen(function* () {
      const { dial } = yield* setup({ resolver: resolverOf({}) })
      const error = expectTag(yield* Effect.flip(dial({ host, port: 1 })), "ClientConnectorDNSError")
      assert.strictEqual(error.code, "ENOTFOUND")
    })
  )

  it.scopedLive("a policy that denies the loopback denies the names of the loopback", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1")
      const { dial } = yield* setup({ addressPolicy: { deny: ["127.0.0.0/8", "::1/128"] } })
      const error = expectTag(
        yield* Effect.flip(dial({ host: "app.localhost", port: server.port })),
        "ClientConnectorError"
      )
      assert.strictEqual(error.reason, "AddressPolicy")
      yield* turn
      assert.strictEqual(server.accepted(), 0)
    })
  )

  it.scopedLive("is distributed over the addresses", () =>
    Effect.gen(function* () {
      const [a] = yield* listenAll(["127.0.0.1", "127.0.0.2"])
      const port = a?.port ?? 0
      const { dial } = yield* setup({ resolver: resolverOf({ "a.test": ["127.0.0.1", "127.0.0.2"] }) })
      const reached: Array<string> = []
      for (let i = 0; i < 3; i++) reached.push((yield* dial({ host: "a.test", port })).wire.remoteAddress)
      assert.deepStrictEqual(reached, ["127.0.0.1", "127.0.0.2", "127.0.0.1"])
    })
  )

  it.scopedLive("reports the addresses that failed before the successful one", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1")
      const { dial } = yield* setup({ resolver: resolverOf({ "a.test": ["127.0.0.5", "127.0.0.1"] }) })
      const { wire } = yield* dial({ host: "a.test", port: server.port })
      assert.deepStrictEqual(wire.failed, [{ address: "127.0.0.5", port: server.port, code: "ECONNREFUSED" }])
    })
  )

  it.scopedLive("uses addresses of the given family, and of the family of localAddress", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1")
      const resolver = resolverOf({ "a.test": ["::1", "127.0.0.1"] })
      for (const options of [{ family: 4 }, { localAddress: "127.0.0.1" }] as const) {
        const { dial } = yield* setup({ resolver, ...options })
        const { wire } = yield* dial({ host: "a.test", port: server.port })
        assert.deepStrictEqual([wire.remoteAddress, wire.failed], ["127.0.0.1", []])
      }
    })
  )

  it.effect("dies for invalid options", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<TcpOptions> = [
        { localAddress: "localhost" },
        { localAddress: "::1", family: 4 },
        { addressPolicy: { deny: ["10.0.0.0/99"] } }
      ]
      for (const options of wrong) {
        const exit = yield* Effect.exit(Effect.scoped(setup(options)))
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      }
    })
  )
})

describe("a failed connection", () => {
  it.scopedLive("reports a failed lookup", () =>
    Effect.gen(function* () {
      const { dial } = yield* setup({ resolver: resolverOf({}) })
      const { tags, trace } = makeTrace()
      const error = expectTag(
        yield* Effect.flip(dial({ host: "a.test", port: 8080, trace })),
        "ClientConnectorDNSError"
      )
      assert.deepStrictEqual(
        [error.host, error.port, error.code, error.phase, error.method, error.attempt],
        ["a.test", 8080, "ENOTFOUND", "dns", "GET", 1]
      )
      assert.deepStrictEqual(tags(), ["DnsCacheMiss", "DnsResolveHostStart"])
    })
  )

  it.scopedLive("reports every address", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.9")
      const { dial } = yield* setup({
        resolver: resolverOf({ "a.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"] }),
        addressPolicy: { deny: ["127.0.0.3"] }
      })
      const error = expectTag(yield* Effect.flip(dial({ host: "a.test", port: server.port })), "ClientConnectorError")
      assert.deepStrictEqual([error.host, error.port, error.code], ["a.test", server.port, "ECONNREFUSED"])
      assert.deepStrictEqual([error.reason, error.phase], ["Connect", "connect"])
      assert.deepStrictEqual(error.addresses?.map(({ address, code }) => `${address} ${code}`).sort(), [
        "127.0.0.1 ECONNREFUSED",
        "127.0.0.2 ECONNREFUSED",
        "127.0.0.3 ERR_IP_BLOCKED"
      ])
    })
  )

  it.scoped("reports the limit of the lookup", () =>
    Effect.gen(function* () {
      const { dial } = yield* setup({ resolver: { resolve: () => Effect.never } })
      const fiber = yield* Effect.fork(Effect.flip(dial({ host: "a.test", port: 80, limits: { dns: 1500 } })))
      yield* turn
      yield* TestClock.adjust(1500)
      const error = expectTag(yield* Fiber.join(fiber), "ConnectionTimeoutError")
      assert.deepStrictEqual([error.phase, error.timeout, Duration.toMillis(error.limit)], ["dns", "dns", 1500])
    })
  )

  it.scoped("reports the limit of every address", () =>
    Effect.gen(function* () {
      const hole = yield* blackHole()
      const before = openHandles()
      const { dial } = yield* setup()
      const given = { host: "127.0.0.1", port: hole.port, limits: { socketConnect: 2500 } }
      const fiber = yield* Effect.fork(Effect.flip(dial(given)))
      yield* turn
      yield* TestClock.adjust(2499)
      yield* turn
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust(1)
      const error = expectTag(yield* Fiber.join(fiber), "ConnectionTimeoutError")
      assert.deepStrictEqual(
        [error.phase, error.timeout, Duration.toMillis(error.limit)],
        ["connect", "socketConnect", 2500]
      )
      yield* until(() => openHandles() <= before)
    })
  )

  it.scopedLive("reports the limit of the handshake, and leaves no socket", () =>
    Effect.gen(function* () {
      const mute = yield* listen()
      const { dial } = yield* setup()
      const error = expectTag(
        yield* Effect.flip(dial({ scheme: "https", host: "127.0.0.1", port: mute.port, limits: { tls: 50 } })),
        "ConnectionTimeoutError"
      )
      assert.deepStrictEqual([error.phase, error.timeout], ["tls", "tls"])
      yield* mute.closed(1)
    })
  )
})

describe("the address policy", () => {
  const rows: ReadonlyArray<[string, string, TcpOptions["addressPolicy"]]> = [
    ["127.0.0.1", "by deny", { deny: ["127.0.0.0/8"] }],
    ["::ffff:127.0.0.1", "by deny", { deny: ["127.0.0.0/8"] }],
    ["::ffff:7f00:1", "by a function", () => false],
    ["a.test", "by allow", { allow: ["10.0.0.0/8"] }],
    ["mapped.test", "by deny", { deny: ["127.0.0.1"] }],
    ["a.test", "by a function", ({ address }, host) => !(address === "127.0.0.1" && host === "a.test")]
  ]
  it.scopedLive.each(rows)("refuses %s %s", ([host, , addressPolicy]) =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1")
      const { dial } = yield* setup({
        addressPolicy,
        resolver: resolverOf({ "a.test": ["127.0.0.1"], "mapped.test": ["::ffff:127.0.0.1"] })
      })
      const error = expectTag(yield* Effect.flip(dial({ host, port: server.port })), "ClientConnectorError")
      assert.deepStrictEqual([error.reason, error.code, error.host], ["AddressPolicy", "ERR_IP_BLOCKED", host])
      assert.strictEqual(error.addresses?.length, 1)
      yield* turn
      assert.strictEqual(server.accepted(), 0)
    })
  )

  it.scopedLive("passes a function the address without its zone, and shows both in the error", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const { dial } = yield* setup({
        addressPolicy: ({ address, zone }) => {
          asked.push([address, zone])
          return false
        },
        resolver: resolverOf({ "a.test": ["fe80::1%lo", "127.0.0.1"] })
      })
      const error = expectTag(yield* Effect.flip(dial({ host: "a.test", port: 1 })), "ClientConnectorError")
      assert.deepStrictEqual(asked, [
        ["fe80::1", "lo"],
        ["127.0.0.1", undefined]
      ])
      assert.deepStrictEqual(
        error.addresses?.map(({ address }) => address),
        ["fe80::1%lo", "127.0.0.1"]
      )
    })
  )

  it.scopedLive("connects to the addresses that pass", () =>
    Effect.gen(function* () {
      const [a, b] = yield* listenAll(["127.0.0.1", "127.0.0.2"])
      const { dial } = yield* setup({
        addressPolicy: { deny: ["127.0.0.1"] },
        resolver: resolverOf({ "a.test": ["127.0.0.1", "127.0.0.2"] })
      })
      const { wire } = yield* dial({ host: "a.test", port: b?.port ?? 0 })
      assert.strictEqual(wire.remoteAddress, "127.0.0.2")
      assert.strictEqual(a?.accepted(), 0)
    })
  )
})

describe("interrupting a connection", () => {
  it.scopedLive("while it resolves, connects and starts TLS leaves nothing open", () =>
    Effect.gen(function* () {
      const hole = yield* blackHole()
      const mute = yield* listen()
      let abandoned = 0
      const resolver: Resolver.ResolverService = {
        resolve: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => abandoned++))
      }
      const { dial } = yield* setup({ resolver })
      const before = openHandles()
      const stages: ReadonlyArray<ExchangeOptions> = [
        { host: "a.test", port: 80 },
        { host: "127.0.0.1", port: hole.port },
        { host: "127.0.0.1", port: mute.port, scheme: "https" }
      ]
      for (const stage of stages) {
        const fiber = yield* Effect.fork(Effect.scoped(dial(stage)))
        if (stage.scheme === "https") yield* mute.connection
        yield* turn
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      }
      yield* mute.closed(1)
      yield* until(() => openHandles() <= before)
      assert.strictEqual(abandoned, 1)
    })
  )
})

describe("a TLS connection", () => {
  it.scopedLive("uses the connector's settings", () =>
    Effect.gen(function* () {
      const server = yield* secureServer()
      const { dial } = yield* setup({ resolver: resolverOf({ "a.test": ["127.0.0.1"] }), ssl: server.ssl })
      const { phases, wire } = yield* dial({ scheme: "https", host: "a.test", port: server.port })
      assert.deepStrictEqual(phases, ["+dns", "-dns", "+connect", "-connect", "+tls", "-tls"])
      assert.isTrue(wire.socket instanceof Tls.TLSSocket && wire.socket.authorized)
      assert.deepStrictEqual([...(wire.tls?.certificate?.names ?? [])].sort(), ["127.0.0.1", "a.test"])
    })
  )

  it.scopedLive("fails with the handshake's error", () =>
    Effect.gen(function* () {
      const server = yield* secureServer()
      const { dial } = yield* setup()
      const error = yield* Effect.flip(dial({ scheme: "https", host: "127.0.0.1", port: server.port }))
      assert.strictEqual(expectTag(error, "ClientConnectorSSLError").reason, "UntrustedIssuer")
    })
  )
})
