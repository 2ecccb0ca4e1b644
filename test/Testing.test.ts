import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Redacted, Scope, Stream, TestClock } from "effect"
import * as Auth from "../src/Auth.js"
import * as ClientResponse from "../src/ClientResponse.js"
import * as Connector from "../src/Connector.js"
import * as CookieJar from "../src/CookieJar.js"
import type * as Errors from "../src/Errors.js"
import * as Multipart from "../src/Multipart.js"
import * as Session from "../src/Session.js"
import * as Testing from "../src/Testing.js"
import { untilValue } from "./support/wait.js"

const url = "https://api.example/"

const over = (handler: Connector.MockHandler) =>
  Session.layerWithoutDependencies().pipe(Layer.provide([Connector.layerMock(handler), CookieJar.layer()]))

describe("the faults", () => {
  const failure = (handler: Connector.MockHandler): Effect.Effect<Errors.ClientError> =>
    Session.get(url).pipe(ClientResponse.text, Effect.flip, Effect.provide(over(handler)), Effect.orDieWith(String))

  const rows: ReadonlyArray<readonly [keyof typeof Testing.faults, Connector.MockHandler, object]> = [
    [
      "refused",
      () => Testing.faults.refused,
      { _tag: "ClientConnectorError", code: "ECONNREFUSED", reason: "Connect" }
    ],
    ["dnsNotFound", () => Testing.faults.dnsNotFound, { _tag: "ClientConnectorDNSError", code: "ENOTFOUND" }],
    [
      "certificateExpired",
      () => Testing.faults.certificateExpired,
      { _tag: "ClientConnectorSSLError", reason: "Expired", code: "CERT_HAS_EXPIRED" }
    ],
    [
      "wrongHost",
      () => Testing.faults.wrongHost,
      { _tag: "ClientConnectorCertificateError", reason: "HostnameMismatch" }
    ],
    [
      "disconnected",
      () => Testing.faults.disconnected,
      { _tag: "ServerDisconnectedError", received: 0, reused: false }
    ],
    [
      "resetAfter",
      () => Testing.faults.resetAfter("12345"),
      { _tag: "ClientPayloadError", reason: "Incomplete", received: 5 }
    ]
  ]
  for (const [name, handler, expected] of rows) {
    it.effect(`name the request that meets ${name}`, () =>
      Effect.gen(function* () {
        const error = yield* failure(handler)
        assert.deepInclude({ ...error }, { ...expected, method: "GET", url, host: "api.example", port: 443 })
        assert.include(error.message, "api.example")
      })
    )
  }

  it.effect("include wrongHost, whose certificate is for another name", () =>
    Effect.gen(function* () {
      const error = yield* failure(() => Testing.faults.wrongHost)
      assert.deepStrictEqual("certificate" in error ? error.certificate?.names : undefined, ["wrong.host.invalid"])
    })
  )

  it.effect("include resetAfter, which delivers the bytes before it", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const exit = yield* Session.get(url).pipe(
        ClientResponse.stream,
        Stream.tap((chunk) => Effect.sync(() => seen.push(chunk.length))),
        Stream.runDrain,
        Effect.exit,
        Effect.provide(over(() => Testing.faults.resetAfter(Uint8Array.of(1, 2, 3))))
      )
      assert.deepStrictEqual(seen, [3])
      assert.isTrue(Exit.isFailure(exit))
    })
  )

  it.effect("include stall, which never answers", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(failure(() => Testing.faults.stall))
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TotalTimeoutError")
    })
  )

  it.effect("work for any number of requests", () =>
    Effect.gen(function* () {
      const layer = over(() => Testing.faults.refused)
      const errors = yield* Effect.forEach(["a", "b"], (host) =>
        Session.get(`http://${host}.example/`).pipe(ClientResponse.text, Effect.flip)
      ).pipe(Effect.provide(layer))
      assert.deepStrictEqual(
        errors.map((error) => ("host" in error ? error.host : undefined)),
        ["a.example", "b.example"]
      )
    })
  )
})

