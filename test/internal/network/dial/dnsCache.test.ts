import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Option, Scope, TestClock } from "effect"
import { ClientConnectorDNSError } from "../../../../src/Errors.js"
import { DnsCache, type DnsCacheOptions, LookupTimeout } from "../../../../src/internal/network/dial/dnsCache.js"
import type { Trace } from "../../../../src/internal/transport/trace.js"
import type { Address, ResolverService } from "../../../../src/Resolver.js"
import { makeTrace } from "./support.js"

const four = (address: string, ttl?: Duration.DurationInput): Address => ({
  address,
  family: 4,
  ttl: ttl === undefined ? undefined : Duration.decode(ttl)
})

const dnsError = (host: string, code: string) => new ClientConnectorDNSError({ host, code })

type Resolve = ResolverService["resolve"]

/** A cache over a resolver that returns these answers, and then the last one again. */
const make = (
  answers: ReadonlyArray<ReturnType<Resolve>> | Resolve,
  options: Partial<Omit<DnsCacheOptions, "resolver" | "scope">> = {}
) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const scope = yield* Effect.scope
    const asked: Array<string> = []
    const cache = new DnsCache({
      family: undefined,
      enabled: true,
      ttl: 10_000,
      maxSize: 1000,
      staleIfError: 0,
      ...options,
      scope,
      resolver: {
        resolve: (host, given) =>
          Effect.suspend(() => {
            asked.push(host)
            if (typeof answers === "function") return answers(host, given)
            return answers[Math.min(asked.length, answers.length) - 1] ?? Effect.fail(dnsError(host, "ENOTFOUND"))
          })
      }
    })
    const resolve = (host: string, extra: { port?: number; limit?: number; trace?: Trace } = {}) =>
      Effect.map(
        cache.resolve({
          host,
          port: extra.port ?? 80,
          limit: extra.limit ?? Infinity,
          trace: extra.trace,
          now: () => clock.unsafeCurrentTimeMillis()
        }),
        (addresses) => addresses.map(({ address }) => address)
      )
    return { cache, asked, resolve }
  })

const one = Effect.succeed([four("1.1.1.1")] as const)

/** Lets forked fibers run until they wait. */
const settle = Effect.repeatN(Effect.yieldNow(), 50)

