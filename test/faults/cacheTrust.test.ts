/** A cache over real TLS: a request must not get a stored response if its own connection would be refused. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Fiber, type Scope } from "effect"
import {
  Auth,
  type ClientRequest,
  ClientResponse,
  Connector,
  CookieJar,
  Middleware,
  Resolver,
  Session,
  Ssl
} from "effect-http-session"
import { type Issued, standard } from "../support/certificates.js"
import { originServer } from "../support/proxied.js"
import { proxyServer } from "../support/proxyServer.js"
import { reply, secureSite } from "../support/secureSite.js"

const fresh = ["Cache-Control: max-age=600"]

/** Answers each request with its number. */
const counting = ({ cert, key }: Issued) => {
  let count = 0
  return secureSite({ cert, key }, (socket) => socket.write(reply(String(++count), fresh)))
}

const sessionWith = (
  cache: Middleware.Middleware,
  connector: Connector.TcpOptions = {},
  options: Session.SessionOptions = {}
): Effect.Effect<Session.SessionService, never, Scope.Scope> =>
  Effect.gen(function* () {
    const service = yield* Connector.tcp(connector)
    return yield* Session.make({ timeout: "30 seconds", middlewares: [cache], ...options }).pipe(
      Effect.provideService(Connector.Connector, service),
      Effect.provide(CookieJar.layer()),
      Effect.orDie
    )
  })

/** The body, or the reason of the error. */
const outcome = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  session.get(url, options).pipe(
    ClientResponse.text,
    Effect.catchAll((error) => Effect.succeed("reason" in error ? error.reason : error._tag))
  )

const memory = KeyValueStore.layerMemory

describe("a cached response without verification", () => {
  it.scopedLive("does not answer a request that verifies or pins", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const site = yield* counting(set.selfSigned)
      const session = yield* sessionWith(yield* Middleware.cache())
      assert.strictEqual(yield* outcome(session, site.url, { ssl: false }), "1")
      assert.strictEqual(yield* outcome(session, site.url), "SelfSigned")
      const wrong = Ssl.fingerprint("0".repeat(64))
      assert.strictEqual(yield* outcome(session, site.url, { ssl: wrong }), "FingerprintMismatch")
      const right = Ssl.fingerprint(set.selfSigned.sha256)
      assert.strictEqual(yield* outcome(session, site.url, { ssl: right }), "2")
      const trusting = yield* Ssl.context({ ca: set.selfSigned.cert })
      assert.strictEqual(yield* outcome(session, site.url, { ssl: trusting }), "3")
      for (const [ssl, body] of [
        [false, "1"],
        [right, "2"],
        [trusting, "3"]
      ] as const) {
        assert.strictEqual(yield* outcome(session, site.url, { ssl }), body)
      }
      assert.strictEqual(yield* outcome(session, site.url), "SelfSigned")
    }).pipe(Effect.provide(memory))
  )

  it.scopedLive("is not awaited by a request that verifies", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const asked = yield* Deferred.make<() => void>()
      const site = yield* secureSite({ cert: set.selfSigned.cert, key: set.selfSigned.key }, (socket) =>
        Deferred.unsafeDone(
          asked,
          Effect.succeed(() => socket.write(reply("late", fresh)))
        )
      )
      const session = yield* sessionWith(yield* Middleware.cache())
      const waiting = yield* Effect.fork(outcome(session, site.url, { ssl: false }))
      const answer = yield* Deferred.await(asked)
      assert.strictEqual(yield* outcome(session, site.url), "SelfSigned")
      answer()
      assert.strictEqual(yield* Fiber.join(waiting), "late")
    }).pipe(Effect.provide(memory))
  )

  it.scopedLive("of one connector does not answer another connector", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const site = yield* counting(set.selfSigned)
      const cache = yield* Middleware.cache()
      const lax = yield* sessionWith(cache, { ssl: false })
      const strict = yield* sessionWith(cache)
      assert.strictEqual(yield* outcome(lax, site.url), "1")
      assert.strictEqual(yield* outcome(strict, site.url), "SelfSigned")
      assert.strictEqual(yield* outcome(strict, site.url, { ssl: false }), "1")
    }).pipe(Effect.provide(memory))
  )
})

