import * as net from "node:net"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { handshake } from "../../../../src/internal/network/tls/handshake.js"
import { makeSessionCache } from "../../../../src/internal/network/tls/sessionCache.js"
import { fromSocketError } from "../../../../src/internal/network/tls/tlsErrors.js"
import type { Http2Offer } from "../../../../src/internal/transport/networkStream.js"
import type { Facts, Trace } from "../../../../src/internal/transport/trace.js"
import * as Ssl from "../../../../src/Ssl.js"
import type { Signal } from "../../../../src/Tracing.js"
import { standard } from "../../../support/certificates.js"
import { allowWeak } from "../../../support/runtime.js"
import { until } from "../../../support/wait.js"
import { failure, optionsOf, outcome, ping, shake, tcp, tcpServer, tlsServer } from "./support.js"

const trusting = Effect.gen(function* () {
  const set = yield* standard()
  return { set, ssl: yield* Ssl.context({ ca: set.ca }) }
})

describe("a peer that does not speak TLS", () => {
  const banners: ReadonlyArray<readonly [name: string, bytes: string]> = [
    ["plain HTTP", "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"],
    ["SSH", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["SMTP", "220 mail.example ESMTP\r\n"],
    ["zeros", "\0".repeat(64)],
    ["letters", "garbage".repeat(100)]
  ]
  for (const [name, bytes] of banners) {
    it.scopedLive(`fails the handshake with Protocol: ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* tcpServer((socket) => socket.once("data", () => socket.write(bytes)))
        const error = failure(yield* Effect.exit(shake(server.port)))
        assert.strictEqual(error._tag, "ClientConnectorSSLError")
        if (error._tag === "ClientConnectorSSLError") {
          assert.strictEqual(error.reason, "Protocol")
          assert.match(error.code, /^ERR_SSL_/)
        }
        yield* server.idle
      })
    )
  }

  it.scopedLive("fails the handshake with Protocol if it speaks first", () =>
    Effect.gen(function* () {
      const server = yield* tcpServer((socket) => socket.write("SSH-2.0-OpenSSH_9.6\r\n"))
      assert.strictEqual(yield* outcome(server.port), "Protocol")
    })
  )

  for (const [name, act] of [
    ["ends", (socket: net.Socket) => socket.end()],
    ["ends after the hello", (socket: net.Socket) => socket.once("data", () => socket.end())],
    ["resets after the hello", (socket: net.Socket) => socket.once("data", () => socket.resetAndDestroy())],
    ["ends in the middle of a record", (socket: net.Socket) => socket.end(Buffer.from("160303007a0200", "hex"))],
    ["sends an alert", (socket: net.Socket) => socket.write(Buffer.from("15030300020228", "hex"))]
  ] as const) {
    it.scopedLive(`fails the handshake with Handshake if it ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* tcpServer(act)
        assert.strictEqual(yield* outcome(server.port), "Handshake")
        yield* server.idle
      })
    )
  }

  it.scopedLive("fails the handshake with Handshake if its socket is closed already", () =>
    Effect.gen(function* () {
      const server = yield* tcpServer(() => {})
      const socket = yield* tcp(server.port)
      socket.destroy()
      const error = failure(yield* Effect.exit(handshake(socket, optionsOf(server.port))))
      assert.strictEqual(error._tag === "ClientConnectorSSLError" ? error.code : "", "ECONNRESET")
    })
  )
})

