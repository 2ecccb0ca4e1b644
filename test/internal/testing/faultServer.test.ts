import { connect, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as Testing from "effect-http-session/Testing"
import { makeAuthority } from "../../support/certificates.js"
import * as Server from "../../support/server.js"
import { turn, turns, until } from "../../support/wait.js"

/** Connects a plain socket, and returns the bytes of the server and how the connection ends. */
const talk = (open: () => Socket, send: string | ReadonlyArray<string>) =>
  Effect.async<{ readonly text: string; readonly chunks: ReadonlyArray<string>; readonly end: string }>((resume) => {
    const chunks: Array<string> = []
    let end = "close"
    const socket = open()
    socket.setNoDelay(true)
    socket.on("data", (chunk) => chunks.push(String(chunk)))
    socket.on("end", () => {
      end = "fin"
    })
    socket.on("error", (error) => {
      end = "code" in error ? String(error.code) : String(error)
    })
    socket.on("close", () => resume(Effect.succeed({ text: chunks.join(""), chunks, end })))
    for (const part of typeof send === "string" ? [send] : send) socket.write(part)
    return Effect.sync(() => socket.destroy())
  })

/** Waits until a server has so many connections. */
const connections = (server: Testing.TestServer, count: number): Effect.Effect<void> =>
  Effect.repeat(Effect.zipRight(turn, server.connections), { until: (open) => open === count })

const to = (server: { readonly port: number }) => () => connect({ port: server.port, host: "127.0.0.1" })

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

describe("Testing.server", () => {
  it.scopedLive("waits for an expected request, sends, and ends by FIN", () =>
    Effect.gen(function* () {
      const server = yield* Testing.server([
        [
          { _tag: "Expect", what: "head" },
          { _tag: "Expect", what: "body" },
          { _tag: "Expect", what: 3 },
          { _tag: "Send", data: ok }
        ]
      ])
      assert.strictEqual(server.url, `http://127.0.0.1:${server.port}`)
      const post = ["POST / HTTP/1.1\r\ncontent-length: 4\r\n", "\r\nbo", "dy", "abc"]
      assert.deepStrictEqual(yield* talk(to(server), post), { text: ok, chunks: [ok], end: "fin" })
      assert.deepStrictEqual(
        (yield* server.received).map((bytes) => Buffer.from(bytes).toString()),
        [post.join("")]
      )
      yield* connections(server, 0)
    })
  )

  it.scopedLive("reads chunked bodies, extensions and trailers included", () =>
    Effect.gen(function* () {
      const server = yield* Testing.server([
        [
          { _tag: "Expect", what: "head" },
          { _tag: "Expect", what: "body" },
          { _tag: "Send", data: "done" }
        ]
      ])
      for (const body of ["0\r\n\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n", "a\r\n0123456789\r\n0\r\nX: y\r\n\r\n"]) {
        const head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert.strictEqual((yield* talk(to(server), [head, ...body])).text, "done", body)
      }
    })
  )

  it.scopedLive("breaks by RST", () =>
    Effect.gen(function* () {
      const server = yield* Testing.server([
        [{ _tag: "Expect", what: "head" }, { _tag: "Send", data: "HTTP" }, { _tag: "Reset" }]
      ])
      assert.strictEqual((yield* talk(to(server), get)).end, "ECONNRESET")
    })
  )

  it.scopedLive("runs the scripts in order and the last one for the rest", () =>
    Effect.gen(function* () {
      const server = yield* Testing.server([[{ _tag: "Send", data: "1" }], [{ _tag: "Send", data: "2" }]])
      const seen = yield* Effect.replicateEffect(talk(to(server), ""), 3)
      assert.deepStrictEqual(
        seen.map((one) => one.text),
        ["1", "2", "2"]
      )
      assert.strictEqual((yield* server.received).length, 3)
    })
  )

  it.scopedLive("ends its side by Fin and continues reading", () =>
    Effect.gen(function* () {
      const server = yield* Testing.server([
        [{ _tag: "Send", data: "a" }, { _tag: "Fin" }, { _tag: "Expect", what: 4 }]
      ])
      const result = yield* talk(() => {
        const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true })
        socket.once("end", () => socket.end("more"))
        return socket
      }, "")
      assert.deepStrictEqual(result, { text: "a", chunks: ["a"], end: "fin" })
      yield* connections(server, 0)
      assert.deepStrictEqual(
        (yield* server.received).map((bytes) => Buffer.from(bytes).toString()),
        ["more"]
      )
    })
  )

  it.scoped("drips and sleeps on the TestClock", () =>
    Effect.gen(function* () {
      const server = yield* Testing.server([
        [
          { _tag: "Sleep", duration: "10 seconds" },
          { _tag: "Drip", data: "abcde", size: 2, every: "1 minute" }
        ]
      ])
      const fiber = yield* Effect.fork(talk(to(server), ""))
      while ((yield* server.connections) === 0) yield* turn
      yield* TestClock.adjust("1 hour")
      let result = yield* fiber.poll
      while (result._tag === "None") {
        yield* turn
        yield* TestClock.adjust("1 minute")
        result = yield* fiber.poll
      }
      const { chunks, text } = yield* Fiber.join(fiber)
      assert.strictEqual(text, "abcde")
      assert.isAtLeast(chunks.length, 1)
    })
  )

  it.scopedLive("stalls until the peer ends, and counts it", () =>
    Effect.gen(function* () {
      const server = yield* Testing.server([[{ _tag: "Send", data: "x" }, { _tag: "Stall" }]])
      const socket = to(server)()
      yield* Effect.async<void>((resume) => {
        socket.once("data", () => resume(Effect.void))
      })
      assert.strictEqual(yield* server.connections, 1)
      yield* Effect.async<void>((resume) => {
        socket.once("close", () => resume(Effect.void))
        socket.end()
      })
    })
  )

  it.live("closes with its Scope, with all connections", () =>
    Effect.gen(function* () {
      const tcp = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
      const before = tcp()
      const talks = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* Testing.server([[{ _tag: "Stall" }]])
          const talks = yield* Effect.all(Array.from({ length: 3 }, () => Effect.forkDaemon(talk(to(server), "x"))))
          yield* connections(server, 3)
          return talks
        })
      )
      yield* Fiber.joinAll(talks)
      yield* until(() => tcp() <= before)
    })
  )

  it.scopedLive("uses TLS, and can break below it", () =>
    Effect.gen(function* () {
      const { ca, issue } = yield* makeAuthority()
      const { cert, key } = yield* issue()
      const server = yield* Testing.server(
        [
          [
            { _tag: "Expect", what: "head" },
            { _tag: "Send", data: ok }
          ],
          [{ _tag: "Expect", what: "head" }, { _tag: "Reset" }]
        ],
        { tls: { cert, key } }
      )
      assert.strictEqual(server.url, `https://127.0.0.1:${server.port}`)
      const secure = () => connectTls({ port: server.port, host: "127.0.0.1", ca: ca.cert })
      const first = yield* talk(secure, get)
      assert.deepStrictEqual([first.text, first.end], [ok, "fin"])
      assert.strictEqual((yield* talk(secure, get)).end, "ECONNRESET")
      assert.deepStrictEqual(
        (yield* server.received).map((bytes) => Buffer.from(bytes).toString()),
        [get, get]
      )
      yield* connections(server, 0)
    })
  )
})

