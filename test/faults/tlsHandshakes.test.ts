/**
 * TLS handshakes that fail or never complete, and TLS peers that send too much.
 */
import { connect, createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import type * as Timeouts from "effect-http-session/Timeouts"
import { heldClock } from "../support/clock.js"
import { failure } from "../support/exits.js"
import { reply, type SecureSite, secureSite } from "../support/secureSite.js"
import { sessionOn } from "../support/stages.js"
import { connection, holds, limits, site, tagAndReason, text, trusting } from "../support/tlsFaults.js"
import { turn, turns, until } from "../support/wait.js"

describe("a client certificate that a server requires and does not receive", () => {
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
            assert.strictEqual(tagAndReason(error), "ClientConnectorSSLError Handshake")
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

/** A server before `at` that forwards a part of its output, or one byte at a time. */
const relay = (at: SecureSite, pass: (bytes: Buffer, passed: number, client: Socket) => void) =>
  Effect.acquireRelease(
    Effect.async<{
      readonly port: number
      readonly open: Set<Socket>
      /** The number of clients that have sent something. */
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
        // With HTTP/2 the others would wait for the first handshake.
        const { connector, session } = yield* sessionOn({ ssl, limit: 0, http2: false })
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
                  error._tag === "ConnectionTimeoutError" ? `${error.timeout} ${error.phase}` : tagAndReason(error)
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
      assert.strictEqual(tagAndReason(refused), "ClientConnectorSSLError Handshake")
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
        // After it the server presents another certificate, which would not be verified.
        socket.renegotiate({ rejectUnauthorized: false, requestCert: false }, () => {})
      })
      const { connector, session } = yield* sessionOn({ ssl })
      const test = Effect.gen(function* () {
        const error = failure(yield* Effect.exit(text(session, at.url, { timeout: "3 seconds" })))
        assert.include(
          ["ClientConnectorSSLError Handshake", "ClientOSError", "ServerDisconnectedError"],
          tagAndReason(error)
        )
      })
      yield* holds(test, { connector, servers: [{ connections: at.connections }] })
      assert.strictEqual(handshakes, 0)
    })
  )
})
