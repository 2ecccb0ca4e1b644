import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, TestClock } from "effect"
import { BadHttpMessage, ClientHttpProxyError, ClientProxyConnectionError } from "../../../../src/Errors.js"
import { tunnel } from "../../../../src/internal/network/dial/tunnel.js"
import { defaultLimits } from "../../../../src/internal/network/http1/limits.js"
import type { Trace } from "../../../../src/internal/transport/trace.js"
import type { ProxyRoute } from "../../../../src/internal/transport/transport.js"
import { failure } from "../../../support/exits.js"
import { until } from "../../../support/wait.js"
import { dial, listeners, makeContext, originOf, proxyRoute, readSome, scripted } from "../../proxy/support.js"

const target = originOf("https", "a.test", 443)

const isWhole = (received: Buffer) => received.includes("\r\n\r\n")

/** Replies once to a whole CONNECT, in pieces that arrive separately if the system allows it. */
const replying = (...pieces: ReadonlyArray<string | Buffer>) => {
  let answered = false
  return scripted((socket, received) => {
    if (answered || !isWhole(received)) return
    answered = true
    socket.setNoDelay(true)
    const next = (at: number) => {
      const piece = pieces[at]
      if (piece === undefined) return
      socket.write(piece, "latin1", () => setImmediate(next, at + 1))
    }
    next(0)
  })
}

const ending = (reply: string) =>
  scripted((socket, received) => void (isWhole(received) && socket.end(reply, "latin1")))

const open = (port: number, over: Partial<ProxyRoute> = {}, origin = target) =>
  Effect.gen(function* () {
    const socket = yield* dial(port)
    const before = listeners(socket)
    const { context, phases } = yield* makeContext()
    const exit = yield* Effect.exit(tunnel(socket, proxyRoute(port, over), origin, context, defaultLimits))
    return { socket, before, after: listeners(socket), phases, exit }
  })

describe("the CONNECT request", () => {
  for (const [what, origin, over, text] of [
    ["a name", target, {}, "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"],
    [
      "another port",
      originOf("https", "a.test", 2242),
      {},
      "CONNECT a.test:2242 HTTP/1.1\r\nHost: a.test:2242\r\n\r\n"
    ],
    ["plain inside", originOf("http", "a.test", 80), {}, "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n"],
    ["IPv6", originOf("https", "::1", 443, 6), {}, "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"],
    [
      "credentials and headers",
      target,
      {
        authorization: "Basic dTpw",
        headers: [
          ["X-A", "1"],
          ["x-a", "é"]
        ]
      },
      "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic dTpw\r\nX-A: 1\r\nx-a: é\r\n\r\n"
    ]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const proxy = yield* replying("HTTP/1.1 200 OK\r\n\r\n")
        const { exit } = yield* open(proxy.port, over, origin)
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(proxy.received(), text)
      })
    )
  }
})

describe("a CONNECT reply that opens the tunnel", () => {
  for (const [what, pieces] of [
    ["200", ["HTTP/1.1 200 OK\r\n\r\n"]],
    ["200 without a reason", ["HTTP/1.1 200\r\n\r\n"]],
    ["HTTP/1.0", ["HTTP/1.0 200 Connection established\r\n\r\n"]],
    ["299", ["HTTP/1.1 299 Odd\r\n\r\n"]],
    ["204", ["HTTP/1.1 204 No Content\r\n\r\n"]],
    ["byte by byte", [..."HTTP/1.1 200 OK\r\nA: b\r\n\r\n"]],
    ["100 first", ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"]],
    [
      "103 and 100 first, apart",
      ["HTTP/1.1 103 Early\r\nA: b\r\n\r\n", "HTTP/1.1 100\r\n\r\n", "HTTP/1.1 200\r\n\r\n"]
    ],
    ["a Content-Length that means nothing", ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]],
    ["a Transfer-Encoding that means nothing", ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const proxy = yield* replying(...pieces)
        const { after, before, exit, phases, socket } = yield* open(proxy.port)
        assert.isTrue(Exit.isSuccess(exit), String(exit))
        assert.isFalse(socket.destroyed)
        assert.isTrue(socket.isPaused())
        assert.deepStrictEqual(after, before)
        assert.deepStrictEqual(phases, ["+proxy", "-proxy"])
      })
    )
  }

  it.scopedLive("is followed by bytes of the tunnel, also with a Content-Length", () =>
    Effect.gen(function* () {
      const proxy = yield* replying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world")
      const { exit, socket } = yield* open(proxy.port)
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(yield* readSome(socket), "hello world")
    })
  )

  it.scopedLive("lets bytes pass in both directions", () =>
    Effect.gen(function* () {
      const proxy = yield* scripted((socket, received) => {
        if (received.toString("latin1").endsWith("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\n\r\n")
        else if (received.toString("latin1").endsWith("ping")) socket.write("pong")
      })
      const { socket } = yield* open(proxy.port)
      socket.write("ping")
      assert.strictEqual(yield* readSome(socket), "pong")
    })
  )
})

