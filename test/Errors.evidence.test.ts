import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Option, ParseResult, Schema, Stream } from "effect"
import { ClientResponse, Errors, Session, Sse } from "effect-http-session"
import { clientErrorCause, clientErrorKind } from "./support/clientErrors.js"
import { failure } from "./support/exits.js"
import { renderings } from "./support/renderings.js"
import * as Server from "./support/server.js"

const Live = Session.layer()

/** Starts a server with one answer to all requests. */
const answering = (answer: string) => Server.always(Server.answers(() => answer))

const tagOf = (u: unknown): string =>
  typeof u === "object" && u !== null && "_tag" in u && typeof u._tag === "string" ? u._tag : "none"

/** The APIs that return the JSON of a response. */
const jsonDoors: {
  readonly [name: string]: (url: string) => Effect.Effect<unknown, unknown, Session.Session>
} = {
  "ClientResponse.json": (url) => ClientResponse.json(Session.get(url)),
  "ClientResponse.schemaJson": (url) => ClientResponse.schemaJson(Schema.Unknown)(Session.get(url)),
  "response.json": (url) => Effect.scoped(Effect.flatMap(Session.get(url), ({ json }) => json)),
  "the HttpClient layer": (url) =>
    Effect.flatMap(HttpClient.get(url), ({ json }) => json).pipe(
      Effect.catchAll((error) =>
        Effect.fail(clientErrorKind(error) === "ResponseError Decode" ? clientErrorCause(error) : error)
      ),
      Effect.provide(Session.layerHttpClient)
    )
}

describe("the JSON of a response", () => {
  type Row = readonly [name: string, answer: string, outcome: { readonly value: unknown } | string]
  const rows: ReadonlyArray<Row> = [
    ["JSON", Server.response(200, '{"a":1}', ["Content-Type: application/json"]), { value: { a: 1 } }],
    ["JSON as text/html", Server.response(200, '{"a":1}', ["Content-Type: text/html"]), { value: { a: 1 } }],
    ["JSON without a type", Server.response(200, "[1]"), { value: [1] }],
    ["204", "HTTP/1.1 204 No Content\r\n\r\n", { value: null }],
    ["205", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", { value: null }],
    ["Content-Length: 0", Server.response(200, "", ["Content-Type: application/json"]), { value: null }],
    ["an empty chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", { value: null }],
    ["white space", Server.response(200, "\r\n", ["Content-Type: application/json"]), { value: null }],
    ["HTML", Server.response(502, "<html>", ["Content-Type: text/html; charset=utf-8"]), "ContentTypeError"],
    ["HTML without a type", Server.response(502, "<html>"), "ContentTypeError"],
    ["HTML as JSON", Server.response(502, "<html>", ["Content-Type: application/json"]), "JsonDecodeError"],
    ["half of JSON", Server.response(200, '{"a":', ["Content-Type: text/json"]), "JsonDecodeError"]
  ]
  for (const [name, answer, outcome] of rows) {
    for (const [door, read] of Object.entries(jsonDoors)) {
      it.scopedLive(`is the same through ${door}: ${name}`, () =>
        Effect.gen(function* () {
          const at = yield* answering(answer)
          const exit = yield* Effect.exit(Effect.provide(read(at.url), Live))
          if (typeof outcome === "string") assert.strictEqual(tagOf(failure(exit)), outcome)
          else assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value, outcome.value)
        })
      )
    }
  }
})

/** The APIs that return the events of a response. */
const eventDoors: {
  readonly [name: string]: (url: string) => Stream.Stream<Sse.Event, Errors.ClientError, Session.Session>
} = {
  "response.events": (url) => Stream.unwrapScoped(Effect.map(Session.get(url), ({ events }) => events)),
  "Sse.connect": (url) => Sse.connect(url, { reconnect: false })
}

