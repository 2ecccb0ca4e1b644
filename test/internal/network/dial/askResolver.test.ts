import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit } from "effect"
import { ClientConnectorDNSError } from "../../../../src/Errors.js"
import { askResolver } from "../../../../src/internal/network/dial/askResolver.js"
import * as Resolver from "../../../../src/Resolver.js"

/** Answers that the types forbid, and that a resolver in JavaScript may return. */
const answering = (answer: unknown): Resolver.ResolverService => ({
  resolve: () => Effect.succeed(answer) as unknown as ReturnType<Resolver.ResolverService["resolve"]>
})

const returning = (returned: unknown): Resolver.ResolverService => ({
  resolve: () => returned as ReturnType<Resolver.ResolverService["resolve"]>
})

const codeOf = (resolver: Resolver.ResolverService) =>
  Effect.map(Effect.flip(askResolver(resolver, "a.test", undefined)), (error) => {
    assert.instanceOf(error, ClientConnectorDNSError)
    assert.strictEqual(error.host, "a.test")
    return error.code
  })

class Found {
  readonly #address: string
  constructor(address: string) {
    this.#address = address
  }
  get address(): string {
    return this.#address
  }
  get family(): 4 {
    return 4
  }
  get ttl(): Duration.Duration {
    return Duration.seconds(3)
  }
}

class Resolving implements Resolver.ResolverService {
  readonly #answer = [new Found("192.0.2.1"), new Found("192.0.2.2")] as const
  resolve() {
    return Effect.succeed(this.#answer)
  }
}

describe("askResolver", () => {
  it.effect("reads the addresses of class instances with fields on their prototype", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* askResolver(new Resolving(), "a.test", undefined), [
        { address: "192.0.2.1", family: 4, ttl: Duration.seconds(3) },
        { address: "192.0.2.2", family: 4, ttl: Duration.seconds(3) }
      ])
    })
  )

  const accepted: ReadonlyArray<readonly [what: string, answer: unknown, addresses: ReadonlyArray<Resolver.Address>]> =
    [
      ["no family", [{ address: "192.0.2.1" }], [{ address: "192.0.2.1", family: 4 }]],
      ["a family as text", [{ address: "::1", family: "IPv6" }], [{ address: "::1", family: 6 }]],
      ["another family", [{ address: "::1", family: 4 }], [{ address: "::1", family: 6 }]],
      ["a port out of range", [{ address: "::1", family: 6, port: 70_000 }], [{ address: "::1", family: 6 }]],
      ["a zone", [{ address: "fe80::1%eth0", family: 6 }], [{ address: "fe80::1%eth0", family: 6 }]],
      ["null for a time to live", [{ address: "::1", family: 6, ttl: null }], [{ address: "::1", family: 6 }]],
      [
        "a time to live in milliseconds",
        [{ address: "::1", family: 6, ttl: 1500 }],
        [{ address: "::1", family: 6, ttl: Duration.millis(1500) }]
      ],
      [
        "a time to live as text",
        [{ address: "::1", family: 6, ttl: "2 seconds" }],
        [{ address: "::1", family: 6, ttl: Duration.seconds(2) }]
      ],
      [
        "malformed ones among others",
        [null, "192.0.2.9", { address: 42 }, { address: "192.0.2.1", family: 4 }, undefined],
        [{ address: "192.0.2.1", family: 4 }]
      ]
    ]
  it.effect.each(accepted)("accepts an answer with %s", ([, answer, addresses]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* askResolver(answering(answer), "a.test", undefined), addresses)
    })
  )

  const text = { toString: () => "127.0.0.1" }
  const malformed: ReadonlyArray<readonly [what: string, answer: unknown]> = [
    ["undefined", undefined],
    ["null", null],
    ["a string", "127.0.0.1"],
    ["a number", 2130706433],
    ["one address", { address: "127.0.0.1", family: 4 }],
    ["a set", new Set([{ address: "127.0.0.1", family: 4 }])],
    ["strings", ["127.0.0.1", "::1"]],
    ["null in an array", [null]],
    ["arrays in an array", [[{ address: "127.0.0.1", family: 4 }]]],
    ["no address", [{ family: 4 }]],
    ["an address that is null", [{ address: null, family: 4 }]],
    ["an object that prints as an address", [{ address: text, family: 4 }]],
    ["a host name", [{ address: "evil.test", family: 4 }]],
    ["brackets", [{ address: "[::1]", family: 6 }]],
    ["a port behind the address", [{ address: "127.0.0.1:80", family: 4 }]],
    ["a short IPv4 address", [{ address: "127.1", family: 4 }]],
    ["a space", [{ address: " 127.0.0.1", family: 4 }]],
    ["a time to live that is not a duration", [{ address: "127.0.0.1", family: 4, ttl: "soon" }]],
    ["a time to live that is NaN", [{ address: "127.0.0.1", family: 4, ttl: Number.NaN }]],
    ["a time to live that is a Date", [{ address: "127.0.0.1", family: 4, ttl: new Date(0) }]]
  ]
  it.effect.each(malformed)("fails with EBADRESP for %s", ([, answer]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* codeOf(answering(answer)), "EBADRESP")
    })
  )

  it.effect("fails with EBADRESP if the resolver does not return an Effect, also for a rejected promise", () =>
    Effect.gen(function* () {
      for (const returned of [undefined, null, "127.0.0.1", [{ address: "127.0.0.1", family: 4 }], () => {}]) {
        assert.strictEqual(yield* codeOf(returning(returned)), "EBADRESP")
      }
      assert.strictEqual(yield* codeOf(returning(Promise.resolve([]))), "EBADRESP")
      assert.strictEqual(yield* codeOf(returning(Promise.reject(new Error("no")))), "EBADRESP")
      const both = Resolver.orElse(returning(undefined), Resolver.overrides({ "a.test": "192.0.2.1" }))
      assert.deepStrictEqual(yield* askResolver(both, "a.test", undefined), [{ address: "192.0.2.1", family: 4 }])
      assert.strictEqual(yield* codeOf(Resolver.orElse(returning(undefined), returning(null))), "EBADRESP")
      assert.strictEqual(yield* codeOf(Resolver.overrides({}, returning(42))), "EBADRESP")
    })
  )

  it.effect("turns every error into a typed error", () =>
    Effect.gen(function* () {
      const failing = (error: unknown) => returning(Effect.fail(error))
      assert.strictEqual(yield* codeOf(failing("ENOTFOUND")), "EUNKNOWN")
      assert.strictEqual(yield* codeOf(failing(undefined)), "EUNKNOWN")
      assert.strictEqual(yield* codeOf(failing(Object.assign(new Error("no"), { code: "ESERVFAIL" }))), "ESERVFAIL")
      const given = new ClientConnectorDNSError({ host: "a.test", code: "EREFUSED" })
      assert.strictEqual(yield* Effect.flip(askResolver(failing(given), "a.test", undefined)), given)
    })
  )

  it.effect("keeps a defect of the resolver as a defect", () =>
    Effect.gen(function* () {
      const boom: Resolver.ResolverService = {
        resolve: () => {
          throw new Error("boom")
        }
      }
      const exit = yield* Effect.exit(askResolver(boom, "a.test", undefined))
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
    })
  )
})