describe("DnsCache", () => {
  describe("the time to live", () => {
    const rows: ReadonlyArray<[string, number, Duration.DurationInput | undefined, number, boolean]> = [
      ["the connector's, on its last millisecond", 10_000, undefined, 10_000, true],
      ["the connector's, afterwards", 10_000, undefined, 10_001, false],
      ["the record's own, which is shorter", 10_000, "2 seconds", 2001, false],
      ["the record's own, which is longer", 10_000, "60 seconds", 59_000, true],
      ["the record's own over Infinity", Infinity, "1 seconds", 1001, false],
      ["the record's own over 0", 0, "1 seconds", 999, true],
      ["Infinity", Infinity, undefined, 1e12, true],
      ["0, at once", 0, undefined, 0, false],
      ["a record's 0, at once", 10_000, 0, 0, false]
    ]
    it.scoped.each(rows)("%s", ([, ttl, own, after, cached]) =>
      Effect.gen(function* () {
        const { asked, resolve } = yield* make([Effect.succeed([four("1.1.1.1", own)] as const)], { ttl })
        yield* resolve("a.test")
        yield* TestClock.adjust(after)
        yield* resolve("a.test")
        assert.strictEqual(asked.length, cached ? 1 : 2)
      })
    )

    it.scoped("is the shortest of all addresses", () =>
      Effect.gen(function* () {
        const { asked, resolve } = yield* make([Effect.succeed([four("1.1.1.1", "60 seconds"), four("1.1.1.2", 500)])])
        yield* resolve("a.test")
        yield* TestClock.adjust(501)
        yield* resolve("a.test")
        assert.strictEqual(asked.length, 2)
      })
    )

    it.scoped("counts from the answer and not from the question", () =>
      Effect.gen(function* () {
        const { asked, resolve } = yield* make([Effect.delay(one, "8 seconds")])
        const fiber = yield* Effect.fork(resolve("a.test"))
        yield* TestClock.adjust("8 seconds")
        yield* Fiber.join(fiber)
        yield* TestClock.adjust("9 seconds")
        yield* resolve("a.test")
        assert.strictEqual(asked.length, 1)
      })
    )
  })

  it.scoped("is ignored if the cache is off", () =>
    Effect.gen(function* () {
      const { asked, cache, resolve } = yield* make([one], { enabled: false })
      assert.deepStrictEqual(yield* resolve("a.test"), ["1.1.1.1"])
      yield* resolve("a.test")
      assert.strictEqual(asked.length, 2)
      assert.strictEqual(cache.size, 0)
    })
  )

  it.scoped("allows rotation of the addresses from use to use", () =>
    Effect.gen(function* () {
      const { resolve } = yield* make([Effect.succeed([four("1.1.1.1"), four("1.1.1.2"), four("1.1.1.3")])])
      const firsts: Array<string | undefined> = []
      for (let i = 0; i < 4; i++) firsts.push((yield* resolve("a.test"))[0])
      assert.deepStrictEqual(firsts, ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.1"])
    })
  )

  describe("one shared lookup", () => {
    it.scoped("serves 100 waiters on two ports", () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const { asked, cache, resolve } = yield* make([Effect.zipRight(Deferred.await(gate), one)])
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), (_, i) =>
          Effect.fork(resolve("a.test", { port: i % 2 === 0 ? 80 : 443 }))
        )
        yield* settle
        assert.strictEqual(asked.length, 1)
        yield* Deferred.succeed(gate, undefined)
        for (const addresses of yield* Fiber.join(Fiber.all(fibers))) assert.deepStrictEqual(addresses, ["1.1.1.1"])
        assert.strictEqual(asked.length, 1)
        assert.strictEqual(cache.pending, 0)
      })
    )

    it.scoped("survives the interruption of the first of 100 waiters", () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const { asked, resolve } = yield* make([Effect.zipRight(Deferred.await(gate), one)])
        const first = yield* Effect.fork(resolve("a.test"))
        yield* settle
        const others = yield* Effect.forEach(Array.from({ length: 99 }), () => Effect.fork(resolve("a.test")))
        yield* settle
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(first)))
        yield* Deferred.succeed(gate, undefined)
        const results = yield* Fiber.join(Fiber.all(others))
        assert.strictEqual(results.length, 99)
        for (const addresses of results) assert.deepStrictEqual(addresses, ["1.1.1.1"])
        assert.strictEqual(asked.length, 1)
      })
    )

    it.scoped("is interrupted when all waiters have ended, and the next one starts a new lookup", () =>
      Effect.gen(function* () {
        let interrupted = 0
        const hangs = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
        const { asked, cache, resolve } = yield* make([hangs, one])
        const a = yield* Effect.fork(resolve("a.test"))
        const b = yield* Effect.fork(resolve("a.test"))
        yield* settle
        yield* Fiber.interrupt(a)
        yield* settle
        assert.strictEqual(interrupted, 0)
        yield* Fiber.interrupt(b)
        yield* settle
        assert.strictEqual(interrupted, 1)
        assert.strictEqual(cache.pending, 0)
        assert.deepStrictEqual(yield* resolve("a.test"), ["1.1.1.1"])
        assert.strictEqual(asked.length, 2)
      })
    )

    it.scoped("of an uninterruptible resolver does not delay an interrupted waiter", () =>
      Effect.gen(function* () {
        for (const enabled of [true, false]) {
          const gate = yield* Deferred.make<void>()
          const { resolve } = yield* make([Effect.uninterruptible(Effect.zipRight(Deferred.await(gate), one))], {
            enabled
          })
          const fiber = yield* Effect.fork(resolve("a.test"))
          yield* settle
          assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
          yield* Deferred.succeed(gate, undefined)
        }
      })
    )

    it.scoped("shares a failure and does not cache it", () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const { asked, cache, resolve } = yield* make([
          Effect.zipRight(Deferred.await(gate), Effect.fail(dnsError("a.test", "ESERVFAIL"))),
          one
        ])
        const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () =>
          Effect.fork(Effect.flip(resolve("a.test")))
        )
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        for (const error of yield* Fiber.join(Fiber.all(fibers))) {
          assert.isTrue(error instanceof ClientConnectorDNSError && error.code === "ESERVFAIL")
        }
        assert.strictEqual(asked.length, 1)
        assert.strictEqual(cache.size, 0)
        assert.deepStrictEqual(yield* resolve("a.test"), ["1.1.1.1"])
      })
    )

    it.scoped("shares a defect or an interruption inside the resolver with its waiters only", () =>
      Effect.gen(function* () {
        const boom = new Error("boom")
        const { cache, resolve } = yield* make([Effect.die(boom), Effect.interrupt, one])
        const died = yield* Effect.exit(resolve("a.test"))
        assert.isTrue(Exit.isFailure(died) && died.cause._tag === "Die" && died.cause.defect === boom)
        const error = yield* Effect.flip(resolve("a.test"))
        assert.isTrue(error instanceof ClientConnectorDNSError && error.code === "ECANCELLED")
        assert.deepStrictEqual(yield* resolve("a.test"), ["1.1.1.1"])
        assert.strictEqual(cache.pending, 0)
      })
    )

    it.effect("ends with the connector", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        let interrupted = 0
        const hangs = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
        const { resolve } = yield* Scope.extend(make([hangs]), scope)
        const fiber = yield* Effect.fork(Effect.flip(resolve("a.test")))
        yield* settle
        yield* Scope.close(scope, Exit.void)
        const error = yield* Fiber.join(fiber)
        assert.isTrue(error instanceof ClientConnectorDNSError && error.code === "ECANCELLED")
        yield* settle
        assert.strictEqual(interrupted, 1)
        const late = yield* Effect.flip(resolve("a.test"))
        assert.isTrue(late instanceof ClientConnectorDNSError && late.code === "ECANCELLED")
      })
    )
  })

  it.effect("of an uninterruptible resolver does not delay the close of the connector", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const gate = yield* Deferred.make<void>()
      const { resolve } = yield* Scope.extend(
        make([Effect.uninterruptible(Effect.zipRight(Deferred.await(gate), one))]),
        scope
      )
      const fiber = yield* Effect.fork(Effect.flip(resolve("a.test")))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "ClientConnectorDNSError")
      yield* Deferred.succeed(gate, undefined)
    })
  )

  describe("the limit of a lookup", () => {
    it.scoped("belongs to each waiter, and ends a lookup without waiters", () =>
      Effect.gen(function* () {
        const { asked, cache, resolve } = yield* make([Effect.delay(one, "3 seconds")])
        const patient = yield* Effect.fork(resolve("a.test", { limit: 5000 }))
        const hasty = yield* Effect.fork(Effect.flip(resolve("a.test", { limit: 1000 })))
        yield* settle
        yield* TestClock.adjust(999)
        assert.isTrue(Option.isNone(yield* Fiber.poll(hasty)))
        yield* TestClock.adjust(1)
        assert.instanceOf(yield* Fiber.join(hasty), LookupTimeout)
        yield* TestClock.adjust(2000)
        assert.deepStrictEqual(yield* Fiber.join(patient), ["1.1.1.1"])
        assert.strictEqual(asked.length, 1)
        assert.strictEqual(cache.pending, 0)
      })
    )
  })

  describe("stale if error", () => {
    const answers = [one, Effect.fail(dnsError("a.test", "ETIMEOUT"))]

    it.scoped("uses an expired answer for the configured time, and queries each time", () =>
      Effect.gen(function* () {
        const { asked, resolve } = yield* make(answers, { staleIfError: 60_000 })
        yield* resolve("a.test")
        yield* TestClock.adjust(10_001)
        assert.deepStrictEqual(yield* resolve("a.test"), ["1.1.1.1"])
        yield* TestClock.adjust(59_999)
        assert.deepStrictEqual(yield* resolve("a.test"), ["1.1.1.1"])
        assert.strictEqual(asked.length, 3)
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* Effect.flip(resolve("a.test")))._tag, "ClientConnectorDNSError")
      })
    )

    it.scoped("is off by default", () =>
      Effect.gen(function* () {
        const { resolve } = yield* make(answers)
        yield* resolve("a.test")
        yield* TestClock.adjust(10_001)
        assert.strictEqual((yield* Effect.flip(resolve("a.test")))._tag, "ClientConnectorDNSError")
      })
    )

    it.scoped("counts a lookup that exceeds the limit as failed", () =>
      Effect.gen(function* () {
        const { resolve } = yield* make([one, Effect.never], { staleIfError: 60_000 })
        yield* resolve("a.test")
        yield* TestClock.adjust(10_001)
        const fiber = yield* Effect.fork(resolve("a.test", { limit: 1000 }))
        yield* settle
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(yield* Fiber.join(fiber), ["1.1.1.1"])
      })
    )

    it.scoped("works for addresses without a time to live, and not for evicted names", () =>
      Effect.gen(function* () {
        const { cache, resolve } = yield* make(answers, { staleIfError: 60_000, ttl: 0 })
        yield* resolve("a.test")
        assert.deepStrictEqual(yield* resolve("a.test"), ["1.1.1.1"])
        cache.clear("a.test", 80)
        assert.strictEqual((yield* Effect.flip(resolve("a.test")))._tag, "ClientConnectorDNSError")
      })
    )
  })

  describe("the size of the cache", () => {
    it.scoped("is not exceeded by 10 000 names", () =>
      Effect.gen(function* () {
        const { cache, resolve } = yield* make([one], { maxSize: 50 })
        for (let i = 0; i < 10_000; i++) yield* resolve(`h${i}.test`)
        assert.strictEqual(cache.size, 50)
        assert.strictEqual(cache.pending, 0)
      })
    )

    it.scoped("evicts the least recently used name", () =>
      Effect.gen(function* () {
        const { asked, resolve } = yield* make([one], { maxSize: 2 })
        yield* Effect.forEach(["a", "b", "a", "c", "a", "b"], (host) => resolve(host))
        assert.deepStrictEqual(asked, ["a", "b", "c", "b"])
      })
    )

    it.scoped("of 0 stores no name", () =>
      Effect.gen(function* () {
        const { asked, cache, resolve } = yield* make([one], { maxSize: 0 })
        yield* resolve("a.test")
        yield* resolve("a.test")
        assert.strictEqual(asked.length, 2)
        assert.strictEqual(cache.size, 0)
      })
    )
  })

  describe("clearing the cache", () => {
    it.scoped("removes all names, one name, or one name on one port", () =>
      Effect.gen(function* () {
        const { asked, cache, resolve } = yield* make([one])
        yield* resolve("a.test")
        yield* resolve("b.test")
        cache.clear("a.test", 443)
        yield* resolve("a.test", { port: 80 })
        assert.deepStrictEqual(asked, ["a.test", "b.test"])
        yield* resolve("a.test", { port: 443 })
        assert.deepStrictEqual(asked, ["a.test", "b.test", "a.test"])
        cache.clear("a.test")
        yield* resolve("b.test")
        yield* resolve("a.test")
        assert.deepStrictEqual(asked, ["a.test", "b.test", "a.test", "a.test"])
        cache.clear()
        yield* resolve("a.test")
        yield* resolve("b.test")
        assert.strictEqual(asked.length, 6)
        cache.clear("unknown.test", 80)
      })
    )

    it.scoped("discards answers to earlier questions", () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const { asked, cache, resolve } = yield* make([Effect.zipRight(Deferred.await(gate), one), one])
        const fiber = yield* Effect.fork(resolve("a.test"))
        yield* settle
        cache.clear("a.test")
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* Fiber.join(fiber), ["1.1.1.1"])
        assert.strictEqual(cache.size, 0)
        yield* resolve("a.test")
        assert.strictEqual(asked.length, 2)
      })
    )
  })

  describe("an invalid answer of a resolver", () => {
    // The types forbid an empty answer, but a resolver in JavaScript may return one.
    const answer = (addresses: ReadonlyArray<Address>): ReturnType<Resolve> =>
      Effect.succeed(addresses as unknown as readonly [Address])

    const rows: ReadonlyArray<[string, ReadonlyArray<Address>, 4 | 6 | undefined, ReadonlyArray<string> | string]> = [
      ["no address", [], undefined, "ENODATA"],
      ["a host name", [{ address: "evil.test", family: 4 }], undefined, "EBADRESP"],
      ["an odd number", [{ address: "2130706433", family: 4 }], undefined, "EBADRESP"],
      ["a host name among addresses", [{ address: "evil.test", family: 4 }, four("1.1.1.1")], undefined, ["1.1.1.1"]],
      ["the other family", [{ address: "::1", family: 6 }], 4, "ENODATA"],
      ["the other family under a false flag", [{ address: "::1", family: 4 }], 4, "ENODATA"],
      ["an address twice", [four("1.1.1.1"), four("1.1.1.1")], undefined, ["1.1.1.1"]]
    ]
    it.scoped.each(rows)("%s", ([, addresses, family, expected]) =>
      Effect.gen(function* () {
        const { cache, resolve } = yield* make([answer(addresses)], { family })
        const result = yield* Effect.either(resolve("a.test"))
        if (result._tag === "Right") assert.deepStrictEqual(result.right, expected)
        else {
          assert.isTrue(result.left instanceof ClientConnectorDNSError && result.left.code === expected)
          assert.strictEqual(cache.size, 0)
        }
      })
    )

    for (const enabled of [true, false]) {
      it.scoped(`with a time to live that is not a duration is malformed, with${enabled ? "" : "out"} a cache`, () =>
        Effect.gen(function* () {
          const odd = { ...four("1.1.1.1"), ttl: "soon" } as unknown as Address
          const { cache, resolve } = yield* make([answer([odd])], { enabled })
          const error = yield* Effect.flip(resolve("a.test"))
          assert.isTrue(error instanceof ClientConnectorDNSError && error.code === "EBADRESP")
          assert.deepStrictEqual([cache.pending, cache.size], [0, 0])
        })
      )

      it.scoped(`that interrupts itself is a typed failure, with${enabled ? "" : "out"} a cache`, () =>
        Effect.gen(function* () {
          const { resolve } = yield* make([Effect.interrupt], { enabled })
          const error = yield* Effect.flip(resolve("a.test"))
          assert.isTrue(error instanceof ClientConnectorDNSError && error.code === "ECANCELLED")
        })
      )
    }

    it.scoped("with 10 000 addresses is shortened", () =>
      Effect.gen(function* () {
        const many = Array.from({ length: 10_000 }, (_, i) => four(`10.0.${i >> 8}.${i & 255}`))
        const { resolve } = yield* make([answer(many)])
        assert.isAtMost((yield* resolve("a.test")).length, 64)
      })
    )
  })

  it.scoped("may have another family than requested", () =>
    Effect.gen(function* () {
      const families: Array<4 | 6 | undefined> = []
      const { resolve } = yield* make(
        (_, { family }) => {
          families.push(family)
          return Effect.succeed([{ address: "::1", family: 4 }])
        },
        { family: 6 }
      )
      assert.deepStrictEqual(yield* resolve("a.test"), ["::1"])
      assert.deepStrictEqual(families, [6])
    })
  )

  describe("the signals of a lookup", () => {
    it.scoped("are miss, start and end, then hit, and miss again after expiry", () =>
      Effect.gen(function* () {
        const { resolve } = yield* make([one])
        const { tags, signals, trace } = makeTrace()
        yield* resolve("a.test", { trace })
        const fresh = ["DnsCacheMiss", "DnsResolveHostStart", "DnsResolveHostEnd"]
        assert.deepStrictEqual(tags(), fresh)
        yield* resolve("a.test", { trace })
        assert.deepStrictEqual(signals.at(-1), { _tag: "DnsCacheHit", host: "a.test", coalesced: false })
        yield* TestClock.adjust(10_001)
        yield* resolve("a.test", { trace })
        assert.deepStrictEqual(tags(), [...fresh, "DnsCacheHit", ...fresh])
      })
    )

    it.scoped("are one hit for the second waiter", () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const { resolve } = yield* make([Effect.zipRight(Deferred.await(gate), one)])
        const a = makeTrace()
        const b = makeTrace()
        const first = yield* Effect.fork(resolve("a.test", a))
        yield* settle
        const second = yield* Effect.fork(resolve("a.test", b))
        yield* settle
        assert.deepStrictEqual(a.tags(), ["DnsCacheMiss", "DnsResolveHostStart"])
        assert.deepStrictEqual(b.signals, [{ _tag: "DnsCacheHit", host: "a.test", coalesced: true }])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.joinAll([first, second])
        assert.deepStrictEqual(a.tags(), ["DnsCacheMiss", "DnsResolveHostStart", "DnsResolveHostEnd"])
        assert.strictEqual(b.signals.length, 1)
      })
    )

    it.scoped("are start and end without a cache, and no end after a failure", () =>
      Effect.gen(function* () {
        const { tags, trace } = makeTrace()
        const { resolve } = yield* make([one, Effect.fail(dnsError("a.test", "ENOTFOUND"))], { enabled: false })
        yield* resolve("a.test", { trace })
        yield* Effect.flip(resolve("a.test", { trace }))
        assert.deepStrictEqual(tags(), ["DnsResolveHostStart", "DnsResolveHostEnd", "DnsResolveHostStart"])
      })
    )
  })
})