describe("the events of a response", () => {
  const stream = "data: a\n\ndata: b\n\n"
  const accepted: ReadonlyArray<readonly [name: string, headers: ReadonlyArray<string>]> = [
    ["text/event-stream", ["Content-Type: text/event-stream"]],
    ["text/event-stream with a charset", ["Content-Type: Text/Event-Stream; charset=utf-8"]],
    ["a type that was sent twice", ["Content-Type: text/html", "Content-Type: text/event-stream"]],
    ["no type", []],
    ["an empty type", ["Content-Type:"]]
  ]
  const refused: ReadonlyArray<readonly [name: string, type: string, body: string]> = [
    ["an API's error in JSON", "application/json", '{"error":{"message":"quota"}}'],
    ["JSON with a charset", "application/json; charset=utf-8", '{"error":1}'],
    ["an error page", "text/html", "<html>"],
    ["an empty body", "application/json", ""]
  ]
  for (const [door, events] of Object.entries(eventDoors)) {
    for (const [name, headers] of accepted) {
      it.scopedLive(`are read by ${door} with ${name}`, () =>
        Effect.gen(function* () {
          const at = yield* answering(Server.response(200, stream, headers))
          const read = yield* Effect.provide(Stream.runCollect(events(at.url)), Live)
          assert.deepStrictEqual(
            Chunk.toReadonlyArray(read).map(({ data }) => data),
            ["a", "b"]
          )
        })
      )
    }
    for (const [name, type, body] of refused) {
      it.scopedLive(`are not read by ${door} from ${name}, whose beginning the error keeps`, () =>
        Effect.gen(function* () {
          const at = yield* answering(Server.response(200, body, [`Content-Type: ${type}`]))
          const error = failure(yield* Effect.exit(Effect.provide(Stream.runDrain(events(at.url)), Live)))
          assert.strictEqual(error._tag, "ContentTypeError")
          if (error._tag !== "ContentTypeError") return
          const { contentType, excerpt, expected, status } = error
          assert.deepStrictEqual([status, contentType, expected, excerpt], [200, type, "text/event-stream", body])
        })
      )
    }
  }

  it.scopedLive("leave a body of another type to other decoders", () =>
    Effect.gen(function* () {
      const at = yield* answering(Server.response(200, '{"error":1}', ["Content-Type: application/json"]))
      const value = yield* Effect.scoped(
        Effect.flatMap(Session.get(at.url), ({ events, json }) =>
          Stream.runDrain(events).pipe(
            Effect.as<unknown>(undefined),
            Effect.catchTag("ContentTypeError", () => json)
          )
        )
      ).pipe(Effect.provide(Live))
      assert.deepStrictEqual(value, { error: 1 })
    })
  )
})

/** The error of a request in a session with raiseForStatus. */
const raised = (answer: string, options?: Parameters<typeof Session.get>[1]) =>
  Effect.gen(function* () {
    const at = yield* answering(answer)
    const request = ClientResponse.text(Session.get(at.url, { raiseForStatus: true, ...options }))
    const error = failure(yield* Effect.exit(Effect.provide(request, Live)))
    if (error._tag !== "ClientResponseError") return yield* Effect.dieMessage(`It failed with ${error._tag}`)
    return error
  })

const problem = {
  type: "https://example.com/probs/out-of-credit",
  title: "You do not have enough credit.",
  status: 403,
  detail: "Your current balance is 30, but that costs 50.",
  instance: "/account/12345/msgs/abc",
  balance: 30,
  accounts: ["/account/12345", "/account/67890"]
}

const problemType = "Content-Type: application/problem+json"