describe("a handshake with nothing in common", () => {
  it.scopedLive("fails for TLS 1.0 and 1.1 only", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const old = yield* tlsServer({
        ...set.good,
        minVersion: "TLSv1",
        maxVersion: "TLSv1.1",
        ...allowWeak
      })
      assert.strictEqual(yield* outcome(old.port, { ssl }), "Handshake")
      const lenient = yield* Ssl.context({ ca: set.ca, minVersion: "TLSv1" })
      const { info } = yield* shake(old.port, { ssl: lenient })
      assert.strictEqual(info.protocol, "TLSv1.1")
    })
  )

  it.scopedLive("fails for other versions", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const two = yield* tlsServer({ ...set.good, maxVersion: "TLSv1.2" })
      const three = yield* tlsServer({ ...set.good, minVersion: "TLSv1.3" })
      assert.strictEqual((yield* shake(two.port, { ssl })).info.protocol, "TLSv1.2")
      assert.strictEqual((yield* shake(three.port, { ssl })).info.protocol, "TLSv1.3")
      const only3 = yield* Ssl.context({ ca: set.ca, minVersion: "TLSv1.3" })
      const only2 = yield* Ssl.context({ ca: set.ca, maxVersion: "TLSv1.2" })
      assert.strictEqual(yield* outcome(two.port, { ssl: only3 }), "Handshake")
      assert.strictEqual(yield* outcome(three.port, { ssl: only2 }), "Handshake")
    })
  )

  it.scopedLive("fails for other ciphers", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const cipher = "ECDHE-ECDSA-AES256-GCM-SHA384"
      const server = yield* tlsServer({ ...set.good, maxVersion: "TLSv1.2", ciphers: cipher })
      const other = yield* Ssl.context({ ca: set.ca, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })
      assert.strictEqual(yield* outcome(server.port, { ssl: other }), "Handshake")
      const same = yield* Ssl.context({ ca: set.ca, ciphers: cipher })
      assert.strictEqual((yield* shake(server.port, { ssl: same })).info.cipher, cipher)
    })
  )
})

