/**
 * TLS on a session, over real sockets: verification, shared connections and TLS sessions, and rejected peers.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import * as Ssl from "effect-http-session/Ssl"
import * as Tracing from "effect-http-session/Tracing"
import * as fc from "fast-check"
import { tlsLibrary } from "../../src/internal/network/tls/tlsLibrary.js"
import { standard } from "../support/certificates.js"
import { failure } from "../support/exits.js"
import { allowWeak } from "../support/runtime.js"
import { type Asked, reply, secureSite } from "../support/secureSite.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/stages.js"
import { connection, holds, limits, site, tagAndReason, text, trusting } from "../support/tlsFaults.js"
import { untilValue } from "../support/wait.js"

const outcome = <A>(effect: Effect.Effect<A, ClientError>): Effect.Effect<string> =>
  Effect.match(effect, { onFailure: tagAndReason, onSuccess: () => "Success" })

describe("verification of one request", () => {
  it.scopedLive("is disabled for that request only, and the next request uses another connection", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const at = yield* site(set.selfSigned)
      const { connector, session } = yield* sessionOn()
      const test = Effect.gen(function* () {
        assert.strictEqual(yield* text(session, at.url, { ssl: false }), "ok")
        for (const ssl of [undefined, true] as const) {
          assert.strictEqual(yield* outcome(text(session, at.url, { ssl })), "ClientConnectorSSLError SelfSigned")
        }
        for (const falsy of [null, 0, ""] as unknown as ReadonlyArray<undefined>) {
          const exit = yield* Effect.exit(text(session, at.url, { ssl: falsy }))
          assert.isTrue(Exit.isFailure(exit), String(falsy))
        }
        assert.strictEqual(at.asked.length, 1)
        // The unverified connection still exists, for requests that do not verify.
        assert.strictEqual(yield* text(session, at.url, { ssl: false }), "ok")
        assert.deepStrictEqual(
          at.asked.map((asked) => asked.connection),
          [0, 0]
        )
      })
      yield* holds(test, { connector, servers: [at] })
    })
  )

  it.scopedLive("can have a client certificate for that request only, also if connections are kept", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const { ca, client } = set
      const at = yield* secureSite({ ...set.good, ca, requestCert: true, rejectUnauthorized: false })
      const { connector, session } = yield* sessionOn({ ssl })
      const identity = yield* Ssl.context({ ca, cert: client.cert, key: client.key })
      const test = Effect.gen(function* () {
        for (const own of [undefined, identity, undefined, true, identity, false] as const) {
          yield* text(session, at.url, { ssl: own })
        }
        assert.deepStrictEqual(
          at.asked.map((asked) => [asked.connection, asked.subject]),
          [
            [0, undefined],
            [1, "CN=device"],
            [0, undefined],
            [0, undefined],
            [1, "CN=device"],
            [2, undefined]
          ]
        )
      })
      yield* holds(test, { connector, servers: [at] })
    })
  )
})

describe("serverHostname", () => {
  it.scopedLive("fails the request before a connection is opened if it is not a host name", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const at = yield* site(set.good)
      const { connector, session } = yield* sessionOn({ ssl })
      const test = Effect.gen(function* () {
        for (const serverHostname of ["localhost\r\nEvil: 1", "local\0host", "", "a..b", "*.test"]) {
          const options = { ...limits, serverHostname }
          const opening = Effect.scoped(session.webSocket(at.url.replace("https", "wss"), options))
          for (const tried of [Effect.asVoid(text(session, at.url, options)), Effect.asVoid(opening)]) {
            const error = failure(yield* Effect.exit(tried))
            assert.deepInclude(error, { _tag: "InvalidRequest", option: "serverHostname" })
          }
        }
        assert.strictEqual(at.accepted(), 0)
        assert.strictEqual(yield* text(session, at.url, { serverHostname: "LocalHost." }), "ok")
        assert.strictEqual(at.asked[0]?.servername, "localhost")
      })
      yield* holds(test, { connector, servers: [at] })
    })
  )
})

describe("sharing a TLS connection", () => {
  /** New values each time, because connections are shared by the content of the settings. */
  const settings = Effect.gen(function* () {
    const set = yield* standard()
    const { ca, client, good, untrustedAuthority } = set
    const other = yield* set.authority.issue({ names: ["Device"], client: true })
    const crl = yield* set.authority.crl([])
    const context = (options: Ssl.ContextOptions = {}) =>
      Effect.map(Ssl.context({ ca, ...options }), (ssl): ClientRequest.RequestOptions => ({ ssl }))
    const pinned = (verify: boolean) =>
      Effect.map(
        Ssl.context({ ca }),
        (own): ClientRequest.RequestOptions => ({
          ssl: Ssl.fingerprint(good.sha256, { verify, context: own })
        })
      )
    const options: ReadonlyArray<Effect.Effect<ClientRequest.RequestOptions, unknown>> = [
      context(),
      context({ bundledCa: true }),
      context({ ca: [ca, untrustedAuthority.ca.cert] }),
      context({ verify: false }),
      context({ cert: client.cert, key: client.key }),
      context({ cert: other.cert, key: other.key }),
      context({ minVersion: "TLSv1.3" }),
      context({ maxVersion: "TLSv1.2" }),
      ...(tlsLibrary().cipherLists ? [context({ ciphers: "HIGH" }), context({ crl })] : []),
      context({ alpn: [] }),
      context({ alpn: ["x", "http/1.1"] }),
      Effect.map(context(), (own) => ({ ...own, serverHostname: "localhost" })),
      Effect.succeed({ ssl: false as const }),
      pinned(false),
      pinned(true)
    ]
    return { set, options }
  })

  it.scopedLive("uses as many connections as there are settings, for 200 requests in any order", () =>
    Effect.gen(function* () {
      const { options, set } = yield* settings
      const at = yield* secureSite(
        { ...set.good, ca: set.ca, requestCert: true, rejectUnauthorized: false },
        (socket, asked) => socket.write(reply(asked.subject ?? "nobody"))
      )
      const { connector, session } = yield* sessionOn()
      const picks = fc.sample(fc.nat({ max: options.length - 1 }), { numRuns: 200, seed: 20_261_122 })
      const test = Effect.gen(function* () {
        const ids = new Map<number, number>()
        for (const pick of [...options.keys(), ...picks]) {
          const { id } = yield* connection(session, at.url, yield* options[pick] ?? Effect.dieMessage("no settings"))
          assert.strictEqual(ids.get(pick) ?? id, id, `settings ${pick} have one connection`)
          ids.set(pick, id)
        }
        assert.strictEqual(new Set(ids.values()).size, options.length)
        assert.strictEqual(at.accepted(), options.length)
        const subjects = new Map(at.asked.map((asked) => [asked.connection, asked.subject]))
        assert.deepStrictEqual([...subjects.values()].filter((subject) => subject !== undefined).sort(), [
          "CN=Device",
          "CN=device"
        ])
      })
      yield* holds(test, { connector, servers: [at] })
    })
  )

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    it.scopedLive(`does not share a TLS session either, and a pin resumes none, ${maxVersion}`, () =>
      Effect.gen(function* () {
        const { options, set } = yield* settings
        const at = yield* secureSite({
          ...set.good,
          ca: set.ca,
          requestCert: true,
          rejectUnauthorized: false,
          minVersion: "TLSv1.2",
          maxVersion
        })
        const { connector, session } = yield* sessionOn()
        const once = Effect.gen(function* () {
          const resumed: Array<string> = []
          for (const [index, make] of options.entries()) {
            const own = yield* make
            const { tls } = yield* Effect.orElseSucceed(connection(session, at.url, own), () => ({ tls: undefined }))
            if (tls?.resumed === true) resumed.push(`${index}`)
            if (tls !== undefined) assert.strictEqual(tls.certificate?.sha256, set.good.sha256, `${index}`)
          }
          yield* connector.closeIdle
          return resumed
        })
        const possible = [...options.keys()].filter((index) => index < 14 && !(maxVersion === "TLSv1.2" && index === 6))
        const test = Effect.gen(function* () {
          assert.deepStrictEqual(yield* once, [])
          assert.deepStrictEqual(yield* once, possible.map(String))
        })
        yield* holds(test, { connector, servers: [at] })
      })
    )
  }

  it.scopedLive("distinguishes files whose paths differ in case only", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const other = yield* set.authority.issue({ names: ["other"], client: true })
      const base = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "ehs-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
      )
      const caFile = join(base, "ca.pem")
      writeFileSync(caFile, set.ca)
      for (const [name, { cert, key }] of [
        ["client", set.client],
        ["Client", other]
      ] as const) {
        writeFileSync(join(base, `${name}.pem`), cert)
        writeFileSync(join(base, `${name}.key`), key)
      }
      const at = yield* secureSite({ ...set.good, ca: set.ca, requestCert: true })
      const { session } = yield* sessionOn()
      const contextOf = (name: string) =>
        Ssl.contextFromFiles({ caFile, certFile: join(base, `${name}.pem`), keyFile: join(base, `${name}.key`) })
      for (const name of ["client", "Client", "client"]) {
        yield* text(session, at.url, { ssl: yield* Effect.provide(contextOf(name), NodeContext.layer) })
      }
      assert.deepStrictEqual(
        at.asked.map((asked) => [asked.connection, asked.subject]),
        [
          [0, "CN=device"],
          [1, "CN=other"],
          [0, "CN=device"]
        ]
      )
    })
  )
})

