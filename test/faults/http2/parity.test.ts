/** The same programs against a server over HTTP/1.1 and over HTTP/2: they get the same, except for what HTTP/2 lacks. */
import { gzipSync } from "node:zlib"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import * as Auth from "effect-http-session/Auth"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import * as Middleware from "effect-http-session/Middleware"
import * as Multipart from "effect-http-session/Multipart"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import * as Tracing from "effect-http-session/Tracing"
import { standard } from "../../support/certificates.js"
import { type EitherOptions, eitherSite } from "../../support/eitherSite.js"
import { sessionOn } from "../../support/session.js"
import { untilValue } from "../../support/wait.js"

type Answer = NonNullable<EitherOptions["answer"]>
type Route = (request: Parameters<Answer>[0], response: Parameters<Answer>[1], body: string) => void

/** Headers that a program can see in both versions. */
const own = (request: Parameters<Answer>[0]): Record<string, unknown> => {
  const left = new Set(["host", "connection", "keep-alive", "transfer-encoding", "content-length"])
  const fields = Object.entries(request.headers).filter(([name]) => !name.startsWith(":") && !left.has(name))
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)))
}

let attempts = 0

const routes: Record<string, Route> = {
  "/echo": (request, response, body) => {
    response.setHeader("Content-Type", "application/json; charset=utf-8")
    const authority = request.headers.host ?? request.headers[":authority"]
    response.end(JSON.stringify({ method: request.method, authority: typeof authority, body, headers: own(request) }))
  },
  "/host": (request, response) => response.end(request.headers.host ?? request.authority),
  "/missing": (_, response) => response.writeHead(404).end("no such thing"),
  "/moved": (_, response) => response.writeHead(302, { location: "/echo?moved", "set-cookie": "a=1" }).end(),
  "/see-other": (_, response) => response.writeHead(303, { location: "/echo" }).end(),
  "/temporary": (_, response) => response.writeHead(307, { location: "/echo" }).end(),
  "/gzip": (_, response) => {
    response.setHeader("Content-Encoding", "gzip")
    response.end(gzipSync("zipped ".repeat(100)))
  },
  "/nothing": (_, response) => response.writeHead(204).end(),
  "/private": (request, response) =>
    request.headers.authorization === undefined
      ? response.writeHead(401, { "www-authenticate": 'Basic realm="here"' }).end("who?")
      : response.end(request.headers.authorization),
  "/digest": (request, response) =>
    request.headers.authorization?.startsWith("Digest ") === true
      ? response.end("known")
      : response
          .writeHead(401, { "www-authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256' })
          .end(),
  "/tagged": (request, response) =>
    request.headers["if-none-match"] === '"1"'
      ? response.writeHead(304, { etag: '"1"' }).end()
      : response.writeHead(200, { etag: '"1"', "cache-control": "no-cache" }).end("tagged"),
  "/busy": (_, response) => {
    if (attempts++ % 2 === 0) response.writeHead(503, { "retry-after": "0" }).end("busy")
    else response.end("at last")
  },
  "/lines": (_, response) => {
    response.write("one\ntwo\n")
    response.end("three")
  },
  "/large": (_, response) => response.writeHead(200, { "content-length": 500_000 }).end("x".repeat(500_000)),
  "/repeated": (_, response) => {
    response.setHeader("Set-Cookie", ["a=1", "b=2"])
    response.setHeader("Link", '</next>; rel="next"')
    response.setHeader("X-Mixed-Case", "Kept")
    response.end()
  },
  "/trailers": (_, response) => {
    response.setHeader("Trailer", "X-Checked")
    response.write("body")
    response.addTrailers({ "X-Checked": "yes" })
    response.end()
  },
  "/early": (_, response) => {
    response.writeEarlyHints({ link: "</a.css>; rel=preload" })
    response.end("hinted")
  }
}

const answer: Answer = (request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const route = routes[request.url.split("?")[0]]
    if (route === undefined) response.writeHead(500).end()
    else route(request, response, Buffer.concat(chunks).toString())
  })
}

