import { inspect } from "node:util"
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { ClientResponse, Errors, Session } from "effect-http-session"
import { complete, make } from "./internal/response/support.js"
import { failure } from "./support/exits.js"
import * as Server from "./support/server.js"

const messageOf = <A, E extends { readonly message: string }>(effect: Effect.Effect<A, E>): Effect.Effect<string> =>
  Effect.map(Effect.exit(effect), (exit) => failure(exit).message)

describe("the message of an error", () => {
  it.effect("says how to read a body whose Scope is closed", () =>
    Effect.gen(function* () {
      const { response } = make()
      yield* response.release
      const message = yield* messageOf(response.text)
      assert.include(message, "its Scope is closed; read the body inside it or pipe the request into a decoder")
    })
  )

  it.scopedLive("says the same for a response outside its Scope, even if its body was complete", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.answers(() => Server.response(200, "x".repeat(100_000))))
      const left = yield* Effect.scoped(Session.get(at.url)).pipe(Effect.provide(Session.layer()))
      assert.include(yield* messageOf(left.text), "its Scope is closed; read the body inside it")
      assert.include(yield* messageOf(Stream.runDrain(left.stream)), "pipe the request into a decoder")
    })
  )

  it.effect("says that a body was read as a stream", () =>
    Effect.gen(function* () {
      const response = complete("abc")
      yield* Stream.runDrain(response.stream)
      assert.include(yield* messageOf(response.text), "it was already read as a stream")
    })
  )

  it.effect("contains the limit that a body exceeds", () =>
    Effect.gen(function* () {
      const response = complete("0123456789", { settings: { maxBodySize: 7 } })
      assert.include(
        yield* messageOf(response.text),
        "too large, after 10 bytes: The body is larger than 7 bytes (maxBodySize)"
      )
      const streamed = complete("0123456789", { settings: { maxBodySize: 7 } })
      assert.include(yield* messageOf(Stream.runDrain(streamed.stream)), "larger than 7 bytes (maxBodySize)")
      const lines = complete("x".repeat(2_000_000))
      assert.include(yield* messageOf(Stream.runDrain(lines.lines)), "longer than 1048576 bytes")
    })
  )

  it.effect("contains the message of zlib and the code of a broken connection", () =>
    Effect.gen(function* () {
      const corrupt = complete("no gzip at all", { headers: [["content-encoding", "gzip"]] })
      assert.match(
        yield* messageOf(corrupt.text),
        /the data does not fit its Content-Encoding, after 14 bytes: incorrect header check/
      )
      const broken = make({ length: 10 })
      broken.push("half")
      broken.fail(new Errors.ClientOSError({ code: "ECONNRESET", syscall: "read" }))
      assert.include(
        yield* messageOf(broken.response.text),
        "the connection ended before the body, after 4 bytes of 10, cause ClientOSError ECONNRESET"
      )
    })
  )

  it("does not contain the text of a foreign cause", () => {
    const cause = Object.assign(new Error("the token is s3cret"), { code: "EBAD" })
    const { message } = new Errors.RequestBodyError({ reason: "Source", cause })
    assert.include(message, "EBAD")
    assert.notInclude(message, "s3cret")
  })

  for (const method of ["CONNECT", "connect"]) {
    it.scopedLive(`recommends the option proxy for the method ${method}`, () =>
      Effect.gen(function* () {
        const request = ClientResponse.text(Session.request(method, "http://127.0.0.1:1/"))
        const message = yield* messageOf(Effect.provide(request, Session.layer()))
        assert.include(message, "CONNECT is only used for the tunnel of a proxy")
      })
    )
  }

  it.scopedLive("describes a valid method", () =>
    Effect.gen(function* () {
      const request = ClientResponse.text(Session.request("GET /", "http://127.0.0.1:1/"))
      assert.include(yield* messageOf(Effect.provide(request, Session.layer())), "expected an HTTP method token")
    })
  )

  it.effect("does not name a phase for a rejected status", () =>
    Effect.gen(function* () {
      const error = failure(yield* Effect.exit(complete("no", { status: 404, reason: "Not Found" }).raiseForStatus))
      assert.strictEqual(error.message, "Server answered 404 Not Found (GET http://example.test/path)")
    })
  )

  it("has the registered phrase of a status if the response has none, as over HTTP/2", () => {
    const message = (status: number, reason: string) =>
      new Errors.ClientResponseError({ status, reason, headers: Headers.empty, history: [], body: "" }).message
    assert.match(message(404, ""), /^Server answered 404 Not Found/)
    assert.match(message(404, "Gone Fishing"), /^Server answered 404 Gone Fishing/)
    assert.match(message(599, ""), /^Server answered 599 \(/)
    assert.match(message(411, ""), /^Server answered 411 Length Required; it requires the length of the body: pass/)
  })

  it("is printed with its tag once", () => {
    const error = new Errors.ClientOSError({ code: "ECONNRESET", syscall: "read", url: "http://a.test/" })
    for (const text of [inspect(error), inspect({ error }), inspect(error, { depth: 9 }), String(error)]) {
      assert.strictEqual(text.split("ClientOSError").length - 1, 1, text)
      assert.strictEqual(text.split("Connection broke").length - 1, 1, text)
    }
  })

  const codes: ReadonlyArray<readonly [code: string, words: string]> = [
    [
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
      "requires a client certificate; pass one with Ssl.context({ cert, key })"
    ],
    ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "rejected the client certificate"],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "rejected the client certificate"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "may require a client certificate"],
    ["ECONNRESET", "the handshake failed"]
  ]
  for (const [code, words] of codes) {
    it(`explains ${code}`, () => {
      const error = new Errors.ClientConnectorSSLError({ host: "a.test", port: 443, reason: "Handshake", code })
      assert.include(error.message, words)
    })
  }

  it("explains a chain with a self-signed root", () => {
    const code = "SELF_SIGNED_CERT_IN_CHAIN"
    const error = new Errors.ClientConnectorSSLError({ host: "a.test", port: 443, reason: "UntrustedIssuer", code })
    assert.include(error.message, "Ssl.context({ ca })")
    assert.include(error.message, "self-signed")
  })
})
