/**
 * Dials through proxies.
 */
import * as Net from "node:net"
import * as Tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import type { ProxyRoute } from "../../../../src/internal/transport/transport.js"
import { expectTag, firstBytes, resolverOf, secureServer, setup } from "./dialSupport.js"
import { listen, makeTrace, turn } from "./support.js"

const proxyRoute = (kind: ProxyRoute["kind"], port: number, over: Partial<ProxyRoute> = {}): ProxyRoute => ({
  kind,
  host: "127.0.0.1",
  port,
  ip: 4,
  url: `${kind}://127.0.0.1:${port}`,
  authorization: undefined,
  user: undefined,
  password: undefined,
  headers: [],
  ssl: true,
  key: `${kind}://127.0.0.1:${port}`,
  ...over
})

/** Answers CONNECT, acts as the origin behind it, and records the requests. */
const connectProxy = (behind: (socket: Net.Socket) => void = () => {}) => {
  const asked: Array<string> = []
  const onConnection = (socket: Net.Socket) => {
    socket.once("data", (bytes: Buffer) => {
      asked.push(bytes.toString("latin1").split("\r\n")[0] ?? "")
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      behind(socket)
    })
  }
  return Effect.map(listen("127.0.0.1", 0, onConnection), (server) => ({ ...server, asked }))
}

