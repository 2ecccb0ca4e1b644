/**
 * Old TLS servers: they request a certificate in mid-connection, do not implement RFC 5746, or reject a session that they
 * issued.
 */
import { constants } from "node:crypto"
import * as net from "node:net"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Ssl from "effect-http-session/Ssl"
import { nodeCertificates, systemCertificates, toCa } from "../../../../src/internal/network/tls/authorities.js"
import { standard } from "../../../support/certificates.js"
import { reply, secureSite } from "../../../support/secureSite.js"
import { sessionOn } from "../../../support/session.js"
import { until } from "../../../support/wait.js"
import { tcpServer } from "./support.js"

/** A server of TLS 1.2 that requests another handshake before each response, which contains the client certificate. */
const asking = (options: tls.TlsOptions, change: (server: tls.Server) => void = () => {}, times = 1) => {
  const site = secureSite(
    { maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET, ...options },
    (socket) => {
      const again = (left: number) => {
        if (left === 0) {
          socket.write(reply(socket.getPeerX509Certificate()?.subject ?? "none"))
          return
        }
        socket.renegotiate({ requestCert: true, rejectUnauthorized: false }, (error) => {
          if (error === null) again(left - 1)
          else socket.destroy()
        })
      }
      again(times)
    }
  )
  return Effect.tap(site, ({ server }) => Effect.sync(() => change(server)))
}

describe("a server that asks for a certificate in mid-connection", () => {
  it.scopedLive("receives it if that is allowed, and then answers the request", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const { cert, key } = set.client
      const at = yield* asking({ ...set.good, ca: set.ca })
      const ssl = yield* Ssl.context({ ca: set.ca, cert, key, allowRenegotiation: true })
      const { session } = yield* sessionOn({ ssl })
      for (const path of ["/1", "/2"]) {
        assert.strictEqual(yield* session.get(at.url + path).pipe(ClientResponse.text), "CN=device")
      }
      assert.strictEqual(at.accepted(), 1)
    })
  )

  it.scopedLive("is refused by default", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const { cert, key } = set.client
      const at = yield* asking({ ...set.good, ca: set.ca })
      for (const allowRenegotiation of [undefined, false]) {
        const { session } = yield* sessionOn({
          ssl: yield* Ssl.context({ ca: set.ca, cert, key, allowRenegotiation })
        })
        const error = yield* Effect.flip(session.get(at.url, { timeout: "5 seconds" }).pipe(ClientResponse.text))
        assert.include(["ClientOSError", "ServerDisconnectedError", "ClientConnectorSSLError"], error._tag)
      }
    })
  )

  it.scopedLive("is asked no more than three times on a connection", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const ssl = yield* Ssl.context({ ca: set.ca, allowRenegotiation: true })
      const few = yield* asking({ ...set.good }, undefined, 3)
      const many = yield* asking({ ...set.good }, undefined, 4)
      const { session } = yield* sessionOn({ ssl })
      assert.strictEqual(yield* session.get(few.url).pipe(ClientResponse.text), "none")
      const error = yield* Effect.flip(session.get(many.url, { timeout: "5 seconds" }).pipe(ClientResponse.text))
      assert.strictEqual(error._tag, "ClientConnectorSSLError")
    })
  )

  const changes: ReadonlyArray<
    readonly [what: string, to: "wrongHost" | "untrusted" | "expired" | "good", pinned: boolean, expected: string]
  > = [
    ["for another host", "wrongHost", false, "ClientConnectorSSLError"],
    ["of an unknown authority", "untrusted", false, "ClientConnectorSSLError"],
    ["that has expired", "expired", false, "ClientConnectorSSLError"],
    ["that is not the pinned one", "wrongHost", true, "FingerprintMismatch"],
    ["that is the same", "good", true, "none"]
  ]
  for (const [what, to, pinned, expected] of changes) {
    it.scopedLive(`is verified again: a certificate ${what} ends in ${expected}`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const at = yield* secureSite(
          { ...set.good, maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET },
          (socket) => {
            socket.setKeyCert(set[to])
            socket.renegotiate({ requestCert: true, rejectUnauthorized: false }, () => socket.write(reply("none")))
          }
        )
        const context = yield* Ssl.context({ ca: set.ca, allowRenegotiation: true })
        const ssl = pinned ? Ssl.fingerprint(set.good.sha256, { context }) : context
        const { session } = yield* sessionOn({ ssl })
        const outcome = yield* session.get(at.url, { timeout: "5 seconds" }).pipe(ClientResponse.text, Effect.merge)
        assert.strictEqual(typeof outcome === "string" ? outcome : outcome._tag, expected)
        yield* until(() => Effect.runSync(at.connections) === (expected === "none" ? 1 : 0))
      })
    )
  }
})

/** A ServerHello of TLS 1.2 that selects ECDHE-RSA-AES128-GCM-SHA256 and has no extensions (RFC 5246, 7.4.1.3). */
const oldServerHello = Buffer.from(`160303002a02000026${"0303"}${"11".repeat(32)}00c02f00`, "hex")

