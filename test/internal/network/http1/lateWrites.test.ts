/**
 * Requests with a last write that calls back after their response has arrived, as often happens over TLS: Node runs the
 * callback of a TLS write at the end of a turn of the event loop. The socket of these tests runs it on request.
 */
import * as Net from "node:net"
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream, TestClock } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { nonce } from "../../../support/itFault.js"
import * as Server from "../../../support/server.js"
import { untilValue } from "../../../support/wait.js"
import { dialer, type MakeSocket, sessionOn } from "./support.js"

const { always, answers, plays, request, respond, response, send, server, stall } = Server

type Callback = (error?: Error | null) => void

/** When the callback of the last write of a request runs: at the end of the turn of its response, or with `release`. */
type When = "in the turn" | "on release"

/** Whether a write is the last of a request: a GET, a last chunk, or bytes that end in z. */
const isLast = (text: string): boolean => /^GET |z$|(^|\n)0\r\n\r\n$/.test(text)

const textOf = (chunk: Uint8Array | string): string =>
  typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1")

/** A socket that writes a request at once. The callback of its last write is late; `release` runs it. */
interface LateSocket {
  readonly socket: Net.Socket
  readonly release: () => void
}

const lateSocket = (options: Parameters<MakeSocket>[0], when: When): LateSocket => {
  const late: Array<() => void> = []
  const release = () => {
    for (const run of late.splice(0)) run()
  }
  const { buffer, callback } = options.onread
  const socket = Net.connect({
    ...options,
    onread: {
      buffer,
      callback: (count) => {
        if (when === "in the turn") setImmediate(release)
        return callback(count)
      }
    }
  })
  const write = socket._write.bind(socket)
  const writev = socket._writev?.bind(socket)
  const lately =
    (text: string, done: Callback): Callback =>
    (error) => {
      if (isLast(text)) late.push(() => done(error))
      else if (text === "") done(error)
      else setImmediate(() => done(error))
    }
  socket._write = (chunk, encoding, done) => write(chunk, encoding, lately(textOf(chunk), done))
  if (writev !== undefined) {
    socket._writev = (chunks, done) => writev(chunks, lately(chunks.map(({ chunk }) => textOf(chunk)).join(""), done))
  }
  return { socket, release }
}

/** A session with sockets that call back late, and these sockets. */
const lateSession = (port: number, when: When, tls = false) =>
  Effect.gen(function* () {
    const sockets: Array<LateSocket> = []
    const make: MakeSocket = (options) => {
      const made = lateSocket(options, when)
      sockets.push(made)
      return made.socket
    }
    return { session: yield* sessionOn(dialer(port, { make, tls })), sockets }
  })

const ok = answers(() => response(200, "ok"))

/** Bytes that end in z. */
const bytes = (size: number) => Buffer.alloc(size, "z")

const pieces = Stream.make(Buffer.from("first"), Buffer.from("second"), Buffer.from("z"))

const streamed = (length?: number) => HttpBody.stream(pieces, undefined, length)

const shapes: ReadonlyArray<readonly [string, "GET" | "POST", ClientRequest.RequestOptions]> = [
  ["a GET", "GET", {}],
  ["a POST of bytes", "POST", { data: bytes(100) }],
  ["a POST of many bytes", "POST", { data: Buffer.concat([Buffer.alloc(1_000_000), bytes(1)]) }],
  ["a POST of a chunked stream", "POST", { data: streamed() }],
  ["a POST of a stream with a length", "POST", { data: streamed(12) }],
  ["a POST of nothing", "POST", { data: new Uint8Array(0) }]
]

const limits = { timeout: "5 seconds" } as const

