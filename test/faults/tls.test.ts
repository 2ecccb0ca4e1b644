/**
 * TLS on a session, over real sockets: shared connections and TLS sessions, refused and hostile peers, and time limits.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Effect, Exit, Fiber, Stream } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import type * as Timeouts from "effect-http-session/Timeouts"
import * as Tracing from "effect-http-session/Tracing"
import * as fc from "fast-check"
import { tlsLibrary } from "../../src/internal/network/tls/tlsLibrary.js"
import { type Issued, standard } from "../support/certificates.js"
import { heldClock } from "../support/clock.js"
import { failure } from "../support/exits.js"
import { type InvariantOptions, invariants } from "../support/invariants.js"
import { allowWeak } from "../support/runtime.js"
import { type Asked, reply, type SecureSite, secureSite } from "../support/secureSite.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/stages.js"
import { turn, turns, until, untilValue } from "../support/wait.js"

const limits = { timeout: "10 seconds" } as const

const text = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  session.get(url, { ...limits, ...options }).pipe(ClientResponse.text)

/** Which connection it was, and whether its handshake was shortened. */
const connection = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  Effect.scoped(
    Effect.tap(session.get(url, { ...limits, ...options }), (response) => ClientResponse.text(Effect.succeed(response)))
  ).pipe(Effect.map((response) => response.connection))

const told = (error: ClientError): string => ("reason" in error ? `${error._tag} ${error.reason}` : error._tag)

const outcome = <A>(effect: Effect.Effect<A, ClientError>): Effect.Effect<string> =>
  Effect.match(effect, { onFailure: told, onSuccess: () => "Success" })

const trusting = Effect.gen(function* () {
  const set = yield* standard()
  return { set, ssl: yield* Ssl.context({ ca: set.ca }) }
})

const site = ({ cert, key }: Issued) => secureSite({ cert, key })

/** The invariants hold after it, and it succeeds. */
const holds = <A, E, R>(test: Effect.Effect<A, E, R>, options: InvariantOptions) =>
  Effect.map(invariants(test, { settle: 2000, ...options }), (exit) => {
    if (Exit.isFailure(exit)) assert.fail(String(exit.cause satisfies Cause.Cause<E>))
  })

describe("verification of one request", () => {
  it.scopedLive("is disabled for that request only, and the next one gets a connection of its own", () =>
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

  it.scopedLive("shows a client certificate for that request only, also if connections are kept", () =>
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
  /** Made anew each time, so that it is their content that counts. */
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
          // The head goes out with the first bytes of the body, if anything does.
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
          assert.strictEqual(told(error), expected)
          assert.match(error.message, message)
          assert.deepStrictEqual([error.host, error.port, error.phase], ["localhost", at.port, "tls"])
        })
        yield* holds(test, { connector, servers: [{ connections: at.connections }] })
        assert.strictEqual(at.received(), 0)
        assert.isAtLeast(at.accepted(), 1)
      }
    })
  )

  it.scopedLive("is compared with the pin of the next connection, whatever the last one had", () =>
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
        [{ ALPNProtocols: ["h2"] }, "Protocol"]
      ] as const
      for (const [row, expected] of rows) {
        const at = yield* secureSite({ ...set.good, ...row })
        const { session } = yield* sessionOn({ ssl })
        const error = failure(yield* Effect.exit(text(session, at.url)))
        assert.strictEqual(told(error), `ClientConnectorSSLError ${expected}`)
        assert.match("code" in error ? String(error.code) : "", /^ERR_SSL_/)
        assert.strictEqual(at.received(), 0)
      }
    })
  )
})

