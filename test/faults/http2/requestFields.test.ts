/** The fields that are sent for a program's headers. */
import { assert, describe } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Auth from "effect-http-session/Auth"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { Type } from "../../support/h2Frames.js"
import { answers } from "../../support/h2Server.js"
import { echoed, itH2Fault } from "../../support/itH2Fault.js"

describe("a request", () => {
  itH2Fault("is sent without connection headers, and with Host as :authority", answers(echoed), (session, at) =>
    Effect.gen(function* () {
      const headers = {
        Connection: "keep-alive, X-Hop",
        "Keep-Alive": "timeout=5",
        "Proxy-Connection": "keep-alive",
        "X-Hop": "1",
        TE: "gzip",
        Host: "other.test",
        "X-Kept": "Yes"
      }
      yield* session.get(`${at.url}/a?b`, { headers }).pipe(ClientResponse.text)
      const [request] = yield* at.requests
      assert.deepInclude(request, { method: "GET", scheme: "http", authority: "other.test", target: "/a?b" })
      assert.deepStrictEqual(
        request.fields.slice(0, 4).map(({ name }) => name),
        [":method", ":scheme", ":authority", ":path"]
      )
      const names = request.headers.map(([name]) => name)
      assert.deepStrictEqual(
        names,
        names.map((name) => name.toLowerCase())
      )
      for (const name of ["connection", "keep-alive", "proxy-connection", "x-hop", "te", "host", "upgrade"]) {
        assert.notInclude(names, name)
      }
      assert.strictEqual(request.header("x-kept"), "Yes")
      yield* session.get(`${at.url}/b`, { headers: { TE: "trailers" } }).pipe(ClientResponse.text)
      assert.strictEqual((yield* at.requests)[1].header("te"), "trailers")
      assert.strictEqual(yield* at.accepted, 1)
    })
  )

  itH2Fault("with Connection: close is the last one on its connection", answers(echoed), (session, at) =>
    Effect.gen(function* () {
      yield* session.get(`${at.url}/a`, { headers: { Connection: "close" } }).pipe(ClientResponse.text)
      const [peer] = at.peers
      yield* peer.frame("GOAWAY")
      yield* session.get(`${at.url}/nonce?b`).pipe(ClientResponse.text)
      assert.strictEqual(yield* at.accepted, 2)
    })
  )

  itH2Fault("marks secrets as never indexed", answers(echoed), (session, at) =>
    Effect.gen(function* () {
      const secrets = { "X-Token": "s3cr3t-token", Cookie: "sid=s3cr3t-cookie" }
      for (let round = 0; round < 3; round++) {
        yield* session
          .get(`${at.url}/a`, { auth: Auth.basic("user", "s3cr3t-word"), headers: secrets })
          .pipe(ClientResponse.text)
      }
      for (const { fields } of yield* at.requests) {
        for (const name of ["authorization", "cookie", "x-token"]) {
          const field = fields.find((each) => each.name === name)
          assert.strictEqual(field?.as, "never", name)
        }
      }
    })
  )

  itH2Fault("with 40 KiB of headers is one block, in HEADERS and CONTINUATION", answers(echoed), (session, at) =>
    Effect.gen(function* () {
      const headers = Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [`x-field-${index}`, String(index).repeat(512).slice(0, 1024)])
      )
      const large = session.get(`${at.url}/large`, { headers }).pipe(ClientResponse.text)
      const small = session.get(`${at.url}/small`).pipe(ClientResponse.text)
      yield* Effect.all([large, small, large], { concurrency: "unbounded" })
      const [{ frames }] = at.peers
      const types = frames.map(({ type }) => type)
      for (const [index, type] of types.entries()) {
        if (type === Type.CONTINUATION) {
          assert.include([Type.HEADERS, Type.CONTINUATION], types[index - 1])
          assert.strictEqual(frames[index].stream, frames[index - 1].stream)
        }
      }
      assert.include(types, Type.CONTINUATION)
      const requests = (yield* at.requests).filter(({ target }) => target === "/large")
      for (const request of requests) {
        for (const [name, value] of Object.entries(headers)) assert.strictEqual(request.header(name), value)
      }
    })
  )

  itH2Fault(
    "has the length of its body, or no length if it is unknown",
    answers(({ body, header, stream }) => echoed({ stream, target: `/${header("content-length")} ${body}` })),
    (session, at) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* session.post(at.url, { text: "abc" }).pipe(ClientResponse.text), "/3 abc")
        const data = Stream.make(new TextEncoder().encode("abcd"))
        assert.strictEqual(yield* session.post(at.url, { data }).pipe(ClientResponse.text), "/undefined abcd")
        assert.strictEqual(
          yield* session.post(at.url, { text: "abc", chunked: true }).pipe(ClientResponse.text),
          "/undefined abc"
        )
      }),
    undefined,
    { followUp: false, deliveries: 3 }
  )
})
