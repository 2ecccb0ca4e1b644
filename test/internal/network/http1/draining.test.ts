/**
 * A connection reads the rest of an abandoned body within exact bounds: at most 64 KiB, for 200 ms, or 25 ms
 * if the end of the body is not known.
 */
import type * as Net from "node:net"
import { Duplex } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterEach, beforeEach, vi } from "vitest"
import { Http1Connection } from "../../../../src/internal/network/http1/connection.js"
import { resolveLimits } from "../../../../src/internal/network/http1/limits.js"
import { ConnectionAge } from "../../../../src/internal/transport/connectionAge.js"
import type { ConnectionOwner } from "../../../../src/internal/transport/connectionOwner.js"
import type { IncomingBody } from "../../../../src/internal/transport/incomingBody.js"
import type { OnData } from "../../../../src/internal/transport/socketReader.js"
import type { Exchange } from "../../../../src/internal/transport/transport.js"
import { makeExchange } from "../dial/support.js"

const kibi = 1024

/** A writable stream that accepts all bytes at once. */
class Socket extends Duplex {
  override _read(): void {}
  override _write(_bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done()
  }
  ref(): void {}
  unref(): void {}
}

interface Run {
  /** Delivers bytes of the server. */
  readonly receive: (text: string) => void
  readonly body: () => IncomingBody
  /** The state of the connection. */
  readonly state: () => string
}

/** A connection that has sent one GET; nothing in it waits for the event loop but the timers of the drain. */
const connection = Effect.map(makeExchange({ host: "a.test", port: 80 }), ({ exchange: made }): Run => {
  let state = "open"
  let body: IncomingBody | undefined
  let onData: OnData = () => assert.fail("expected a reader")
  const owner: ConnectionOwner<Http1Connection> = {
    hasOtherActive: () => false,
    onReusable: () => {
      state = "reusable"
      return true
    },
    onClosed: (_, reason) => {
      state = reason
    },
    onUpgraded: () => assert.fail("upgraded")
  }
  const wire = {
    socket: new Socket() as unknown as Net.Socket,
    remoteAddress: "127.0.0.1",
    localAddress: undefined,
    tls: undefined,
    failed: [],
    forward: false,
    protocol: "http/1.1" as const,
    reader: {
      read: (listener: OnData) => {
        onData = listener
      },
      resume: () => {},
      keep: () => false
    }
  }
  const exchange: Exchange = Object.assign(Object.create(made), {
    limits: { ...made.limits, send: Infinity, headers: Infinity, body: Infinity },
    onHead: (_: unknown, incoming: IncomingBody) => {
      body = incoming
    },
    onError: (error: Error) => assert.fail(error.message),
    onDone: () => {}
  })
  new Http1Connection(
    1,
    "http://a.test:80",
    wire,
    resolveLimits(undefined),
    owner,
    new ConnectionAge({ now: () => 0 }, 0, 0, Infinity)
  ).start(exchange)
  return {
    receive: (text) => {
      const bytes = Buffer.from(text, "latin1")
      onData(bytes, 0, bytes.length)
    },
    body: () => body ?? assert.fail("no head"),
    state: () => state
  }
})

const sized = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`
const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
const chunk = (size: number) => `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`
const last = "0\r\n\r\n"

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
})

afterEach(() => {
  vi.useRealTimers()
})

describe("a connection with an abandoned body", () => {
  for (const received of [0, 1, 100 * kibi]) {
    it.effect(`is kept if 64 KiB remain after ${received} bytes`, () =>
      Effect.map(connection, ({ body, receive, state }) => {
        receive(`${sized(received + 64 * kibi)}${"x".repeat(received)}`)
        body().abandon()
        assert.strictEqual(state(), "open")
        receive("x".repeat(64 * kibi - 1))
        assert.strictEqual(state(), "open")
        receive("x")
        assert.strictEqual(state(), "reusable")
      })
    )

    it.effect(`is closed at once if one byte more remains after ${received} bytes`, () =>
      Effect.map(connection, ({ body, receive, state }) => {
        receive(`${sized(received + 64 * kibi + 1)}${"x".repeat(received)}`)
        body().abandon()
        assert.strictEqual(state(), "UnreadBody")
      })
    )
  }

  it.effect("is kept if 64 KiB arrive before an end that was not known", () =>
    Effect.map(connection, ({ body, receive, state }) => {
      receive(`${chunked}${chunk(1000)}`)
      body().abandon()
      receive(chunk(60 * kibi) + chunk(4 * kibi))
      assert.strictEqual(state(), "open")
      receive(last)
      assert.strictEqual(state(), "reusable")
    })
  )

  it.effect("is closed by the first byte beyond 64 KiB before an end that is not known", () =>
    Effect.map(connection, ({ body, receive, state }) => {
      receive(`${chunked}${chunk(1000)}`)
      body().abandon()
      receive(chunk(64 * kibi))
      assert.strictEqual(state(), "open")
      receive(chunk(1))
      assert.strictEqual(state(), "UnreadBody")
    })
  )

  for (const [what, head, time] of [
    ["whose length is known, waits 200 ms", sized(10), 200],
    ["whose end is not known, waits 25 ms", chunked, 25]
  ] as const) {
    it.effect(what, () =>
      Effect.map(connection, ({ body, receive, state }) => {
        receive(head)
        body().abandon()
        vi.advanceTimersByTime(time - 1)
        assert.strictEqual(state(), "open")
        vi.advanceTimersByTime(1)
        assert.strictEqual(state(), "UnreadBody")
      })
    )
  }

  it.effect("is closed at once if the body ends with the connection", () =>
    Effect.map(connection, ({ body, receive, state }) => {
      receive("HTTP/1.1 200 OK\r\n\r\nx")
      body().abandon()
      assert.strictEqual(state(), "UnreadBody")
    })
  )

  it.effect("leaves no timer when it is kept", () =>
    Effect.map(connection, ({ body, receive, state }) => {
      receive(sized(1))
      body().abandon()
      receive("x")
      assert.strictEqual(state(), "reusable")
      assert.strictEqual(vi.getTimerCount(), 0)
    })
  )
})
