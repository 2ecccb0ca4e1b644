import { mkdtempSync, rmSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Effect, Exit, Layer, Option } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"
import * as Server from "./support/server.js"
import { untilValue } from "./support/wait.js"

const echo = Server.answers(({ target }) => Server.response(200, target))
const limits = { timeout: "15 seconds" } as const

const defectOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(Option.getOrUndefined(Cause.dieOption(exit.cause))) : "it succeeded"

describe("invalid options of a connector", () => {
  const wrong: ReadonlyArray<readonly [Connector.PoolOptions, RegExp]> = [
    [{ limit: -1 }, /limit/],
    [{ limit: Number.NaN }, /limit/],
    [{ limitPerHost: -5 }, /limitPerHost/],
    [{ maxQueue: -1 }, /maxQueue/],
    [{ forceClose: true, keepaliveTimeout: "1 second" }, /keepaliveTimeout: expected no value with forceClose/],
    [{ keepaliveTimeout: -1 }, /keepaliveTimeout/],
    [{ gracefulShutdownTimeout: Number.NaN }, /gracefulShutdownTimeout/],
    [{ http1: { maxHeaders: -1 } }, /maxHeaders/],
    [{ forceClose: true, http2: true }, /http2: expected false or no value with forceClose/],
    [{ forceClose: true, http2: {} }, /http2: expected false or no value with forceClose/],
    [{ http2: { maxConcurrentStreams: 0 } }, /http2\.maxConcurrentStreams: expected a whole number from 1/],
    [{ http2: { maxConcurrentStreams: 1.5 } }, /http2\.maxConcurrentStreams/],
    [{ http2: { streamWindow: 65_534 } }, /http2\.streamWindow: expected a whole number from 65535 to 2147483647/],
    [{ http2: { streamWindow: 2 ** 31 } }, /http2\.streamWindow/],
    [{ http2: { streamWindow: 1_000_000, maxStreamWindow: 999_999 } }, /http2\.maxStreamWindow/],
    [{ http2: { pingInterval: "9 seconds" } }, /http2\.pingInterval: expected a duration of at least 10s/],
    [{ http2: { pingTimeout: -1 } }, /http2\.pingTimeout: expected a duration of at least 1ms/],
    [{ http2: { pingTimeout: 0 } }, /http2\.pingTimeout: expected a duration of at least 1ms/]
  ]
  for (const [options, text] of wrong) {
    it.effect(`${JSON.stringify(options)} are a defect of tcp and unix`, () =>
      Effect.gen(function* () {
        assert.match(defectOf(yield* Effect.exit(Effect.scoped(Connector.tcp(options)))), text)
        assert.match(
          defectOf(yield* Effect.exit(Effect.scoped(Connector.unix({ path: "/nowhere", ...options })))),
          text
        )
      })
    )
  }

  it.effect("are a ConfigError from Config", () =>
    Effect.gen(function* () {
      const layer = Connector.layerTcpConfig({ limit: Config.integer("LIMIT") })
      const build = (limit: string) =>
        Layer.build(layer).pipe(
          Effect.scoped,
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["LIMIT", limit]]))),
          Effect.exit
        )
      assert.isTrue(Exit.isSuccess(yield* build("5")))
      for (const limit of ["-5", "many"]) {
        const exit = yield* build(limit)
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail", limit)
      }
    })
  )

  const wrongForTcp: ReadonlyArray<Config.Config.Wrap<Connector.TcpOptions>> = [
    { localAddress: Config.succeed("abc") },
    { http1: Config.succeed({ maxHeaders: -1 }) },
    { http2: Config.succeed({ maxConcurrentStreams: 0 }) },
    { addressPolicy: Config.succeed({ deny: ["10.0.0.0/99"] }) },
    { ttlDnsCache: Config.succeed(-1) },
    { staleIfError: Config.succeed(Number.NaN) },
    { tcpKeepAlive: Config.succeed(-1) },
    { maxConnectionAge: Config.succeed(-1) },
    { certificateWarning: Config.succeed(-1) },
    { dnsCacheMaxSize: Config.succeed(-1) }
  ]
  for (const options of wrongForTcp) {
    const [name = ""] = Object.keys(options)
    it.effect(`include ${name}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(Connector.layerTcpConfig(options))))
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail")
      })
    )
  }
})

describe("a connector", () => {
  it.scopedLive("outlives the sessions that share it", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const connector = yield* Connector.tcp()
      const shared = Layer.provide(Session.layerWithoutDependencies(), [
        Layer.succeed(Connector.Connector, connector),
        CookieJar.layer()
      ])
      const get = Session.get(at.url, limits).pipe(ClientResponse.text, Effect.provide(Layer.fresh(shared)))
      yield* get
      assert.strictEqual((yield* connector.stats).idle, 1)
      yield* get
      assert.strictEqual(yield* at.accepted, 1)
    })
  )

  it.scopedLive("closes its sockets and its sessions when it is closed", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const connector = yield* Connector.tcp()
      const session = yield* Session.make().pipe(
        Effect.provideService(Connector.Connector, connector),
        Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
      )
      yield* session.get(at.url, limits).pipe(ClientResponse.text)
      yield* connector.close
      yield* connector.close
      assert.strictEqual((yield* connector.stats).idle, 0)
      yield* untilValue(at.connections, (open) => open === 0)
      const error = yield* Effect.flip(session.get(at.url, limits).pipe(ClientResponse.text))
      assert.strictEqual(error._tag, "SessionClosedError")
      if (error._tag === "SessionClosedError") assert.strictEqual(error.subject, "Connector")
      assert.strictEqual(yield* at.accepted, 1)
    })
  )

  it.scopedLive("is closed by the Scope that made it", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      yield* Session.get(at.url, limits).pipe(ClientResponse.text, Effect.provide(Session.layer()))
      yield* untilValue(at.connections, (open) => open === 0)
    })
  )

  it.scopedLive("fails with a typed error if its Unix socket does not exist", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync("/tmp/connector-")),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const error = yield* Session.get("http://any/", limits).pipe(
        ClientResponse.text,
        Effect.flip,
        Effect.provide(
          Session.layerWithoutDependencies().pipe(
            Layer.provide([Connector.layerUnix({ path: `${folder}/none` }), CookieJar.layer()])
          )
        )
      )
      assert.strictEqual(error._tag, "UnixClientConnectorError")
    })
  )
})
