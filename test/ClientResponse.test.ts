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

  it.effect("json checks the content type and schemaJson accepts options", () =>
    Effect.gen(function* () {
      const { request } = scoped(whole('{"id":1}', { headers: [["content-type", "text/html"]] }))
      assert.strictEqual(failureOf(yield* Effect.exit(ClientResponse.json(request)))._tag, "ContentTypeError")
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

  it.effect("waits for a small remainder, however it ends", () =>
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
      const { calls, push, response } = make({ status: 500, length: 10 })
      const fiber = yield* Effect.fork(Effect.exit(response.raiseForStatus))
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      push("half")
      yield* TestClock.adjust("999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(failureOf(yield* Fiber.join(fiber)).body, "half")
      assert.strictEqual(calls.abandoned, 1)
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

  it.effect("fails with the head and the beginning of the body, and releases the connection", () =>
    Effect.gen(function* () {
      const earlier = make({ status: 302 }).response.toHead()
      const { calls, push, response } = make({
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
      push(Uint8Array.of(0xe9), "x".repeat(5000))
      const error = failureOf(yield* Fiber.join(fiber))
      assert.strictEqual(error._tag, "ClientResponseError")
      assert.deepStrictEqual([error.status, error.reason, error.headers["retry-after"]], [503, "Busy", "5"])
      assert.strictEqual(error.body, `é${"x".repeat(1023)}`)
      assert.deepStrictEqual(error.history, [earlier])
      assert.strictEqual(calls.abandoned, 1)
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

  it.effect("reports the bytes received of a body that breaks", () =>
    Effect.gen(function* () {
      const { fail, push, response } = make({ status: 500 })
      push("half")
      fail(new ClientPayloadError({ reason: "Incomplete", received: 4 }))
      assert.strictEqual(failureOf(yield* Effect.exit(response.raiseForStatus)).body, "half")
    })
  )
})