describe("ALPN", () => {
  const offers = (ssl: Ssl.SslContext, server: tls.TlsOptions, http2: Http2Offer = "never") =>
    Effect.gen(function* () {
      const { port } = yield* tlsServer(server)
      return yield* Effect.match(shake(port, { ssl, http2 }), {
        onSuccess: ({ info }) => info.alpn ?? "none",
        onFailure: (error) => ("reason" in error ? error.reason : error._tag)
      })
    })

  it.scopedLive("offers HTTP/1.1, and accepts a server that selects nothing", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      assert.strictEqual(yield* offers(ssl, { ...set.good, ALPNProtocols: ["h2", "http/1.1"] }), "http/1.1")
      assert.strictEqual(yield* offers(ssl, { ...set.good }), "none")
      assert.strictEqual(yield* offers(ssl, { ...set.good, ALPNProtocols: ["h2"] }), "Protocol")
    })
  )

  it.scopedLive("offers the protocols of a context, but HTTP/2 only if it is allowed", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const own = yield* Ssl.context({ ca: set.ca, alpn: ["x-http", "http/1.1"] })
      assert.strictEqual(yield* offers(own, { ...set.good, ALPNProtocols: ["x-http"] }), "x-http")
      const none = yield* Ssl.context({ ca: set.ca, alpn: [] })
      assert.strictEqual(yield* offers(none, { ...set.good, ALPNProtocols: ["h2"] }), "none")
      const both = yield* Ssl.context({ ca: set.ca, alpn: ["h2", "http/1.1"] })
      assert.strictEqual(yield* offers(both, { ...set.good, ALPNProtocols: ["h2", "http/1.1"] }), "http/1.1")
      assert.strictEqual(yield* offers(both, { ...set.good, ALPNProtocols: ["h2", "http/1.1"] }, "allowed"), "h2")
      assert.strictEqual(yield* offers(both, { ...set.good, ALPNProtocols: ["http/1.1", "h2"] }, "allowed"), "http/1.1")
      assert.strictEqual(yield* offers(own, { ...set.good, ALPNProtocols: ["h2", "http/1.1"] }, "allowed"), "http/1.1")
      assert.strictEqual(yield* offers(own, { ...set.good, ALPNProtocols: ["h2", "http/1.1"] }, "required"), "Protocol")
    })
  )

  it.scopedLive("offers HTTP/2 first if it is allowed, and uses the protocol that the server selects", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const results = (server: tls.TlsOptions) =>
        Effect.all([
          offers(ssl, { ...set.good, ...server }, "allowed"),
          offers(ssl, { ...set.good, ...server }, "required")
        ])
      assert.deepStrictEqual(yield* results({ ALPNProtocols: ["h2", "http/1.1"] }), ["h2", "h2"])
      assert.deepStrictEqual(yield* results({ ALPNProtocols: ["http/1.1"] }), ["http/1.1", "Protocol"])
      assert.deepStrictEqual(yield* results({}), ["none", "Protocol"])
      assert.deepStrictEqual(yield* results({ ALPNProtocols: ["h2"] }), ["h2", "h2"])
    })
  )

  it.scopedLive("accepts HTTP/2 over TLS 1.2 only with ephemeral keys and authenticated encryption", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const outcomes = (ciphers: string) =>
        Effect.gen(function* () {
          const ssl = yield* Ssl.context({ ca: set.ca, ciphers: `${ciphers}:@SECLEVEL=0` })
          const server = { ...set.good, ciphers: `${ciphers}:@SECLEVEL=0`, ALPNProtocols: ["h2", "http/1.1"] } as const
          return yield* Effect.all([
            offers(ssl, { ...server, maxVersion: "TLSv1.2" }, "allowed"),
            offers(ssl, { ...server, maxVersion: "TLSv1.2" }, "never")
          ])
        })
      for (const cipher of [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES256-CCM"
      ]) {
        assert.deepStrictEqual(yield* outcomes(cipher), ["h2", "http/1.1"], cipher)
      }
      for (const cipher of ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"]) {
        assert.deepStrictEqual(yield* outcomes(cipher), ["Protocol", "http/1.1"], cipher)
      }
    })
  )

  it.scopedLive("names the code if the protocol is missing, unoffered or inadequate", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const codeOf = (server: tls.TlsOptions, http2: Http2Offer) =>
        Effect.gen(function* () {
          const { port } = yield* tlsServer({ ...set.good, ...server })
          const error = yield* Effect.flip(shake(port, { ssl, http2 }))
          assert.strictEqual(error._tag, "ClientConnectorSSLError")
          return "code" in error ? [error.code, error.message] : []
        })
      const [missing, said] = yield* codeOf({}, "required")
      assert.strictEqual(missing, "ERR_TLS_ALPN_PROTOCOL")
      assert.include(said, "the server selected another protocol than the client requires")
      const [refused, alert] = yield* codeOf({ ALPNProtocols: ["http/1.1"] }, "required")
      assert.strictEqual(refused, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL")
      assert.include(alert, "the server speaks none of the protocols that the client offers")
      const weak = { ciphers: "ECDHE-ECDSA-AES128-SHA", maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] } as const
      assert.strictEqual((yield* codeOf(weak, "allowed"))[0], "ERR_HTTP2_INADEQUATE_SECURITY")
    })
  )

  it.scopedLive("does not resume a session of another offer", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const { port } = yield* tlsServer({ ...set.good, maxVersion: "TLSv1.2", ALPNProtocols: ["h2", "http/1.1"] })
      const sessions = makeSessionCache()
      const resumed = (http2: Http2Offer) =>
        Effect.map(shake(port, { ssl, http2, sessions }), ({ info }) => [info.alpn, info.resumed])
      assert.deepStrictEqual(yield* resumed("allowed"), ["h2", false])
      assert.deepStrictEqual(yield* resumed("never"), ["http/1.1", false])
      assert.deepStrictEqual(yield* resumed("allowed"), ["h2", true])
      assert.deepStrictEqual(yield* resumed("never"), ["http/1.1", true])
    })
  )
})