describe("a server without secure renegotiation", () => {
  it.scopedLive("is accepted only if that is allowed", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const at = yield* tcpServer((socket) => {
        socket.once("data", () => {
          socket.write(oldServerHello)
          // A client that rejects the certificate closes at once, and one that accepts it waits for the response.
          socket.end()
        })
      })
      const codeWith = (legacyServerConnect: boolean | undefined) =>
        Effect.gen(function* () {
          const ssl = yield* Ssl.context({ ca: set.ca, legacyServerConnect })
          const { session } = yield* sessionOn({ ssl })
          const error = yield* Effect.flip(session.get(`https://127.0.0.1:${at.port}/`).pipe(ClientResponse.text))
          return error._tag === "ClientConnectorSSLError" ? error.code : error._tag
        })
      assert.strictEqual(yield* codeWith(undefined), "ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED")
      assert.strictEqual(yield* codeWith(false), "ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED")
      assert.strictEqual(yield* codeWith(true), "ECONNRESET")
    })
  )
})

/** A relay to a server that ends chosen connections at their first byte, as some servers do that refuse a session. */
const front = (port: number, refuse: (index: number) => boolean) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly server: net.Server; readonly accepted: () => number }>((resume) => {
        const sockets = new Set<net.Socket>()
        let accepted = 0
        const server = net.createServer((client) => {
          const refused = refuse(accepted++)
          sockets.add(client)
          client.on("error", () => {})
          client.once("close", () => sockets.delete(client))
          if (refused) {
            client.once("data", () => client.destroy())
            return
          }
          const upstream = net.connect(port, "127.0.0.1")
          upstream.on("error", () => {})
          upstream.on("close", () => client.destroy())
          client.on("close", () => upstream.destroy())
          client.pipe(upstream).pipe(client)
        })
        server.on("close", () => {
          for (const socket of sockets) socket.destroy()
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, accepted: () => accepted })))
      }),
      ({ server }) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
    ),
    ({ accepted, server }) => ({ port: (server.address() as net.AddressInfo).port, accepted })
  )

describe("a server that refuses a session", () => {
  const closing = (socket: tls.TLSSocket) => socket.write(reply("ok", ["Connection: close"]))
  const rows: ReadonlyArray<
    readonly [what: string, version: tls.SecureVersion, refuse: (index: number) => boolean, tries: number, last: string]
  > = [
    ["is dialled once more with a full handshake, TLSv1.3", "TLSv1.3", (index) => index === 1, 3, "ok"],
    ["is dialled once more with a full handshake, TLSv1.2", "TLSv1.2", (index) => index === 1, 3, "ok"],
    ["and a full handshake too fails the request", "TLSv1.3", (index) => index >= 1, 3, "ClientConnectorSSLError"],
    ["where none was offered, is dialled once", "TLSv1.3", (index) => index === 0, 2, "ok"]
  ]
  for (const [what, maxVersion, refuse, tries, last] of rows) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const origin = yield* secureSite({ ...set.good, maxVersion }, closing)
        const at = yield* front(origin.port, refuse)
        const { session } = yield* sessionOn({ ssl: yield* Ssl.context({ ca: set.ca }) })
        const ask = session.post(`https://127.0.0.1:${at.port}/`, { text: "x" }).pipe(
          ClientResponse.use((got) => Effect.as(got.text, got.connection.tls?.resumed)),
          Effect.either
        )
        const first = yield* ask
        const second = yield* ask
        assert.strictEqual(first._tag, refuse(0) ? "Left" : "Right")
        assert.strictEqual(second._tag === "Left" ? second.left._tag : "ok", last)
        if (second._tag === "Right") assert.isFalse(second.right)
        assert.strictEqual(at.accepted(), tries)
      })
    )
  }
})

describe("authorities", () => {
  const node = (lists: Record<string, ReadonlyArray<string>>) => ({
    getCACertificates: (kind: string) => lists[kind] ?? []
  })

  it("of Node are its own list, if it has one", () => {
    assert.deepStrictEqual(nodeCertificates(node({ default: ["a", "b"] })), ["a", "b"])
    assert.deepStrictEqual(nodeCertificates({}).slice(0, tls.rootCertificates.length), [...tls.rootCertificates])
  })

  it("of the system are read if Node can do it, and otherwise a typed error", () => {
    assert.deepStrictEqual(systemCertificates(node({ system: ["c"] })), ["c"])
    assert.throws(() => systemCertificates({}), /systemCa.*expected Node 22.15/)
  })

  it.effect("of the system are added to Node's and to a context's own", () =>
    Effect.gen(function* () {
      const result = yield* Effect.either(Ssl.context({ systemCa: true }))
      const reads = typeof Reflect.get(tls, "getCACertificates") === "function"
      assert.strictEqual(result._tag, reads ? "Right" : "Left")
      if (result._tag === "Left") assert.strictEqual(result.left.option, "systemCa")
      assert.isUndefined(toCa({ fromOption: [], bundled: true, system: [] }))
      assert.deepStrictEqual(toCa({ fromOption: [], bundled: false, system: [] }), [])
      assert.deepStrictEqual(toCa({ fromOption: [], bundled: false, system: ["c"] }), ["c"])
      assert.deepStrictEqual(toCa({ fromOption: [], bundled: true, system: ["c"] }), [...nodeCertificates(), "c"])
    })
  )
})