describe("ClientResponseError", () => {
  it.scopedLive("keeps the body as bytes, text, JSON and a value of a schema", () =>
    Effect.gen(function* () {
      const error = yield* raised(Server.response(422, '{"id":"é"}', ["Content-Type: application/json"]))
      assert.strictEqual(error.body, '{"id":"é"}')
      assert.strictEqual(Buffer.from(error.bytes).toString(), '{"id":"é"}')
      assert.deepStrictEqual(yield* error.json, { id: "é" })
      assert.deepStrictEqual(yield* error.schemaJson(Schema.Struct({ id: Schema.String })), { id: "é" })
      const other = yield* Effect.flip(error.schemaJson(Schema.Struct({ id: Schema.Number })))
      assert.isTrue(ParseResult.isParseError(other))
      assert.isTrue(Option.isNone(error.problem))
      for (const [how, text] of Object.entries(renderings(error))) assert.notInclude(text, "é", how)
    })
  )

  it.scopedLive("parses JSON like a response", () =>
    Effect.gen(function* () {
      assert.isNull(yield* (yield* raised(Server.response(404))).json)
      assert.deepStrictEqual(yield* (yield* raised(Server.response(404, "[]"))).json, [])
      const page = yield* raised(Server.response(404, "<html>", ["Content-Type: text/html"]))
      const error = yield* Effect.flip(page.json)
      assert.strictEqual(error._tag === "ContentTypeError" && error.excerpt, "<html>")
    })
  )

  const sizes: ReadonlyArray<readonly [option: number | undefined, length: number, kept: number]> = [
    [undefined, 65_535, 65_535],
    [undefined, 65_536, 65_536],
    [undefined, 65_537, 65_536],
    [undefined, 200_000, 65_536],
    [10, 9, 9],
    [10, 10, 10],
    [10, 11, 10],
    [0, 11, 0],
    [100_000, 200_000, 100_000],
    [Infinity, 200_000, 200_000]
  ]
  for (const [errorBodySize, length, kept] of sizes) {
    it.scopedLive(`keeps ${kept} of ${length} bytes with errorBodySize ${errorBodySize}`, () =>
      Effect.gen(function* () {
        const error = yield* raised(Server.response(500, "x".repeat(length)), { errorBodySize })
        assert.strictEqual(error.bytes.length, kept)
        assert.strictEqual(error.body.length, kept)
      })
    )
  }

  it.scopedLive("takes errorBodySize from the session and rejects anything but a number from 0 on", () =>
    Effect.gen(function* () {
      const at = yield* answering(Server.response(500, "x".repeat(100)))
      const request = Session.get(at.url, { raiseForStatus: true })
      const error = failure(
        yield* Effect.exit(Effect.provide(ClientResponse.text(request), Session.layer({ errorBodySize: 7 })))
      )
      assert.strictEqual(error._tag === "ClientResponseError" && error.body, "xxxxxxx")
      for (const errorBodySize of [-1, Number.NaN]) {
        const wrong = ClientResponse.text(Session.get(at.url, { errorBodySize }))
        assert.strictEqual(failure(yield* Effect.exit(Effect.provide(wrong, Live)))._tag, "InvalidRequest")
      }
    })
  )

  it.scopedLive("describes the problem of application/problem+json", () =>
    Effect.gen(function* () {
      const { accounts, balance, ...rest } = problem
      const error = yield* raised(Server.response(403, JSON.stringify(problem), [problemType]))
      assert.deepStrictEqual(Option.getOrThrow(error.problem), { ...rest, extensions: { balance, accounts } })
      assert.deepStrictEqual(yield* error.json, problem)
    })
  )

  const absent = { title: undefined, status: undefined, detail: undefined, instance: undefined }
  const problems: ReadonlyArray<readonly [name: string, type: string, body: string, expected: unknown]> = [
    ["members are missing", problemType, "{}", { ...absent, type: "about:blank", extensions: {} }],
    [
      "it has a charset",
      `${problemType}; charset=utf-8`,
      '{"title":"é"}',
      { ...absent, type: "about:blank", title: "é", extensions: {} }
    ],
    [
      "members have other types, which RFC 9457 ignores",
      problemType,
      '{"type":1,"title":null,"status":"403","detail":{},"instance":[]}',
      { ...absent, type: "about:blank", extensions: {} }
    ],
    [
      "a member is __proto__",
      problemType,
      '{"__proto__":{"x":1}}',
      { ...absent, type: "about:blank", extensions: JSON.parse('{"__proto__":{"x":1}}') }
    ],
    ["the type is application/json", "Content-Type: application/json", "{}", undefined],
    ["the body is a list", problemType, "[]", undefined],
    ["the body is null", problemType, "null", undefined],
    ["the body is no JSON", problemType, "<html>", undefined],
    ["the body is empty", problemType, "", undefined]
  ]
  for (const [name, type, body, expected] of problems) {
    it.scopedLive(`has or lacks a problem: ${name}`, () =>
      Effect.gen(function* () {
        const error = yield* raised(Server.response(400, body, [type]))
        assert.deepStrictEqual(Option.getOrUndefined(error.problem), expected)
      })
    )
  }

  it.scopedLive("leaves the whole body to a handler within the Scope of the response", () =>
    Effect.gen(function* () {
      const large = JSON.stringify({ errors: "x".repeat(100_000) })
      const at = yield* answering(Server.response(400, large, ["Content-Type: application/json"]))
      const value = yield* Effect.scoped(
        Effect.flatMap(Session.get(at.url), (response) =>
          response.raiseForStatus.pipe(
            Effect.zipRight(response.text),
            Effect.catchTag("ClientResponseError", () => response.json)
          )
        )
      ).pipe(Effect.provide(Live))
      assert.deepStrictEqual(value, JSON.parse(large))
    })
  )

  it("can be constructed from text only", () => {
    const error = new Errors.ClientResponseError({
      status: 400,
      reason: "",
      headers: Object.create(null),
      history: [],
      body: "é"
    })
    assert.deepStrictEqual([...error.bytes], [0xc3, 0xa9])
  })
})