describe("a certificate or protocol that the client refuses", () => {
  it.scopedLive("causes a typed error before the peer has read anything", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const pin = Ssl.fingerprint("ab".repeat(32))
      const rows = [
        [set.expired, ssl, "ClientConnectorSSLError Expired", /expired; its own is valid until \d{4}-\d\d-\d\dT/],
        [
          set.notYetValid,
          ssl,
          "ClientConnectorSSLError NotYetValid",
          /not yet valid; its own is valid from \d{4}-\d\d-\d\dT/
        ],
        [
          set.selfSigned,
          ssl,
          "ClientConnectorSSLError SelfSigned",
          /is self-signed; trust it with Ssl\.context\(\{ ca \}\)/
        ],
        [
          set.untrusted,
          ssl,
          "ClientConnectorSSLError UntrustedIssuer",
          /not trusted \(CN=Unknown Authority\); trust it with Ssl\.context\(\{ ca \}\)/
        ],
        [set.wrongHost, ssl, "ClientConnectorCertificateError HostnameMismatch", /is for wrong\.example/],
        [set.cnOnly, ssl, "ClientConnectorCertificateError HostnameMismatch", /is for no name/],
        [set.good, pin, "FingerprintMismatch", new RegExp(`${"ab".repeat(32)}, got ${set.good.sha256}`)]
      ] as const
      for (const [issued, own, expected, message] of rows) {
        const at = yield* site(issued)
        const { connector, session } = yield* sessionOn({ ssl: own })
        const test = Effect.gen(function* () {
          // The head is sent with the first bytes of the body, if at all.
          const exit = yield* Effect.exit(
            session
              .post(`https://localhost:${at.port}/path`, {
                ...limits,
                headers: { authorization: "Bearer s3cr3t-token" },
                data: "s3cr3t-body"
              })
              .pipe(ClientResponse.text)
          )
          const error = failure(exit)
          assert.strictEqual(tagAndReason(error), expected)
          assert.match(error.message, message)
          assert.deepStrictEqual([error.host, error.port, error.phase], ["localhost", at.port, "tls"])
        })
        yield* holds(test, { connector, servers: [{ connections: at.connections }] })
        assert.strictEqual(at.received(), 0)
        assert.isAtLeast(at.accepted(), 1)
      }
    })
  )

  it.scopedLive("is compared with the pin on the next connection, also after a successful one", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const at = yield* site(set.good)
      const { connector, session } = yield* sessionOn({ ssl: Ssl.fingerprint(set.good.sha256) })
      const test = Effect.gen(function* () {
        yield* text(session, at.url)
        at.server.setSecureContext({ cert: set.untrusted.cert, key: set.untrusted.key })
        yield* text(session, at.url)
        assert.strictEqual(at.accepted(), 1)
        yield* connector.closeIdle
        const error = failure(yield* Effect.exit(text(session, at.url)))
        if (error._tag !== "FingerprintMismatch") return assert.fail(error._tag)
        assert.strictEqual(error.got, set.untrusted.sha256)
        assert.strictEqual(at.asked.length, 2)
      })
      yield* holds(test, { connector, servers: [at] })
    })
  )

  it.scopedLive("causes a typed error if protocols, ciphers and versions have nothing in common", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const old = { minVersion: "TLSv1", maxVersion: "TLSv1", ...allowWeak } as const
      const rows = [
        [old, "Handshake"],
        [{ ciphers: "AES128-SHA256", maxVersion: "TLSv1.2" }, "Handshake"],
        [{ ALPNProtocols: ["x"] }, "Protocol"]
      ] as const
      for (const [row, expected] of rows) {
        const at = yield* secureSite({ ...set.good, ...row })
        const { session } = yield* sessionOn({ ssl })
        const error = failure(yield* Effect.exit(text(session, at.url)))
        assert.strictEqual(tagAndReason(error), `ClientConnectorSSLError ${expected}`)
        assert.match("code" in error ? String(error.code) : "", /^ERR_SSL_/)
        assert.strictEqual(at.received(), 0)
      }
    })
  )
})

