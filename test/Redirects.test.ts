/**
 * Redirects over real sockets: when they are followed, with which method and body, and to which URL.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stream } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as Errors from "effect-http-session/Errors"
import { failure, final, once, text } from "./support/redirects.js"
import * as Server from "./support/server.js"
import { asked, redirect, sessionWith, site } from "./support/sites.js"
import { timed } from "./support/time.js"

const { response } = Server

describe("the next hop of a redirect", () => {
  /** [status, method, expected request]: RFC 9110 section 15.4 and Fetch section 4.4. */
  const rows: ReadonlyArray<readonly [number, string, string]> = [
    [301, "GET", "GET "],
    [302, "GET", "GET "],
    [303, "GET", "GET "],
    [307, "GET", "GET "],
    [308, "GET", "GET "],
    [301, "POST", "GET "],
    [302, "POST", "GET "],
    [303, "POST", "GET "],
    [307, "POST", "POST payload"],
    [308, "POST", "POST payload"],
    [301, "PUT", "PUT payload"],
    [302, "PATCH", "PATCH payload"],
    [302, "DELETE", "DELETE payload"],
    [302, "QUERY", "QUERY payload"],
    [303, "PUT", "GET "],
    [303, "PATCH", "GET "],
    [303, "DELETE", "GET "],
    [307, "PUT", "PUT payload"],
    [308, "DELETE", "DELETE payload"],
    [301, "OPTIONS", "OPTIONS "],
    [303, "OPTIONS", "GET "]
  ]
  for (const [status, method, arrives] of rows) {
    it.scopedLive(`sends ${arrives} for ${status} after ${method}`, () =>
      Effect.gen(function* () {
        const at = yield* once(status)
        const { session } = yield* sessionWith()
        const body = method === "GET" || method === "OPTIONS" ? {} : { text: "payload" }
        assert.strictEqual(yield* text(session, method, at.to("a.test"), body), arrives)
        const [, last] = yield* at.requests
        const kept = arrives.endsWith("payload")
        assert.strictEqual(last?.header("content-type"), kept ? "text/plain; charset=utf-8" : undefined)
        assert.strictEqual(last?.header("content-length"), kept ? "7" : undefined)
      })
    )
  }

  it.scopedLive("has no headers about a body if it has no body, whether the request or the session set them", () =>
    Effect.gen(function* () {
      const at = yield* once(303)
      const { session } = yield* sessionWith({ headers: { "Content-Location": "/session", "X-Kept": "yes" } })
      const options: ClientRequest.RequestOptions = {
        data: Stream.make(Buffer.from("pay"), Buffer.from("load")),
        compress: "gzip",
        headers: { "Content-Type": "a/b", "Content-Language": "de", "Content-MD5": "x", Trailer: "X" }
      }
      assert.strictEqual(yield* text(session, "POST", at.to("a.test"), options), "GET ")
      const [first, last] = yield* at.requests
      assert.strictEqual(first?.header("transfer-encoding"), "chunked")
      const about = last?.headers.filter(([name]) => /^(?:content-|transfer-|expect|trailer)/i.test(name))
      assert.deepStrictEqual(about, [])
      assert.strictEqual(last?.header("x-kept"), "yes")
    })
  )

  it.scopedLive("is not sent after HEAD by default, and is a HEAD if redirects are allowed", () =>
    Effect.gen(function* () {
      const at = yield* site((request) => (request.target === "/end" ? response(204) : redirect(303, "/end")))
      const { session } = yield* sessionWith()
      const unfollowed = yield* final(session.head(at.to("a.test")))
      assert.strictEqual(unfollowed.status, 303)
      assert.deepStrictEqual(unfollowed.history, [])
      const followed = yield* session.head(at.to("a.test"), { allowRedirects: true }).pipe(ClientResponse.discard)
      assert.strictEqual(followed.status, 204)
      assert.deepStrictEqual(asked(at), ["HEAD /", "HEAD /", "HEAD /end"])
    })
  )

  const replayed: ReadonlyArray<readonly [string, ClientRequest.RequestOptions]> = [
    ["text", { text: "payload" }],
    ["bytes", { data: Buffer.from("payload") }],
    ["a stream that can run again", { data: Stream.make(Buffer.from("pay"), Buffer.from("load")) }],
    ["a form", { data: { pay: "load" } }]
  ]
  for (const [what, options] of replayed) {
    it.scopedLive(`sends ${what} completely to each hop`, () =>
      Effect.gen(function* () {
        const at = yield* site((request) =>
          request.target === "/3"
            ? response(200, request.body)
            : redirect(308, `/${Number(request.target.slice(1)) + 1}`)
        )
        const { session } = yield* sessionWith()
        const last = yield* text(session, "POST", at.to("a.test", "/1"), options)
        const bodies = (yield* at.requests).map((request) => request.body)
        assert.strictEqual(bodies.length, 3)
        assert.deepStrictEqual([...new Set(bodies)], [last])
        assert.match(last, /^(?:payload|pay=load)$/)
      })
    )
  }

  it.scopedLive("fails instead of sending a second time a body that can be read once", () =>
    Effect.gen(function* () {
      const at = yield* once(307)
      const { session } = yield* sessionWith()
      const data = ClientRequest.oneShot(Stream.make(Buffer.from("payload")))
      const exit = yield* Effect.exit(text(session, "POST", at.to("a.test"), { data }))
      const error = failure(exit, "RequestBodyError")
      assert.strictEqual(error.reason, "NotReplayable")
      assert.isFalse(Errors.isRetryable(error))
      assert.deepStrictEqual(asked(at), ["POST /"])
      const again = ClientRequest.oneShot(Stream.make(Buffer.from("payload")))
      const other = yield* once(303)
      assert.strictEqual(yield* text(session, "POST", other.to("a.test"), { data: again }), "GET ")
    })
  )
})

