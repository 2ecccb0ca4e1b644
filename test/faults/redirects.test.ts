/**
 * Redirects that try to obtain identities, memory or time.
 */
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import * as Auth from "effect-http-session/Auth"
import * as ClientRequest from "effect-http-session/ClientRequest"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import * as Certificates from "../support/certificates.js"
import { expiring } from "../support/clock.js"
import { assertNoSecret, received, safely, tagOf, text, tlsFor } from "../support/redirectFaults.js"
import * as Server from "../support/server.js"
import { asked, redirect, type Site, sessionWith, site, values } from "../support/sites.js"
import { untilValue } from "../support/wait.js"

const { response } = Server

describe("names and identities over redirects", () => {
  it.scopedLive("select cookies by the URL's host and not by the Host header", () =>
    Effect.gen(function* () {
      const a = yield* site((request) =>
        request.target === "/" ? redirect(302, "/2", ["Set-Cookie: c=1; Path=/"]) : response(200)
      )
      const parts = yield* sessionWith()
      yield* text(parts.session, a.to("a.test"), { headers: { Host: "virtual.test" } })
      assert.deepStrictEqual(values(a, "host"), [["virtual.test"], ["virtual.test"]])
      assert.deepStrictEqual(values(a, "cookie"), [[], ["c=1"]])
      assert.strictEqual((yield* parts.jar.entries)[0]?.domain, "a.test")
    })
  )

  it.scopedLive("use the next origin's name for TLS", () =>
    Effect.gen(function* () {
      const tlsA = yield* tlsFor(["inner.test"])
      const tlsB = yield* tlsFor(["b.test"])
      const b = yield* site(() => response(200, "b"), tlsB)
      const a = yield* site(() => redirect(302, b.to("b.test")), tlsA)
      const parts = yield* sessionWith({ ssl: yield* Ssl.context({ ca: tlsA.ca }) })
      const request = text(parts.session, a.to("a.test"), { serverHostname: "inner.test" })
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], request)), "Success")
    })
  )

  it.scopedLive("use a client certificate at its origin only, also on the way back", () =>
    Effect.gen(function* () {
      const { ca, client } = yield* Certificates.standard()
      const tls = yield* tlsFor(["a.test", "b.test"])
      const https = yield* Effect.promise(() => import("node:https"))
      const seen: Array<string> = []
      const serve = (name: string, location: (url: string) => string | undefined) =>
        Effect.acquireRelease(
          Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
            const server = https.createServer(
              { cert: tls.cert, key: tls.key, ca, requestCert: true, rejectUnauthorized: false },
              (request, reply) => {
                const socket = request.socket
                const authorized = "authorized" in socket && socket.authorized === true
                seen.push(`${name}${request.url} ${authorized}`)
                const to = location(request.url ?? "")
                if (to === undefined) reply.end()
                else reply.writeHead(302, { location: to }).end()
              }
            )
            server.listen(0, "127.0.0.1", () => {
              const address = server.address()
              resume(
                Effect.succeed({
                  port: typeof address === "object" && address !== null ? address.port : 0,
                  close: () => {
                    server.close()
                    server.closeAllConnections()
                  }
                })
              )
            })
          }),
          ({ close }) => Effect.sync(close)
        )
      let away = ""
      const a = yield* serve("a", (url) => (url === "/" ? "/2" : url === "/2" ? away : undefined))
      const b = yield* serve("b", () => `https://a.test:${a.port}/back`)
      away = `https://b.test:${b.port}/`
      const identity = yield* Ssl.context({ ca, cert: client.cert, key: client.key })
      const anew: Session.SessionOptions["onRedirect"] = ({ next }) =>
        Effect.option(ClientRequest.make("GET", next.url))
      for (const [session, request] of [
        [{ ssl: identity }, {}],
        [{}, { ssl: identity }],
        [{ ssl: identity, onRedirect: anew }, {}]
      ] as const) {
        seen.length = 0
        const parts = yield* sessionWith(session)
        yield* text(parts.session, `https://a.test:${a.port}/`, request)
        assert.deepStrictEqual(seen, ["a/ true", "a/2 true", "b/ false", "a/back false"])
        yield* parts.connector.closeIdle
      }
    })
  )

  it.scopedLive("send no credentials of a session with baseUrl to absolute URLs", () =>
    Effect.gen(function* () {
      const home = yield* site(() => response(200))
      const evil = yield* site(() => response(200))
      for (const options of [
        { headers: { Authorization: "Bearer s3cr3t-t", "X-Api-Key": "s3cr3t-k" }, cookies: { sid: "s3cr3t-c" } },
        { auth: Auth.basic("user", "s3cr3t-pass"), headers: { "X-Tenant": Redacted.make("s3cr3t-h") } }
      ] satisfies ReadonlyArray<Session.SessionOptions>) {
        const parts = yield* sessionWith({ baseUrl: home.to("home.test", "/api/"), ...options })
        for (const url of [evil.to("evil.test"), `//evil.test:${evil.port}/`, home.to("evil.test")]) {
          yield* text(parts.session, url)
        }
        for (const url of [`\\\\evil.test:${evil.port}/`, `/\\evil.test:${evil.port}/`, `\\evil`]) {
          assert.strictEqual(tagOf(yield* Effect.exit(text(parts.session, url))), "InvalidURL", url)
        }
        yield* text(parts.session, "here")
      }
      assertNoSecret(received(evil), "the other host")
      const requests = (yield* home.requests).filter((request) => request.header("host")?.startsWith("evil.test"))
      assertNoSecret(JSON.stringify(requests.map(({ headers }) => headers)), "the other name")
      assert.lengthOf(requests, 2)
    })
  )
})