describe("a connection through a proxy", () => {
  it.scopedLive("for plain http is forwarded, without a lookup of the host", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      const { dial } = yield* setup({ resolver: { resolve: () => Effect.dieMessage("asked") } })
      const { signals, trace } = makeTrace()
      const proxy = proxyRoute("http", server.port)
      const { phases, wire } = yield* dial({ host: "a.test", port: 80, proxy, trace })
      assert.deepStrictEqual([wire.forward, wire.remoteAddress, wire.tls], [true, "127.0.0.1", undefined])
      assert.deepStrictEqual(phases, ["+connect", "-connect"])
      assert.deepStrictEqual(signals, [])
    })
  )

  it.scopedLive("is a tunnel if the request needs one, also for plain http", () =>
    Effect.gen(function* () {
      const server = yield* connectProxy((socket) => setImmediate(() => setImmediate(() => socket.write("inside"))))
      const { dial } = yield* setup()
      const proxy = proxyRoute("http", server.port)
      const { phases, wire } = yield* dial({ host: "a.test", port: 8080, proxy, tunnel: true })
      assert.deepStrictEqual(server.asked, ["CONNECT a.test:8080 HTTP/1.1"])
      assert.isFalse(wire.forward)
      assert.deepStrictEqual(phases, ["+connect", "-connect", "+proxy", "-proxy"])
      assert.strictEqual(yield* firstBytes(wire), "inside")
    })
  )

  it.scopedLive("for https uses the origin's TLS inside the tunnel", () =>
    Effect.gen(function* () {
      const origin = yield* secureServer()
      const server = yield* connectProxy((socket) => {
        const inner = Net.connect(origin.port, "127.0.0.1")
        inner.on("error", () => socket.destroy())
        socket.once("close", () => inner.destroy())
        inner.pipe(socket).pipe(inner)
      })
      const { dial } = yield* setup({ ssl: origin.ssl })
      const proxy = proxyRoute("http", server.port)
      const { phases, wire } = yield* dial({ scheme: "https", host: "a.test", port: 443, proxy })
      assert.deepStrictEqual(server.asked, ["CONNECT a.test:443 HTTP/1.1"])
      assert.deepStrictEqual(phases, ["+connect", "-connect", "+proxy", "-proxy", "+tls", "-tls"])
      assert.isDefined(wire.tls)
    })
  )

  it.scopedLive("to an https proxy is verified with the settings of the proxy, not of the connector", () =>
    Effect.gen(function* () {
      const secure = yield* secureServer()
      const own = yield* setup()
      const { wire } = yield* own.dial({
        host: "b.test",
        port: 80,
        proxy: proxyRoute("https", secure.port, { ssl: secure.ssl })
      })
      assert.deepStrictEqual([wire.forward, wire.tls], [true, undefined])
      assert.instanceOf(wire.socket, Tls.TLSSocket)
      const connectors = yield* setup({ ssl: secure.ssl })
      const error = expectTag(
        yield* Effect.flip(connectors.dial({ host: "b.test", port: 80, proxy: proxyRoute("https", secure.port) })),
        "ClientProxyConnectionError"
      )
      assert.strictEqual(error.reason, "Tls")
    })
  )

  it.scopedLive("reports failures of the proxy as such, with the host of the target", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.scoped(listen())
      const { dial } = yield* setup({ resolver: resolverOf({}) })
      const refused = expectTag(
        yield* Effect.flip(dial({ host: "a.test", port: 80, proxy: proxyRoute("http", gone.port) })),
        "ClientProxyConnectionError"
      )
      assert.deepStrictEqual(
        [refused.reason, refused.code, refused.proxy, refused.host, refused.port, refused.phase],
        ["Connect", "ECONNREFUSED", `http://127.0.0.1:${gone.port}`, "a.test", 80, "connect"]
      )
      const unknown = expectTag(
        yield* Effect.flip(
          dial({ host: "a.test", port: 80, proxy: proxyRoute("http", 80, { host: "p.test", ip: 0 }) })
        ),
        "ClientProxyConnectionError"
      )
      assert.deepStrictEqual([unknown.reason, unknown.code, unknown.phase], ["Dns", "ENOTFOUND", "dns"])
    })
  )

  it.scopedLive("applies the policy to the target if its address is known, and not to the proxy", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      const { dial } = yield* setup({
        addressPolicy: { deny: ["127.0.0.0/8", "10.0.0.0/8"] },
        resolver: resolverOf({ "inner.test": ["10.0.0.1"] })
      })
      const { wire } = yield* dial({ host: "a.test", port: 80, proxy: proxyRoute("http", server.port) })
      assert.strictEqual(wire.remoteAddress, "127.0.0.1")
      const refused: ReadonlyArray<[string, ProxyRoute["kind"]]> = [
        ["10.0.0.1", "http"],
        ["10.0.0.1", "socks5h"],
        ["inner.test", "socks5"]
      ]
      for (const [host, kind] of refused) {
        const error = yield* Effect.flip(dial({ host, port: 80, proxy: proxyRoute(kind, server.port) }))
        assert.strictEqual(expectTag(error, "ClientConnectorError").reason, "AddressPolicy")
      }
      yield* turn
      assert.strictEqual(server.accepted(), 1)
    })
  )

  it.scopedLive("resolves names locally for socks5, and at the proxy for socks5h", () =>
    Effect.gen(function* () {
      const requests: Array<Buffer> = []
      const server = yield* listen("127.0.0.1", 0, (socket) => {
        socket.once("data", () => {
          socket.write(Buffer.from([5, 0]))
          socket.once("data", (request: Buffer) => {
            requests.push(request)
            socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
          })
        })
      })
      const { dial } = yield* setup({ resolver: resolverOf({ "a.test": ["192.0.2.9"] }) })
      const local = makeTrace()
      yield* dial({ host: "a.test", port: 8080, proxy: proxyRoute("socks5", server.port), trace: local.trace })
      const remote = makeTrace()
      yield* dial({ host: "a.test", port: 8080, proxy: proxyRoute("socks5h", server.port), trace: remote.trace })
      const dns = ["DnsCacheMiss", "DnsResolveHostStart", "DnsResolveHostEnd"]
      const tunnel = ["ProxyConnectStart", "ProxyConnectEnd"]
      assert.deepStrictEqual(local.tags(), [...dns, ...tunnel])
      assert.deepStrictEqual(remote.tags(), tunnel)
      assert.deepStrictEqual([...(requests[0] ?? [])].slice(3, 10), [1, 192, 0, 2, 9, 0x1f, 0x90])
      assert.strictEqual(requests[1]?.subarray(3, 11).toString("latin1"), "\u0003\u0006a.test")
    })
  )

  it.scopedLive("leaves nothing at the proxy if it is interrupted at any stage", () =>
    Effect.gen(function* () {
      for (const answer of ["", "HTTP/1.1 200 OK\r\n\r\n"]) {
        const asked = yield* Deferred.make<void>()
        const server = yield* listen("127.0.0.1", 0, (socket) => {
          socket.once("data", () => {
            socket.write(answer)
            socket.once("data", () => Deferred.unsafeDone(asked, Effect.void))
            if (answer === "") Deferred.unsafeDone(asked, Effect.void)
          })
        })
        const { dial } = yield* setup()
        const proxy = proxyRoute("http", server.port)
        const fiber = yield* Effect.fork(Effect.scoped(dial({ scheme: "https", host: "a.test", port: 443, proxy })))
        yield* Deferred.await(asked)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
        yield* server.closed(1)
      }
    })
  )
})
