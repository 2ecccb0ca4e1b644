import { FileSystem, Error as PlatformErrors } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Ref } from "effect"
import { ClientResponse, Connector, CookieJar, Har, Session, Tracing } from "effect-http-session"
import * as Server from "./support/server.js"
import { webServer } from "./support/signals.js"

const site = Effect.map(
  webServer((request, response) => {
    if (request.url?.startsWith("/302")) response.writeHead(302, { location: "/a?b=c" }).end()
    else {
      const headers = { "content-type": "text/plain", "set-cookie": "s3cr3t-cookie=1" }
      request.resume().on("end", () => response.writeHead(200, headers).end("hello world"))
    }
  }),
  ({ port }) => `http://127.0.0.1:${port}`
)

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

const isRecord = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The violations of the HAR 1.2 specification in an archive, field by field. */
const faultsOf = (value: Json): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const need = (at: string, ok: boolean) => {
    if (!ok) faults.push(at)
  }
  const field = (parent: Json | undefined, name: string): Json | undefined =>
    isRecord(parent) ? parent[name] : undefined
  const pairs = (at: string, list: Json | undefined) =>
    need(
      at,
      Array.isArray(list) &&
        list.every((pair: Json) => typeof field(pair, "name") === "string" && typeof field(pair, "value") === "string")
    )
  const typed = (at: string, parent: Json | undefined, name: string, type: "string" | "number") =>
    need(`${at}.${name}`, typeof field(parent, name) === type)
  const log = field(value, "log")
  need("version", field(log, "version") === "1.2")
  typed("creator", field(log, "creator"), "name", "string")
  typed("creator", field(log, "creator"), "version", "string")
  const entries = field(log, "entries")
  need("entries", Array.isArray(entries))
  for (const entry of Array.isArray(entries) ? entries : []) {
    const started = field(entry, "startedDateTime")
    need("startedDateTime", typeof started === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(started))
    typed("entry", entry, "time", "number")
    need("cache", isRecord(field(entry, "cache")))
    const request = field(entry, "request")
    for (const name of ["method", "url", "httpVersion"]) typed("request", request, name, "string")
    for (const name of ["headersSize", "bodySize"]) typed("request", request, name, "number")
    for (const name of ["headers", "queryString", "cookies"]) pairs(`request.${name}`, field(request, name))
    const response = field(entry, "response")
    for (const name of ["statusText", "httpVersion", "redirectURL"]) typed("response", response, name, "string")
    for (const name of ["status", "headersSize", "bodySize"]) typed("response", response, name, "number")
    for (const name of ["headers", "cookies"]) pairs(`response.${name}`, field(response, name))
    typed("content", field(response, "content"), "size", "number")
    typed("content", field(response, "content"), "mimeType", "string")
    const timings = field(entry, "timings")
    for (const name of ["blocked", "dns", "connect", "ssl"]) {
      const time = field(timings, name)
      need(`timings.${name}`, typeof time === "number" && (time >= 0 || time === -1))
    }
    let total = 0
    for (const name of ["send", "wait", "receive"]) {
      const time = field(timings, name)
      need(`timings.${name}`, typeof time === "number" && time >= 0)
    }
    for (const name of ["blocked", "dns", "connect", "send", "wait", "receive"]) {
      const time = field(timings, name)
      total += typeof time === "number" ? Math.max(0, time) : 0
    }
    const time = field(entry, "time")
    need("time is the sum of its timings", typeof time === "number" && Math.abs(time - total) < 1e-6)
  }
  return faults
}

const plain = (har: Har.Har): Json => JSON.parse(JSON.stringify(har))

