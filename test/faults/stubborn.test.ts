/** User code that cannot be interrupted: limits and the close of a session do not wait for it. */
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option, Redacted, type Scope, Stream, TestClock } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Middleware from "effect-http-session/Middleware"
import * as Resolver from "effect-http-session/Resolver"
import * as Session from "effect-http-session/Session"
import * as Tracing from "effect-http-session/Tracing"
import * as Server from "../support/server.js"
import { turns, until } from "../support/stages.js"
import { promptly } from "../support/steps.js"

/** Uninterruptible code that a request waits for, and that ends with the test. */
interface Stubborn {
  readonly run: Effect.Effect<void>
  readonly reached: Effect.Effect<void>
}

const stubborn: Effect.Effect<Stubborn, never, Scope.Scope> = Effect.gen(function* () {
  const reached = yield* Deferred.make<void>()
  const end = yield* Deferred.make<void>()
  yield* Effect.addFinalizer(() => Deferred.succeed(end, undefined))
  return {
    run: Effect.uninterruptible(Effect.zipRight(Deferred.succeed(reached, undefined), Deferred.await(end))),
    reached: Effect.zipRight(Deferred.await(reached), turns(3))
  }
})

interface Setting {
  readonly session?: Session.SessionOptions
  readonly connector?: Connector.TcpOptions
  readonly jar?: (jar: CookieJar.CookieJarService) => CookieJar.CookieJarService
  readonly request?: (session: Session.SessionService, url: string) => Effect.Effect<unknown, unknown>
}

type Make = (code: Stubborn["run"]) => Setting | Effect.Effect<Setting>

const get = (session: Session.SessionService, url: string): Effect.Effect<unknown, unknown> =>
  ClientResponse.text(session.get(url))

const listener =
  (name: keyof Tracing.Listeners<unknown>): Make =>
  (code) => ({
    session: { traceConfigs: [Tracing.traceConfig({ [name]: () => code })] }
  })

const during: Readonly<Record<string, Make>> = {
  "a middleware before its request": (code) => ({
    session: { middlewares: [(request, next) => Effect.zipRight(code, next(request))] }
  }),
  "a middleware after its request": (code) => ({
    session: { middlewares: [(request, next) => Effect.zipLeft(next(request), code)] }
  }),
  "a middleware that is a finalizer": (code) => ({
    session: {
      middlewares: [
        (request, next) =>
          Effect.ensuring(
            Effect.flatMap(next(request), () => Effect.fail(new TypeError() as never)),
            code
          )
      ]
    }
  }),
  "the token of bearerRefresh": (code) =>
    Effect.map(Middleware.bearerRefresh({ token: Effect.as(code, Redacted.make("token")) }), (bearer) => ({
      session: { middlewares: [bearer] }
    })),
  "the store of the cache": (code) =>
    Effect.map(
      Effect.provideService(
        Middleware.cache(),
        KeyValueStore.KeyValueStore,
        KeyValueStore.makeStringOnly({
          get: () => Effect.as(code, Option.none()),
          set: () => Effect.void,
          remove: () => Effect.void,
          clear: Effect.void,
          size: Effect.succeed(0)
        })
      ),
      (cache) => ({ session: { middlewares: [cache] } })
    ),
  raiseForStatus: (code) => ({ session: { raiseForStatus: () => code } }),
  onRedirect: (code) => ({
    session: { onRedirect: ({ next }) => Effect.as(code, Option.some(next)) },
    request: (session, url) => get(session, `${url}/moved`)
  }),
  "onProgress of an upload": (code) => ({
    request: (session, url) =>
      ClientResponse.text(
        session.post(`${url}/silent`, {
          text: "a",
          onProgress: ({ direction }) => (direction === "upload" ? code : Effect.void)
        })
      )
  }),
  "the stream of an upload": (code) => ({
    request: (session, url) =>
      ClientResponse.text(
        session.post(`${url}/silent`, { data: Stream.fromEffect(Effect.as(code, new Uint8Array(1))) })
      )
  }),
  "a resolver": (code) => ({
    connector: { resolver: { resolve: () => Effect.as(code, [{ address: "127.0.0.1", family: 4 }] as const) } }
  }),
  "a resolver without a cache": (code) => ({
    connector: {
      useDnsCache: false,
      resolver: { resolve: () => Effect.as(code, [{ address: "127.0.0.1", family: 4 }] as const) }
    }
  }),
  "a cookie jar that is asked": (code) => ({
    jar: (jar) => ({ ...jar, cookieHeader: () => Effect.as(code, Option.none()) })
  }),
  "a cookie jar that stores": (code) => ({
    jar: (jar) => ({ ...jar, setCookies: () => code }),
    request: (session, url) => get(session, `${url}/cookie`)
  }),
  onRequestStart: listener("onRequestStart"),
  onConnectionCreateStart: listener("onConnectionCreateStart"),
  onDnsResolveHostStart: listener("onDnsResolveHostStart"),
  onConnectionCreateEnd: listener("onConnectionCreateEnd"),
  onConnectionQueuedStart: (code) => ({
    session: { traceConfigs: [Tracing.traceConfig({ onConnectionQueuedStart: () => code })] },
    connector: { limit: 1 },
    request: (session, url) =>
      Effect.forkDaemon(get(session, `${url}/silent`)).pipe(
        Effect.zipRight(until(() => Effect.runSync(session.connector.stats).acquired === 1)),
        Effect.zipRight(get(session, url))
      )
  }),
  onRequestHeadersSent: listener("onRequestHeadersSent"),
  onRequestEnd: listener("onRequestEnd")
}