describe("the number of redirects", () => {
  const loop = site((request) => redirect(302, `/${Number(request.target.slice(1)) + 1}`))

  for (const [limit, hops] of [
    [undefined, 10],
    [0, 0],
    [1, 1],
    [3, 3]
  ] as const) {
    it.scopedLive(`is at most ${limit}: follows ${hops} and fails with the history`, () =>
      Effect.gen(function* () {
        const at = yield* loop
        const { connector, session } = yield* sessionWith()
        const exit = yield* Effect.exit(text(session, "GET", at.to("a.test", "/0"), { maxRedirects: limit }))
        const error = failure(exit, "TooManyRedirects")
        assert.strictEqual(error.limit, hops)
        assert.deepStrictEqual(
          error.history.map((hop) => [hop.status, hop.url]),
          Array.from({ length: hops + 1 }, (_, i) => [302, at.to("a.test", `/${i}`)])
        )
        assert.strictEqual((yield* at.requests).length, hops + 1)
        assert.isFalse(Errors.isRetryable(error))
        const stats = yield* connector.stats
        assert.deepInclude(stats, { acquired: 0, waiting: 0, idle: 1 })
      })
    )
  }

  it.scopedLive("is ten by default", () =>
    Effect.gen(function* () {
      const at = yield* site((request) =>
        request.target === "/10" ? response(200, "end") : redirect(302, `/${Number(request.target.slice(1)) + 1}`)
      )
      const { session } = yield* sessionWith()
      const last = yield* final(session.get(at.to("a.test", "/0")))
      assert.strictEqual(last.history.length, 10)
      assert.strictEqual(yield* at.accepted, 1)
    })
  )

  it.scopedLive("is unlimited with Infinity until the total limit expires", () =>
    Effect.gen(function* () {
      const at = yield* site((request) =>
        request.target === "/60" ? response(200, "end") : redirect(302, `/${Number(request.target.slice(1)) + 1}`)
      )
      const { session } = yield* sessionWith()
      assert.strictEqual(yield* text(session, "GET", at.to("a.test", "/0"), { maxRedirects: Infinity }), "end")
      const exit = yield* Effect.exit(
        text(session, "GET", (yield* loop).to("a.test", "/0"), { maxRedirects: Infinity, timeout: "200 millis" })
      )
      failure(exit, "TotalTimeoutError")
    })
  )

  it.scopedLive("limits a loop of two hosts", () =>
    Effect.gen(function* () {
      const other: { to?: string } = {}
      const a = yield* site(() => redirect(302, other.to ?? "/"))
      const b = yield* site(() => redirect(302, a.to("a.test")))
      other.to = b.to("b.test")
      const { connector, session } = yield* sessionWith()
      const error = failure(yield* Effect.exit(text(session, "GET", a.to("a.test"))), "TooManyRedirects")
      assert.strictEqual(error.history.length, 11)
      assert.deepInclude(yield* connector.stats, { acquired: 0, waiting: 0, idle: 2 })
    })
  )

  it.scopedLive(
    "is zero with allowRedirects: false, which returns the redirect with its body and without history",
    () =>
      Effect.gen(function* () {
        const at = yield* once(302, "/end", [], "moved there")
        const { session } = yield* sessionWith()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const found = yield* session.get(at.to("a.test"), { allowRedirects: false })
            assert.strictEqual(found.status, 302)
            assert.deepStrictEqual(found.history, [])
            assert.deepStrictEqual(found.header("location"), Option.some("/end"))
            assert.strictEqual(yield* found.text, "moved there")
          })
        )
        assert.deepStrictEqual(asked(at), ["GET /"])
      })
  )

  for (const status of [300, 304, 305, 306, 309, 399]) {
    it.scopedLive(`does not count ${status}, which is not followed`, () =>
      Effect.gen(function* () {
        const at = yield* site(() =>
          status === 304 ? "HTTP/1.1 304 Same\r\nLocation: /end\r\n\r\n" : redirect(status, "/end")
        )
        const { session } = yield* sessionWith()
        const last = yield* session.get(at.to("a.test")).pipe(ClientResponse.discard)
        assert.strictEqual(last.status, status)
      })
    )
  }
})

