import { inspect } from "node:util"
import { SystemError } from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as CookieJar from "effect-http-session/CookieJar"
import { jarOf } from "../src/internal/cookies/registry.js"
import { header, names, url } from "./support/jars.js"

/** A jar on a store, and an effect that closes its Scope. */
const persisted = (store: KeyValueStore.KeyValueStore, options?: Parameters<typeof CookieJar.layerPersisted>[0]) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const layer = CookieJar.layerPersisted(options).pipe(
      Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore, store))
    )
    const context = yield* Layer.buildWithScope(layer, scope)
    return { jar: Context.get(context, CookieJar.CookieJar), close: Scope.close(scope, Exit.void) }
  })

const memory = Effect.provide(KeyValueStore.KeyValueStore, KeyValueStore.layerMemory)

describe("layerPersisted", () => {
  it.effect("saves each change within a second, and loads it", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store, { key: "mine" })
      yield* one.jar.setCookies(["a=1"], url)
      yield* TestClock.adjust("1 second")
      assert.include(Option.getOrThrow(yield* store.get("mine")), `"a"`)
      yield* one.jar.setCookies(["b=1"], url)
      yield* TestClock.adjust("1 second")
      const two = yield* persisted(store, { key: "mine" })
      assert.deepStrictEqual(yield* names(two.jar), ["a", "b"])
      assert.isDefined(jarOf(two.jar))
    })
  )

  it.effect("saves pending changes when its Scope closes, and writes nothing if nothing changed", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const idle = yield* persisted(store)
      yield* idle.close
      assert.strictEqual(yield* store.size, 0)
      const one = yield* persisted(store)
      yield* one.jar.updateCookies({ a: "1" })
      yield* one.close
      assert.deepStrictEqual(yield* names((yield* persisted(store)).jar), ["a"])
    })
  )

  it.effect("loses no cookie of jars that share a store, and keeps removals", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store)
      yield* one.jar.setCookies(["both=1", "gone=1"], url)
      yield* TestClock.adjust("2 seconds")
      const two = yield* persisted(store)
      yield* one.jar.setCookies(["one=1", "gone=; Max-Age=0"], url)
      yield* TestClock.adjust("100 millis")
      yield* two.jar.setCookies(["two=1", "both=2"], url)
      yield* TestClock.adjust("5 seconds")
      yield* one.close
      yield* two.close
      const three = yield* persisted(store)
      assert.deepStrictEqual((yield* names(three.jar)).sort(), ["both", "one", "two"])
      assert.include(yield* header(three.jar), "both=2")
    })
  )

  it.effect("repeats a save that another jar overwrote", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store)
      yield* one.jar.setCookies(["one=1"], url)
      yield* TestClock.adjust("500 millis")
      const overtaken = yield* store.get("cookies")
      assert.isTrue(Option.isSome(overtaken))
      // Another process, which read the store while it was empty, writes now.
      yield* store.set("cookies", JSON.stringify({ version: 1, cookies: [] }))
      yield* TestClock.adjust("1 second")
      assert.include(Option.getOrThrow(yield* store.get("cookies")), `"one"`)
    })
  )

  it.effect("restores a saved change that another jar overwrote when the Scope closes", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store)
      yield* one.jar.setCookies(["one=1"], url)
      yield* TestClock.adjust("10 seconds")
      yield* store.set("cookies", JSON.stringify({ version: 1, cookies: [] }))
      yield* one.close
      assert.deepStrictEqual(yield* names((yield* persisted(store)).jar), ["one"])
    })
  )

  it.effect("reads a value again if it is incomplete because another process is writing it", () =>
    Effect.gen(function* () {
      const store = yield* memory
      const one = yield* persisted(store)
      yield* one.jar.setCookies(["one=1"], url)
      yield* one.close
      const whole = Option.getOrThrow(yield* store.get("cookies"))
      const halves = ["", whole.slice(0, 20), ""]
      const writing = KeyValueStore.make({
        ...store,
        get: (key) =>
          Effect.suspend(() => (halves.length > 0 ? Effect.succeedSome(halves.shift() ?? "") : store.get(key)))
      })
      assert.deepStrictEqual(yield* names((yield* persisted(writing)).jar), ["one"])
    })
  )

  it.effect("fails with a CookieJarError if the key holds another value, and does not change it", () =>
    Effect.gen(function* () {
      const store = yield* memory
      yield* store.set("cookies", "secret")
      const error = yield* Effect.flip(persisted(store))
      assert.strictEqual(error._tag, "CookieJarError")
      assert.strictEqual(Option.getOrThrow(yield* store.get("cookies")), "secret")
    })
  )

  it.effect("warns without secrets while a store fails, and saves once it works", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ annotations, message }) => {
        logged.push(message, ...annotations)
      })
      const store = yield* memory
      let broken = true
      const failure = new SystemError({
        module: "KeyValueStore",
        method: "set",
        reason: "Unknown",
        description: "hunter2"
      })
      const flaky = KeyValueStore.make({
        ...store,
        set: (key, value) => (broken ? Effect.fail(failure) : store.set(key, value))
      })
      yield* Effect.gen(function* () {
        const one = yield* persisted(flaky)
        yield* one.jar.updateCookies({ a: "hunter2" })
        yield* TestClock.adjust("1 second")
        broken = false
        yield* TestClock.adjust("1 minute")
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.isTrue(Option.isSome(yield* store.get("cookies")))
      assert.include(inspect(logged), "not saved")
      assert.notInclude(inspect(logged, { depth: 9 }), "hunter2")
    })
  )

  it.effect("treats a defect of its store like a failure", () =>
    Effect.gen(function* () {
      const store = yield* memory
      let dead = true
      const dying = KeyValueStore.make({
        ...store,
        set: (key, value) => {
          if (dead) throw new Error("no store")
          return store.set(key, value)
        }
      })
      const one = yield* persisted(dying)
      yield* one.jar.updateCookies({ a: "1" })
      yield* TestClock.adjust("1 second")
      dead = false
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Option.isSome(yield* store.get("cookies")))
      dead = true
      yield* one.jar.updateCookies({ b: "2" })
      yield* one.close
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )

  for (const when of ["before", "during"] as const) {
    it.effect(`waits at most 5 seconds for a store that hangs if its Scope closes ${when} a save`, () =>
      Effect.gen(function* () {
        const store = yield* memory
        const one = yield* persisted(KeyValueStore.make({ ...store, set: () => Effect.async<void>(() => {}) }))
        yield* one.jar.updateCookies({ a: "1" })
        if (when === "during") yield* TestClock.adjust("1 second")
        const closing = yield* Effect.fork(one.close)
        yield* TestClock.adjust("4999 millis")
        assert.isNull(closing.unsafePoll())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(closing)
      }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
    )
  }

  it.effect("saves the last change if the fiber that closes its Scope is interrupted again", () =>
    Effect.gen(function* () {
      const saving = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const saved: Array<string> = []
      const store = KeyValueStore.makeStringOnly({
        get: () => Effect.succeed(Option.fromNullable(saved.at(-1))),
        set: (_, value) =>
          Deferred.succeed(saving, undefined).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.zipRight(Effect.sync(() => saved.push(value)))
          ),
        remove: () => Effect.void,
        clear: Effect.void,
        size: Effect.succeed(0)
      })
      const fiber = yield* Effect.flatMap(CookieJar.CookieJar, (jar) => jar.updateCookies({ a: "last" }, url)).pipe(
        Effect.zipRight(Effect.never),
        Effect.provide(
          CookieJar.layerPersisted().pipe(Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore, store)))
        ),
        Effect.fork
      )
      yield* Effect.yieldNow().pipe(Effect.repeatN(50))
      yield* Fiber.interruptFork(fiber)
      yield* Deferred.await(saving)
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow().pipe(Effect.repeatN(50))
      assert.isNull(fiber.unsafePoll())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(fiber)
      assert.include(saved.at(-1), "last")
    })
  )

  for (const change of ["an update", "a removal"] as const) {
    it.effect(`keeps the cookies of a backup that is restored after ${change}`, () =>
      Effect.gen(function* () {
        const { close, jar } = yield* persisted(yield* memory)
        yield* TestClock.adjust("1 hour")
        yield* jar.updateCookies({ a: "old" }, url)
        const backup = yield* jar.toJson
        yield* TestClock.adjust("10 seconds")
        if (change === "an update") yield* jar.updateCookies({ a: "new" }, url)
        else yield* jar.clear()
        yield* TestClock.adjust("10 seconds")
        yield* jar.fromJson(backup)
        yield* TestClock.adjust("10 seconds")
        assert.include(yield* header(jar), "a=old")
        yield* close
      })
    )
  }
})