const bytes = (text: string) => new TextEncoder().encode(text)

type Program = (session: Session.SessionService, url: string) => Effect.Effect<unknown, ClientError | string>

const text =
  (path: string, options: ClientRequest.RequestOptions = {}, method = "GET"): Program =>
  (session, url) =>
    session.request(method, `${url}${path}`, { timeout: "15 seconds", ...options }).pipe(
      ClientResponse.use((response) =>
        Effect.map(response.text, (body) => ({
          status: response.status,
          ok: response.ok,
          body,
          type: response.contentType,
          path: new URL(response.url).pathname,
          history: response.history.map(({ status }) => status)
        }))
      )
    )

const failing =
  (path: string, options: ClientRequest.RequestOptions = {}): Program =>
  (session, url) =>
    session.get(`${url}${path}`, options).pipe(
      ClientResponse.text,
      Effect.flip,
      Effect.map((error) => [error._tag, error.message.replaceAll(/:\d+\//g, ":port/")])
    )

const programs: Record<string, Program> = {
  GET: text("/echo?a=1"),
  HEAD: text("/echo", {}, "HEAD"),
  OPTIONS: text("/echo", {}, "OPTIONS"),
  "PUT of text": text("/echo", { text: "put" }, "PUT"),
  "a POST of JSON": text("/echo", { json: { a: [1, 2] } }, "POST"),
  "a POST of a stream": text("/echo", { data: Stream.make(bytes("streamed "), bytes("body")) }, "POST"),
  "a POST of a form": text("/echo", { data: new URLSearchParams({ a: "1", b: "ü" }) }, "POST"),
  "a POST that is chunked": text("/echo", { text: "abc", chunked: true }, "POST"),
  "a POST that is compressed": text("/echo", { text: "abc", compress: true }, "POST"),
  "a POST of parts": text("/echo", { data: Multipart.make([Multipart.part("a", "1")], { boundary: "fixed" }) }, "POST"),
  "a POST that expects 100": text("/echo", { text: "abc", expect100: true }, "POST"),
  "headers in capitals": text("/echo", { headers: { "X-Custom-Header": "Value", ACCEPT: "text/x" } }),
  "headers about connections": text("/echo", { headers: { Connection: "keep-alive", "Keep-Alive": "timeout=5" } }),
  "a header twice": text("/echo", {
    headers: [
      ["x-a", "1"],
      ["x-a", "2"]
    ]
  }),
  "headers that are not ASCII": text("/echo", { headers: { "x-a": "grüße" } }),
  "a Host of its own": text("/host", { headers: { Host: "other.test" } }),
  "cookies of its own": text("/echo", { cookies: { a: "1", b: "2" } }),
  "404": text("/missing"),
  "404 that is an error": failing("/missing", { raiseForStatus: true }),
  "a redirect": text("/moved"),
  "a POST that becomes a GET": text("/see-other", { text: "abc" }, "POST"),
  "a POST that is sent again": text("/temporary", { text: "abc" }, "POST"),
  "too many redirects": failing("/moved", { maxRedirects: 0 }),
  gzip: text("/gzip"),
  "204": text("/nothing"),
  "a challenge": text("/private"),
  credentials: text("/private", { auth: Auth.basic("user", "pass") }),
  digest: (session, url) =>
    Effect.flatMap(Middleware.digest(Auth.basic("user", "pass")), (digest) =>
      text("/digest", { middlewares: [digest] })(session, url)
    ),
  "a retry": text("/busy", { middlewares: [Middleware.retry()] }),
  "a large body": text("/large"),
  "a body beyond its limit": failing("/large", { maxBodySize: 1000 }),
  lines: (session, url) =>
    session.get(`${url}/lines`).pipe(
      Effect.flatMap((response) => Stream.runCollect(response.lines)),
      Effect.map(Chunk.toReadonlyArray),
      Effect.scoped
    ),
  "repeated headers": (session, url) =>
    session
      .get(`${url}/repeated`)
      .pipe(
        ClientResponse.use((response) =>
          Effect.succeed([
            response.headers["x-mixed-case"],
            [...response.links.keys()],
            response.rawHeaders
              .map(([name, value]) => `${Buffer.from(name).toString().toLowerCase()}: ${Buffer.from(value)}`)
              .filter((line) => /^(set-cookie|link|x-)/.test(line))
          ])
        )
      ),
  trailers: (session, url) =>
    session.get(`${url}/trailers`).pipe(
      ClientResponse.use((response) =>
        Effect.zip(
          response.text,
          Effect.map(response.trailers, ({ ...all }) => all)
        )
      )
    ),
  "early hints": (session, url) =>
    session.get(`${url}/early`).pipe(
      ClientResponse.text,
      Tracing.collect,
      Effect.map(([body, signals]) => [
        body,
        signals.flatMap((signal) => (signal._tag === "ResponseInformational" ? [signal.status] : []))
      ])
    ),
  "a conditional request": text("/tagged", { headers: { "If-None-Match": '"1"' } }),
  "the cache": (session, url) =>
    Effect.gen(function* () {
      const middlewares = [yield* Middleware.cache()]
      const get = text("/tagged", { middlewares })
      return [yield* get(session, url), yield* get(session, url)]
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
}

const site = (version: "h2" | "http/1.1") =>
  Effect.gen(function* () {
    const set = yield* standard()
    const at = yield* eitherSite({ ...set.good, answer, selects: () => version })
    const { session } = yield* sessionOn({ ssl: yield* Ssl.context({ ca: set.ca }) })
    return { at, session }
  })

describe("a program over HTTP/2 gets what it gets over HTTP/1.1", () => {
  for (const [name, program] of Object.entries(programs)) {
    it.scopedLive(`for ${name}`, () =>
      Effect.gen(function* () {
        attempts = 0
        const [old, young] = [yield* site("http/1.1"), yield* site("h2")]
        const over1 = yield* program(old.session, old.at.url)
        const over2 = yield* program(young.session, young.at.url)
        assert.deepStrictEqual(over2, over1)
        assert.deepStrictEqual([[...new Set(old.at.spoken)], young.at.spoken], [["http/1.1"], ["h2"]])
      })
    )
  }
})

describe("a connector without options", () => {
  it.scopedLive("speaks HTTP/2 with a server that selects it, on one connection", () =>
    Effect.gen(function* () {
      const { at, session } = yield* site("h2")
      const [responses, signals] = yield* Effect.all(
        Effect.replicate(
          session
            .get(`${at.url}/echo`)
            .pipe(
              ClientResponse.use(({ connection, reason, text, version }) =>
                Effect.as(text, [version, reason, connection.protocol])
              )
            ),
          20
        ),
        { concurrency: "unbounded" }
      ).pipe(Tracing.collect)
      assert.deepStrictEqual([...new Set(responses.map((each) => each.join()))], ["2,,h2"])
      assert.deepStrictEqual(at.spoken, ["h2"])
      yield* untilValue(session.connector.stats, ({ acquired }) => acquired === 0)
      assert.deepInclude(yield* session.connector.stats, { acquired: 0, idle: 1, streams: 0 })
      const tags = signals.map(({ _tag }) => _tag)
      const count = (tag: Tracing.Signal["_tag"]) => tags.filter((each) => each === tag).length
      assert.deepStrictEqual(
        [count("ConnectionCreateEnd"), count("ConnectionReuseconn"), count("ConnectionReleased")],
        [1, 19, 20]
      )
    })
  )

  it.scopedLive("closes after a request with Connection: close, and speaks HTTP/1.1 for other versions", () =>
    Effect.gen(function* () {
      const { at, session } = yield* site("h2")
      yield* session.get(`${at.url}/echo`, { headers: { Connection: "close" } }).pipe(ClientResponse.text)
      yield* session.get(`${at.url}/echo`).pipe(ClientResponse.text)
      assert.deepStrictEqual(at.spoken, ["h2", "h2"])
    })
  )
})