describe("a redirect", () => {
  const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024))
  const head = (to: string, fields: ReadonlyArray<string>) =>
    ["HTTP/1.1 302 Found", `Location: ${to}`, ...fields, "", ""].join("\r\n")
  const bodies: ReadonlyArray<readonly [what: string, play: (to: string) => Server.Play]> = [
    ["an endless body", (to) => Server.plays(Server.send(head(to, [])), Server.repeat("x".repeat(65536)))],
    [
      "an endless chunked body",
      (to) =>
        Server.plays(
          Server.send(head(to, ["Transfer-Encoding: chunked"])),
          Server.repeat(`4000\r\n${"x".repeat(0x4000)}\r\n`)
        )
    ],
    [
      "a body of one gibibyte",
      (to) => Server.plays(Server.send(head(to, ["Content-Length: 1073741824"])), Server.repeat("x".repeat(65536)))
    ],
    [
      "a gzip bomb, small on the wire",
      (to) =>
        Server.plays(
          Server.send(head(to, ["Content-Encoding: gzip", `Content-Length: ${bomb.length}`])),
          Server.send(bomb)
        )
    ],
    [
      "a body that drips",
      (to) => Server.plays(Server.send(head(to, ["Content-Length: 1000"])), Server.drip("x".repeat(1000), 1, 20))
    ],
    [
      "a body that is cut",
      (to) => Server.plays(Server.send(head(to, ["Content-Length: 1000"])), Server.send("x"), Server.reset)
    ],
    ["a body that never comes", (to) => Server.plays(Server.send(head(to, ["Content-Length: 1000"])), Server.stall)]
  ]
  for (const [what, play] of bodies) {
    it.scopedLive(`with ${what} is followed at once, without reading much of the body`, () =>
      Effect.gen(function* () {
        const end = yield* site(() => response(200, "end"))
        let written = 0
        const a = yield* Server.server([
          (peer) =>
            Effect.zipRight(peer.request, play(end.to("b.test"))(peer)).pipe(
              Effect.ensuring(
                Effect.sync(() => {
                  written = peer.socket.bytesWritten
                })
              )
            )
        ])
        const parts = yield* sessionWith()
        const exit = yield* safely(parts, [a, end], text(parts.session, `http://a.test:${a.port}/`), { within: 1000 })
        assert.strictEqual(tagOf(exit), "Success")
        // The buffers of both sockets, and the 64 KiB that are drained.
        assert.isBelow(written, 32 * 1024 * 1024)
      })
    )
  }

  it.scopedLive("to a server that does not respond fails with one timeout and leaves nothing open", () =>
    Effect.gen(function* () {
      const b = yield* Server.always(Server.plays(Server.request, Server.stall))
      const silent = (count: number) => untilValue(b.requests, (all) => all.length === count)
      const a = yield* site(() => redirect(302, `http://b.test:${b.port}/`))
      const parts = yield* sessionWith()
      const request = text(parts.session, a.to("a.test"), { timeout: { headers: "5 seconds" } })
      const late = expiring(request, silent(1), 5000)
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], late, { within: 500 })), "SocketTimeoutError")
      const total = expiring(text(parts.session, a.to("a.test"), { timeout: "5 seconds" }), silent(2), 5000)
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], total, { within: 500 })), "TotalTimeoutError")
    })
  )

  it.scopedLive("that is interrupted between two hops leaves nothing open", () =>
    Effect.gen(function* () {
      const b = yield* site(() => response(200))
      const a = yield* site(() => redirect(302, b.to("b.test"), [], "body"))
      const parts = yield* sessionWith()
      const between = Effect.gen(function* () {
        const reached = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(
          text(parts.session, a.to("a.test"), {
            onRedirect: () => Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)
          })
        )
        yield* Deferred.await(reached)
        return yield* Fiber.interrupt(fiber)
      })
      const exit = yield* safely(parts, [a, b], Effect.asVoid(between), { within: 1000 })
      assert.strictEqual(tagOf(exit), "Success")
      assert.deepStrictEqual(asked(b), [])
    })
  )
})