describe("support/server", () => {
  it.scopedLive("logs requests, and answers nonces after the plays", () =>
    Effect.gen(function* () {
      const server = yield* Server.server([Server.plays(Server.request, Server.respond(200, "first"))])
      const result = yield* talk(() => {
        const socket = to(server)()
        socket.on("data", (chunk) => {
          if (String(chunk).includes("first")) socket.write("GET /nonce?n1 HTTP/1.1\r\n\r\n")
          else socket.end()
        })
        return socket
      }, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nx-a: 2\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
      assert.include(result.text, "\r\n\r\nfirst")
      assert.isTrue(result.text.endsWith("\r\n\r\nn1"))
      const [first, second] = yield* server.requests
      assert.deepStrictEqual(
        [first?.method, first?.target, first?.version, first?.body, first?.header("x-A"), first?.headers.length],
        ["POST", "/a", "HTTP/1.1", "abc", "1", 3]
      )
      assert.strictEqual(second?.target, "/nonce?n1")
      assert.strictEqual(yield* server.accepted, 1)
    })
  )

  it.scopedLive("splits its output into packets", () =>
    Effect.gen(function* () {
      const server = yield* Server.always(Server.plays(Server.bytewise("abc"), Server.split("defgh", 2)))
      const result = yield* talk(to(server), "")
      assert.strictEqual(result.text, "abcdefgh")
      assert.isAtLeast(result.chunks.length, 2)
    })
  )

  it.scopedLive("stops reading on request", () =>
    Effect.gen(function* () {
      const server = yield* Server.always(Server.plays(Server.head, Server.pauseRead, Server.send("go"), Server.stall))
      const socket = to(server)()
      const full = yield* Effect.async<boolean>((resume) => {
        socket.once("data", () => {
          // More than any buffer of the kernel's takes without a reader.
          socket.write(Buffer.alloc(64 * 1024 * 1024))
          void Effect.runPromise(turns(50)).then(() => resume(Effect.succeed(socket.writableLength > 0)))
        })
        socket.on("error", () => {})
        socket.write(get)
      })
      socket.destroy()
      assert.isTrue(full)
      const [received] = yield* server.received
      assert.isBelow(received?.length ?? 0, 1024 * 1024)
    })
  )

  it.scopedLive("sends TLS alerts", () =>
    Effect.gen(function* () {
      const server = yield* Server.always(Server.plays(Server.clientHello, Server.tlsAlert(40)))
      const result = yield* talk(() => connectTls({ port: server.port, host: "127.0.0.1" }), "")
      assert.match(result.end, /HANDSHAKE_FAILURE/)
    })
  )
})
