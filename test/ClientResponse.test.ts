import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { Progress, RequestOptions } from "../src/ClientRequest.js"
import * as ClientResponse from "../src/ClientResponse.js"
import { type ClientError, ClientPayloadError, ServerDisconnectedError } from "../src/Errors.js"
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
    it.effect(`${name} works behind anything, and releases`, () =>
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

  it.effect("use keeps a Scope that its function asks for", () =>
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

  it.effect("json checks the type, schemaJson takes options", () =>
    Effect.gen(function* () {
      const { request } = scoped(whole('{"id":1}', { headers: [["content-type", "text/html"]] }))
      assert.strictEqual(failureOf(yield* Effect.exit(ClientResponse.json(request)))._tag, "ContentTypeError")
      assert.deepStrictEqual(yield* ClientResponse.schemaJson(User, { contentType: false })(request), { id: 1 })
      const strict = ClientResponse.schemaJson(User, { contentType: false, onExcessProperty: "error" })
      const more = scoped(whole('{"id":1,"more":1}'))
      assert.strictEqual(failureOf(yield* Effect.exit(strict(more.request)))._tag, "ParseError")
    })
  )

  it.effect("an opened response is @effect/platform's", () =>
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
  it.effect("gives the head and gives up a large or endless body", () =>
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

  it.effect("waits for a rest of 64 KiB, and gives up one of a byte more", () =>
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

  it.effect("waits for a small rest, however it ends", () =>
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

  it.effect("waits no longer than 200 ms for what does not come", () =>
    Effect.gen(function* () {
      const { made, request } = scoped(() => make({ length: 10 }))
      const fiber = yield* Effect.fork(ClientResponse.discard(request))
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      made[0]?.push("0123")
      yield* TestClock.adjust("199 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
      assert.strictEqual(made[0]?.calls.abandoned, 1)
    })
  )

  it.effect("interrupted, gives up", () =>
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
  it.effect("waits no longer than a second for the beginning of the body", () =>
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

  it.effect("gives the response below 400, unread", () =>
    Effect.gen(function* () {
      for (const status of [200, 204, 301, 399]) {
        const { body, response } = make({ status })
        assert.strictEqual(yield* response.raiseForStatus, response)
        assert.isFalse(body.consumed)
      }
    })
  )

  it.effect("fails with head and beginning, and gives the connection back", () =>
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

  it.effect("keeps a short body for whoever handles the error", () =>
    Effect.gen(function* () {
      const response = complete('{"error":"no"}', { status: 400, ...json })
      assert.strictEqual(failureOf(yield* Effect.exit(response.raiseForStatus)).body, '{"error":"no"}')
      assert.deepStrictEqual(yield* response.json, { error: "no" })
      assert.strictEqual(failureOf(yield* Effect.exit(response.raiseForStatus)).body, '{"error":"no"}')
    })
  )

  it.effect("tells what came of a body that breaks", () =>
    Effect.gen(function* () {
      const { fail, push, response } = make({ status: 500 })
      push("half")
      fail(new ClientPayloadError({ reason: "Incomplete", received: 4 }))
      assert.strictEqual(failureOf(yield* Effect.exit(response.raiseForStatus)).body, "half")
    })
  )
})

// The key under which the session's module keeps the options of a fiber.
const Current = Context.GenericTag<RequestOptions>("effect-http-session/Session/CurrentRequestOptions")

/** What the server does with one request for the file. */
type Answer = (headers: ReadonlyMap<string, string>) => Made | ClientError

const fileOf = (answers: ReadonlyArray<Answer>) => {
  const asked: Array<ReadonlyMap<string, string>> = []
  const released: Array<Made> = []
  const request = Effect.gen(function* () {
    const options = yield* Effect.serviceOption(Current)
    const headers = new Map<string, string>()
    const given = Option.getOrUndefined(options)?.headers ?? {}
    for (const [name, value] of Symbol.iterator in given ? given : Object.entries(given)) {
      if (typeof value === "string") headers.set(name.toLowerCase(), value)
    }
    const answer = answers[asked.length]
    asked.push(headers)
    if (answer === undefined) throw new Error("One request too many")
    const made = answer(headers)
    if ("_tag" in made) return yield* Effect.fail(made)
    yield* Effect.addFinalizer(() => Effect.sync(() => released.push(made)))
    return made.response
  })
  return { request, asked, released }
}

const content = "0123456789abcdefghij"
const broken = () => new ClientPayloadError({ reason: "Incomplete", received: 1 })

/** Sends a part of the file and breaks, or all that is left. */
const serve =
  (from: number, to: number, given: Given = {}): Answer =>
  () => {
    const made = make({ length: content.length - from, ...given })
    made.push(content.slice(from, to))
    if (to === content.length) made.end()
    else made.fail(broken())
    return made
  }

const etag = ["ETag", '"v1"'] as const
const partial = (from: number, more: ReadonlyArray<readonly [string, string]> = [etag]): Given => ({
  status: 206,
  headers: [["Content-Range", `bytes ${from}-${content.length - 1}/${content.length}`], ...more]
})
const first: Given = { headers: [["Content-Length", `${content.length}`], etag] }

describe("toFile", () => {
  const inFolder = <A, E, R>(f: (path: string, files: () => ReadonlyArray<string>) => Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "to-file-"))),
      (folder) => f(join(folder, "file.bin"), () => readdirSync(folder)),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ).pipe(Effect.provide(NodeFileSystem.layer))

  const outcomes: ReadonlyArray<{
    readonly name: string
    readonly answers: ReadonlyArray<Answer>
    /** The Range of each request. */
    readonly ranges: ReadonlyArray<string | undefined>
    readonly resume?: number
    readonly fails?: string
  }> = [
    { name: "in one go", answers: [serve(0, 20, first)], ranges: [undefined] },
    {
      name: "continued by ETag, twice",
      answers: [serve(0, 5, first), serve(5, 11, partial(5)), serve(11, 20, partial(11))],
      ranges: [undefined, "bytes=5-", "bytes=11-"]
    },
    {
      name: "continued by date",
      answers: [
        serve(0, 5, {
          headers: [
            ["Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"],
            ["Date", "Sun, 06 Nov 1994 08:49:39 GMT"]
          ]
        }),
        serve(5, 20, partial(5, []))
      ],
      ranges: [undefined, "bytes=5-"]
    },
    {
      name: "anew where the server sends all",
      answers: [serve(0, 5, first), serve(0, 20, first)],
      ranges: [undefined, "bytes=5-"]
    },
    {
      name: "anew where the ETag is weak",
      answers: [serve(0, 5, { headers: [["ETag", 'W/"v1"']] }), serve(0, 20, first)],
      ranges: [undefined, undefined]
    },
    {
      name: "anew where the date is as young as the response",
      answers: [
        serve(0, 5, {
          headers: [
            ["Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"],
            ["Date", "Sun, 06 Nov 1994 08:49:37 GMT"]
          ]
        }),
        serve(0, 20, first)
      ],
      ranges: [undefined, undefined]
    },
    {
      name: "anew where it was coded",
      answers: [serve(0, 5, { headers: [etag, ["Content-Encoding", "foo"]] }), serve(0, 20, first)],
      ranges: [undefined, undefined]
    },
    {
      name: "anew after another part than asked for",
      answers: [serve(0, 5, first), serve(4, 20, partial(4)), serve(0, 20, first)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "anew after a part of another version",
      answers: [serve(0, 5, first), serve(5, 20, partial(5, [["ETag", '"v2"']])), serve(0, 20, first)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "anew after 416",
      answers: [serve(0, 5, first), serve(20, 20, { status: 416 }), serve(0, 20, first)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "continued after a lost connection",
      answers: [
        serve(0, 5, first),
        () => new ServerDisconnectedError({ reused: false, received: 0 }),
        serve(5, 20, partial(5))
      ],
      ranges: [undefined, "bytes=5-", "bytes=5-"]
    },
    {
      name: "not after more breaks than allowed",
      answers: [serve(0, 5, first), serve(5, 6, partial(5)), serve(6, 7, partial(6))],
      ranges: [undefined, "bytes=5-", "bytes=6-"],
      resume: 2,
      fails: "ClientPayloadError"
    },
    {
      name: "not of a part that ends before its Content-Range",
      answers: [
        serve(0, 5, first),
        () => {
          const made = make({ length: 3, ...partial(5) })
          made.push("567")
          made.end()
          return made
        },
        serve(8, 20, partial(8))
      ],
      ranges: [undefined, "bytes=5-", "bytes=8-"]
    },
    {
      name: "not after any break where none is allowed",
      answers: [serve(0, 5, first)],
      ranges: [undefined],
      resume: 0,
      fails: "ClientPayloadError"
    },
    {
      name: "not of an error",
      answers: [serve(0, 20, { status: 404 })],
      ranges: [undefined],
      fails: "ClientResponseError"
    },
    {
      name: "not of an error later",
      answers: [serve(0, 5, first), serve(0, 20, { status: 410 })],
      ranges: [undefined, "bytes=5-"],
      fails: "ClientResponseError"
    },
    {
      name: "not where the first connection fails",
      answers: [() => new ServerDisconnectedError({ reused: false, received: 0 })],
      ranges: [undefined],
      fails: "ServerDisconnectedError"
    },
    {
      name: "not where a part that the caller asked for breaks",
      answers: [serve(5, 7, partial(5))],
      ranges: [undefined],
      fails: "ClientPayloadError"
    }
  ]
  for (const { answers, fails, name, ranges, resume } of outcomes) {
    it.live(`${name}: the whole or nothing`, () =>
      inFolder((path, files) =>
        Effect.gen(function* () {
          const { asked, released, request } = fileOf(answers)
          const exit = yield* Effect.exit(ClientResponse.toFile(request, path, resume === undefined ? {} : { resume }))
          assert.deepStrictEqual(
            asked.map((headers) => headers.get("range")),
            ranges
          )
          for (const headers of asked) {
            assert.strictEqual(headers.get("accept-encoding"), "identity")
            assert.strictEqual(headers.has("if-range"), headers.has("range"))
          }
          if (fails === undefined) {
            assert.isTrue(Exit.isSuccess(exit) && exit.value.status === 200)
            assert.strictEqual(readFileSync(path, "utf8"), content)
            assert.deepStrictEqual(files(), ["file.bin"])
          } else {
            assert.strictEqual(failureOf(exit)._tag, fails)
            assert.deepStrictEqual(files(), [])
          }
          assert.strictEqual(
            released.length,
            answers.filter((_, index) => index < asked.length).length - (name.includes("connection") ? 1 : 0)
          )
        })
      )
    )
  }

  it.live("tells progress over all parts", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const seen: Array<Progress> = []
        const { request } = fileOf([serve(0, 5, first), serve(5, 20, partial(5))])
        yield* request.pipe(
          ClientResponse.toFile(path, { onProgress: (progress) => Effect.sync(() => void seen.push(progress)) })
        )
        assert.deepStrictEqual(
          seen.map(({ direction, total, transferred }) => [direction, transferred, Option.getOrNull(total)]),
          [
            ["download", 5, 20],
            ["download", 20, 20]
          ]
        )
      })
    )
  )

  it.live("leaves an old file until the new one is whole, and nothing after an interruption", () =>
    inFolder((path, files) =>
      Effect.gen(function* () {
        writeFileSync(path, "old")
        const started = yield* Deferred.make<void>()
        const { request } = fileOf([
          () => {
            const made = make(first)
            made.push("new")
            return made
          }
        ])
        const fiber = yield* Effect.fork(
          ClientResponse.toFile(request, path, {
            onProgress: () => Effect.asVoid(Deferred.succeed(started, undefined))
          })
        )
        yield* Deferred.await(started)
        assert.strictEqual(files().length, 2)
        assert.strictEqual(readFileSync(path, "utf8"), "old")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(files(), ["file.bin"])
        assert.strictEqual(readFileSync(path, "utf8"), "old")
      })
    )
  )

  it.live("leaves a file as it is after 304", () =>
    inFolder((path, files) =>
      Effect.gen(function* () {
        writeFileSync(path, "old")
        const { request } = fileOf([serve(20, 20, { status: 304, length: 0 })])
        assert.strictEqual((yield* ClientResponse.toFile(request, path)).status, 304)
        assert.deepStrictEqual(files(), ["file.bin"])
        assert.strictEqual(readFileSync(path, "utf8"), "old")
      })
    )
  )

  it.live("fails with the file system's error before anything is asked for", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const { asked, request } = fileOf([serve(0, 20, first)])
        const error = failureOf(yield* Effect.exit(ClientResponse.toFile(request, join(path, "no", "folder"))))
        assert.strictEqual(error._tag, "SystemError")
        assert.strictEqual(asked.length, 0)
        assert.isFalse(existsSync(path))
      })
    )
  )
})