describe("client certificates", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it.scopedLive(`are sent if they are configured, ${version}`, () =>
      Effect.gen(function* () {
        const { set } = yield* trusting
        const subjects: Array<string | undefined> = []
        const server = yield* tlsServer(
          { ...set.good, ca: set.ca, requestCert: true, rejectUnauthorized: false, maxVersion: version },
          (socket) => subjects.push(socket.getPeerX509Certificate()?.subject)
        )
        const plain = yield* Ssl.context({ ca: set.ca })
        const device = yield* Ssl.context({ ca: set.ca, cert: set.client.cert, key: set.client.key })
        yield* Effect.flatMap(shake(server.port, { ssl: device }), ping)
        yield* Effect.flatMap(shake(server.port, { ssl: plain, connectorSsl: device }), ping)
        yield* Effect.flatMap(shake(server.port, { ssl: true, connectorSsl: device }), ping)
        yield* Effect.flatMap(shake(server.port, { ssl: false, connectorSsl: device }), ping)
        yield* Effect.flatMap(shake(server.port, { ssl: Ssl.fingerprint(set.good.sha256, { context: device }) }), ping)
        assert.deepStrictEqual(subjects, ["CN=device", undefined, "CN=device", undefined, "CN=device"])
      })
    )
  }

  it.scopedLive("that are missing end the handshake of TLS 1.2", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const server = yield* tlsServer({ ...set.good, ca: set.ca, requestCert: true, maxVersion: "TLSv1.2" })
      assert.strictEqual(yield* outcome(server.port, { ssl }), "Handshake")
    })
  )

  it.scopedLive("that are missing cause a typed alert after the handshake of TLS 1.3", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const server = yield* tlsServer({ ...set.good, ca: set.ca, requestCert: true, minVersion: "TLSv1.3" })
      const options = optionsOf(server.port, { ssl })
      const secured = yield* shake(server.port, { ssl })
      const error = yield* Effect.flip(ping(secured))
      const typed = fromSocketError(error, { ...options, host: "localhost" }, secured.info.certificate)
      assert.strictEqual(typed?._tag, "ClientConnectorSSLError")
      assert.strictEqual(typed?.reason, "Handshake")
      assert.strictEqual(typed?.code, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED")
      assert.strictEqual(typed?.certificate?.sha256, set.good.sha256)
      assert.strictEqual(typed?.url, "https://localhost/")
    })
  )

  it("do not change errors that are not TLS errors", () => {
    const peer = { host: "h", port: 1, details: {} }
    const coded = (code: string, message = "") => Object.assign(new Error(message), { code })
    assert.strictEqual(fromSocketError(coded("ECONNRESET"), peer), undefined)
    assert.strictEqual(fromSocketError(coded("EPROTO", "write EPROTO"), peer), undefined)
    assert.strictEqual(fromSocketError(new Error("x"), peer), undefined)
    assert.strictEqual(fromSocketError(undefined, peer), undefined)
    const wrapped = coded(
      "EPROTO",
      "write EPROTO 00:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:../x.c:1:"
    )
    assert.strictEqual(fromSocketError(wrapped, peer)?.code, "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE")
  })
})

