/**
 * The writing of requests: the number of writes to the socket, and the number of readings of the Clock.
 */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { watchedClock } from "../../../support/clock.js"
import { always, answers, body, head, plays, response, send } from "../../../support/server.js"
import { dialer, type MakeSocket, sessionOn } from "./support.js"

/** Makes sockets that count the chunks which each of their writes passes to the system. */
const counting = () => {
  const writes: Array<number> = []
  const make: MakeSocket = (options) => {
    const socket = Net.connect(options)
    const write = socket._write.bind(socket)
    const writev = socket._writev?.bind(socket)
    socket._write = (chunk, encoding, done) => {
      if (chunk.length > 0) writes.push(1)
      write(chunk, encoding, done)
    }
    if (writev !== undefined) {
      socket._writev = (chunks, done) => {
        writes.push(chunks.length)
        writev(chunks, done)
      }
    }
    return socket
  }
  return { make, writes }
}

const echo = answers(({ body }) => response(200, body.toString()))

const bytes = (size: number) => Buffer.alloc(size, "x")

describe("a request whose body is bytes", () => {
  const shapes: ReadonlyArray<readonly [string, number, ClientRequest.RequestOptions]> = [
    ["is one chunk with its head if its body is empty", 0, {}],
    ["is one chunk with its head if its body is small", 1, {}],
    ["is one chunk with its head if its body has 4 KiB", 4096, {}]
  ]
  for (const [name, size, options] of shapes) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const at = yield* always(echo)
        const { make, writes } = counting()
        const session = yield* sessionOn(dialer(at.port, { make }))
        for (const _ of [1, 2]) {
          const text = yield* session.post(at.url, { ...options, data: bytes(size) }).pipe(ClientResponse.text)
          assert.strictEqual(text, "x".repeat(size))
        }
        assert.deepStrictEqual(writes, [1, 1])
        assert.strictEqual(yield* at.accepted, 1)
      })
    )
  }

  it.scopedLive("is not copied if its body is larger than 4 KiB", () =>
    Effect.gen(function* () {
      const at = yield* always(echo)
      const { make, writes } = counting()
      const session = yield* sessionOn(dialer(at.port, { make }))
      const text = yield* session.post(at.url, { data: bytes(4097) }).pipe(ClientResponse.text)
      assert.strictEqual(text.length, 4097)
      assert.deepStrictEqual(writes, [2])
    })
  )

  it.scopedLive("waits for 100 Continue even with a small body", () =>
    Effect.gen(function* () {
      const at = yield* always(plays(head, send("HTTP/1.1 100 Continue\r\n\r\n"), body, send(response(200, "ok"))))
      const { make, writes } = counting()
      const session = yield* sessionOn(dialer(at.port, { make }))
      const text = yield* session.post(at.url, { data: bytes(1), expect100: true }).pipe(ClientResponse.text)
      assert.strictEqual(text, "ok")
      assert.deepStrictEqual(writes, [1, 1])
    })
  )
})

describe("a request on an idle connection", () => {
  it.scopedLive(
    "reads the Clock once for its start, once for the age of the connection, and once for its response",
    () =>
      Effect.gen(function* () {
        const at = yield* always(echo)
        const session = yield* sessionOn(dialer(at.port))
        let readings = 0
        const counted = watchedClock(() => readings++)
        const get = session
          .get(at.url, { timeout: { total: Duration.infinity } })
          .pipe(ClientResponse.text, Effect.withClock(counted))
        yield* get
        yield* get
        readings = 0
        yield* get
        assert.strictEqual(readings, 3)
      })
  )
})
