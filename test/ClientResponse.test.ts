import { gzipSync } from "node:zlib"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as ClientResponse from "../src/ClientResponse.js"
import { type ClientError, ClientPayloadError } from "../src/Errors.js"
import { Unopened, type UnopenedRequest } from "../src/internal/session/unopenedRequest.js"
import { complete, type Given, type Made, make } from "./internal/response/support.js"

const failureOf = <A, E>(exit: Exit.Exit<A, E>): E => {
  if (Exit.isSuccess(exit)) throw new Error("It succeeded")
  return Option.getOrThrowWith(Cause.failureOption(exit.cause), () => new Error(Cause.pretty(exit.cause)))
}

type Request = Effect.Effect<ClientResponse.ClientResponse, ClientError, Scope.Scope>

const json: Given = { headers: [["content-type", "application/json"]] }

/** A request as `Effect.tap` leaves it: the response is released with the Scope. */
const scoped = (open: () => Made): { readonly request: Request; readonly made: ReadonlyArray<Made> } => {
  const made: Array<Made> = []
  const request = Effect.acquireRelease(
    Effect.sync(() => {
      const one = open()
      made.push(one)
      return one.response
    }),
    (response) => response.release
  )
  return { request, made }
}

/** A request as verbs make it. */
const direct = (open: () => Made) => {
  const calls = { collected: 0, used: 0, scoped: 0 }
  const { request, made } = scoped(open)
  const unopened: UnopenedRequest<never> = {
    collect: (f) =>
      Effect.suspend(() => {
        calls.collected++
        const one = open()
        return Effect.flatMap(one.response.readAll, () => f(one.response))
      }),
    use: (f) =>
      Effect.suspend(() => {
        calls.used++
        const one = open()
        return Effect.ensuring(f(one.response), one.response.release)
      })
  }
  const opened = Effect.zipRight(
    Effect.sync(() => calls.scoped++),
    request
  )
  return { request: Object.assign(opened, { [Unopened]: unopened }), calls, made }
}

const whole =
  (body: string, given: Given = json) =>
  (): Made => {
    const made = make(given)
    made.push(body)
    made.end()
    return made
  }

const User = Schema.Struct({ id: Schema.Number })