describe("TLS on one side only", () => {
  it.scopedLive("fails with a hint for https to a plain HTTP server, before anything is sent in clear", () =>
    Effect.gen(function* () {
      const rows: ReadonlyArray<Server.Play> = [
        Server.plays(Server.bytes(5), Server.respond(400, "plain"), Server.fin),
        Server.plays(Server.bytes(5), Server.send("SSH-2.0-OpenSSH_9.6\r\n"), Server.stall),
        Server.plays(Server.send("220 mail.test ESMTP\r\n"), Server.stall)
      ]
      for (const play of rows) {
        const at = yield* Server.always(play)
        const { connector, session } = yield* sessionOn()
        const test = Effect.gen(function* () {
          const request = session.post(`https://127.0.0.1:${at.port}/path`, { ...limits, data: "s3cr3t-body" })
          const error = failure(yield* Effect.exit(ClientResponse.text(request)))
          assert.strictEqual(tagAndReason(error), "ClientConnectorSSLError Protocol")
          assert.match(error.message, /does not speak TLS on this port; it may speak plain HTTP/)
        })
        yield* holds(test, { connector, servers: [{ connections: at.connections }] })
        for (const got of yield* at.received) assert.notInclude(Buffer.from(got).toString("latin1"), "s3cr3t-")
      }
    })
  )

  it.scopedLive("fails at once with a typed error for http to a TLS server", () =>
    Effect.gen(function* () {
      const { set } = yield* trusting
      const at = yield* site(set.good)
      const { session } = yield* sessionOn()
      const error = failure(yield* Effect.exit(text(session, `http://127.0.0.1:${at.port}/`)))
      assert.include(["BadHttpMessage StatusLine", "ServerDisconnectedError", "ClientOSError"], tagAndReason(error))
      const alerting = yield* Server.always(Server.plays(Server.head, Server.tlsAlert(10), Server.fin))
      const second = failure(yield* Effect.exit(text(session, alerting.url)))
      assert.strictEqual(tagAndReason(second), "BadHttpMessage StatusLine")
      assert.match(second.message, /speaks TLS/)
    })
  )
})

