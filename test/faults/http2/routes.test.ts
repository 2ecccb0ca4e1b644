/** HTTP/2 through tunnels, over Unix sockets and across redirects, and its signals and spans. */
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http2"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Har from "effect-http-session/Har"
import * as Proxy from "effect-http-session/Proxy"
import * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import * as Testing from "effect-http-session/Testing"
import * as Tracing from "effect-http-session/Tracing"
import { standard } from "../../support/certificates.js"
import { eitherSite } from "../../support/eitherSite.js"
import { block } from "../../support/h2Fields.js"
import { data, Flag, headers } from "../../support/h2Frames.js"
import { answers, type H2Play, h2Always, handshake } from "../../support/h2Server.js"
import { echoed, itH2Fault } from "../../support/itH2Fault.js"
import { proxyServer } from "../../support/proxyServer.js"
import * as Server from "../../support/server.js"
import { sessionOn } from "../../support/session.js"
import { keepingTracer } from "../../support/tracers.js"

describe("a tunnel", () => {
  for (const kind of ["http", "https", "socks"] as const) {
    it.scopedLive(`through a proxy of kind ${kind} carries HTTP/2 on one connection`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const site = yield* eitherSite(set.good)
        const proxy = yield* proxyServer({ kind, ...(kind === "https" ? { tls: set.good } : {}) })
        const ssl = yield* Ssl.context({ ca: set.ca })
        const { session } = yield* sessionOn({ http2: true, ssl })
        const get = (target: string) =>
          session
            .get(`${site.url}${target}`, { proxy: kind === "https" ? Proxy.make(proxy.url, { ssl }) : proxy.url })
            .pipe(ClientResponse.text)
        const texts = yield* Effect.all([get("/a"), get("/b"), get("/c")], { concurrency: "unbounded" })
        assert.deepStrictEqual(texts, ["2.0 /a", "2.0 /b", "2.0 /c"])
        assert.deepStrictEqual(site.spoken, ["h2"])
        assert.strictEqual(proxy.seen.length, 1)
      })
    )
  }

  it.scopedLive("is opened for http with prior knowledge, and not otherwise", () =>
    Effect.gen(function* () {
      const server = createServer((_request, response) => void response.end("2"))
      yield* Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const proxy = yield* proxyServer()
      const { session } = yield* sessionOn({ http2: { mode: "prior-knowledge" } })
      for (const { url } of [proxy, yield* proxyServer({ kind: "socks" })]) {
        const text = session.get(`http://127.0.0.1:${port}/`, { proxy: url }).pipe(ClientResponse.text)
        assert.strictEqual(yield* text, "2")
      }
      assert.deepStrictEqual(
        proxy.seen.map(({ method }) => method),
        ["CONNECT"]
      )
      const plain = yield* Server.always(Server.answers(() => Server.response(200, "1")))
      const { session: auto } = yield* sessionOn({ http2: true })
      assert.strictEqual(yield* auto.get(plain.url, { proxy: proxy.url }).pipe(ClientResponse.text), "1")
      assert.strictEqual(proxy.seen[1]?.method, "GET")
    })
  )
})

describe("requests of different identities", () => {
  it.scopedLive("do not share a connection", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const site = yield* eitherSite(set.good)
      const { session } = yield* sessionOn({ http2: true })
      const plain = yield* Ssl.context({ ca: set.ca })
      const device = yield* Ssl.context({ ca: set.ca, cert: set.client.cert, key: set.client.key })
      const [first, second] = [yield* proxyServer(), yield* proxyServer()]
      const ways: ReadonlyArray<ClientRequest.RequestOptions> = [
        { ssl: plain },
        { ssl: device },
        { ssl: Ssl.fingerprint(set.good.sha256) },
        { ssl: Ssl.fingerprint(set.good.sha256, { context: device }) },
        { ssl: plain, serverHostname: "127.0.0.1" },
        { ssl: plain, proxy: first.url },
        { ssl: plain, proxy: second.url }
      ]
      for (const _ of [1, 2]) {
        for (const options of ways) {
          assert.strictEqual(yield* session.get(site.url, options).pipe(ClientResponse.text), "2.0 /")
        }
      }
      assert.strictEqual(site.spoken.length, ways.length)
    })
  )
})