describe("decoders over an unopened request", () => {
  const decoders: ReadonlyArray<readonly [name: string, run: (request: Request) => Effect.Effect<unknown, unknown>]> = [
    ["bytes", (request) => Effect.map(ClientResponse.bytes(request), (bytes) => Buffer.from(bytes).toString())],
    ["text", ClientResponse.text],
    ["json", (request) => Effect.map(ClientResponse.json(request), (value) => JSON.stringify(value))],
    ["schemaJson", (request) => Effect.map(ClientResponse.schemaJson(User)(request), ({ id }) => `{"id":${id}}`)],
    ["use", ClientResponse.use((response) => response.text)],
    [
      "stream",
      (request) =>
        Effect.map(Stream.runCollect(ClientResponse.stream(request)), (all) => Buffer.concat([...all]).toString())
    ]
  ]
  for (const [name, run] of decoders) {
    it.effect(`${name} works behind any effect and releases the connection`, () =>
      Effect.gen(function* () {
        const { made, request } = scoped(whole('{"id":1}'))
        assert.strictEqual(yield* run(request), '{"id":1}')
        assert.strictEqual(made.length, 1)
        const after = scoped(() => make(json))
        const fiber = yield* Effect.fork(run(after.request))
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(
          after.made.map(({ calls }) => calls.abandoned),
          [1]
        )
      })
    )
    it.effect(`${name} makes no Scope directly behind a verb`, () =>
      Effect.gen(function* () {
        const { calls, request } = direct(whole('{"id":1}'))
        assert.strictEqual(yield* run(request), '{"id":1}')
        assert.strictEqual(calls.scoped, name === "stream" ? 1 : 0)
        assert.strictEqual(calls.collected, ["use", "stream"].includes(name) ? 0 : 1)
      })
    )
  }

  it.effect("use keeps a Scope that its function needs", () =>
    Effect.gen(function* () {
      const { made, request } = scoped(() => make())
      let open = true
      const opened = ClientResponse.use(request, () =>
        Effect.acquireRelease(Effect.succeed(1), () => Effect.sync(() => (open = false)))
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* opened
          assert.strictEqual(made[0]?.calls.abandoned, 1)
          assert.isTrue(open)
        })
      )
      assert.isFalse(open)
    })
  )

  it.effect("json accepts any media type and schemaJson accepts options", () =>
    Effect.gen(function* () {
      const { request } = scoped(whole('{"id":1}', { headers: [["content-type", "text/html"]] }))
      assert.deepStrictEqual(yield* ClientResponse.json(request), { id: 1 })
      const demanding = ClientResponse.schemaJson(User, { contentType: "application/json" })
      assert.strictEqual(failureOf(yield* Effect.exit(demanding(request)))._tag, "ContentTypeError")
      assert.deepStrictEqual(yield* ClientResponse.schemaJson(User, { contentType: false })(request), { id: 1 })
      const strict = ClientResponse.schemaJson(User, { contentType: false, onExcessProperty: "error" })
      const more = scoped(whole('{"id":1,"more":1}'))
      assert.strictEqual(failureOf(yield* Effect.exit(strict(more.request)))._tag, "ParseError")
    })
  )

  it.effect("works on an opened response of @effect/platform", () =>
    Effect.gen(function* () {
      const response = complete('{"id":1}', { ...json, connection: { id: 1, reused: false, remoteAddress: "::1" } })
      assert.deepStrictEqual(yield* HttpIncomingMessage.schemaBodyJson(User)(response), { id: 1 })
      assert.deepStrictEqual(response.remoteAddress, Option.some("::1"))
      assert.isTrue(ClientResponse.isClientResponse(response))
      assert.isFalse(ClientResponse.isClientResponse(response.toHead()))
      assert.isFalse(ClientResponse.isClientResponse({}))
    })
  )
})

describe("discard", () => {
  it.effect("returns the head and abandons a large or endless body", () =>
    Effect.gen(function* () {
      for (const length of [undefined, 1024 * 1024]) {
        const { made, request } = scoped(() => make({ status: 201, ...(length === undefined ? {} : { length }) }))
        const head = yield* ClientResponse.discard(request)
        assert.strictEqual(head.status, 201)
        assert.isFalse("text" in head)
        assert.strictEqual(made[0]?.calls.abandoned, 1)
      }
    })
  )

  it.effect("waits for a remainder of 64 KiB and abandons one of a byte more", () =>
    Effect.gen(function* () {
      for (const [length, abandoned] of [
        [65_536, 0],
        [65_537, 1]
      ] as const) {
        const { made, request } = scoped(() => make({ length }))
        const fiber = yield* Effect.fork(ClientResponse.discard(request))
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
        assert.strictEqual(made[0]?.calls.abandoned, abandoned)
        assert.strictEqual(fiber.unsafePoll() === null, abandoned === 0)
        made[0]?.push("x".repeat(length))
        made[0]?.end()
        yield* Fiber.join(fiber)
        assert.strictEqual(made[0]?.calls.abandoned, abandoned)
      }
    })
  )

  it.effect("waits for a small remainder, also if it fails", () =>
    Effect.gen(function* () {
      for (const end of ["end", "fail"] as const) {
        const { made, request } = scoped(() => make({ length: 10 }))
        const fiber = yield* Effect.fork(ClientResponse.discard(request))
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
        assert.isNull(fiber.unsafePoll())
        made[0]?.push("0123456789")
        if (end === "end") made[0]?.end()
        else made[0]?.fail(new ClientPayloadError({ reason: "Incomplete", received: 9 }))
        assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
        assert.strictEqual(made[0]?.calls.abandoned, 0)
      }
    })
  )

  it.effect("waits at most 200 ms for bytes that do not arrive", () =>
    Effect.gen(function* () {
      const attempt = Effect.gen(function* () {
        const { made, request } = scoped(() => make({ length: 10 }))
        const started = performance.now()
        const fiber = yield* Effect.fork(ClientResponse.discard(request))
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
        made[0]?.push("0123")
        yield* TestClock.adjust("199 millis")
        const early = fiber.unsafePoll()
        const inTime = performance.now() - started < 200
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
        assert.strictEqual(made[0]?.calls.abandoned, 1)
        return { early, inTime }
      })
      // The wait also ends after 200 ms of real time, which a busy machine may take for the steps before.
      const { early, inTime } = yield* Effect.repeat(attempt, { times: 20, until: (outcome) => outcome.inTime })
      if (inTime) assert.isNull(early)
    })
  )

  it.effect("abandons the body if it is interrupted", () =>
    Effect.gen(function* () {
      const { made, request } = scoped(() => make({ length: 10 }))
      const fiber = yield* Effect.fork(ClientResponse.discard(request))
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(made[0]?.calls.abandoned, 1)
    })
  )
})