describe("an interrupted handshake", () => {
  const stalls: ReadonlyArray<readonly [name: string, act: (socket: net.Socket) => void]> = [
    ["after the hello", () => {}],
    ["inside a record", (socket) => socket.once("data", () => socket.write(Buffer.from("160303007a0200", "hex")))]
  ]
  for (const [name, act] of stalls) {
    it.scopedLive(`of 30 handshakes that stall ${name} leaves no socket`, () =>
      Effect.gen(function* () {
        const server = yield* tcpServer(act)
        const wraps = () => process.getActiveResourcesInfo().filter((info) => /TLSWRAP|TLSWrap/i.test(info)).length
        const before = wraps()
        const sockets = yield* Effect.all(Array.from({ length: 30 }, () => tcp(server.port)))
        const fibers = yield* Effect.all(
          sockets.map((socket) => Effect.fork(handshake(socket, optionsOf(server.port))))
        )
        yield* Effect.yieldNow()
        yield* Fiber.interruptAll(fibers)
        yield* server.idle
        for (const fiber of fibers) assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
        for (const socket of sockets) {
          assert.isTrue(socket.destroyed)
        }
        yield* until(() => wraps() <= before)
      })
    )
  }

  it.scopedLive("closes the socket while a listener runs", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const server = yield* tlsServer(set.good)
      for (const tag of ["TlsHandshakeStart", "TlsHandshakeEnd"]) {
        const reached = yield* Effect.makeLatch(false)
        const trace: Trace = {
          offer: () => {},
          emit: (facts) => (facts._tag === tag ? Effect.zipRight(reached.open, Effect.never) : Effect.void)
        }
        const fiber = yield* Effect.fork(shake(server.port, { ssl, trace }))
        yield* reached.await
        yield* Fiber.interrupt(fiber)
        yield* server.idle
      }
      assert.strictEqual(server.open(), 0)
    }).pipe(Effect.scoped)
  )

  it.scopedLive("destroys the secured socket with the raw one", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const server = yield* tlsServer(set.good)
      const raw = yield* tcp(server.port)
      const { socket } = yield* handshake(raw, optionsOf(server.port, { ssl }))
      const closed = Effect.async<void>((resume) => void socket.once("close", () => resume(Effect.void)))
      yield* Effect.zip(
        closed,
        Effect.sync(() => raw.destroy()),
        { concurrent: true }
      )
      assert.isTrue(socket.destroyed)
      yield* server.idle
    })
  )
})

describe("a completed handshake", () => {
  it.scopedLive("leaves no more listeners than its socket needs", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const server = yield* tlsServer(set.good)
      const { socket } = yield* shake(server.port, { ssl })
      const bare = yield* Effect.async<tls.TLSSocket>((resume) => {
        const plain = tls.connect({ port: server.port, host: "127.0.0.1", ca: set.ca })
        plain.once("secureConnect", () => resume(Effect.succeed(plain)))
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => bare.destroy()))
      const names = ["secureConnect", "secure", "end", "data", "keylog", "OCSPResponse", "timeout"]
      assert.deepStrictEqual(
        names.map((name) => socket.listenerCount(name)),
        names.map((name) => bare.listenerCount(name))
      )
      assert.strictEqual(socket.listenerCount("error"), bare.listenerCount("error") + 1)
      assert.isAtMost(socket.listenerCount("close"), bare.listenerCount("close"))
      assert.strictEqual(socket.listenerCount("session"), 1)
      assert.strictEqual(socket.encrypted, true)
      assert.strictEqual(yield* ping({ socket, info: { protocol: "TLSv1.3", cipher: "", resumed: false } }), "pong")
    })
  )

  it.scopedLive("leaves no socket after 50 failures", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const server = yield* tlsServer(set.expired)
      const outcomes = yield* Effect.all(
        Array.from({ length: 50 }, () => outcome(server.port, { ssl })),
        { concurrency: 10 }
      )
      assert.deepStrictEqual([...new Set(outcomes)], ["Expired"])
      yield* server.idle
      assert.strictEqual(server.accepted(), 50)
      assert.strictEqual(server.received(), 0)
    })
  )

  it.scopedLive("does not crash from an error before the first listener", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const server = yield* tlsServer(set.good, (socket) => setImmediate(() => socket.destroy()))
      const { socket } = yield* shake(server.port, { ssl })
      socket.emit("error", new Error("late"))
    })
  )
})

