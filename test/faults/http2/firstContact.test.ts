/** The choice of the protocol on the first connection to a server, and requests that wait for it. */

import type { AddressInfo } from "node:net"
import { createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Connector from "effect-http-session/Connector"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import type * as Timeouts from "effect-http-session/Timeouts"
import { standard } from "../../support/certificates.js"
import { heldClock } from "../../support/clock.js"
import { type EitherOptions, type EitherSite, eitherSite } from "../../support/eitherSite.js"
import { invariants } from "../../support/invariants.js"
import { sessionOn } from "../../support/session.js"
import { turns, until, untilValue } from "../../support/wait.js"

const indices = (count: number) => Array.from({ length: count }, (_, index) => index)

const all = (session: Session.SessionService, url: string, count: number) =>
  Effect.forEach(indices(count), (index) => session.get(`${url}/${index}`).pipe(ClientResponse.text), {
    concurrency: "unbounded"
  })

interface Options {
  readonly connector?: Connector.TcpOptions
  readonly session?: Session.SessionOptions
  readonly site?: Partial<EitherOptions>
}

/** A test with a site, a session that trusts it, and the invariants afterwards. */
const withSite = <E>(
  name: string,
  test: (session: Session.SessionService, site: EitherSite) => Effect.Effect<void, E, Scope.Scope>,
  options: Options = {}
) =>
  it.scopedLive(name, () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const site = yield* eitherSite({ ...set.good, ...options.site })
      const ssl = yield* Ssl.context({ ca: set.ca })
      const { connector, session } = yield* sessionOn({ ssl, ...options.connector }, options.session)
      const exit = yield* invariants(test(session, site), { connector, servers: [site] })
      if (Exit.isFailure(exit)) assert.fail(String(exit.cause))
    })
  )

const http1 = { selects: () => "http/1.1" }

describe("50 requests at once to a server that is not known", () => {
  withSite("share one connection if it speaks HTTP/2", (session, site) =>
    Effect.gen(function* () {
      const texts = yield* all(session, site.url, 50)
      assert.deepStrictEqual(
        texts,
        indices(50).map((index) => `2.0 /${index}`)
      )
      assert.deepStrictEqual(site.spoken, ["h2"])
      yield* all(session, site.url, 50)
      assert.deepStrictEqual(site.spoken, ["h2"])
    })
  )

  withSite(
    "open one connection and then the others at once if it speaks HTTP/1.1, and all at once later",
    (session, site) =>
      Effect.gen(function* () {
        const texts = yield* all(session, site.url, 50)
        assert.deepStrictEqual(
          texts,
          indices(50).map((index) => `1.1 /${index}`)
        )
        const first = site.spoken.length
        assert.isAtMost(first, 50)
        yield* session.connector.closeIdle
        yield* untilValue(site.connections, (open) => open === 0)
        const fibers = yield* Effect.forEach(indices(50), () =>
          Effect.fork(session.get(site.url).pipe(ClientResponse.text))
        )
        yield* untilValue(session.connector.stats, ({ connecting, waiting }) => connecting === 50 && waiting === 0)
        yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual([...new Set(site.spoken)], ["http/1.1"])
      }),
    { site: http1 }
  )

  it.scopedLive("each fail with their own error if the first connection is refused", () =>
    Effect.gen(function* () {
      const { session } = yield* sessionOn({ http2: true })
      const errors = yield* Effect.forEach(
        indices(50),
        (index) => Effect.flip(session.get(`https://127.0.0.1:1/${index}`).pipe(ClientResponse.text)),
        { concurrency: "unbounded" }
      )
      for (const [index, error] of errors.entries()) {
        assert.deepInclude(error, {
          _tag: "ClientConnectorError",
          code: "ECONNREFUSED",
          url: `https://127.0.0.1:1/${index}`
        })
      }
    })
  )

  it.scopedLive("each open a connection if the first attempt times out or is interrupted", () =>
    Effect.gen(function* () {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
      })
      yield* Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          server.close()
        })
      )
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
      for (const way of ["limit", "interruption"] as const) {
        const before = sockets.size
        const { session } = yield* sessionOn({ http2: true })
        const first = yield* Effect.fork(
          session.get(url, { timeout: { connect: way === "limit" ? "200 millis" : "20 seconds" } })
        )
        yield* until(() => sockets.size === before + 1)
        const others = yield* Effect.forEach(indices(49), () =>
          Effect.fork(session.get(url, { timeout: { connect: "20 seconds" } }))
        )
        yield* untilValue(session.connector.stats, ({ waiting }) => waiting === 49)
        if (way === "interruption") yield* Fiber.interrupt(first)
        else assert.strictEqual((yield* Effect.flip(Fiber.join(first)))._tag, "ConnectionTimeoutError")
        yield* untilValue(session.connector.stats, ({ connecting, waiting }) => connecting === 49 && waiting === 0)
        yield* Fiber.interruptAll(others)
        yield* untilValue(session.connector.stats, ({ connecting }) => connecting === 0)
      }
    })
  )
})