interface Refused {
  readonly what: string
  readonly pieces: ReadonlyArray<string>
  readonly status: number
  readonly reason: string
  readonly body: string
}

const refusals: ReadonlyArray<Refused> = [
  {
    what: "407 with a body",
    pieces: [
      "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nwho?"
    ],
    status: 407,
    reason: "Proxy Authentication Required",
    body: "who?"
  },
  {
    what: "403 without a body",
    pieces: ["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"],
    status: 403,
    reason: "Forbidden",
    body: ""
  },
  {
    what: "502 in pieces",
    pieces: ["HTTP/1.1 502 Bad ", "Gateway\r\nContent-Length: 6\r\n", "\r\nabc", "def"],
    status: 502,
    reason: "Bad Gateway",
    body: "abcdef"
  },
  {
    what: "a chunked body",
    pieces: ["HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "2\r\nde\r\n0\r\n\r\n"],
    status: 503,
    reason: "No",
    body: "abcde"
  },
  {
    what: "a redirect, which is not followed",
    pieces: ["HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n"],
    status: 302,
    reason: "Found",
    body: ""
  },
  {
    what: "304, which has no body",
    pieces: ["HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"],
    status: 304,
    reason: "Not Modified",
    body: ""
  },
  {
    what: "a body of more than 1 KiB",
    pieces: [`HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n${"x".repeat(3000)}`],
    status: 500,
    reason: "No",
    body: "x".repeat(1024)
  },
  {
    what: "a body whose framing breaks",
    pieces: ["HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n"],
    status: 500,
    reason: "No",
    body: "abc"
  },
  {
    what: "a reason in UTF-8",
    pieces: ["HTTP/1.1 500 \xc3\xa9\r\nContent-Length: 0\r\n\r\n"],
    status: 500,
    reason: "é",
    body: ""
  }
]

describe("a CONNECT refusal", () => {
  for (const { body, pieces, reason, status, what } of refusals) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const proxy = yield* replying(...pieces)
        const { exit, phases, socket } = yield* open(proxy.port)
        const error = failure(exit)
        assert.instanceOf(error, ClientHttpProxyError)
        assert.deepStrictEqual([error.status, error.reason, error.body], [status, reason, body])
        assert.deepStrictEqual([error.host, error.port, error.phase], ["a.test", 443, "proxy"])
        assert.strictEqual(error.proxy, `http://127.0.0.1:${proxy.port}`)
        assert.isTrue(socket.destroyed)
        assert.deepStrictEqual(phases, ["+proxy", "-proxy"])
        yield* proxy.gone
        assert.strictEqual(proxy.received(), "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
      })
    )
  }

  it.scopedLive("has a body that ends with the connection", () =>
    Effect.gen(function* () {
      const proxy = yield* ending("HTTP/1.0 503 No\r\n\r\nabc")
      const error = failure((yield* open(proxy.port)).exit)
      assert.instanceOf(error, ClientHttpProxyError)
      assert.strictEqual(error.body, "abc")
    })
  )

  it.scopedLive("has a body that is cut", () =>
    Effect.gen(function* () {
      const proxy = yield* ending("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nabc")
      const error = failure((yield* open(proxy.port)).exit)
      assert.instanceOf(error, ClientHttpProxyError)
      assert.strictEqual(error.body, "abc")
    })
  )

  it.scopedLive("has joined headers in a record, also with names of Object.prototype", () =>
    Effect.gen(function* () {
      const proxy = yield* replying(
        "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nproxy-authenticate: Digest\r\n__proto__: x\r\nContent-Length: 0\r\n\r\n"
      )
      const error = failure((yield* open(proxy.port)).exit)
      assert.instanceOf(error, ClientHttpProxyError)
      assert.strictEqual(error.headers["proxy-authenticate"], "Basic, Digest")
      assert.strictEqual(Object.getOwnPropertyDescriptor(error.headers, "__proto__")?.value, "x")
    })
  )

  it.scopedLive("shows no credentials that the proxy echoes", () =>
    Effect.gen(function* () {
      const value = Buffer.from("us3r:s3cr3t").toString("base64")
      const echo = `Basic ${value} us3r:s3cr3t`
      const proxy = yield* replying(
        `HTTP/1.1 407 Not ${echo}\r\nX-Echo: ${echo}\r\nContent-Length: ${echo.length}\r\n\r\n${echo}`
      )
      const error = failure((yield* open(proxy.port, { authorization: `Basic ${value}` })).exit)
      assert.instanceOf(error, ClientHttpProxyError)
      const shown = `${error.reason} ${error.body} ${JSON.stringify({ ...error.headers })} ${inspect(error)} ${String(error)}`
      assert.notInclude(shown, "s3cr3t")
      assert.notInclude(shown, value)
      assert.include(proxy.received(), value)
    })
  )

  const headers = [
    ["X-Proxy-Token", "t0k3n"],
    ["X-Tenant", "ten&ant-0815"],
    ["Authorization", "Basic dXMzcjpzM2NyM3Q="],
    ["X-Short", "on"]
  ] as const

  it.scopedLive("does not show headers that were sent to the proxy, in any encoding", () =>
    Effect.gen(function* () {
      const echo = "t0k3n ten&ant-0815 ten%26ant-0815 us3r:s3cr3t s3cr3t dXMzcjpzM2NyM3Q= on"
      const proxy = yield* replying(
        `HTTP/1.1 403 No ${echo}\r\nX-Echo: ${echo}\r\nContent-Length: ${echo.length}\r\n\r\n${echo}`
      )
      const error = failure((yield* open(proxy.port, { headers })).exit)
      assert.instanceOf(error, ClientHttpProxyError)
      const clean = "*** *** *** *** *** *** on"
      assert.deepStrictEqual([error.reason, error.headers["x-echo"], error.body], [`No ${clean}`, clean, clean])
    })
  )

  it.scopedLive("does not show the beginning of a secret at the end of a shortened body", () =>
    Effect.gen(function* () {
      const body = `${"x".repeat(1016)}ten&ant-0815`
      const proxy = yield* replying(`HTTP/1.1 403 No\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      const error = failure((yield* open(proxy.port, { headers })).exit)
      assert.instanceOf(error, ClientHttpProxyError)
      assert.strictEqual(error.body, `${"x".repeat(1016)}***`)
    })
  )

  it.scopedLive("does not show credentials and headers that an invalid reply quotes", () =>
    Effect.gen(function* () {
      const proxy = yield* replying("HTTP/1.1 403 No\r\nX-Echo: us3r:s3cr3t t0k3n\0\r\n\r\n")
      const error = failure((yield* open(proxy.port, { headers, authorization: "Basic dXMzcjpzM2NyM3Q=" })).exit)
      assert.instanceOf(error, ClientProxyConnectionError)
      assert.instanceOf(error.cause, BadHttpMessage)
      assert.strictEqual(error.cause.excerpt, "X-Echo: *** ***\\x00")
    })
  )

  it.scoped("waits only briefly for a body that does not arrive", () =>
    Effect.gen(function* () {
      const proxy = yield* replying("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nabc")
      const socket = yield* dial(proxy.port)
      const { context } = yield* makeContext()
      const scheduled = new Promise<void>((resolve) => {
        const schedule = context.deadlines.schedule
        Object.assign(context, {
          deadlines: {
            ...context.deadlines,
            now: context.deadlines.now,
            schedule: (at: number, fire: () => void) => {
              if (at !== Infinity) resolve()
              return schedule(at, fire)
            }
          }
        })
      })
      const fiber = yield* Effect.fork(
        Effect.exit(tunnel(socket, proxyRoute(proxy.port), target, context, defaultLimits))
      )
      yield* Effect.promise(() => scheduled)
      yield* TestClock.adjust("1 second")
      const error = failure(yield* Fiber.join(fiber))
      assert.instanceOf(error, ClientHttpProxyError)
      assert.strictEqual(error.body, "abc")
    })
  )
})

describe("an invalid CONNECT reply", () => {
  for (const [what, reply, reason] of [
    ["garbage", "garbage\r\n\r\n", "StatusLine"],
    ["HTTP/0.9", "<html>hello</html>\r\n", "StatusLine"],
    ["a TLS alert", "\x15\x03\x01\x00\x02\x02\x46", "StatusLine"],
    ["HTTP/2", "HTTP/2 200\r\n\r\n", "StatusLine"],
    ["101", "HTTP/1.1 101 Switching\r\n\r\n", "Unsolicited"],
    ["a bad header", "HTTP/1.1 200 OK\r\nbad header\r\n\r\n", "Header"],
    ["1 MB of header", `HTTP/1.1 200 OK\r\nA: ${"x".repeat(1_000_000)}\r\n\r\n`, "Limit"],
    ["5000 headers", `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(5000)}\r\n`, "Limit"],
    ["informational replies without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(12_000), "Limit"]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const proxy = yield* replying(reply)
        const { exit, socket } = yield* open(proxy.port)
        const error = failure(exit)
        assert.instanceOf(error, ClientProxyConnectionError)
        assert.deepStrictEqual([error.reason, error.code, error.phase], ["Connect", "EPROTO", "proxy"])
        assert.instanceOf(error.cause, BadHttpMessage)
        assert.strictEqual(error.cause.reason, reason)
        assert.isTrue(socket.destroyed)
        yield* proxy.gone
        assert.strictEqual(proxy.received(), "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
      })
    )
  }

  for (const [what, reply] of [
    ["nothing and the end", ""],
    ["half a head and the end", "HTTP/1.1 200 OK\r\nA:"],
    ["100 and the end", "HTTP/1.1 100 Continue\r\n\r\n"]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const proxy = yield* ending(reply)
        const { exit, socket } = yield* open(proxy.port)
        const error = failure(exit)
        assert.instanceOf(error, ClientProxyConnectionError)
        assert.deepStrictEqual([error.reason, error.code], ["Connect", "ECONNRESET"])
        assert.isTrue(socket.destroyed)
      })
    )
  }

  it.scopedLive("can be a reset", () =>
    Effect.gen(function* () {
      const proxy = yield* scripted((socket) => socket.resetAndDestroy())
      const error = failure((yield* open(proxy.port)).exit)
      assert.instanceOf(error, ClientProxyConnectionError)
      assert.strictEqual(error.code, "ECONNRESET")
    })
  )

  it.scopedLive("can be a socket that is closed already", () =>
    Effect.gen(function* () {
      const proxy = yield* replying("HTTP/1.1 200 OK\r\n\r\n")
      const socket = yield* dial(proxy.port)
      socket.destroy()
      const { context } = yield* makeContext()
      const error = failure(yield* Effect.exit(tunnel(socket, proxyRoute(proxy.port), target, context, defaultLimits)))
      assert.instanceOf(error, ClientProxyConnectionError)
    })
  )

  it.scopedLive("can be bytes that look like the response to a plain http request in the tunnel", () =>
    Effect.gen(function* () {
      const proxy = yield* replying(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
      )
      const { exit, socket } = yield* open(proxy.port, {}, originOf("http", "a.test", 80))
      const error = failure(exit)
      assert.instanceOf(error, ClientProxyConnectionError)
      assert.strictEqual(error.code, "EPROTO")
      assert.isTrue(socket.destroyed)
    })
  )
})

describe("waiting for a CONNECT reply", () => {
  it.scoped("ends with timeout.proxy on the request's Clock", () =>
    Effect.gen(function* () {
      const proxy = yield* scripted(() => {})
      const socket = yield* dial(proxy.port)
      const before = listeners(socket)
      const { context, phases } = yield* makeContext({ proxy: 3000 })
      const fiber = yield* Effect.fork(
        Effect.exit(tunnel(socket, proxyRoute(proxy.port), target, context, defaultLimits))
      )
      yield* proxy.until(20)
      yield* TestClock.adjust("2999 millis")
      assert.isFalse(socket.destroyed)
      yield* TestClock.adjust("1 millis")
      const error = failure(yield* Fiber.join(fiber))
      assert.strictEqual(error._tag, "ConnectionTimeoutError")
      assert.strictEqual(error.phase, "proxy")
      assert.isTrue(error._tag === "ConnectionTimeoutError" && error.timeout === "proxy")
      assert.isTrue(socket.destroyed)
      assert.deepStrictEqual(listeners(socket), before)
      assert.deepStrictEqual(phases, ["+proxy", "-proxy"])
    })
  )

  it.scoped("is not extended by informational replies", () =>
    Effect.gen(function* () {
      let inform = () => {}
      const proxy = yield* scripted((peer) => {
        inform = () => peer.write("HTTP/1.1 103 Early\r\n\r\n")
      })
      const socket = yield* dial(proxy.port)
      const { context } = yield* makeContext({ proxy: 3000 })
      const fiber = yield* Effect.fork(
        Effect.exit(tunnel(socket, proxyRoute(proxy.port), target, context, defaultLimits))
      )
      yield* proxy.until(20)
      yield* TestClock.adjust("2 seconds")
      const informed = new Promise<void>((resolve) => socket.once("data", () => resolve()))
      inform()
      yield* Effect.promise(() => informed)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(failure(yield* Fiber.join(fiber))._tag, "ConnectionTimeoutError")
    })
  )

  it.scopedLive("ends at once if it is interrupted, and leaves nothing open", () =>
    Effect.gen(function* () {
      const proxy = yield* scripted(() => {})
      const socket = yield* dial(proxy.port)
      const before = listeners(socket)
      const { context, phases } = yield* makeContext({ proxy: 60_000 })
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const timersBefore = timers()
      const fiber = yield* Effect.fork(tunnel(socket, proxyRoute(proxy.port), target, context, defaultLimits))
      yield* proxy.until(20)
      const exit = yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.isTrue(socket.destroyed)
      assert.deepStrictEqual(listeners(socket), before)
      yield* until(() => timers() <= timersBefore)
      assert.deepStrictEqual(phases, ["+proxy", "-proxy"])
      yield* proxy.gone
    })
  )
})

describe("the CONNECT signals", () => {
  const watch = () => {
    const signals: Array<string> = []
    const trace: Trace = {
      offer: (facts) => void signals.push(`${facts._tag} ${"proxy" in facts ? facts.proxy : ""}`),
      emit: (facts) => Effect.sync(() => trace.offer(facts))
    }
    return { signals, trace }
  }

  it.scopedLive("are start and end, with the proxy's URL", () =>
    Effect.gen(function* () {
      const proxy = yield* replying("HTTP/1.1 200 OK\r\n\r\n")
      const socket = yield* dial(proxy.port)
      const { signals, trace } = watch()
      const { context } = yield* makeContext({}, trace)
      yield* tunnel(socket, proxyRoute(proxy.port, { authorization: "Basic s3cr3t" }), target, context, defaultLimits)
      const url = `http://127.0.0.1:${proxy.port}`
      assert.deepStrictEqual(signals, [`ProxyConnectStart ${url}`, `ProxyConnectEnd ${url}`])
    })
  )

  it.scopedLive("have no end after a failure", () =>
    Effect.gen(function* () {
      const proxy = yield* replying("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
      const socket = yield* dial(proxy.port)
      const { signals, trace } = watch()
      const { context } = yield* makeContext({}, trace)
      yield* Effect.exit(tunnel(socket, proxyRoute(proxy.port), target, context, defaultLimits))
      assert.deepStrictEqual(signals, [`ProxyConnectStart http://127.0.0.1:${proxy.port}`])
    })
  )
})