describe("a client certificate that a server does not get", () => {
  type Send = (session: Session.SessionService, url: string) => Effect.Effect<string, ClientError>
  const rows: ReadonlyArray<readonly [name: string, send: Send]> = [
    ["GET", (session, url) => text(session, url)],
    ["POST", (session, url) => session.post(url, { ...limits, data: "x".repeat(100) }).pipe(ClientResponse.text)],
    [
      "POST of a stream",
      (session, url) =>
        session
          .post(url, { ...limits, data: Stream.repeatEffect(Effect.as(turn, new Uint8Array(1000))) })
          .pipe(ClientResponse.text)
    ]
  ]
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const [name, send] of rows) {
      it.scopedLive(`causes an alert and a typed error: ${name}, ${version}`, () =>
        Effect.gen(function* () {
          const { set, ssl } = yield* trusting
          const at = yield* secureSite({
            ...set.good,
            ca: set.ca,
            requestCert: true,
            minVersion: version,
            maxVersion: version
          })
          const { connector, session } = yield* sessionOn({ ssl })
          const test = Effect.gen(function* () {
            const error = failure(yield* Effect.exit(send(session, at.url)))
            assert.strictEqual(told(error), "ClientConnectorSSLError Handshake")
            assert.match("code" in error ? String(error.code) : "", /ALERT/)
            assert.match(error.message, /client certificate.*Ssl\.context\(\{ cert, key \}\)/)
          })
          yield* holds(test, { connector, servers: [{ connections: at.connections }] })
          assert.strictEqual(at.asked.length, 0)
        })
      )
    }
  }

  it.scopedLive("causes a 400 of nginx, which is a response", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const body = "<h1>No required SSL certificate was sent</h1>"
      const at = yield* secureSite(
        { ...set.good, ca: set.ca, requestCert: true, rejectUnauthorized: false },
        (socket) => socket.end(reply(body, ["Connection: close"]).replace("200 OK", "400 Bad Request"))
      )
      const { session } = yield* sessionOn({ ssl })
      const status = yield* Effect.scoped(Effect.map(session.get(at.url, limits), (response) => response.status))
      assert.strictEqual(status, 400)
    })
  )
})

/** Reads the output of a server in front of `at`, and passes on a part of it, or a byte at a time. */
const relay = (at: SecureSite, pass: (bytes: Buffer, passed: number, client: Socket) => void) =>
  Effect.acquireRelease(
    Effect.async<{
      readonly port: number
      readonly open: Set<Socket>
      /** Clients that have sent something. */
      readonly begun: () => number
      readonly close: () => Promise<void>
    }>((resume) => {
      const open = new Set<Socket>()
      let begun = 0
      const server = createServer((client) => {
        const upstream = connect(at.port, "127.0.0.1")
        open.add(client)
        let passed = 0
        client.on("error", () => {}).on("data", (bytes) => upstream.write(bytes))
        client.once("data", () => begun++)
        client.once("close", () => {
          open.delete(client)
          upstream.destroy()
        })
        upstream.on("error", () => client.destroy())
        upstream.on("data", (bytes) => {
          pass(bytes, passed, client)
          passed += bytes.length
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" && address !== null ? address.port : 0,
            open,
            begun: () => begun,
            close: () =>
              new Promise<void>((done) => {
                for (const socket of open) socket.destroy()
                server.close(() => done())
              })
          })
        )
      })
    }),
    ({ close }) => Effect.promise(close)
  )

