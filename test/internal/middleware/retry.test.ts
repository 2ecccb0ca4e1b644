import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Schedule, Stream, TestClock } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as Errors from "effect-http-session/Errors"
import * as Middleware from "effect-http-session/Middleware"
import { disconnected, type Reply, refused, request, type Script, script } from "./support.js"

const every = (millis: number) => Schedule.spaced(Duration.millis(millis))

/** Runs a middleware in a fiber; `after` advances the Clock and returns the number of attempts. */
const begin = (
  middleware: Middleware.Middleware,
  replies: ReadonlyArray<Reply> | Script,
  asked: Effect.Effect<ClientRequest.ClientRequest> = request()
) =>
  Effect.gen(function* () {
    const chain = "next" in replies ? replies : script(replies)
    const fiber = yield* Effect.fork(Effect.either(middleware(yield* asked, chain.next)))
    const after = (duration: Duration.DurationInput) => Effect.map(TestClock.adjust(duration), () => chain.seen.length)
    const status = Effect.map(Fiber.join(fiber), (either) =>
      either._tag === "Right" ? either.right.status : either.left._tag
    )
    return { ...chain, after, status }
  })

describe("retry", () => {
  it.effect("waits by the schedule and returns the first success", () =>
    Effect.gen(function* () {
      const run = yield* begin(Middleware.retry({ schedule: every(100) }), [
        { status: 503 },
        refused(),
        { status: 200 }
      ])
      assert.strictEqual(yield* run.after(0), 1)
      assert.strictEqual(yield* run.after(99), 1)
      assert.strictEqual(yield* run.after(1), 2)
      assert.strictEqual(yield* run.after(99), 2)
      assert.strictEqual(yield* run.after(1), 3)
      assert.strictEqual(yield* run.status, 200)
      // The connection of the refused response is released while the next attempt waits.
      assert.strictEqual(run.made[0]!.calls.abandoned, 1)
      assert.strictEqual(run.made[1]!.calls.abandoned, 0)
    })
  )

  it.effect("repeats twice by default, after 160 to 240 and 320 to 480 milliseconds", () =>
    Effect.gen(function* () {
      const run = yield* begin(Middleware.retry(), [{ status: 503 }])
      assert.strictEqual(yield* run.after(159), 1)
      assert.strictEqual(yield* run.after(81), 2)
      assert.strictEqual(yield* run.after(239), 2)
      assert.strictEqual(yield* run.after(241), 3)
      assert.strictEqual(yield* run.status, 503)
      // The final response can be read.
      assert.strictEqual(run.made[2]!.calls.abandoned, 0)
    })
  )

  it.effect("waits at most 5 seconds by default", () =>
    Effect.gen(function* () {
      const run = yield* begin(Middleware.retry({ times: 12 }), [{ status: 503 }])
      yield* TestClock.adjust("10 seconds")
      const before = run.seen.length
      assert.strictEqual(yield* run.after("5 seconds"), before + 1)
    })
  )

  describe("retry after an outcome", () => {
    const rows: ReadonlyArray<readonly [string, Reply, boolean]> = [
      ...[408, 425, 429, 500, 502, 503, 504].map((status) => [`${status}`, { status }, true] as const),
      ...[200, 204, 301, 400, 401, 404, 409, 413, 501, 505].map((status) => [`${status}`, { status }, false] as const),
      ["a refused connection", refused(), true],
      ["a connection that ended", disconnected(), true],
      ["an invalid URL", new Errors.InvalidURL({ url: "x", reason: "Syntax", description: "no URL" }), false],
      ["an error of a middleware", new Errors.MiddlewareError({ reason: "CircuitOpen" }), false],
      [
        "an expired total limit",
        new Errors.TotalTimeoutError({
          method: "GET",
          url: "http://a/",
          phase: "headers",
          timeout: "total",
          limit: Duration.seconds(1)
        }),
        false
      ]
    ]
    for (const [name, reply, again] of rows) {
      it.effect(`${again ? "repeats" : "does not repeat"} a GET: ${name}`, () =>
        Effect.gen(function* () {
          const run = yield* begin(Middleware.retry({ schedule: every(1) }), [reply, { status: 200 }])
          assert.strictEqual(yield* run.after(10), again ? 2 : 1)
        })
      )
    }
  })

  describe("retry by method", () => {
    const rows: ReadonlyArray<readonly [string, Middleware.RetryOptions, boolean]> = [
      ...["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].map((method) => [method, {}, true] as const),
      ["POST", {}, false],
      ["PATCH", {}, false],
      ["PROPFIND", {}, false],
      ["POST", { methods: ["post"] }, true],
      ["GET", { methods: ["POST"] }, false],
      ["POST", { idempotencyKey: true }, true],
      ["PATCH", { idempotencyKey: true, methods: ["POST"] }, false]
    ]
    for (const [method, options, again] of rows) {
      it.effect(`${again ? "repeats" : "does not repeat"} ${method} with ${JSON.stringify(options)}`, () =>
        Effect.gen(function* () {
          const run = yield* begin(
            Middleware.retry({ schedule: every(1), ...options }),
            [disconnected(method), { status: 200 }],
            request(method)
          )
          assert.strictEqual(yield* run.after(10), again ? 2 : 1)
        })
      )
    }
  })

  describe("agrees with Errors.isRetryable about a first attempt:", () => {
    const details = { url: "http://example.test/path", host: "example.test", port: 80, attempt: 1 } as const
    const errors: ReadonlyArray<readonly [string, (method: string) => Errors.ClientError]> = [
      ["refused", refused],
      ["disconnected", disconnected],
      ["without address", (method) => new Errors.ClientConnectorDNSError({ ...details, method, code: "ENOTFOUND" })],
      [
        "no place in the queue",
        (method) => new Errors.PoolSaturatedError({ ...details, method, waiting: 1, maxQueue: 1 })
      ],
      [
        "ended before it was written",
        (method) =>
          new Errors.ServerDisconnectedError({ ...details, method, phase: "connect", reused: true, received: 0 })
      ],
      ["reset", (method) => new Errors.ClientOSError({ ...details, method, phase: "headers", code: "ECONNRESET" })],
      [
        "out of time for a slot",
        (method) =>
          new Errors.ConnectionTimeoutError({
            ...details,
            method,
            phase: "queue",
            timeout: "poolWait",
            limit: Duration.seconds(1)
          })
      ],
      [
        "silent",
        (method) =>
          new Errors.SocketTimeoutError({
            ...details,
            method,
            phase: "headers",
            timeout: "headers",
            limit: Duration.seconds(1)
          })
      ],
      [
        "refused by policy",
        (method) =>
          new Errors.ClientConnectorError({ ...details, method, reason: "AddressPolicy", code: "X", addresses: [] })
      ]
    ]
    for (const [name, error] of errors) {
      for (const method of ["GET", "PUT", "POST", "PATCH", "BREW"]) {
        it.effect(`${method} ${name}`, () =>
          Effect.gen(function* () {
            const run = yield* begin(
              Middleware.retry({ schedule: every(1) }),
              [error(method), { status: 200 }],
              request(method)
            )
            assert.strictEqual((yield* run.after(10)) === 2, Errors.isRetryable(error(method)))
          })
        )
      }
    }
  })

  describe("if nothing was sent", () => {
    const rows: ReadonlyArray<readonly [string, Middleware.RetryOptions, ReadonlyArray<Reply>, number]> = [
      ["repeats a POST", {}, [refused("POST"), { status: 201 }], 2],
      ["repeats a POST as often as others", {}, [refused("POST")], 3],
      ["ends after an attempt that was sent", {}, [refused("POST"), disconnected("POST"), { status: 201 }], 2],
      ["ends after a response", {}, [refused("POST"), { status: 503 }, { status: 201 }], 2],
      ["obeys times", { times: 1 }, [refused("POST")], 2],
      ["obeys while", { while: () => false }, [refused("POST")], 1],
      ["does not repeat more if while returns true", { while: () => true }, [{ status: 503 }], 1],
      ["obeys methods without POST", { methods: ["GET"] }, [refused("POST")], 1]
    ]
    for (const [name, options, replies, attempts] of rows) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const run = yield* begin(Middleware.retry({ schedule: every(1), ...options }), replies, request("POST"))
          assert.strictEqual(yield* run.after(20), attempts)
        })
      )
    }

    it.effect("does not repeat for an error whose attempt is later than the number of sent requests", () =>
      Effect.gen(function* () {
        const later = new Errors.ClientConnectorError({
          method: "POST",
          host: "example.test",
          port: 80,
          attempt: 2,
          reason: "Connect",
          code: "ECONNREFUSED",
          addresses: []
        })
        const run = yield* begin(Middleware.retry({ schedule: every(1) }), [later, { status: 200 }], request("POST"))
        assert.strictEqual(yield* run.after(10), 1)
      })
    )

    it.effect("repeats a body that can be read once and has not been read", () =>
      Effect.gen(function* () {
        const data = ClientRequest.oneShot(Stream.make(new Uint8Array([1])))
        const run = yield* begin(
          Middleware.retry({ schedule: every(1) }),
          [refused("PUT"), { status: 503 }, { status: 200 }],
          request("PUT", "http://a/", { data })
        )
        assert.strictEqual(yield* run.after(10), 2)
        assert.strictEqual(yield* run.status, 503)
      })
    )
  })

  it.effect("a replayable body, and not one that can be read once", () =>
    Effect.gen(function* () {
      const bytes = Stream.make(new Uint8Array([1]))
      const recipe = yield* begin(
        Middleware.retry({ schedule: every(1) }),
        [{ status: 503 }],
        request("PUT", "http://a/", { data: bytes })
      )
      assert.strictEqual(yield* recipe.after(10), 3)
      const once = yield* begin(
        Middleware.retry({ schedule: every(1) }),
        [{ status: 503 }],
        request("PUT", "http://a/", { data: ClientRequest.oneShot(bytes) })
      )
      assert.strictEqual(yield* once.after(10), 1)
      assert.strictEqual(yield* once.status, 503)
    })
  )

  describe("Idempotency-Key", () => {
    const keys = (run: Script) => run.seen.map((sent) => sent.header("idempotency-key"))

    it.effect("is the same for all attempts and differs for the next request", () =>
      Effect.gen(function* () {
        const middleware = Middleware.retry({ schedule: every(1), idempotencyKey: true })
        const first = yield* begin(middleware, [{ status: 503 }], request("POST"))
        yield* first.after(10)
        const second = yield* begin(middleware, [{ status: 200 }], request("POST"))
        yield* second.status
        const [a, b, c] = keys(first)
        assert.strictEqual(a!._tag, "Some")
        assert.deepStrictEqual([b, c], [a, a])
        assert.notDeepEqual(keys(second)[0], a)
      })
    )

    it.effect("is that of the caller if one is set, and is not added for idempotent methods", () =>
      Effect.gen(function* () {
        const middleware = Middleware.retry({ schedule: every(1), idempotencyKey: true })
        const own = yield* begin(
          middleware,
          [{ status: 200 }],
          request("POST", "http://a/", { headers: { "idempotency-key": "mine" } })
        )
        yield* own.status
        assert.deepStrictEqual(own.seen[0]!.headers, [["idempotency-key", "mine"]])
        const get = yield* begin(middleware, [{ status: 200 }])
        yield* get.status
        assert.deepStrictEqual(get.seen[0]!.headers, [])
      })
    )
  })

  describe("Retry-After", () => {
    const asks = (value: string): Reply => ({ status: 503, headers: [["Retry-After", value]] })

    it.effect("delays the next attempt", () =>
      Effect.gen(function* () {
        const run = yield* begin(Middleware.retry({ schedule: every(100) }), [asks("7"), { status: 200 }])
        assert.strictEqual(yield* run.after(6999), 1)
        assert.strictEqual(yield* run.after(1), 2)
      })
    )

    it.effect("is compared with the Clock if it is a date", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2030, 0, 1))
        const run = yield* begin(Middleware.retry(), [asks("Tue, 01 Jan 2030 00:00:09 GMT"), { status: 200 }])
        assert.strictEqual(yield* run.after(8999), 1)
        assert.strictEqual(yield* run.after(1), 2)
      })
    )

    it.effect("does not shorten the wait of the schedule", () =>
      Effect.gen(function* () {
        const run = yield* begin(Middleware.retry({ schedule: every(100) }), [asks("0"), { status: 200 }])
        assert.strictEqual(yield* run.after(99), 1)
        assert.strictEqual(yield* run.after(1), 2)
      })
    )

    it.effect("that is too long makes the response the result, unread", () =>
      Effect.gen(function* () {
        const run = yield* begin(Middleware.retry(), [asks("61"), { status: 200 }])
        assert.strictEqual(yield* run.status, 503)
        assert.strictEqual(run.made[0]!.calls.abandoned, 0)
        const longest = yield* begin(Middleware.retry(), [asks("60"), { status: 200 }])
        assert.strictEqual(yield* longest.after("60 seconds"), 2)
      })
    )

    it.effect("is ignored with maxRetryAfter 0", () =>
      Effect.gen(function* () {
        const run = yield* begin(Middleware.retry({ schedule: every(100), maxRetryAfter: 0 }), [
          asks("7"),
          { status: 200 }
        ])
        assert.strictEqual(yield* run.after(100), 2)
      })
    )
  })

  it.effect("does not extend the schedule or times", () =>
    Effect.gen(function* () {
      const bySchedule = yield* begin(Middleware.retry({ times: 9, schedule: Schedule.recurs(3) }), [{ status: 503 }])
      assert.strictEqual(yield* bySchedule.after(1000), 4)
      const byTimes = yield* begin(Middleware.retry({ times: 1, schedule: every(1) }), [{ status: 503 }])
      assert.strictEqual(yield* byTimes.after(1000), 2)
      const none = yield* begin(Middleware.retry({ times: 0 }), [{ status: 503 }])
      assert.strictEqual(yield* none.after(1000), 1)
    })
  )

  it.effect("obeys while, which also receives final results", () =>
    Effect.gen(function* () {
      const middleware = Middleware.retry({
        schedule: every(1),
        while: (outcome) => !Errors.isClientError(outcome) && outcome.status === 202
      })
      const run = yield* begin(middleware, [{ status: 202 }, refused()])
      assert.strictEqual(yield* run.after(100), 2)
      assert.strictEqual(yield* run.status, "ClientConnectorError")
    })
  )

  it.effect("ends with the last error if every attempt fails", () =>
    Effect.gen(function* () {
      const run = yield* begin(Middleware.retry({ schedule: every(1) }), [{ status: 503 }, refused(), disconnected()])
      yield* run.after(100)
      assert.strictEqual(yield* run.status, "ServerDisconnectedError")
    })
  )

  it.effect("ends without another request if it is interrupted", () =>
    Effect.gen(function* () {
      const chain = script([{ status: 503 }])
      const fiber = yield* Effect.fork(Middleware.retry({ schedule: every(100) })(yield* request(), chain.next))
      yield* TestClock.adjust(50)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(1000)
      assert.strictEqual(chain.seen.length, 1)
    })
  )
})