describe("a request that waits for the dial of another", () => {
  it.scopedLive("dials when its poolWait is over, because a slot of the pool is free", () =>
    Effect.gen(function* () {
      const server = createServer((socket) => void socket.on("error", () => {}))
      yield* Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
      const { advance, clock } = heldClock()
      const { connector, session } = yield* sessionOn({ http2: true, limit: 2 })
      const start = (timeout: Timeouts.Timeouts) =>
        session.get(url, { timeout }).pipe(ClientResponse.text, Effect.flip, Effect.withClock(clock), Effect.fork)
      const first = yield* start({})
      yield* untilValue(connector.stats, ({ connecting }) => connecting === 1)
      const others = [yield* start({ poolWait: "1 second" }), yield* start({ poolWait: "2 seconds" })]
      yield* untilValue(connector.stats, ({ waiting }) => waiting === 2)
      advance(1000)
      yield* untilValue(connector.stats, ({ connecting, waiting }) => connecting === 2 && waiting === 1)
      // Both slots are in use, so this one waits for the pool.
      advance(1000)
      yield* turns(5)
      advance(1)
      assert.deepInclude(yield* Fiber.join(others[1]), { _tag: "ConnectionTimeoutError", timeout: "poolWait" })
      yield* Fiber.interruptAll([first, ...others])
      yield* untilValue(connector.stats, ({ connecting, waiting }) => connecting === 0 && waiting === 0)
    })
  )
})

let selected = "h2"

describe("a server that changes its protocol", () => {
  withSite(
    "is understood, in both directions",
    (session, site) =>
      Effect.gen(function* () {
        for (const [protocol, version] of [
          ["h2", "2.0"],
          ["http/1.1", "1.1"],
          ["h2", "2.0"],
          ["h2", "2.0"]
        ] as const) {
          selected = protocol
          yield* session.connector.closeIdle
          yield* untilValue(site.connections, (open) => open === 0)
          assert.deepStrictEqual(
            yield* all(session, site.url, 3),
            indices(3).map((index) => `${version} /${index}`)
          )
        }
        // Remembered: the last burst used one connection.
        assert.deepStrictEqual(site.spoken.slice(-1), ["h2"])
      }),
    { site: { selects: () => selected } }
  )
})

const u16 = (value: number) => Buffer.of(value >> 8, value)

/** A message of TLS 1.2 in a record: SERVER_HELLO, with HTTP/2 selected by ALPN, whatever the client has offered. */
const serverHello = (() => {
  const alpn = Buffer.concat([u16(16), u16(5), u16(3), Buffer.of(2), Buffer.from("h2")])
  const suite = 0xc02f
  const body = Buffer.concat([
    u16(0x303),
    Buffer.alloc(32, 7),
    Buffer.of(0),
    u16(suite),
    Buffer.of(0),
    u16(alpn.length),
    alpn
  ])
  const message = Buffer.concat([Buffer.of(2, 0), u16(body.length), body])
  return Buffer.concat([Buffer.of(22), u16(0x303), u16(message.length), message])
})()

