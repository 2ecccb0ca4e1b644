import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, TestClock } from "effect"
import { SocksClient } from "socks"
import { ClientProxyConnectionError } from "../../../../src/Errors.js"
import { socks } from "../../../../src/internal/network/dial/socks.js"
import type { Trace } from "../../../../src/internal/transport/trace.js"
import type { ProxyRoute } from "../../../../src/internal/transport/transport.js"
import { failure } from "../../../support/exits.js"
import { proxyServer } from "../../../support/proxyServer.js"
import { dial, listeners, makeContext, proxyRoute, readSome, scripted } from "../../proxy/support.js"

type Kind = "socks4a" | "socks5" | "socks5h"

const open = (port: number, kind: Kind, destination: { host: string; port: number }, over: Partial<ProxyRoute> = {}) =>
  Effect.gen(function* () {
    const socket = yield* dial(port)
    const before = listeners(socket)
    const { context, phases } = yield* makeContext()
    const exit = yield* Effect.exit(socks(socket, proxyRoute(port, { kind, ...over }), destination, context))
    return { socket, before, after: listeners(socket), phases, exit }
  })

/** Echoes the input in upper case. */
const echo = scripted((socket, received) => void socket.write(received.toString("latin1").toUpperCase()))

describe("a SOCKS tunnel", () => {
  for (const [what, kind, host, over, seen] of [
    ["socks5, an address", "socks5", "10.1.2.3", {}, { method: "SOCKS5", addressType: "ipv4" }],
    ["socks5h, a name", "socks5h", "a.test", {}, { method: "SOCKS5", addressType: "name" }],
    ["socks5h, IPv6", "socks5h", "2001:db8::1", {}, { method: "SOCKS5", addressType: "ipv6" }],
    ["socks4a, a name", "socks4a", "a.test", {}, { method: "SOCKS4", addressType: "name", user: "" }],
    ["socks4a, an address", "socks4a", "10.1.2.3", {}, { method: "SOCKS4", addressType: "ipv4", user: "" }],
    ["socks4a, a user", "socks4a", "a.test", { user: "me", password: "x" }, { method: "SOCKS4", user: "me" }]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const origin = yield* echo
        const proxy = yield* proxyServer({ kind: "socks", resolve: () => ({ host: "127.0.0.1", port: origin.port }) })
        const { after, before, exit, phases, socket } = yield* open(proxy.port, kind, { host, port: 443 }, over)
        assert.isTrue(Exit.isSuccess(exit), String(exit))
        assert.deepStrictEqual(after, before)
        assert.isTrue(socket.isPaused())
        assert.deepStrictEqual(phases, ["+proxy", "-proxy"])
        const target = host === "2001:db8::1" ? "2001:db8:0:0:0:0:0:1:443" : `${host}:443`
        assert.deepInclude(proxy.seen[0], { ...seen, target })
        socket.write("ping")
        assert.strictEqual(yield* readSome(socket), "PING")
      })
    )
  }

  it.scopedLive("sends credentials", () =>
    Effect.gen(function* () {
      const origin = yield* echo
      const proxy = yield* proxyServer({
        kind: "socks",
        auth: { user: "ü:ser", password: "p@ss" },
        resolve: () => ({ host: "127.0.0.1", port: origin.port })
      })
      const destination = { host: "a.test", port: 80 }
      const { exit } = yield* open(proxy.port, "socks5h", destination, { user: "ü:ser", password: "p@ss" })
      assert.isTrue(Exit.isSuccess(exit), String(exit))
      assert.deepInclude(proxy.seen[0], { user: "ü:ser", password: "p@ss", target: "a.test:80" })
    })
  )

  it.scopedLive("accepts replies byte by byte", () =>
    Effect.gen(function* () {
      const replies = [
        [5, 0],
        [5, 0, 0, 3, 3, 97, 46, 98, 0, 80]
      ]
      let answered = 0
      const proxy = yield* scripted((socket, received) => {
        const due = received.length > 3 ? 2 : 1
        while (answered < due) {
          socket.setNoDelay(true)
          for (const byte of replies[answered] ?? []) socket.write(Buffer.from([byte]))
          answered++
        }
      })
      const { exit } = yield* open(proxy.port, "socks5h", { host: "a.test", port: 80 })
      assert.isTrue(Exit.isSuccess(exit), String(exit))
      assert.strictEqual(
        proxy.received(),
        Buffer.from([5, 1, 0, 5, 1, 0, 3, 6, ...Buffer.from("a.test"), 0, 80]).toString("latin1")
      )
    })
  )
})