describe("a redirect", () => {
  it.scopedLive("from HTTP/2 to HTTP/1.1 and back is followed with cookies", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const cookies: Array<string | undefined> = []
      let target = ""
      const site = yield* eitherSite({
        ...set.good,
        answer: (request, response) => {
          request.resume()
          cookies.push(request.headers.cookie)
          if (request.url === "/end") response.end(`${request.httpVersion} end`)
          else response.writeHead(302, { location: target, "set-cookie": "a=1; Path=/" }).end("moved")
        }
      })
      const old = yield* eitherSite({
        ...set.good,
        selects: () => "http/1.1",
        answer: (request, response) => {
          request.resume()
          response.writeHead(302, { location: `${site.url}/end` }).end()
        }
      })
      target = `${old.url}/old`
      const { session } = yield* sessionOn({ http2: true, ssl: yield* Ssl.context({ ca: set.ca }) })
      const response = yield* session.get(`${site.url}/begin`)
      assert.strictEqual(yield* response.text, "2.0 end")
      assert.deepStrictEqual(
        response.history.map(({ status, version }) => [status, version]),
        [
          [302, "2"],
          [302, "1.1"]
        ]
      )
      assert.deepStrictEqual(cookies, [undefined, "a=1"])
      assert.deepStrictEqual([site.spoken, old.spoken], [["h2"], ["http/1.1"]])
    })
  )
})

describe("signals, spans and archives", () => {
  itH2Fault("of two requests on one connection have its version and the stream ids", answers(echoed), (session, at) =>
    Effect.gen(function* () {
      const { kept, tracer } = keepingTracer()
      const both = Effect.all(
        [session.get(`${at.url}/a`).pipe(ClientResponse.text), session.get(`${at.url}/b`).pipe(ClientResponse.text)],
        { concurrency: "unbounded" }
      )
      const [, signals] = yield* both.pipe(Tracing.collect, Effect.withTracer(tracer))
      const of = <T extends Tracing.Signal["_tag"]>(tag: T) =>
        signals.filter((signal): signal is Extract<Tracing.Signal, { _tag: T }> => signal._tag === tag)
      assert.deepStrictEqual(
        of("ConnectionCreateEnd").map(({ protocol }) => protocol),
        ["h2"]
      )
      assert.deepStrictEqual(
        of("ConnectionReuseconn").map(({ idle }) => idle),
        [0]
      )
      assert.deepStrictEqual([of("ConnectionQueuedStart").length, of("ConnectionQueuedEnd").length], [1, 1])
      assert.strictEqual(of("ConnectionReleased").length, 2)
      assert.deepStrictEqual(
        of("RequestEnd").map(({ response }) => [response.version, response.reason]),
        [
          ["2", ""],
          ["2", ""]
        ]
      )
      assert.deepStrictEqual(
        of("ResponseEnd")
          .map(({ streamId }) => streamId)
          .sort(),
        [1, 3]
      )
      assert.deepStrictEqual(
        kept.map(({ attributes }) => attributes.get("network.protocol.version")),
        ["2", "2"]
      )
      const { entries } = Har.fromSignals(signals).log
      for (const entry of entries) {
        assert.deepInclude(entry.request, { httpVersion: "HTTP/2" })
        assert.deepInclude(entry.response, { httpVersion: "HTTP/2", statusText: "" })
      }
      assert.deepStrictEqual(
        entries.map(({ _streamId }) => _streamId),
        [1, 3]
      )
      assert.strictEqual(new Set(entries.map(({ connection }) => connection)).size, 1)
    })
  )

  it.effect("and curl commands show the version that a session needs", () =>
    Effect.gen(function* () {
      const shown: Array<string> = []
      for (const [version, url] of [
        ["1.1", "https://a.test/"],
        ["2", "https://a.test/"],
        ["2", "http://a.test/"]
      ] as const) {
        const layer = Session.layerWithoutDependencies({
          version,
          middlewares: [
            (request, next) => {
              shown.push(ClientRequest.toCurl(request))
              return next(request)
            }
          ]
        }).pipe(Layer.provide([Connector.layerMock(() => new Response("ok")), CookieJar.layer()]))
        yield* Session.get(url).pipe(ClientResponse.text, Effect.provide(layer))
      }
      assert.deepStrictEqual(shown, [
        "curl -X 'GET' --globoff --path-as-is 'https://a.test/'",
        "curl --http2 -X 'GET' --globoff --path-as-is 'https://a.test/'",
        "curl --http2-prior-knowledge -X 'GET' --globoff --path-as-is 'http://a.test/'"
      ])
    })
  )
})