describe("the signals of a handshake", () => {
  it.scopedLive("are start, end, and a certificate that expires soon", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const server = yield* tlsServer(set.good)
      const received: Array<Facts<Signal>> = []
      const trace: Trace = {
        offer: () => {},
        emit: (facts) => Effect.sync(() => void received.push(facts))
      }
      const day = 86_400_000
      const { info } = yield* shake(server.port, { ssl, trace, certificateWarning: 31 * day })
      assert.deepStrictEqual(
        received.map(({ _tag }) => _tag),
        ["TlsHandshakeStart", "TlsHandshakeEnd", "TlsCertificateExpiring"]
      )
      assert.deepStrictEqual(received[0], { _tag: "TlsHandshakeStart", host: "localhost", proxy: false })
      assert.deepStrictEqual(received[1], { _tag: "TlsHandshakeEnd", host: "localhost", proxy: false, tls: info })
      assert.deepStrictEqual(received[2], {
        _tag: "TlsCertificateExpiring",
        host: "localhost",
        certificate: info.certificate
      } as Facts<Signal>)
      received.length = 0
      yield* shake(server.port, { ssl, trace, certificateWarning: 29 * day })
      assert.strictEqual(received.length, 2)
      received.length = 0
      yield* outcome(server.port, { trace })
      assert.deepStrictEqual(
        received.map(({ _tag }) => _tag),
        ["TlsHandshakeStart"]
      )
    })
  )
})

describe("TLS in TLS", () => {
  it.scopedLive("verifies the inner peer by its own settings", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const origin = yield* tlsServer(set.wrongHost)
      const proxy = yield* tlsServer(set.good, (socket) => {
        socket.removeAllListeners("data")
        const upstream = net.connect(origin.port, "127.0.0.1")
        upstream.on("error", () => socket.destroy())
        socket.on("error", () => upstream.destroy())
        socket.on("close", () => upstream.destroy())
        socket.pipe(upstream).pipe(socket)
      })
      const tunnel = (host: string, inner: Ssl.Ssl) =>
        Effect.gen(function* () {
          const outer = yield* shake(proxy.port, { ssl, proxy: true })
          return yield* handshake(outer.socket, optionsOf(origin.port, { ssl: inner, host }))
        })
      assert.strictEqual(yield* Effect.scoped(Effect.flatMap(tunnel("wrong.example", ssl), ping)), "pong")
      // The pin applies to the origin, not to the proxy.
      const { info } = yield* Effect.scoped(tunnel("wrong.example", Ssl.fingerprint(set.wrongHost.sha256)))
      assert.strictEqual(info.certificate?.sha256, set.wrongHost.sha256)
      const pinned = failure(yield* Effect.exit(Effect.scoped(tunnel("localhost", Ssl.fingerprint(set.good.sha256)))))
      assert.strictEqual(pinned._tag, "FingerprintMismatch")
      const mismatch = failure(yield* Effect.exit(Effect.scoped(tunnel("localhost", ssl))))
      assert.strictEqual(mismatch._tag, "ClientConnectorCertificateError")
      // For an address there is no SNI, and an IP SAN is required, also through a tunnel.
      const address = failure(yield* Effect.exit(Effect.scoped(tunnel("127.0.0.1", ssl))))
      assert.strictEqual(address._tag, "ClientConnectorCertificateError")
      const before = origin.servernames.length
      yield* Effect.scoped(Effect.flatMap(tunnel("127.0.0.1", Ssl.fingerprint(set.wrongHost.sha256)), ping))
      assert.deepStrictEqual(origin.servernames.slice(before), [false])
      yield* origin.idle
    })
  )
})

describe("the key log", () => {
  it.scopedLive("does not fail the handshake if it throws", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const server = yield* tlsServer(set.good)
      let lines = 0
      const ssl = yield* Ssl.context({
        ca: set.ca,
        onKeyLog: () => {
          lines++
          throw new Error("ignored")
        }
      })
      yield* Effect.flatMap(shake(server.port, { ssl }), ping)
      assert.isAbove(lines, 0)
    })
  )

  it.scopedLive("passes lines to the effect and ignores its failures", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const server = yield* tlsServer(set.good)
      const lines: Array<string> = []
      const ssl = yield* Ssl.context({
        ca: set.ca,
        onKeyLog: (line) =>
          Effect.zipRight(
            Effect.sync(() => void lines.push(line)),
            Effect.die("ignored")
          )
      })
      yield* Effect.flatMap(shake(server.port, { ssl }), ping)
      assert.isAbove(lines.length, 0)
      for (const line of lines) assert.match(line, /^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+$/)
    })
  )
})