describe("fromSignals", () => {
  it("makes an archive without entries if there are no signals", () => {
    const har = Har.fromSignals([])
    assert.deepStrictEqual(faultsOf(plain(har)), [])
    assert.lengthOf(har.log.entries, 0)
  })

  it("is tested with a validation that refuses an invalid archive", () => {
    assert.includeMembers([...faultsOf({ log: { version: "1.1", entries: [{}] } })], ["version", "startedDateTime"])
  })

  it.scopedLive("adds an entry for each hop, with phases, and for failures", () =>
    Effect.gen(function* () {
      const url = yield* site
      const [, signals] = yield* Tracing.collect(
        Effect.zipRight(
          Session.post(`${url}/302?access_token=s3cr3t-1`, {
            data: "s3cr3t-body",
            headers: { authorization: "Bearer s3cr3t-2" }
          }).pipe(ClientResponse.text),
          Effect.exit(Session.get("http://127.0.0.1:1/").pipe(ClientResponse.text))
        )
      ).pipe(Effect.provide(Session.layer()))
      const har = Har.fromSignals(signals)
      assert.deepStrictEqual(faultsOf(plain(har)), [])
      const [first, second, third] = har.log.entries
      assert.deepInclude(first?.request, { method: "POST", bodySize: 11 })
      assert.deepInclude(first?.response, { status: 302, redirectURL: "/a?b=c" })
      assert.deepInclude(second?.request, {
        method: "GET",
        url: `${url}/a?b=c`,
        queryString: [{ name: "b", value: "c" }]
      })
      assert.deepInclude(second?.response, {
        status: 200,
        bodySize: 11,
        content: { size: 11, mimeType: "text/plain" }
      })
      assert.deepInclude(third?.response, { status: 0, _error: "ClientConnectorError" })
      assert.isAtLeast(first?.timings.connect ?? -1, 0)
      assert.strictEqual(first?.timings.ssl, -1)
      assert.strictEqual(second?.timings.connect, -1)
      assert.strictEqual(first?.serverIPAddress, "127.0.0.1")
      assert.strictEqual(first?.connection, second?.connection)
      assert.notInclude(JSON.stringify(har), "s3cr3t")
    })
  )

  it.scopedLive("has an entry for each attempt: a connection that ended without a byte, and a 417", () =>
    Effect.gen(function* () {
      const { fin, head, plays, request, respond, server, stall } = Server
      const cut = yield* server([plays(head, fin), plays(request, respond(200, "ok"))])
      const refusing = yield* server([plays(head, respond(417), stall), plays(request, respond(200, "ok"))])
      const [, signals] = yield* Tracing.collect(
        Effect.zipRight(
          Session.get(`${cut.url}/`).pipe(ClientResponse.text),
          Session.post(`${refusing.url}/`, { text: "x", expect100: true }).pipe(ClientResponse.text)
        )
      ).pipe(Effect.provide(Session.layer()))
      const har = Har.fromSignals(signals)
      assert.deepStrictEqual(faultsOf(plain(har)), [])
      assert.lengthOf(har.log.entries, 4)
      for (const [index, method, status] of [
        [0, "GET", 0],
        [1, "GET", 200],
        [2, "POST", 0],
        [3, "POST", 200]
      ] as const) {
        assert.deepInclude(har.log.entries[index]?.request, { method })
        assert.deepInclude(har.log.entries[index]?.response, { status })
      }
    })
  )

  it.effect("decodes text by its charset", () =>
    Effect.gen(function* () {
      const headers = { "content-type": "text/html; charset=iso-8859-1" }
      const mock = Connector.layerMock(() => new Response(Buffer.from("caf\xe9", "latin1"), { headers }))
      const [, signals] = yield* Tracing.collect(Session.get("http://a.test/").pipe(ClientResponse.text)).pipe(
        Effect.provide(Session.layerWithoutDependencies().pipe(Layer.provide([mock, CookieJar.layer()])))
      )
      const [entry] = Har.fromSignals(signals, { maxBodySize: 100 }).log.entries
      assert.nestedPropertyVal(JSON.parse(JSON.stringify(entry)), "response.content.text", "café")
    })
  )

  it.scopedLive("keeps bodies up to the given number of bytes", () =>
    Effect.gen(function* () {
      const url = yield* site
      const [, signals] = yield* Tracing.collect(
        Session.post(`${url}/a`, { text: "request" }).pipe(ClientResponse.text)
      ).pipe(Effect.provide(Session.layer()))
      const [entry] = Har.fromSignals(signals, { maxBodySize: 5 }).log.entries
      assert.nestedPropertyVal(JSON.parse(JSON.stringify(entry)), "request.postData.text", "reque")
      assert.nestedPropertyVal(JSON.parse(JSON.stringify(entry)), "response.content.text", "hello")
    })
  )
})

describe("record", () => {
  const files = Effect.gen(function* () {
    const written = yield* Ref.make<ReadonlyArray<readonly [path: string, text: string]>>([])
    const layer = Layer.succeed(
      FileSystem.FileSystem,
      FileSystem.makeNoop({
        writeFileString: (path, text) => Ref.update(written, (all) => [...all, [path, text] as const])
      })
    )
    return { layer, written: Ref.get(written) }
  })

  const outcomes: ReadonlyArray<
    readonly [name: string, wrap: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<unknown, unknown>]
  > = [
    ["success", (effect) => effect],
    ["failure", (effect) => Effect.zipRight(effect, Effect.fail("no"))],
    ["interruption", (effect) => Effect.zipRight(effect, Effect.interrupt)]
  ]
  for (const [name, wrap] of outcomes) {
    it.scopedLive(`writes the archive after ${name}`, () =>
      Effect.gen(function* () {
        const url = yield* site
        const { layer, written } = yield* files
        const exit = yield* wrap(
          Session.get(`${url}/a`).pipe(ClientResponse.text, Effect.provide(Session.layer()))
        ).pipe(Har.record("a.har", { maxBodySize: 5 }), Effect.exit, Effect.provide(layer))
        assert.strictEqual(Exit.isSuccess(exit), name === "success")
        const [file] = yield* written
        assert.strictEqual(file?.[0], "a.har")
        const har: Json = JSON.parse(file?.[1] ?? "null")
        assert.deepStrictEqual(faultsOf(har), [])
        assert.nestedPropertyVal(har, "log.entries[0].response.content.text", "hello")
      })
    )
  }

  it.effect("fails if the archive cannot be written, after the effect's own failure", () =>
    Effect.gen(function* () {
      const broken = Layer.succeed(
        FileSystem.FileSystem,
        FileSystem.makeNoop({
          writeFileString: () =>
            Effect.fail(
              new PlatformErrors.SystemError({
                reason: "PermissionDenied",
                module: "FileSystem",
                method: "writeFileString"
              })
            )
        })
      )
      const exit = yield* Har.record(Effect.fail("own"), "a.har").pipe(Effect.exit, Effect.provide(broken))
      const failures = Exit.isFailure(exit) ? [...Cause.failures(exit.cause)] : []
      assert.strictEqual(failures[0], "own")
      assert.lengthOf(failures, 2)
    })
  )
})