describe("HTTP/2 that a server selects although it was not offered", () => {
  for (const [name, connector, options, alpn] of [
    ["by a connector without it", { http2: false }, {}, undefined],
    ["by a session of version 1.1", { http2: true }, { version: "1.1" }, undefined],
    ["by a context with other protocols", { http2: true }, {}, ["http/1.1"]]
  ] as const) {
    it.scopedLive(`${name} is an error of the protocol`, () =>
      Effect.gen(function* () {
        const open = new Set<Socket>()
        const server = createServer((socket) => {
          open.add(socket)
          socket.once("data", () => void socket.write(serverHello))
          socket.on("error", () => {})
          socket.on("close", () => open.delete(socket))
        })
        yield* Effect.async<void>((resume) => {
          server.listen(0, "127.0.0.1", () => resume(Effect.void))
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
        const { session } = yield* sessionOn({ ssl: yield* Ssl.context({ alpn }), ...connector }, options)
        const error = yield* session
          .get(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`, { timeout: "20 seconds" })
          .pipe(ClientResponse.text, Effect.flip)
        assert.deepInclude(error, { _tag: "ClientConnectorSSLError", reason: "Protocol" })
        assert.include(error.message, "the server selected another protocol")
        yield* until(() => open.size === 0)
      })
    )
  }
})

describe("the protocol", () => {
  withSite(
    "is required by mode, and a server of HTTP/1.1 is an error",
    (session, site) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(session.get(site.url).pipe(ClientResponse.text))
        assert.deepInclude(error, { _tag: "ClientConnectorSSLError", reason: "Protocol" })
        const plain = yield* Effect.flip(session.get("http://127.0.0.1:1/").pipe(ClientResponse.text))
        assert.deepInclude(plain, { _tag: "InvalidRequest", option: "http2" })
        const socket = yield* Effect.flip(Effect.scoped(session.webSocket(site.url.replace("https:", "wss:"))))
        assert.deepInclude(socket, { _tag: "InvalidRequest", option: "http2" })
        assert.deepStrictEqual(site.asked, [])
      }),
    { connector: { http2: { mode: "require" } }, site: http1 }
  )

  withSite(
    "is HTTP/2 for a session of version 2 on a connector without it",
    (session, site) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* all(session, site.url, 2), ["2.0 /0", "2.0 /1"])
        const socket = yield* Effect.flip(Effect.scoped(session.webSocket(site.url.replace("https:", "wss:"))))
        assert.deepInclude(socket, { _tag: "InvalidRequest", option: "version" })
      }),
    { connector: { http2: false }, session: { version: "2" } }
  )

  withSite(
    "is HTTP/1.1 if each connection serves one request",
    (session, site) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* all(session, site.url, 2), ["1.1 /0", "1.1 /1"])
        assert.deepStrictEqual([...new Set(site.spoken)], ["http/1.1"])
      }),
    { connector: { forceClose: true } }
  )

  withSite(
    "is HTTP/1.1 for a session of version 1.1 on a connector of HTTP/2",
    (session, site) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* all(session, site.url, 2), ["1.1 /0", "1.1 /1"])
        assert.deepStrictEqual([...new Set(site.spoken)], ["http/1.1"])
      }),
    { session: { version: "1.1" } }
  )

  withSite(
    "is HTTP/1.1 if the connector says so",
    (session, site) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* all(session, site.url, 2), ["1.1 /0", "1.1 /1"])
      }),
    { connector: { http2: false } }
  )

  withSite("is HTTP/1.1 for a request with an Upgrade header, on a connection of its own", (session, site) =>
    Effect.gen(function* () {
      const version = (headers: Record<string, string>) =>
        session
          .get(site.url, { headers })
          .pipe(ClientResponse.use((response) => Effect.succeed([response.version, response.connection.protocol])))
      assert.deepStrictEqual(yield* version({}), ["2", "h2"])
      assert.deepStrictEqual(yield* version({ connection: "upgrade", upgrade: "x" }), ["1.1", "http/1.1"])
      assert.deepStrictEqual(site.spoken, ["h2", "http/1.1"])
    })
  )

  withSite(
    "is refused over a weak cipher suite before a request is written",
    (session, site) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(session.get(site.url).pipe(ClientResponse.text))
        assert.deepInclude(error, { _tag: "ClientConnectorSSLError", code: "ERR_HTTP2_INADEQUATE_SECURITY" })
        assert.deepStrictEqual(site.asked, [])
      }),
    { site: { tls: { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" } } }
  )
})