describe("a SOCKS refusal", () => {
  for (const [kind, reply, code] of [
    ["socks5h", 1, "ECONNREFUSED"],
    ["socks5h", 2, "EACCES"],
    ["socks5h", 3, "ENETUNREACH"],
    ["socks5h", 4, "EHOSTUNREACH"],
    ["socks5h", 5, "ECONNREFUSED"],
    ["socks5h", 6, "ETIMEDOUT"],
    ["socks5h", 7, "EOPNOTSUPP"],
    ["socks5h", 8, "EAFNOSUPPORT"],
    ["socks5h", 9, "EPROTO"],
    ["socks4a", 91, "ECONNREFUSED"],
    ["socks4a", 92, "ECONNREFUSED"],
    ["socks4a", 93, "EACCES"],
    ["socks4a", 7, "EPROTO"]
  ] as const) {
    it.scopedLive(`of ${kind} with reply ${reply} has the code ${code}`, () =>
      Effect.gen(function* () {
        const proxy = yield* proxyServer({ kind: "socks", reply })
        const { exit, socket } = yield* open(proxy.port, kind, { host: "a.test", port: 443 })
        const error = failure(exit)
        assert.instanceOf(error, ClientProxyConnectionError)
        assert.deepStrictEqual([error.reason, error.code, error.phase], ["Socks", code, "proxy"])
        assert.deepStrictEqual([error.host, error.port], ["a.test", 443])
        assert.strictEqual(error.proxy, `${kind}://127.0.0.1:${proxy.port}`)
        assert.isTrue(socket.destroyed)
      })
    )
  }

  for (const [what, over] of [
    ["wrong credentials", { user: "us3r", password: "s3cr3t" }],
    ["no credentials", {}]
  ] as const) {
    it.scopedLive(`of ${what} has the code EACCES, and shows no credentials`, () =>
      Effect.gen(function* () {
        const proxy = yield* proxyServer({ kind: "socks", auth: { user: "us3r", password: "right" } })
        const { exit } = yield* open(proxy.port, "socks5h", { host: "a.test", port: 443 }, over)
        const error = failure(exit)
        assert.instanceOf(error, ClientProxyConnectionError)
        assert.deepStrictEqual([error.reason, error.code], ["Socks", "EACCES"])
        const shown = `${String(error)} ${JSON.stringify(error)} ${inspect(error, { depth: 9, showHidden: true })} ${inspect(error.cause, { depth: 9, showHidden: true })}`
        assert.notInclude(shown, "s3cr3t")
        assert.notInclude(shown, "us3r")
        assert.strictEqual(proxy.seen.length, 0)
      })
    )
  }

  for (const [what, bytes, code] of [
    ["another version", [4, 0], "EPROTO"],
    ["an HTTP reply", [...Buffer.from("HTTP/1.1 400 Bad\r\n\r\n")], "EPROTO"],
    ["a method that was not offered", [5, 1], "EPROTO"],
    ["no method", [5, 255], "EACCES"]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        let answered = false
        const proxy = yield* scripted((socket) => {
          if (!answered) socket.write(Buffer.from(bytes))
          answered = true
        })
        const { after, before, exit, socket } = yield* open(proxy.port, "socks5h", { host: "a.test", port: 443 })
        const error = failure(exit)
        assert.instanceOf(error, ClientProxyConnectionError)
        assert.deepStrictEqual([error.reason, error.code], ["Socks", code])
        assert.isTrue(socket.destroyed)
        assert.deepStrictEqual(after, before)
      })
    )
  }

  for (const [what, step] of [
    ["the end", (socket: { end: () => void }) => socket.end()],
    ["a reset", (socket: { resetAndDestroy: () => void }) => socket.resetAndDestroy()]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const proxy = yield* scripted((socket) => void step(socket))
        const error = failure((yield* open(proxy.port, "socks5h", { host: "a.test", port: 443 })).exit)
        assert.instanceOf(error, ClientProxyConnectionError)
        assert.strictEqual(error.code, "ECONNRESET")
      })
    )
  }

  for (const [what, extra] of [
    ["with", Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")],
    ["one byte with", Buffer.from([0])]
  ] as const) {
    it.scopedLive(`follows bytes that arrive ${what} the reply, before the request`, () =>
      Effect.gen(function* () {
        let answered = 0
        const proxy = yield* scripted((socket, received) => {
          if (answered === 0) socket.write(Buffer.from([5, 0]))
          if (answered === 1 && received.length > 3) {
            socket.write(Buffer.concat([Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), extra]))
          }
          answered++
        })
        const { exit, socket } = yield* open(proxy.port, "socks5h", { host: "a.test", port: 80 })
        const error = failure(exit)
        assert.instanceOf(error, ClientProxyConnectionError)
        assert.strictEqual(error.code, "EPROTO")
        assert.isTrue(socket.destroyed)
      })
    )
  }

  for (const host of ["x".repeat(256), "fe80::1%eth0"]) {
    it.scopedLive(`follows a destination that cannot be written: ${host.slice(0, 12)}`, () =>
      Effect.gen(function* () {
        const proxy = yield* scripted(() => {})
        const error = failure((yield* open(proxy.port, "socks5h", { host, port: 80 })).exit)
        assert.instanceOf(error, ClientProxyConnectionError)
        assert.strictEqual(error.reason, "Socks")
        assert.strictEqual(proxy.received(), "")
      })
    )
  }
})