/** Waits that begin after the response. */
const afterwards: Readonly<Record<string, Make>> = {
  onResponseEnd: listener("onResponseEnd"),
  onConnectionReleased: listener("onConnectionReleased"),
  "onResponseEnd of a request without a total limit": (code) => ({
    session: { timeout: { total: Infinity }, traceConfigs: [Tracing.traceConfig({ onResponseEnd: () => code })] }
  }),
  onRequestException: (code) => ({
    session: { traceConfigs: [Tracing.traceConfig({ onRequestException: () => code })] },
    request: (session) => get(session, "http://127.0.0.1:9/")
  }),
  "onRequestException of a request without a total limit": (code) => ({
    session: { timeout: { total: Infinity }, traceConfigs: [Tracing.traceConfig({ onRequestException: () => code })] },
    request: (session) => get(session, "http://127.0.0.1:9/")
  }),
  "onResponseEnd in a fiber of the session": (code) => ({
    session: { traceConfigs: [Tracing.traceConfig({ onResponseEnd: () => code })] },
    request: (session, url) => ClientResponse.discard(session.get(url))
  })
}

const answers: Server.Play = Server.answers(({ target }) =>
  target === "/silent"
    ? ""
    : target === "/moved"
      ? Server.response(302, "", ["Location: /"])
      : Server.response(200, "answer", target === "/cookie" ? ["Set-Cookie: a=b"] : [])
)

/** A session with that code, and the fiber of a request that has reached it. */
const stuck = (make: Make) =>
  Effect.gen(function* () {
    const code = yield* stubborn
    const at = yield* Server.always(answers)
    const made = make(code.run)
    const setting = Effect.isEffect(made) ? yield* made : made
    const connector = yield* Connector.tcp({
      gracefulShutdownTimeout: 0,
      resolver: Resolver.overrides({ "origin.test": "127.0.0.1" }),
      ...setting.connector
    })
    const jar = yield* CookieJar.make()
    const session = yield* Session.make({ timeout: "10 seconds", ...setting.session }).pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideService(CookieJar.CookieJar, setting.jar?.(jar) ?? jar)
    )
    const request = setting.request ?? get
    const fiber = yield* Effect.forkDaemon(request(session, `http://origin.test:${at.port}`))
    yield* promptly(code.reached, "the way to the code")
    const end = Effect.gen(function* () {
      const exit = yield* promptly(Fiber.await(fiber), "the request")
      const { acquired, connecting, waiting } = yield* connector.stats
      assert.deepStrictEqual({ acquired, connecting, waiting }, { acquired: 0, connecting: 0, waiting: 0 })
      return exit
    })
    return { fiber, session, end }
  })

const tagOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return typeof error === "object" && error !== null && "_tag" in error ? error._tag : String(exit)
}

for (const [name, make] of Object.entries(during)) {
  describe(`uninterruptible code in ${name}`, () => {
    it.scoped("does not outlast the total limit of its request", () =>
      Effect.gen(function* () {
        const { end } = yield* stuck(make)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(tagOf(yield* end), "TotalTimeoutError")
      })
    )

    it.scoped("does not delay the close of its session", () =>
      Effect.gen(function* () {
        const { session, end } = yield* stuck(make)
        yield* promptly(session.close, "the close")
        assert.strictEqual(tagOf(yield* end), "SessionClosedError")
      })
    )

    it.scoped("does not delay a close after an interruption of its request", () =>
      Effect.gen(function* () {
        const { fiber, session, end } = yield* stuck(make)
        yield* Fiber.interruptFork(fiber)
        yield* turns(3)
        yield* promptly(session.close, "the close")
        assert.isTrue(Exit.isFailure(yield* end))
      })
    )
  })
}

for (const [name, make] of Object.entries(afterwards)) {
  describe(`an uninterruptible listener of ${name}`, () => {
    if (!name.includes("without a total limit")) {
      it.scoped("does not outlast the total limit of its request by more than a second", () =>
        Effect.gen(function* () {
          const { end } = yield* stuck(make)
          yield* TestClock.adjust("11 seconds")
          yield* end
        })
      )
    }

    it.scoped("does not delay the close of its session, and its request ends a second later", () =>
      Effect.gen(function* () {
        const { session, end } = yield* stuck(make)
        yield* promptly(session.close, "the close")
        yield* TestClock.adjust("1 second")
        yield* end
      })
    )
  })
}

describe("an uninterruptible onProgress of a body that has arrived", () => {
  it.scoped("does not delay the close of its session or outlast its total limit", () =>
    Effect.gen(function* () {
      const { session, end } = yield* stuck((code) => ({
        request: (service, url) => ClientResponse.text(service.get(url, { onProgress: () => code }))
      }))
      yield* promptly(session.close, "the close")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(tagOf(yield* end), "TotalTimeoutError")
    })
  )
})