describe("the target of a redirect", () => {
  /** [Location, the requested URL], from http://a.test:PORT/dir/page?q=1#part */
  const rows: ReadonlyArray<readonly [location: string, host: string, target: string]> = [
    ["/abs", "a.test", "/abs"],
    ["rel", "a.test", "/dir/rel"],
    ["../up", "a.test", "/up"],
    ["./", "a.test", "/dir/"],
    ["?x=2", "a.test", "/dir/page?x=2"],
    ["//b.test:PORT/p", "b.test", "/p"],
    ["\\\\b.test:PORT\\p", "b.test", "/p"],
    ["/\\b.test:PORT/p", "b.test", "/p"],
    ["http:same", "a.test", "/dir/same"],
    ["HTTP://B.TEST:PORT/p", "b.test", "/p"],
    ["http://b.test:PORT", "b.test", "/"],
    ["http://b.test:PORT?only=query", "b.test", "/?only=query"],
    ["/a\tb", "a.test", "/ab"],
    ["/a b", "a.test", "/a%20b"],
    ["/café", "a.test", "/caf%C3%A9"],
    ["/%zz", "a.test", "/%zz"],
    ["/%7Ea%2fb c", "a.test", "/%7Ea%2fb%20c"],
    ["  /trimmed  ", "a.test", "/trimmed"]
  ]
  for (const [location, host, target] of rows) {
    it.scopedLive(`is resolved from ${JSON.stringify(location)}`, () =>
      Effect.gen(function* () {
        let port = 0
        const at = yield* site((request) =>
          request.target === "/dir/page?q=1"
            ? redirect(302, location.replace("PORT", String(port)))
            : response(200, "end")
        )
        port = at.port
        const { session } = yield* sessionWith()
        const last = yield* session.get(at.to("a.test", "/dir/page?q=1#part")).pipe(ClientResponse.discard)
        assert.strictEqual(last.url, at.to(host, target))
        const [, second] = yield* at.requests
        assert.strictEqual(second?.target, target)
        assert.strictEqual(second?.header("host"), `${host}:${at.port}`)
      })
    )
  }

  const refused: ReadonlyArray<readonly [location: string, reason: Errors.InvalidURL["reason"]]> = [
    ["file:///etc/passwd", "Scheme"],
    ["data:text/plain,x", "Scheme"],
    ["javascript:alert(1)", "Scheme"],
    ["ftp://a.test/", "Scheme"],
    ["unix:/run/docker.sock", "Scheme"],
    ["http+unix://%2Frun%2Fdocker.sock/", "Scheme"],
    ["ws://a.test/", "Scheme"],
    ["skype:someone", "Scheme"],
    ["http://", "Syntax"],
    ["http:////", "Syntax"],
    ["http:///a.test/x", "Host"],
    ["http:/a.test", "Host"],
    ["http://:80/", "Syntax"],
    ["http://a.test:99999/", "Syntax"],
    ["http://[::1/", "Syntax"],
    ["http://[::1%25.example.com]/", "Syntax"],
    ["http://a b/", "Syntax"]
  ]
  for (const [location, reason] of refused) {
    it.scopedLive(`is refused: ${location}`, () =>
      Effect.gen(function* () {
        const at = yield* once(302, location)
        const { connector, session } = yield* sessionWith()
        const error = failure(yield* Effect.exit(text(session, "GET", at.to("a.test"))), "InvalidURL")
        assert.strictEqual(error.reason, reason)
        assert.isTrue(error.redirect)
        assert.isFalse(Errors.isRetryable(error))
        assert.deepStrictEqual(asked(at), ["GET /"])
        assert.deepInclude(yield* connector.stats, { acquired: 0, waiting: 0, idle: 1 })
      })
    )
  }

  it.scopedLive("is a DNS name like any other for http://unix:/…", () =>
    Effect.gen(function* () {
      const at = yield* once(302, "http://unix:/run/docker.sock:/containers")
      const looked: Array<string> = []
      const { session } = yield* sessionWith(
        {},
        {
          connector: {
            resolver: {
              resolve: (host) => {
                looked.push(host)
                return host === "unix"
                  ? Effect.fail(new Errors.ClientConnectorDNSError({ host, code: "ENOTFOUND" }))
                  : Effect.succeed([{ address: "127.0.0.1", family: 4 }])
              }
            }
          }
        }
      )
      const exit = yield* Effect.exit(text(session, "GET", at.to("a.test")))
      assert.strictEqual(failure(exit, "ClientConnectorDNSError").host, "unix")
      assert.deepStrictEqual(looked, ["a.test", "unix"])
    })
  )

  for (const [what, lines] of [
    ["missing", []],
    ["empty", ["Location:"]],
    ["white space", ["Location:  \t "]]
  ] as const) {
    it.scopedLive(`makes the response final if Location is ${what}`, () =>
      Effect.gen(function* () {
        const at = yield* site(() => response(302, "not moved", lines))
        const { session } = yield* sessionWith({ raiseForStatus: true })
        assert.strictEqual(yield* text(session, "GET", at.to("a.test")), "not moved")
      })
    )
  }

  it.scopedLive("is refused if two Locations differ, and followed if they are equal", () =>
    Effect.gen(function* () {
      const { session } = yield* sessionWith()
      const differ = yield* once(302, "/end", ["Location: /other"])
      const error = failure(yield* Effect.exit(text(session, "GET", differ.to("a.test"))), "InvalidURL")
      assert.isTrue(error.redirect)
      assert.deepStrictEqual(asked(differ), ["GET /"])
      const same = yield* once(302, "/end", ["Location: /end"])
      assert.strictEqual(yield* text(session, "GET", same.to("a.test")), "GET ")
    })
  )

  for (const [first, location, realUrl] of [
    ["/#one", "/end", "/end#one"],
    ["/#one", "/end#two", "/end#two"],
    ["/#one", "/end#", "/end#"],
    ["/", "/end#two", "/end#two"]
  ] as const) {
    it.scopedLive(`has the fragment of ${first} to ${location} in realUrl, which is not sent`, () =>
      Effect.gen(function* () {
        const at = yield* once(302, location)
        const { session } = yield* sessionWith()
        const last = yield* session.get(at.to("a.test", first)).pipe(ClientResponse.discard)
        assert.strictEqual(last.realUrl, at.to("a.test", realUrl))
        assert.strictEqual(last.url, at.to("a.test", "/end"))
        assert.deepStrictEqual(asked(at), ["GET /", "GET /end"])
      })
    )
  }

  it.scopedLive("does not get the params of the first hop", () =>
    Effect.gen(function* () {
      const at = yield* once(302, "/end?own=1")
      const { session } = yield* sessionWith()
      yield* text(session, "GET", at.to("a.test", "/x?a=1"), { params: { b: "2" } })
      assert.deepStrictEqual(asked(at), ["GET /x?a=1&b=2", "GET /end?own=1"])
    })
  )

  const requoting: ReadonlyArray<readonly [option: boolean | undefined, target: string]> = [
    [undefined, "/end%7Ea%2fb?x=%7e"],
    [false, "/end%7Ea%2fb?x=%7e"],
    [true, "/end~a%2Fb?x=~"]
  ]
  for (const [requoteRedirectUrl, target] of requoting) {
    it.scopedLive(`requests ${target} with requoteRedirectUrl: ${requoteRedirectUrl}`, () =>
      Effect.gen(function* () {
        const at = yield* once(302, "/end%7Ea%2fb?x=%7e")
        const { session } = yield* sessionWith({ requoteRedirectUrl })
        yield* text(session, "GET", at.to("a.test"))
        assert.deepStrictEqual(asked(at), ["GET /", `GET ${target}`])
      })
    )
  }

  it.scopedLive("encodes a Location in Latin-1 octet by octet", () =>
    Effect.gen(function* () {
      const head = "HTTP/1.1 302 Found\r\nLocation: /caf\xe9?q=\xe9%e9\r\nContent-Length: 0\r\n\r\n"
      const at = yield* Server.always((peer) =>
        Effect.forever(
          Effect.flatMap(peer.request, ({ target }) =>
            peer.send(target === "/" ? Buffer.from(head, "latin1") : response(200, "end"))
          )
        )
      )
      const { session } = yield* sessionWith()
      const last = yield* session.get(at.url).pipe(ClientResponse.discard)
      assert.strictEqual(last.url, `${at.url}/caf%E9?q=%E9%e9`)
      assert.deepStrictEqual(
        (yield* at.requests).map(({ target }) => target),
        ["/", "/caf%E9?q=%E9%e9"]
      )
    })
  )
})