describe("a cached response to a client certificate", () => {
  it.scopedLive("does not answer requests with another certificate or without one", () =>
    Effect.gen(function* () {
      const { authority, ca, client, good } = yield* standard()
      const other = yield* authority.issue({ names: ["other"], client: true })
      const site = yield* secureSite(
        { cert: good.cert, key: good.key, ca, requestCert: true, rejectUnauthorized: false },
        (socket, { subject }) => socket.write(reply(subject ?? "none", fresh))
      )
      const session = yield* sessionWith(yield* Middleware.cache())
      const as = (issued: Issued) => Ssl.context({ ca, cert: issued.cert, key: issued.key })
      const contexts = [yield* as(client), yield* as(other), yield* Ssl.context({ ca })]
      for (let round = 0; round < 2; round++) {
        const subjects = []
        for (const ssl of contexts) subjects.push(yield* outcome(session, site.url, { ssl }))
        assert.deepStrictEqual(subjects, ["CN=device", "CN=other", "none"])
      }
      assert.strictEqual(site.asked.length, 3)
    }).pipe(Effect.provide(memory))
  )
})

describe("a cached response of one route", () => {
  it.scopedLive("does not answer a request by another proxy, SOCKS proxy or resolver", () =>
    Effect.gen(function* () {
      let count = 0
      const origin = yield* originServer("plain", {
        answer: (_, response) => void response.writeHead(200, { "cache-control": "max-age=600" }).end(String(++count))
      })
      const proxy = yield* proxyServer()
      const socks = yield* proxyServer({ kind: "socks" })
      const cache = yield* Middleware.cache()
      const url = `http://a.test:${origin.port}/`
      const resolver = (address: string) => Resolver.overrides({ "a.test": [address] })
      const session = yield* sessionWith(cache, { resolver: resolver("127.0.0.1") })
      const elsewhere = yield* sessionWith(cache, { resolver: resolver("127.0.0.2") })
      const same = yield* sessionWith(cache, { resolver: resolver("127.0.0.1") })
      const ways: ReadonlyArray<ClientRequest.RequestOptions> = [
        {},
        { proxy: proxy.url },
        { proxy: socks.url.replace(/^[a-z0-9]+:/, "socks5h:") },
        { headers: { Host: "b.test" } }
      ]
      for (let round = 0; round < 2; round++) {
        const bodies = []
        for (const options of ways) bodies.push(yield* outcome(session, url, options))
        assert.deepStrictEqual(bodies, ["1", "2", "3", "4"])
      }
      assert.deepStrictEqual([proxy.seen.length, socks.seen.length], [1, 1])
      assert.strictEqual(yield* outcome(same, url), "1")
      // Whether the address responds depends on the system, but the stored response must not be used.
      assert.notStrictEqual(yield* outcome(elsewhere, url), "1")
    }).pipe(Effect.provide(memory))
  )
})

describe("the cache with netrc", () => {
  it.scopedLive("keeps responses to netrc credentials apart", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain", {
        answer: (request, response) =>
          void response
            .writeHead(200, { "cache-control": "max-age=600" })
            .end(request.headers.authorization === undefined ? "anonymous" : "known")
      })
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "cache-netrc-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const path = join(folder, "netrc")
      yield* Effect.promise(() => writeFile(path, "machine 127.0.0.1 login u password s3cret\n", { mode: 0o600 }))
      const cache = yield* Middleware.cache()
      const trusting = yield* sessionWith(cache, {}, { trustEnv: true }).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["NETRC", path]])))
      )
      const plain = yield* sessionWith(cache)
      const url = `http://127.0.0.1:${origin.port}/`
      for (let round = 0; round < 2; round++) {
        const bodies = [
          yield* outcome(trusting, url),
          yield* outcome(plain, url),
          yield* outcome(plain, url, { auth: Auth.basic("u", "s3cret") })
        ]
        assert.deepStrictEqual(bodies, ["known", "anonymous", "known"])
      }
      assert.strictEqual(origin.seen.length, 2)
    }).pipe(Effect.provide(memory))
  )
})

describe("a cached response of one connector", () => {
  it.scopedLive("does not answer another connector with equal options", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const site = yield* counting(set.good)
      const cache = yield* Middleware.cache()
      const once = Effect.scoped(
        Effect.gen(function* () {
          const ssl = yield* Ssl.context({ ca: set.ca })
          return yield* outcome(yield* sessionWith(cache, { ssl }), site.url)
        })
      )
      assert.deepStrictEqual([yield* once, yield* once], ["1", "1"])
    }).pipe(Effect.provide(memory))
  )
})