describe("expectations", () => {
  const run = <A, E>(list: ReadonlyArray<Testing.Expectation>, program: Effect.Effect<A, E, Session.Session>) =>
    Effect.gen(function* () {
      const { handler, verify } = yield* Testing.expectations(list)
      const value = yield* Effect.provide(program, over(handler))
      return [value, yield* Effect.either(verify)] as const
    })
  const text = (path: string) => Session.get(url + path).pipe(ClientResponse.text)

  it.effect("pass if all are met", () =>
    Effect.gen(function* () {
      const [value, verified] = yield* run(
        [
          { method: "get", url: `${url}a`, respond: new Response("A") },
          { url: /\/b\?x=\d$/, respond: (request) => new Response(request.method) }
        ],
        Effect.zip(text("b?x=1"), text("a"))
      )
      assert.deepStrictEqual(value, ["GET", "A"])
      assert.strictEqual(verified._tag, "Right")
    })
  )

  it.effect("are met in order among those that match", () =>
    Effect.gen(function* () {
      const [value] = yield* run(
        [
          { url: `${url}a`, respond: new Response("first") },
          { url: `${url}a`, respond: new Response("second"), times: 2 },
          { url: /./, respond: new Response("rest"), times: Infinity }
        ],
        Effect.forEach(["a", "a", "a", "a", "b"], text)
      )
      assert.deepStrictEqual(value, ["first", "second", "second", "rest", "rest"])
    })
  )

  it.effect("report those that are not met, and requests that were not expected", () =>
    Effect.gen(function* () {
      const [status, verified] = yield* run(
        [
          { method: "POST", url: `${url}a?sig=s3cret`, respond: new Response() },
          { url: /b/, respond: new Response(), times: 3 },
          { url: /never/, respond: new Response(), times: Infinity }
        ],
        Effect.zipRight(
          text("b"),
          Effect.map(Session.get(`${url}a?sig=s3cret`).pipe(ClientResponse.discard), (head) => head.status)
        )
      )
      assert.strictEqual(status, 501)
      assert.strictEqual(verified._tag, "Left")
      if (verified._tag === "Right") return
      const { left } = verified
      assert.strictEqual(left._tag, "UnmetExpectations")
      assert.deepStrictEqual(left.unmet, [`POST ${url}a?sig=REDACTED (0 of 1)`, "any method /b/ (1 of 3)"])
      assert.deepStrictEqual(left.unexpected, [`GET ${url}a?sig=REDACTED`])
      assert.include(left.message, "Expected and not requested: POST")
      assert.include(left.message, "Requested and not expected: GET")
    })
  )

  it.effect("with zero times refuse the request", () =>
    Effect.gen(function* () {
      const [, verified] = yield* run([{ url: /./, respond: new Response(), times: 0 }], text("a"))
      assert.strictEqual(verified._tag, "Left")
    })
  )

  it.effect("with a stateful pattern match the same requests each time", () =>
    Effect.gen(function* () {
      const [value, verified] = yield* run(
        [{ url: /a/g, respond: new Response("x"), times: 3 }],
        Effect.replicateEffect(text("a"), 3)
      )
      assert.deepStrictEqual(value, ["x", "x", "x"])
      assert.strictEqual(verified._tag, "Right")
    })
  )

  it.effect("count separately in each run", () =>
    Effect.gen(function* () {
      const list = [{ url: /./, respond: new Response("x") }]
      for (let i = 0; i < 2; i++) {
        const [, verified] = yield* run(list, text("a"))
        assert.strictEqual(verified._tag, "Right")
      }
    })
  )
})

describe("Session.layerMock", () => {
  it.effect("falls back on request for verbs, execute and module functions", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const layer = Session.layerMock({
        request: (method, target) =>
          Effect.suspend(() => {
            asked.push(`${method} ${target}`)
            return Testing.faults.refused
          })
      })
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        yield* Effect.flip(Session.get("/a"))
        yield* Effect.flip(session.post("/b"))
        yield* Effect.flip(Session.request("QUERY", "/c").pipe(ClientResponse.text))
        yield* Effect.flip(session.with({}).delete("/d"))
      }).pipe(Effect.scoped, Effect.provide(layer))
      assert.deepStrictEqual(asked, ["GET /a", "POST /b", "QUERY /c", "DELETE /d"])
    })
  )

  it.effect("uses a given verb before request", () =>
    Effect.gen(function* () {
      const session = yield* Session.Session
      assert.strictEqual((yield* Effect.flip(session.get("/")))._tag, "ServerDisconnectedError")
      assert.strictEqual((yield* Effect.flip(Session.get("/")))._tag, "ServerDisconnectedError")
      assert.strictEqual((yield* Effect.flip(session.post("/")))._tag, "ClientConnectorError")
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Session.layerMock({ get: () => Testing.faults.disconnected, request: () => Testing.faults.refused })
      )
    )
  )

  it.effect("dies with the name of a missing member when it is used, not before", () =>
    Effect.gen(function* () {
      const session = yield* Session.Session
      for (const [name, effect] of [
        ["request", session.get("/")],
        ["webSocket", session.webSocket("/")],
        ["cookieJar", Effect.suspend(() => session.cookieJar.clear())],
        ["connector", Effect.suspend(() => session.connector.stats)],
        ["signals", Stream.runDrain(session.signals)]
      ] as const) {
        const exit = yield* Effect.exit(Effect.asVoid<unknown, unknown, Scope.Scope>(effect))
        assert.isTrue(
          Exit.isFailure(exit) && exit.cause._tag === "Die" && String(exit.cause.defect).includes(name),
          name
        )
      }
      yield* session.close
    }).pipe(Effect.scoped, Effect.provide(Session.layerMock({})))
  )
})