describe("redirects over a Unix socket", () => {
  it.scopedLive("stay on the socket for every host", () =>
    Effect.gen(function* () {
      const { createServer } = yield* Effect.promise(() => import("node:http"))
      const { mkdtemp, rm } = yield* Effect.promise(() => import("node:fs/promises"))
      const { tmpdir } = yield* Effect.promise(() => import("node:os"))
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(`${tmpdir()}/redirects-`)),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const hosts: Array<string | undefined> = []
      const path = `${directory}/s`
      yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((request, reply) => {
            hosts.push(request.headers.host)
            if (request.url === "/") reply.writeHead(302, { location: "http://elsewhere.test/end" }).end()
            else reply.end("on the socket")
          })
          server.listen(path, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const { layerWithoutDependencies, Session } = yield* Effect.promise(() => import("effect-http-session/Session"))
      const { layer: layerJar } = yield* Effect.promise(() => import("effect-http-session/CookieJar"))
      const body = yield* Effect.flatMap(Session, (session) => text(session, "GET", "http://docker.test/")).pipe(
        Effect.provide(layerWithoutDependencies().pipe(Layer.provide([Connector.layerUnix({ path }), layerJar()])))
      )
      assert.strictEqual(body, "on the socket")
      assert.deepStrictEqual(hosts, ["docker.test", "elsewhere.test"])
    })
  )
})