describe("a limit on the second hop", () => {
  const to = (b: Site, options: ClientRequest.RequestOptions & { readonly session?: Session.SessionOptions }) =>
    Effect.gen(function* () {
      const { session: given, ...request } = options
      const a = yield* site(() => redirect(302, b.to("b.test")))
      const parts = yield* sessionWith(given)
      return tagOf(yield* safely(parts, [a, b], text(parts.session, a.to("a.test"), request)))
    })

  it.scopedLive("applies to maxBodySize", () =>
    Effect.gen(function* () {
      const b = yield* site(() => response(200, "x".repeat(100)))
      assert.strictEqual(yield* to(b, { maxBodySize: 99 }), "ClientPayloadError")
      assert.strictEqual(yield* to(b, { session: { maxBodySize: 99 } }), "ClientPayloadError")
    })
  )

  it.scopedLive("applies to the size of a head", () =>
    Effect.gen(function* () {
      const b = yield* site(() => response(200, "", [`X: ${"x".repeat(1_000_000)}`]))
      assert.strictEqual(yield* to(b, {}), "BadHttpMessage")
    })
  )

  it.scopedLive("applies to decompression", () =>
    Effect.gen(function* () {
      const layers = ["Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip"]
      const b = yield* site(() => response(200, "x", layers))
      assert.strictEqual(yield* to(b, {}), "ClientPayloadError")
    })
  )

  it.scopedLive("applies to verification and pins", () =>
    Effect.gen(function* () {
      const tls = yield* tlsFor(["b.test"])
      const { untrusted } = yield* Certificates.standard()
      const context = yield* Ssl.context({ ca: tls.ca })
      const trusted = yield* site(() => response(200), tls)
      const unknown = yield* site(() => response(200), untrusted)
      assert.strictEqual(yield* to(trusted, { ssl: context }), "Success")
      assert.strictEqual(yield* to(unknown, { ssl: context }), "ClientConnectorSSLError")
      assert.strictEqual(yield* to(trusted, { ssl: Ssl.fingerprint("00".repeat(32)) }), "FingerprintMismatch")
    })
  )
})