describe("a TLS connection", () => {
  /** Ends the connection below TLS, without close_notify. */
  const cut = (head: string) => (socket: Parameters<Parameters<typeof secureSite>[1] & {}>[0], _asked: Asked) =>
    socket.write(head, () => below(socket)?.end())
  const below = (socket: object): Socket | undefined => Reflect.get(socket, "_parent")

  const rows = [
    [
      "fewer bytes than announced",
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
      "ClientPayloadError Incomplete"
    ],
    [
      "no last chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
      "ClientPayloadError Incomplete"
    ],
    // Node does not distinguish the two ends: the response shows that it is unverified.
    ["a body without a length", "HTTP/1.1 200 OK\r\n\r\nhello", "Success"],
    ["all that was announced", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "Success"]
  ] as const
  for (const [name, head, expected] of rows) {
    it.scopedLive(`that ends by ${name} without close_notify gives ${expected}`, () =>
      Effect.gen(function* () {
        const { set, ssl } = yield* trusting
        const at = yield* secureSite(set.good, cut(head))
        const { connector, session } = yield* sessionOn({ ssl })
        const test = Effect.gen(function* () {
          const opened = yield* session.get(at.url)
          assert.strictEqual(opened.lengthVerified, name !== "a body without a length")
          assert.strictEqual(yield* outcome(opened.text), expected)
        }).pipe(Effect.scoped)
        yield* holds(test, { connector, servers: [{ connections: at.connections }] })
      })
    )
  }
})

describe("the TLS signals", () => {
  it.scopedLive("report a certificate that expires soon, on each new connection, and the handshake", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const at = yield* site(set.good)
      for (const [certificateWarning, expected] of [
        ["31 days", [`127.0.0.1 ${set.good.sha256}`]],
        ["29 days", []],
        [undefined, []]
      ] as const) {
        const { session } = yield* sessionOn({ ssl, certificateWarning })
        const [, signals] = yield* Tracing.collect(Effect.zipRight(text(session, at.url), text(session, at.url)))
        const expiring = signals.flatMap((signal) =>
          signal._tag === "TlsCertificateExpiring" ? [`${signal.host} ${signal.certificate.sha256}`] : []
        )
        assert.deepStrictEqual(expiring, [...expected])
      }
    })
  )
})

describe("a session after TLS failures", () => {
  it.scopedLive("continues with the server", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const at = yield* site(set.expired)
      const { connector, session } = yield* sessionOn({ ssl, limit: 1 })
      const test = Effect.gen(function* () {
        for (let count = 0; count < 5; count++) {
          assert.strictEqual(yield* outcome(text(session, at.url)), "ClientConnectorSSLError Expired")
        }
        at.server.setSecureContext({ cert: set.good.cert, key: set.good.key })
        assert.strictEqual(yield* text(session, at.url), "ok")
      })
      yield* holds(test, { connector, servers: [at] })
      yield* untilValue(at.connections, (open) => open === 0)
    })
  )
})