describe("a cassette", () => {
  it.scopedLive("keeps responses over HTTP/2 and plays them", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "h2-"))),
        (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
      )
      const path = join(folder, "cassette.json")
      const at = yield* h2Always(answers(echoed))
      const both = Effect.flatMap(Session.Session, (session) =>
        Effect.forEach(
          ["/a", "/b"],
          (target) =>
            session
              .get(`${at.url}${target}`)
              .pipe(ClientResponse.use((response) => Effect.map(response.text, (text) => [response.version, text]))),
          { concurrency: "unbounded" }
        )
      )
      const using = (inner: Layer.Layer<Connector.Connector, unknown>) =>
        Effect.provide(both, Session.layerWithoutDependencies().pipe(Layer.provide([inner, CookieJar.layer()])))
      const real = Connector.layerTcp({ http2: { mode: "prior-knowledge" } })
      const expected = [
        ["2", "/a"],
        ["2", "/b"]
      ]
      assert.deepStrictEqual(
        yield* using(Testing.layerRecord(path).pipe(Layer.provide([real, NodeFileSystem.layer]))),
        expected
      )
      assert.deepStrictEqual(
        yield* using(Testing.layerReplay(path).pipe(Layer.provide(NodeFileSystem.layer))),
        expected
      )
      assert.strictEqual((yield* at.requests).length, 2)
    })
  )
})

describe("prior knowledge", () => {
  it.scopedLive("works over a Unix socket", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "h2-"))),
        (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
      )
      const path = join(folder, "socket")
      const server = createServer((request, response) => void response.end(`${request.httpVersion} ${request.url}`))
      yield* Effect.async<void>((resume) => {
        server.listen(path, () => resume(Effect.void))
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      const connector = yield* Connector.unix({ path, http2: { mode: "prior-knowledge" } })
      const session = yield* Session.make().pipe(
        Effect.provideService(Connector.Connector, connector),
        Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
      )
      const texts = yield* Effect.all(
        ["/a", "/b"].map((target) => session.get(`http://any.test${target}`).pipe(ClientResponse.text)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(texts, ["2.0 /a", "2.0 /b"])
    })
  )

  it.scopedLive("fails at a server that speaks HTTP/1.1, and the error shows its answer", () =>
    Effect.gen(function* () {
      const at = yield* Server.always((peer) =>
        Effect.zipRight(peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"), peer.fin)
      )
      const { session } = yield* sessionOn({ http2: { mode: "prior-knowledge" } })
      const error = yield* Effect.flip(session.get(at.url).pipe(ClientResponse.text))
      assert.deepInclude(error, { _tag: "BadHttpMessage", reason: "Framing" })
      if (error._tag === "BadHttpMessage") assert.include(error.message, "HTTP/1")
    })
  )
})

/** Answers each DATA with the same, and ends with trailers. */
const echoes: H2Play = (peer) =>
  Effect.gen(function* () {
    yield* handshake()(peer)
    const { stream } = yield* peer.head
    yield* peer.send(headers(stream, block(":status", "200", "content-type", "application/grpc")))
    for (;;) {
      const frame = yield* peer.frame("DATA", stream)
      if (frame.payload.length > 0) yield* peer.send(data(stream, frame.payload))
      if ((frame.flags & Flag.END_STREAM) !== 0) break
    }
    yield* peer.send(headers(stream, block("grpc-status", "0"), { end: true }))
  })

describe("streams in both directions", () => {
  itH2Fault(
    "run at the same time, and trailers of the response can be read",
    echoes,
    (session, at) =>
      Effect.gen(function* () {
        const said: Array<string> = []
        let reply: (text: string) => void = () => {}
        // Each message is sent only after the answer to the one before.
        const questions = Stream.async<Uint8Array>((emit) => {
          const encoder = new TextEncoder()
          reply = (text) => {
            if (text === "3") void emit.end()
            else void emit.single(encoder.encode(String(Number(text) + 1)))
          }
          reply("0")
        })
        const response = yield* session.post(`${at.url}/service/method`, {
          data: questions,
          headers: { "content-type": "application/grpc", te: "trailers" }
        })
        yield* Stream.runForEach(response.stream, (chunk) =>
          Effect.sync(() => {
            const text = Buffer.from(chunk).toString()
            said.push(text)
            reply(text)
          })
        )
        assert.deepStrictEqual(said, ["1", "2", "3"])
        const trailers = yield* response.trailers
        assert.strictEqual(trailers["grpc-status"], "0")
      }),
    undefined,
    { followUp: false }
  )
})