describe("a handshake that never completes", () => {
  const upTo = (most: number) => (bytes: Buffer, passed: number, client: Socket) => {
    if (passed < most) client.write(bytes.subarray(0, most - passed))
  }
  const drip = (bytes: Buffer, passed: number, client: Socket) => {
    if (passed > 0) return
    let next = 0
    const timer = setInterval(() => client.write(bytes.subarray(next, ++next)), 1000)
    client.write(bytes.subarray(next, ++next))
    client.once("close", () => clearInterval(timer))
  }
  const rows: ReadonlyArray<readonly [string, (bytes: Buffer, passed: number, client: Socket) => void]> = [
    ["silence after the ClientHello", upTo(0)],
    ["half a record header", upTo(3)],
    ["a ServerHello and no more", upTo(127)],
    ["half a certificate", upTo(500)],
    ["a byte a second", drip]
  ]
  for (const [name, pass] of rows) {
    it.scopedLive(`ends with its limit and leaves nothing open, 100 at once: ${name}`, () =>
      Effect.gen(function* () {
        const { set, ssl } = yield* trusting
        const behind = yield* site(set.good)
        const { begun, open, port } = yield* relay(behind, pass)
        const { connector, session } = yield* sessionOn({ ssl, limit: 0 })
        const url = `https://localhost:${port}/`
        const test = Effect.gen(function* () {
          const { advance, clock } = heldClock()
          const start = (timeout: Timeouts.Input) =>
            Effect.forEach(Array.from({ length: 50 }), () =>
              session.get(url, { timeout }).pipe(ClientResponse.text, Effect.flip, Effect.withClock(clock), Effect.fork)
            )
          const ended = (fibers: ReadonlyArray<Fiber.Fiber<ClientError, string>>) =>
            Effect.map(Effect.forEach(fibers, Fiber.join), (errors) => [
              ...new Set(
                errors.map((error) =>
                  error._tag === "ConnectionTimeoutError" ? `${error.timeout} ${error.phase}` : told(error)
                )
              )
            ])
          const first = yield* start({ tls: 4000 })
          const second = yield* start({ connect: 5000 })
          yield* until(() => begun() === 100)
          advance(3999)
          yield* turns(3)
          for (const fiber of first) assert.isNull(fiber.unsafePoll())
          advance(1)
          assert.deepStrictEqual(yield* ended(first), ["tls tls"])
          advance(999)
          yield* turns(3)
          for (const fiber of second) assert.isNull(fiber.unsafePoll())
          advance(1)
          assert.deepStrictEqual(yield* ended(second), ["connect tls"])
        })
        yield* holds(test, { connector, servers: [{ connections: Effect.sync(() => open.size) }] })
        assert.strictEqual(behind.received(), 0)
      })
    )
  }
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
          assert.strictEqual(told(error), "ClientConnectorSSLError Protocol")
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
      assert.include(["BadHttpMessage StatusLine", "ServerDisconnectedError", "ClientOSError"], told(error))
      const alerting = yield* Server.always(Server.plays(Server.head, Server.tlsAlert(10), Server.fin))
      const second = failure(yield* Effect.exit(text(session, alerting.url)))
      assert.strictEqual(told(second), "BadHttpMessage StatusLine")
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

describe("a TLS peer that sends too much", () => {
  it.scopedLive("causes a typed error for a certificate of 10 000 names, and none for 3000", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const names = (count: number) => [
        ...Array.from({ length: count }, (_, index) => `host-${index}.example`),
        "localhost"
      ]
      const { session } = yield* sessionOn({ ssl })
      const many = yield* Effect.flatMap(set.authority.issue({ names: names(3000) }), site)
      const { tls } = yield* connection(session, `https://localhost:${many.port}/`)
      assert.strictEqual(tls?.certificate?.names.length, 1000)
      const more = yield* Effect.flatMap(set.authority.issue({ names: names(10_000) }), site)
      const refused = failure(yield* Effect.exit(text(session, `https://localhost:${more.port}/`)))
      assert.strictEqual(told(refused), "ClientConnectorSSLError Handshake")
      assert.strictEqual("code" in refused ? refused.code : "", "ERR_SSL_EXCESSIVE_MESSAGE_SIZE")
    })
  )

  it.scopedLive("is refused before a chain of a megabyte is stored", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      const { connector, session } = yield* sessionOn({ ssl })
      const large = yield* set.authority.issue({
        names: Array.from({ length: 800 }, (_, index) => `host-${index}.${"x".repeat(40)}.example`)
      })
      const at = yield* secureSite({ key: set.good.key, cert: set.good.cert + large.cert.repeat(20) })
      const test = Effect.gen(function* () {
        for (let count = 0; count < 20; count++) {
          const error = failure(yield* Effect.exit(text(session, at.url)))
          assert.strictEqual("code" in error ? error.code : "", "ERR_SSL_EXCESSIVE_MESSAGE_SIZE")
        }
      })
      yield* holds(test, { connector, servers: [{ connections: at.connections }] })
      assert.strictEqual(at.received(), 0)
    })
  )

  it.scopedLive("ends the request with a typed error if it requests another handshake", () =>
    Effect.gen(function* () {
      const { set, ssl } = yield* trusting
      let handshakes = 0
      const at = yield* secureSite({ ...set.good, maxVersion: "TLSv1.2" }, (socket) => {
        socket.on("secure", () => handshakes++)
        // It then shows another certificate, which would not be verified.
        socket.renegotiate({ rejectUnauthorized: false, requestCert: false }, () => {})
      })
      const { connector, session } = yield* sessionOn({ ssl })
      const test = Effect.gen(function* () {
        const error = failure(yield* Effect.exit(text(session, at.url, { timeout: "3 seconds" })))
        assert.include(["ClientConnectorSSLError Handshake", "ClientOSError", "ServerDisconnectedError"], told(error))
      })
      yield* holds(test, { connector, servers: [{ connections: at.connections }] })
      assert.strictEqual(handshakes, 0)
    })
  )
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
        const heard = signals.flatMap((signal) =>
          signal._tag === "TlsCertificateExpiring" ? [`${signal.host} ${signal.certificate.sha256}`] : []
        )
        assert.deepStrictEqual(heard, [...expected])
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
