/** WebSockets and other upgrades on connectors that speak HTTP/2: they use HTTP/1.1, on connections of their own. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, type Scope, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Connector from "effect-http-session/Connector"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import { WebSocketServer } from "ws"
import { standard } from "../../support/certificates.js"
import { type EitherOptions, type EitherSite, eitherSite } from "../../support/eitherSite.js"
import { answers, h2Always } from "../../support/h2Server.js"
import { invariants } from "../../support/invariants.js"
import { echoed } from "../../support/itH2Fault.js"
import { proxyServer } from "../../support/proxyServer.js"
import { sessionOn } from "../../support/session.js"

/** Echoes messages of WebSockets, and the bytes of any other protocol. */
const echoes = (): NonNullable<EitherOptions["onUpgrade"]> => {
  const webSockets = new WebSocketServer({ noServer: true })
  return (request, socket, head) => {
    socket.on("error", () => {})
    if (request.headers.upgrade === "websocket") {
      webSockets.handleUpgrade(request, socket, head, (opened) => {
        opened.on("message", (message, isBinary) => opened.send(message, { binary: isBinary }))
      })
      return
    }
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
    socket.pipe(socket)
  }
}

const modes: ReadonlyArray<Connector.TcpOptions["http2"]> = [true, { mode: "prior-knowledge" }]

const withSite = <E>(
  name: string,
  test: (
    session: Session.SessionService,
    site: EitherSite,
    proxy: string | undefined
  ) => Effect.Effect<void, E, Scope.Scope>,
  proxied = false
) => {
  for (const http2 of modes) {
    it.scopedLive(`${name}, with http2 ${JSON.stringify(http2)}`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const site = yield* eitherSite({ ...set.good, selects: ([best]) => best, onUpgrade: echoes() })
        const proxy = proxied ? (yield* proxyServer()).url : undefined
        const { connector, session } = yield* sessionOn({ http2, ssl: yield* Ssl.context({ ca: set.ca }) })
        const exit = yield* invariants(test(session, site, proxy), { connector, servers: [site], settle: 2000 })
        if (Exit.isFailure(exit)) assert.fail(String(exit.cause))
      })
    )
  }
}

const text = (session: Session.SessionService, site: EitherSite, proxy?: string) =>
  session.get(`${site.url}/a`, { proxy, timeout: "15 seconds" }).pipe(ClientResponse.text)

const says = (session: Session.SessionService, site: EitherSite, proxy?: string) =>
  Effect.gen(function* () {
    const socket = yield* session.webSocket(site.url.replace("https:", "wss:"), { proxy, timeout: "15 seconds" })
    assert.deepInclude(socket.response, { version: "1.1", status: 101 })
    yield* socket.send("hello")
    const [first] = Chunk.toReadonlyArray(yield* socket.messages.pipe(Stream.take(1), Stream.runCollect))
    assert.strictEqual(first?.data, "hello")
  }).pipe(Effect.scoped)

describe("a WebSocket", () => {
  withSite("opens beside requests over HTTP/2, and offers HTTP/1.1 only", (session, site) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* text(session, site), "2.0 /a")
      yield* says(session, site)
      assert.strictEqual(yield* text(session, site), "2.0 /a")
      assert.deepStrictEqual(site.spoken, ["h2", "http/1.1"])
      assert.strictEqual(site.offered[1], "http/1.1")
    })
  )

  withSite("opens before requests over HTTP/2, which do not take the server for one of HTTP/1.1", (session, site) =>
    Effect.gen(function* () {
      yield* says(session, site)
      const texts = yield* Effect.all(Effect.replicate(text(session, site), 5), { concurrency: "unbounded" })
      assert.deepStrictEqual([...new Set(texts)], ["2.0 /a"])
      assert.deepStrictEqual(site.spoken, ["http/1.1", "h2"])
    })
  )

  withSite(
    "opens through a proxy beside requests over HTTP/2",
    (session, site, proxy) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* text(session, site, proxy), "2.0 /a")
        yield* says(session, site, proxy)
        assert.strictEqual(yield* text(session, site, proxy), "2.0 /a")
        assert.deepStrictEqual(site.spoken, ["h2", "http/1.1"])
      }),
    true
  )
})

describe("an upgrade", () => {
  withSite("to another protocol has a connection of HTTP/1.1 for itself", (session, site) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* text(session, site), "2.0 /a")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const upgraded = yield* session.upgrade(`${site.url}/attach`, { protocol: "tcp", timeout: "15 seconds" })
          yield* upgraded.send("raw")
          const [first] = Chunk.toReadonlyArray(yield* upgraded.incoming.pipe(Stream.take(1), Stream.runCollect))
          assert.strictEqual(Buffer.from(first ?? []).toString(), "raw")
        })
      )
      assert.strictEqual(yield* text(session, site), "2.0 /a")
      assert.deepStrictEqual(site.spoken, ["h2", "http/1.1"])
    })
  )

  it.scopedLive("with mode require is refused before anything is sent", () =>
    Effect.gen(function* () {
      const at = yield* h2Always(answers(echoed))
      const { session } = yield* sessionOn({ http2: { mode: "require" } })
      const error = yield* Effect.flip(Effect.scoped(session.upgrade(at.url, { protocol: "tcp" })))
      assert.deepInclude(error, { _tag: "InvalidRequest", option: "http2" })
      assert.lengthOf(at.peers, 0)
    })
  )
})