describe("cassettes", () => {
  const directory = Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "cassette-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const secret = "s3cret"
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)

  /** A server whose responses are never the same. */
  const remote = () => {
    let count = 0
    return Connector.layerMock(async (request) => {
      count++
      const { pathname } = new URL(request.url)
      switch (pathname) {
        case "/login":
          return new Response(null, {
            status: 303,
            headers: [
              ["location", "/home"],
              ["set-cookie", `sid=${secret}; Path=/; HttpOnly`],
              ["x-private", secret]
            ]
          })
        case "/home":
          return new Response(`${request.headers.get("cookie")?.startsWith("sid=") ? "in" : "out"} ${count}`)
        case "/echo":
          return new Response(await request.text())
        case "/bytes":
          return new Response(bytes, { headers: { "content-length": "256" } })
        case "/large":
          return new Response("x".repeat(1_000_000), { headers: { "content-length": "1000000" } })
        case "/cut":
          return Testing.faults.resetAfter("begin")
        case "/empty":
          return new Response(null, { status: 204 })
        default:
          return new Response(`count ${count}`, { status: 404 })
      }
    })
  }

  const session = (connector: Layer.Layer<Connector.Connector, unknown>) =>
    Session.layerWithoutDependencies().pipe(Layer.provide([connector, CookieJar.layer()]), Layer.orDie)

  const recorded = <A, E>(
    path: string,
    program: Effect.Effect<A, E, Session.Session>,
    options?: Testing.CassetteOptions
  ) =>
    Effect.provide(
      program,
      session(Testing.layerRecord(path, options).pipe(Layer.provide(remote()), Layer.provide(NodeFileSystem.layer)))
    )
  const replayed = <A, E>(
    path: string,
    program: Effect.Effect<A, E, Session.Session>,
    options?: Testing.CassetteOptions
  ) => Effect.provide(program, session(Testing.layerReplay(path, options).pipe(Layer.provide(NodeFileSystem.layer))))

  /** All kinds of responses. */
  const program = Effect.gen(function* () {
    const text = (path: string, options?: object) => Session.get(url + path, options).pipe(ClientResponse.text)
    const home = yield* Session.post(`${url}login?token=${secret}&a=1`, {
      data: { password: secret },
      headers: { "x-key": Redacted.make(secret) },
      auth: Auth.bearer(secret)
    }).pipe(ClientResponse.text)
    const echo = yield* Session.post(`${url}echo`, { data: Stream.make("a", "b").pipe(Stream.encodeText) }).pipe(
      ClientResponse.text
    )
    const raw = yield* Session.get(`${url}bytes`).pipe(ClientResponse.bytes)
    const cut = yield* text("cut").pipe(Effect.flip)
    const empty = yield* Session.get(`${url}empty`).pipe(ClientResponse.discard)
    const counts = yield* Effect.replicateEffect(text("count"), 3)
    return {
      home,
      echo,
      raw: Array.from(raw),
      cut: cut._tag === "ClientPayloadError" ? [cut.reason, cut.received] : cut._tag,
      empty: [empty.status, Option.getOrNull(empty.header("x"))],
      counts
    }
  })

  it.scoped("replay a program like its recording, and hold no secret", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "a.json")
      const first = yield* recorded(path, program, { redactHeaders: ["X-Private", "x-key"] })
      assert.deepStrictEqual(first.home, "in 2")
      assert.deepStrictEqual(first.counts, ["count 7", "count 8", "count 9"])
      const file = readFileSync(path, "utf8")
      assert.notInclude(file, secret)
      assert.include(file, "sid=REDACTED; Path=/; HttpOnly")
      assert.include(file, "token=REDACTED&a=1")
      assert.isTrue(file.endsWith("}\n"))
      const again = yield* replayed(path, program)
      assert.deepStrictEqual(again, first)
      assert.deepStrictEqual(readdirSync(join(path, "..")), ["a.json"])
    })
  )

  it.scoped("answer with each recorded response once, and fail for unrecorded requests", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "a.json")
      const once = Session.get(`${url}home?sig=${secret}`).pipe(ClientResponse.text)
      yield* recorded(path, once)
      const errors = yield* replayed(
        path,
        Effect.zipRight(
          once,
          Effect.all([
            Effect.flip(once),
            Effect.flip(Session.post(`${url}home?sig=${secret}`).pipe(ClientResponse.text)),
            Effect.flip(Session.get(`${url}other`).pipe(ClientResponse.text))
          ])
        )
      )
      for (const error of errors) {
        assert.strictEqual(error._tag, "ClientConnectorError")
        if (error._tag !== "ClientConnectorError") continue
        assert.strictEqual(error.code, "ENOTRECORDED")
        assert.match(String(error.cause), /no response left for (GET|POST) https:\/\/api\.example\/\w+/)
        assert.notInclude(String(error.cause), secret)
      }
    })
  )

  it.scoped("distinguish bodies unless matching ignores them", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "a.json")
      const echo = (text: string) => Session.post(`${url}echo`, { text }).pipe(ClientResponse.text)
      yield* recorded(path, Effect.zip(echo("one"), echo("two")))
      assert.deepStrictEqual(yield* replayed(path, Effect.zip(echo("two"), echo("one"))), ["two", "one"])
      assert.strictEqual((yield* replayed(path, Effect.flip(echo("three"))))._tag, "ClientConnectorError")
      const loose = yield* replayed(path, Effect.zip(echo("three"), echo("four")), { match: ["method", "url"] })
      assert.deepStrictEqual(loose, ["one", "two"])
    })
  )

  it.scoped("match multipart bodies with different boundaries", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "a.json")
      const upload = Effect.suspend(() =>
        Session.post(`${url}count`, { data: Multipart.make([Multipart.part("a", "1")]) }).pipe(ClientResponse.text)
      )
      yield* recorded(path, upload)
      assert.strictEqual(yield* replayed(path, upload), "count 1")
    })
  )

  it.scoped("record an abandoned body as far as it arrived", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "a.json")
      const some = Session.get(`${url}large`).pipe(
        ClientResponse.use((response) => Stream.runHead(response.stream)),
        Effect.map(Option.isSome)
      )
      assert.isTrue(yield* recorded(path, some))
      assert.isTrue(yield* replayed(path, some))
    })
  )

  it.scoped("fail for a file that is not a cassette and for a missing directory", () =>
    Effect.gen(function* () {
      const at = yield* directory
      const path = join(at, "bad.json")
      for (const text of [
        "",
        "{}",
        '{"version":2,"exchanges":[]}',
        '{"version":1,"exchanges":[{}]}',
        '{"a":hush}',
        '"hush"'
      ]) {
        writeFileSync(path, text)
        const error = yield* Layer.build(Testing.layerReplay(path)).pipe(
          Effect.provide(NodeFileSystem.layer),
          Effect.flip
        )
        assert.strictEqual(error._tag, "SystemError")
        if (error._tag === "SystemError") assert.strictEqual(error.reason, "InvalidData")
        assert.notInclude(String(error), "hush")
      }
      for (const layer of [
        Testing.layerReplay(join(at, "none.json")),
        Testing.layerRecord(join(at, "none", "a.json")).pipe(Layer.provide(remote()))
      ]) {
        const error = yield* Layer.build(layer).pipe(Effect.provide(NodeFileSystem.layer), Effect.flip)
        assert.strictEqual(error._tag === "SystemError" ? error.reason : "", "NotFound")
      }
    })
  )

  it.scoped("are written when the Scope closes, at once, in place of the old file", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "a.json")
      writeFileSync(path, "old")
      const scope = yield* Scope.make()
      const context = yield* Layer.build(
        session(Testing.layerRecord(path).pipe(Layer.provide(remote()), Layer.provide(NodeFileSystem.layer)))
      ).pipe(Scope.extend(scope))
      const { get } = Context.get(context, Session.Session)
      yield* get(`${url}home`).pipe(ClientResponse.text)
      assert.strictEqual(readFileSync(path, "utf8"), "old")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(JSON.parse(readFileSync(path, "utf8")).exchanges.length, 1)
    })
  )

  it.scopedLive("free the place of an interrupted request in the queue", () =>
    Effect.gen(function* () {
      const server = yield* Testing.server([[{ _tag: "Expect", what: "head" }, { _tag: "Stall" }]])
      const path = join(yield* directory, "a.json")
      const network = Connector.layerTcp({ limit: 1, gracefulShutdownTimeout: 0 })
      const context = yield* Layer.build(
        Layer.provideMerge(
          Layer.fresh(Session.layerWithoutDependencies()),
          Layer.merge(
            Testing.layerRecord(path).pipe(Layer.provide(network), Layer.provide(NodeFileSystem.layer)),
            CookieJar.layer()
          )
        )
      )
      const { connector, get } = Context.get(context, Session.Session)
      const counted = (acquired: number, waiting: number) =>
        untilValue(connector.stats, (stats) => stats.acquired === acquired && stats.waiting === waiting)
      const held = yield* Effect.fork(get(server.url).pipe(ClientResponse.text))
      yield* counted(1, 0)
      const queued = yield* Effect.fork(get(server.url).pipe(ClientResponse.text))
      yield* counted(1, 1)
      yield* Fiber.interrupt(queued)
      yield* counted(1, 0)
      yield* Fiber.interrupt(held)
      yield* counted(0, 0)
    })
  )
})