describe("waiting for a SOCKS proxy", () => {
  it("uses no timer of the socks package", () => {
    assert.isFunction(Reflect.get(SocksClient.prototype, "onEstablishedTimeout"))
  })

  it.scoped("ends with timeout.proxy on the request's Clock", () =>
    Effect.gen(function* () {
      const proxy = yield* scripted(() => {})
      const socket = yield* dial(proxy.port)
      const { context } = yield* makeContext({ proxy: 3_600_000 })
      const route = proxyRoute(proxy.port, { kind: "socks5h" })
      const fiber = yield* Effect.fork(Effect.exit(socks(socket, route, { host: "a.test", port: 80 }, context)))
      yield* proxy.until(3)
      yield* TestClock.adjust("3599 seconds")
      assert.isFalse(socket.destroyed)
      yield* TestClock.adjust("1 second")
      const error = failure(yield* Fiber.join(fiber))
      assert.strictEqual(error._tag, "ConnectionTimeoutError")
      assert.isTrue(socket.destroyed)
    })
  )

  it.scopedLive("ends at once if it is interrupted, and leaves nothing open", () =>
    Effect.gen(function* () {
      const proxy = yield* scripted(() => {})
      const socket = yield* dial(proxy.port)
      const before = listeners(socket)
      const { context, phases } = yield* makeContext()
      const route = proxyRoute(proxy.port, { kind: "socks5h" })
      const fiber = yield* Effect.fork(socks(socket, route, { host: "a.test", port: 80 }, context))
      yield* proxy.until(3)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.isTrue(socket.destroyed)
      assert.deepStrictEqual(listeners(socket), before)
      assert.deepStrictEqual(phases, ["+proxy", "-proxy"])
      yield* proxy.gone
    })
  )

  it.scopedLive("emits signals of its start and its end", () =>
    Effect.gen(function* () {
      const origin = yield* echo
      const proxy = yield* proxyServer({ kind: "socks", resolve: () => ({ host: "127.0.0.1", port: origin.port }) })
      const signals: Array<string> = []
      const trace: Trace = {
        offer: (facts) => void signals.push(facts._tag),
        emit: (facts) => Effect.sync(() => trace.offer(facts))
      }
      const { context } = yield* makeContext({}, trace)
      const socket = yield* dial(proxy.port)
      yield* socks(socket, proxyRoute(proxy.port, { kind: "socks5h" }), { host: "a.test", port: 80 }, context)
      assert.deepStrictEqual(signals, ["ProxyConnectStart", "ProxyConnectEnd"])
    })
  )
})