describe("retryBudget", () => {
  it.effect("allows the minimum, then a share of the requests of ten seconds, for each host", () =>
    Effect.gen(function* () {
      const budget = yield* Middleware.retryBudget({ ratio: 0.5, min: 2 })
      const middleware = Middleware.retry({ times: 1, schedule: every(0), budget })
      const attempts = (url: string, reply: Reply) =>
        Effect.gen(function* () {
          const chain = script([reply])
          yield* Effect.either(middleware(yield* request("GET", url), chain.next))
          return chain.seen.length
        })
      const bad: Reply = { status: 503 }
      assert.deepStrictEqual(
        yield* Effect.all([1, 2, 3, 4, 5].map(() => attempts("http://a.test/", bad))),
        // Half of five requests is more than two, but not three.
        [2, 2, 1, 1, 1]
      )
      assert.strictEqual(yield* attempts("http://a.test/", bad), 2)
      assert.strictEqual(yield* attempts("http://b.test/", bad), 2)
      yield* TestClock.adjust("11 seconds")
      assert.deepStrictEqual(yield* Effect.all([1, 2, 3].map(() => attempts("http://a.test/", bad))), [2, 2, 1])
    })
  )

  it.effect("allows ten and a fifth by default", () =>
    Effect.gen(function* () {
      const budget = yield* Middleware.retryBudget()
      const middleware = Middleware.retry({ times: 1, schedule: every(0), budget })
      const chain = script([{ status: 503 }])
      for (let index = 0; index < 100; index++) yield* middleware(yield* request(), chain.next)
      assert.strictEqual(chain.seen.length, 120)
    })
  )
})