describe("the body of a hop", () => {
  const sizes: ReadonlyArray<readonly [what: string, play: (location: string) => Server.Play, reused: boolean]> = [
    ["empty", (to) => Server.send(redirect(302, to)), true],
    ["small", (to) => Server.send(redirect(302, to, [], "x".repeat(10_000))), true],
    [
      "small and chunked",
      (to) =>
        Server.send(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`),
      true
    ],
    [
      "large",
      (to) =>
        Server.send(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 10000000\r\n\r\n${"x".repeat(100)}`),
      false
    ],
    [
      "incomplete and stalls",
      (to) => Server.send(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 10\r\n\r\n123`),
      false
    ]
  ]
  for (const [what, play, reused] of sizes) {
    it.scopedLive(`is ${what}, so that the connection is ${reused ? "reused" : "closed"}`, () =>
      Effect.gen(function* () {
        const at = yield* Server.server([Server.plays(Server.request, play("/nonce?end"))])
        const { connector, session } = yield* sessionWith()
        const { active, value } = yield* timed(text(session, "GET", `http://a.test:${at.port}/`))
        assert.strictEqual(value, "end")
        assert.isBelow(active, 3000)
        if (reused) assert.strictEqual(yield* at.accepted, 1)
        else assert.strictEqual(yield* at.accepted, 2)
        assert.deepInclude(yield* connector.stats, { waiting: 0 })
      })
    )
  }
})