describe("raiseForStatus", () => {
  it.effect("waits at most a second for the beginning of the body", () =>
    Effect.gen(function* () {
      const { calls, end, push, response } = make({ status: 500, length: 10 })
      const fiber = yield* Effect.fork(Effect.exit(response.raiseForStatus))
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      push("half")
      yield* TestClock.adjust("999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(failureOf(yield* Fiber.join(fiber)).body, "half")
      // The handler of the error can wait for the rest.
      const text = yield* Effect.fork(response.text)
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      push("-whole")
      end()
      assert.strictEqual(yield* Fiber.join(text), "half-whole")
      assert.strictEqual(calls.abandoned, 0)
    })
  )

  it.effect("returns a response below 400 unread", () =>
    Effect.gen(function* () {
      for (const status of [200, 204, 301, 399]) {
        const { body, response } = make({ status })
        assert.strictEqual(yield* response.raiseForStatus, response)
        assert.isFalse(body.consumed)
      }
    })
  )

  it.effect("fails with the head and the beginning of the body, and leaves the rest readable", () =>
    Effect.gen(function* () {
      const earlier = make({ status: 302 }).response.toHead()
      const { calls, end, push, response } = make({
        status: 503,
        reason: "Busy",
        history: [earlier],
        headers: [
          ["Retry-After", "5"],
          ["Content-Type", "text/plain; charset=windows-1252"]
        ]
      })
      const fiber = yield* Effect.fork(Effect.exit(response.raiseForStatus))
      yield* Effect.yieldNow()
      push(Uint8Array.of(0xe9), "x".repeat(65_536), "y")
      const error = failureOf(yield* Fiber.join(fiber))
      assert.strictEqual(error._tag, "ClientResponseError")
      assert.deepStrictEqual([error.status, error.reason, error.headers["retry-after"]], [503, "Busy", "5"])
      assert.strictEqual(error.body, `é${"x".repeat(65_535)}`)
      assert.strictEqual(error.bytes.length, 65_536)
      assert.deepStrictEqual(error.history, [earlier])
      assert.isUndefined(error.phase)
      assert.strictEqual(calls.abandoned, 0)
      // A second call returns the same error.
      const again = yield* Effect.exit(response.raiseForStatus)
      assert.strictEqual(failureOf(again).body, error.body)
      push("z")
      end()
      assert.strictEqual(yield* response.text, `é${"x".repeat(65_536)}yz`)
      assert.strictEqual(calls.abandoned, 0)
    })
  )

  it.effect("keeps a short body for the error handler", () =>
    Effect.gen(function* () {
      const response = complete('{"error":"no"}', { status: 400, ...json })
      assert.strictEqual(failureOf(yield* Effect.exit(response.raiseForStatus)).body, '{"error":"no"}')
      assert.deepStrictEqual(yield* response.json, { error: "no" })
      assert.strictEqual(failureOf(yield* Effect.exit(response.raiseForStatus)).body, '{"error":"no"}')
    })
  )

  it.effect("discards the rest of the body with its Scope", () =>
    Effect.gen(function* () {
      const { calls, push, response } = make({ status: 500 })
      push("x".repeat(70_000))
      const error = failureOf(yield* Effect.exit(response.raiseForStatus))
      assert.strictEqual(error.body.length, 64 * 1024)
      yield* response.release
      assert.strictEqual(calls.abandoned, 1)
      const late = failureOf(yield* Effect.exit(response.text))
      assert.strictEqual(late._tag === "ClientPayloadError" && late.reason, "Released")
    })
  )

  const rest = (name: string, f: (response: ClientResponse.ClientResponse) => Effect.Effect<string, ClientError>) =>
    it.effect(`${name} returns a body beyond errorBodySize from its beginning`, () =>
      Effect.gen(function* () {
        for (const [ends, size] of [
          [true, 10],
          [false, 10],
          [false, 0],
          [true, 0]
        ] as const) {
          const { end, push, response } = make({ status: 400, settings: { errorBodySize: size } })
          push("one\n", "two\nthree\n", "four")
          if (ends) end()
          const error = failureOf(yield* Effect.exit(response.raiseForStatus))
          assert.strictEqual(error.body, "one\ntwo\nthree".slice(0, size))
          const fiber = yield* Effect.fork(f(response))
          for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
          if (!ends) {
            push("\nfive")
            end()
          }
          assert.strictEqual(yield* Fiber.join(fiber), `one\ntwo\nthree\nfour${ends ? "" : "\nfive"}`)
        }
      })
    )
  rest("text", (response) => response.text)
  rest("bytes", (response) => Effect.map(response.bytes, (bytes) => Buffer.from(bytes).toString()))
  rest("lines", (response) => Effect.map(Stream.runCollect(response.lines), (lines) => [...lines].join("\n")))
  rest("stream", (response) =>
    Effect.map(Stream.runCollect(response.stream), (all) => Buffer.concat([...all]).toString())
  )

  it.effect("applies the limits of the body and of its reader to the rest", () =>
    Effect.gen(function* () {
      const bounded = make({ status: 400, settings: { errorBodySize: 4, maxBodySize: 12 } })
      bounded.push("0123456789")
      assert.strictEqual(failureOf(yield* Effect.exit(bounded.response.raiseForStatus)).body, "0123")
      const fiber = yield* Effect.fork(Effect.exit(bounded.response.text))
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      bounded.push("abcdef")
      const error = failureOf(yield* Fiber.join(fiber))
      assert.strictEqual(error._tag === "ClientPayloadError" && error.reason, "TooLarge")

      for (const limit of [8, 12]) {
        const made = make({ status: 400, settings: { errorBodySize: 4 } })
        made.push("0123456789")
        yield* Effect.exit(made.response.raiseForStatus)
        const read = yield* Effect.fork(
          Effect.exit(HttpIncomingMessage.withMaxBodySize(made.response.text, Option.some(FileSystem.Size(limit))))
        )
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
        made.push("abcdef")
        made.end()
        const refused = failureOf(yield* Fiber.join(read))
        assert.strictEqual(refused._tag === "ClientPayloadError" && refused.reason, "TooLarge")
      }
    })
  )

  it.effect("continues a compressed body where its beginning ended", () =>
    Effect.gen(function* () {
      const text = Array.from({ length: 20_000 }, (_, i) => `line ${i}`).join("\n")
      const coded = gzipSync(text)
      const { end, push, response } = make({
        status: 500,
        headers: [["content-encoding", "gzip"]],
        settings: { errorBodySize: 100 }
      })
      push(coded.subarray(0, coded.length / 2))
      const fiber = yield* Effect.fork(Effect.exit(response.raiseForStatus))
      push(coded.subarray(coded.length / 2))
      end()
      assert.strictEqual(failureOf(yield* Fiber.join(fiber)).body, text.slice(0, 100))
      assert.strictEqual(yield* response.text, text)
    })
  )

  it.effect("reports the bytes received of a body that breaks", () =>
    Effect.gen(function* () {
      const { fail, push, response } = make({ status: 500 })
      push("half")
      fail(new ClientPayloadError({ reason: "Incomplete", received: 4 }))
      assert.strictEqual(failureOf(yield* Effect.exit(response.raiseForStatus)).body, "half")
    })
  )
})