describe("a request whose last write calls back in the turn of its response", () => {
  for (const [name, method, options] of shapes) {
    it.scopedLive(`leaves its connection to the next request: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* always(ok)
        const { session } = yield* lateSession(at.port, "in the turn")
        for (const _ of [1, 2, 3]) {
          const answer = yield* session.request(method, at.url, { ...limits, ...options })
          assert.strictEqual(yield* answer.text, "ok")
          assert.containsAllKeys(answer.timings, ["send", "headers", "body"])
        }
        assert.strictEqual(yield* at.accepted, 1)
        assert.deepInclude(yield* session.connector.stats, { acquired: 0, idle: 1 })
      })
    )
  }

  it.scopedLive("leaves its connection to the next request although its unread body has paused the socket", () =>
    Effect.gen(function* () {
      const size = 100_000
      const at = yield* always(answers(({ target }) => response(200, target === "/large" ? "x".repeat(size) : "ok")))
      const { session } = yield* lateSession(at.port, "in the turn")
      const large = yield* session.post(`${at.url}/large`, { ...limits, data: bytes(10) })
      yield* untilValue(session.connector.stats, ({ idle }) => idle === 1)
      assert.strictEqual(yield* session.get(at.url, limits).pipe(ClientResponse.text), "ok")
      assert.strictEqual((yield* large.text).length, size)
      assert.strictEqual(yield* at.accepted, 1)
    })
  )

  it.scopedLive("leaves its connection to the next request although only its status is read", () =>
    Effect.gen(function* () {
      const at = yield* always(
        plays(request, send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), () => Effect.sleep(5), send("ok"), ok)
      )
      const { session } = yield* lateSession(at.port, "in the turn")
      const status = session
        .post(at.url, { ...limits, data: bytes(10) })
        .pipe(ClientResponse.use((answer) => Effect.succeed(answer.status)))
      assert.strictEqual(yield* status, 200)
      yield* untilValue(session.connector.stats, ({ acquired }) => acquired === 0)
      assert.strictEqual(yield* status, 200)
      assert.strictEqual(yield* at.accepted, 1)
    })
  )
})

describe("a source that does not end after its announced length", () => {
  const endless = () => {
    const state = { ended: false }
    const stream = Stream.concat(pieces, Stream.never).pipe(
      Stream.ensuring(
        Effect.sync(() => {
          state.ended = true
        })
      )
    )
    return { state, data: HttpBody.stream(stream, undefined, 12) }
  }

  it.scopedLive("is interrupted by the response, and its connection serves the next request", () =>
    Effect.gen(function* () {
      const at = yield* always(ok)
      const { session } = yield* lateSession(at.port, "in the turn")
      const { data, state } = endless()
      assert.strictEqual(yield* session.post(at.url, { ...limits, data }).pipe(ClientResponse.text), "ok")
      yield* untilValue(
        Effect.sync(() => state.ended),
        (ended) => ended
      )
      assert.strictEqual(yield* session.get(at.url, limits).pipe(ClientResponse.text), "ok")
      assert.strictEqual(yield* at.accepted, 1)
    })
  )

  it.scoped("is not subject to the send limit after the response", () =>
    Effect.gen(function* () {
      const answered = yield* Deferred.make<void>()
      const at = yield* always(plays(request, () => Deferred.await(answered), respond(200, "ok"), stall))
      const session = yield* sessionOn(dialer(at.port))
      const { data } = endless()
      const timeout = { total: Infinity, send: "1 second", headers: "1 minute" } as const
      const fiber = yield* Effect.fork(session.post(at.url, { timeout, data }).pipe(ClientResponse.text))
      yield* untilValue(at.requests, ([first]) => first?.body === "firstsecondz")
      yield* TestClock.adjust("59 seconds")
      yield* Deferred.succeed(answered, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
    })
  )
})

describe("a connection that ends in the turn of a response, before the last write calls back", () => {
  const rows: ReadonlyArray<readonly [string, Server.Play]> = [
    ["by FIN", plays(request, (peer) => Effect.sync(() => void peer.raw.end(response(200, "ok"))))],
    ["by bytes of no response", plays(request, send(`${response(200, "ok")}HTTP/1.1 200 OK\r\n`), stall)]
  ]
  for (const [name, play] of rows) {
    it.scopedLive(`leaves the response complete and accepts no other request: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* server([play])
        const { session } = yield* lateSession(at.port, "on release")
        const answer = yield* session.post(at.url, { ...limits, data: bytes(10) }).pipe(ClientResponse.text)
        assert.strictEqual(answer, "ok")
        assert.deepInclude(yield* session.connector.stats, { acquired: 0, idle: 0 })
        yield* nonce(session, at)
      })
    )
  }
})

describe("a request whose last write does not call back", () => {
  for (const [name, method, options] of shapes.slice(0, -1)) {
    it.scopedLive(`gets its response, and its connection is destroyed: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* always(ok)
        // A close_notify would wait for the write.
        const { session, sockets } = yield* lateSession(at.port, "on release", true)
        const answer = () => session.request(method, at.url, { ...limits, ...options }).pipe(ClientResponse.text)
        assert.strictEqual(yield* answer(), "ok")
        const [first] = sockets
        assert.isTrue(first?.socket.destroyed)
        assert.strictEqual(yield* answer(), "ok")
        first?.release()
        assert.strictEqual(yield* at.accepted, 2)
      })
    )
  }
})
