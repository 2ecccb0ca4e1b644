/**
 * Limits of the pool and shared connections, over sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, TestClock } from "effect"
import * as Auth from "effect-http-session/Auth"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Connector from "effect-http-session/Connector"
import { ClientConnectorDNSError } from "effect-http-session/Errors"
import * as Proxy from "effect-http-session/Proxy"
import type { ResolverService } from "effect-http-session/Resolver"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import * as fc from "fast-check"
import { prepare } from "../../src/internal/request/prepare.js"
import { PreparedRequest } from "../../src/internal/request/preparedRequest.js"
import { makeDefaults } from "../../src/internal/request/sessionDefaults.js"
import { routeOf } from "../../src/internal/session/route.js"
import { invariants } from "../support/invariants.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/session.js"
import { turn, untilValue } from "../support/wait.js"

const { answers, fin, plays, request, reset, stall } = Server

const limits: ClientRequest.RequestOptions = { timeout: "10 seconds" }

const echo = answers(({ target }) => Server.response(200, target))

const get = (session: Session.SessionService, at: { readonly url: string }, path: string) =>
  session.get(`${at.url}${path}`, limits).pipe(ClientResponse.text)

/** A server that responds to one request, in order of arrival, each time the test allows it. */
const gated = () => {
  const waiting: Array<{ readonly target: string; readonly go: Deferred.Deferred<void> }> = []
  let now = 0
  let most = 0
  const play: Server.Play = (peer) =>
    Effect.forever(
      Effect.gen(function* () {
        const { target } = yield* peer.request
        now++
        most = Math.max(most, now)
        const go = yield* Deferred.make<void>()
        waiting.push({ target, go })
        yield* Deferred.await(go)
        now--
        yield* peer.send(Server.response(200, target))
      })
    )
  return {
    play,
    seen: Effect.sync(() => waiting.map(({ target }) => target)),
    most: () => most,
    answer: (index: number) =>
      Effect.suspend(() => {
        const one = waiting[index]
        return one === undefined
          ? Effect.dieMessage(`request ${index} has not come`)
          : Deferred.succeed(one.go, undefined)
      }),
    answerAll: Effect.suspend(() => Effect.forEach(waiting, ({ go }) => Deferred.succeed(go, undefined)))
  }
}

const nowhere: ResolverService = {
  resolve: (host) => Effect.fail(new ClientConnectorDNSError({ host, code: "ENOTFOUND", phase: "dns" }))
}

/** Enough turns for everything that happens on the loopback without the test. */
const quiet = Effect.repeatN(turn, 30)

const passes = <A, E>(exit: Exit.Exit<A, E>): void =>
  assert.isTrue(Exit.isSuccess(exit), Exit.isFailure(exit) ? String(exit.cause) : "")

describe("the limits of a pool", () => {
  it.scopedLive("hold for 300 requests on 10 connections, including dials, and all are answered", () =>
    Effect.gen(function* () {
      let now = 0
      let most = 0
      // The server responds when all permitted requests have arrived.
      const full = yield* Deferred.make<void>()
      const at = yield* Server.always((peer) =>
        Effect.forever(
          Effect.gen(function* () {
            const { target } = yield* peer.request
            most = Math.max(most, ++now)
            if (now === 10) yield* Deferred.succeed(full, undefined)
            yield* Deferred.await(full)
            yield* Effect.sleep(1)
            now--
            yield* peer.send(Server.response(200, target))
          })
        )
      )
      const { session } = yield* sessionOn({ limit: 10 })
      const exit = yield* invariants(
        Effect.gen(function* () {
          const paths = Array.from({ length: 300 }, (_, index) => `/${index}`)
          const texts = yield* Effect.forEach(paths, (path) => get(session, at, path), { concurrency: "unbounded" })
          assert.deepStrictEqual(texts, paths)
          assert.strictEqual(most, 10)
          assert.isAtMost(yield* at.accepted, 10)
        }),
        { connector: session.connector, servers: [at] }
      )
      passes(exit)
    })
  )

  it.scopedLive("serve the requests of each host in order of arrival, and let no host starve another", () =>
    Effect.gen(function* () {
      const [gateA, gateB] = [gated(), gated()]
      const a = yield* Server.always(gateA.play)
      const b = yield* Server.always(gateB.play)
      const { session } = yield* sessionOn({ limit: 2, limitPerHost: 1 })
      const exit = yield* invariants(
        Effect.gen(function* () {
          const fibers: Array<Fiber.Fiber<string, unknown>> = []
          for (const path of ["/0", "/1", "/2", "/3"]) {
            fibers.push(yield* Effect.fork(get(session, a, path)))
            yield* Effect.yieldNow()
          }
          yield* untilValue(gateA.seen, (seen) => seen.length === 1)
          // Three requests wait for the stalled host, and the other host is served at once.
          fibers.push(yield* Effect.fork(get(session, b, "/b")))
          yield* untilValue(gateB.seen, (seen) => seen.length === 1)
          yield* gateB.answer(0)
          for (let index = 0; index < 4; index++) {
            yield* untilValue(gateA.seen, (seen) => seen.length === index + 1)
            yield* gateA.answer(index)
          }
          assert.deepStrictEqual(yield* gateA.seen, ["/0", "/1", "/2", "/3"])
          assert.strictEqual(gateA.most(), 1)
          yield* Effect.forEach(fibers, Fiber.join)
        }),
        { connector: session.connector, servers: [a, b] }
      )
      passes(exit)
    })
  )

  it.scopedLive("of 0 mean no limit", () =>
    Effect.gen(function* () {
      const gate = gated()
      const at = yield* Server.always(gate.play)
      const { session } = yield* sessionOn({ limit: 0 })
      const exit = yield* invariants(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(
            Effect.forEach(Array.from({ length: 120 }), () => get(session, at, "/"), { concurrency: "unbounded" })
          )
          yield* untilValue(gate.seen, (seen) => seen.length === 120)
          yield* gate.answerAll
          yield* Fiber.join(fiber)
        }),
        { connector: session.connector, servers: [at] }
      )
      passes(exit)
    })
  )

  it.scopedLive("of the queue refuse surplus requests at once with a typed error", () =>
    Effect.gen(function* () {
      const gate = gated()
      const at = yield* Server.always(gate.play)
      const { session } = yield* sessionOn({ limit: 1, maxQueue: 2 })
      const exit = yield* invariants(
        Effect.gen(function* () {
          const first = yield* Effect.fork(get(session, at, "/0"))
          yield* untilValue(gate.seen, (seen) => seen.length === 1)
          const others = yield* Effect.forEach(["/1", "/2"], (path) => Effect.fork(get(session, at, path)))
          yield* untilValue(session.connector.stats, (stats) => stats.waiting === 2)
          const error = yield* Effect.flip(get(session, at, "/3"))
          assert.strictEqual(error._tag, "PoolSaturatedError")
          if (error._tag === "PoolSaturatedError")
            assert.deepStrictEqual([error.waiting, error.maxQueue, error.phase], [2, 2, "queue"])
          for (let index = 0; index < 3; index++) {
            yield* untilValue(gate.seen, (seen) => seen.length === index + 1)
            yield* gate.answer(index)
          }
          yield* Effect.forEach([first, ...others], Fiber.join)
        }),
        { connector: session.connector, servers: [at] }
      )
      passes(exit)
    })
  )

  it.scopedLive("are counted by key at every stage, and idle connections can be closed", () =>
    Effect.gen(function* () {
      const gate = gated()
      const at = yield* Server.always(gate.play)
      const found = yield* Deferred.make<void>()
      const resolver: ResolverService = {
        resolve: () => Effect.as(Deferred.await(found), [{ address: "127.0.0.1", family: 4 }] as const)
      }
      const { session } = yield* sessionOn({ limit: 1, resolver })
      const named = { url: `http://gate.test:${at.port}` }
      const none = { acquired: 0, connecting: 0, idle: 0, waiting: 0, streams: 0 }
      const own = Effect.map(session.connector.stats, ({ perKey, ...total }) => {
        const counts = perKey.get(named.url)
        assert.deepStrictEqual(counts ?? none, total)
        return total
      })
      assert.deepStrictEqual(yield* own, none)
      const first = yield* Effect.fork(get(session, named, "/0"))
      yield* untilValue(own, (counts) => counts.connecting === 1)
      yield* Deferred.succeed(found, undefined)
      yield* untilValue(own, (counts) => counts.acquired === 1)
      const second = yield* Effect.fork(get(session, named, "/1"))
      assert.deepStrictEqual(yield* untilValue(own, (counts) => counts.waiting === 1), {
        ...none,
        acquired: 1,
        waiting: 1,
        streams: 1
      })
      yield* untilValue(gate.seen, (seen) => seen.length === 1)
      yield* gate.answer(0)
      yield* Fiber.join(first)
      yield* untilValue(gate.seen, (seen) => seen.length === 2)
      assert.deepStrictEqual(yield* own, { ...none, acquired: 1, streams: 1 })
      yield* gate.answer(1)
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* own, { ...none, idle: 1 })
      yield* session.connector.closeIdle
      assert.deepStrictEqual(yield* own, none)
      yield* untilValue(at.connections, (open) => open === 0)
    })
  )

  it.scopedLive("do not count idle connections, of which the last used is taken first", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* Server.always(echo), yield* Server.always(echo)]
      const { session } = yield* sessionOn({ limit: 1 })
      yield* get(session, a, "/")
      yield* get(session, b, "/")
      assert.strictEqual((yield* session.connector.stats).idle, 2)

      const gate = gated()
      const at = yield* Server.always(gate.play)
      const { session: both } = yield* sessionOn()
      const fibers = yield* Effect.forEach(["/0", "/1"], (path) =>
        Effect.fork(Effect.scoped(both.get(`${at.url}${path}`, limits)))
      )
      yield* untilValue(gate.seen, (seen) => seen.length === 2)
      yield* gate.answer(0)
      yield* untilValue(both.connector.stats, (stats) => stats.idle === 1)
      yield* gate.answer(1)
      yield* untilValue(both.connector.stats, (stats) => stats.idle === 2)
      const last = yield* Fiber.join(fibers[(yield* gate.seen)[1] === "/1" ? 1 : 0] ?? assert.fail())
      const next = yield* Effect.fork(Effect.scoped(both.get(at.url, limits)))
      yield* untilValue(gate.seen, (seen) => seen.length === 3)
      yield* gate.answer(2)
      assert.strictEqual((yield* Fiber.join(next)).connection.id, last.connection.id)
    })
  )

  it.scopedLive("keep no connection with forceClose", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(echo)
      const { session } = yield* sessionOn({ forceClose: true })
      const exit = yield* invariants(
        Effect.gen(function* () {
          for (const path of ["/1", "/2"]) assert.strictEqual(yield* get(session, at, path), path)
          assert.strictEqual((yield* session.connector.stats).idle, 0)
          assert.strictEqual(yield* at.accepted, 2)
        }),
        { connector: session.connector, servers: [at] }
      )
      passes(exit)
    })
  )
})

describe("a request that holds or awaits a slot and fails passes it on", () => {
  /** `limit` is 1: if the slot is lost, later requests wait forever. */
  const rounds = 100
  const slotIsFree = (session: Session.SessionService, at: Server.Server) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* get(session, at, "/after"), "/after")
      const { acquired, connecting, waiting } = yield* session.connector.stats
      assert.deepStrictEqual([acquired, connecting, waiting], [0, 0, 0])
    })
  const each = <E>(
    name: string,
    options: Connector.TcpOptions,
    play: Server.Play,
    round: (session: Session.SessionService, at: Server.Server, index: number) => Effect.Effect<void, E>
  ) =>
    it.scopedLive(
      name,
      () =>
        Effect.gen(function* () {
          const faulty = yield* Server.always(play)
          const at = yield* Server.always(echo)
          const { session } = yield* sessionOn({ ...options, limit: 1 })
          const exit = yield* invariants(
            Effect.gen(function* () {
              for (let index = 0; index < rounds; index++) {
                const next = yield* Effect.fork(Effect.zipRight(Effect.yieldNow(), get(session, at, "/next")))
                yield* round(session, faulty, index)
                assert.strictEqual(yield* Fiber.join(next), "/next")
                yield* slotIsFree(session, at)
              }
            }),
            { connector: session.connector, servers: [faulty, at] }
          )
          passes(exit)
        }),
      30_000
    )

  const silent = plays(request, stall)
  const interrupted = (
    session: Session.SessionService,
    url: string,
    when: Effect.Effect<unknown>,
    options?: ClientRequest.RequestOptions
  ) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(session.get(url, { ...limits, ...options }).pipe(ClientResponse.text))
      yield* when
      yield* Fiber.interrupt(fiber)
    })
  const holding = (session: Session.SessionService) =>
    untilValue(session.connector.stats, (stats) => stats.acquired === 1)

  each("a waiter that is interrupted", {}, silent, (session, at) =>
    Effect.gen(function* () {
      const holder = yield* Effect.fork(session.get(at.url, limits).pipe(ClientResponse.text))
      yield* holding(session)
      yield* interrupted(
        session,
        at.url,
        untilValue(session.connector.stats, (stats) => stats.waiting >= 2)
      )
      yield* Fiber.interrupt(holder)
    })
  )
  each("a waiter whose time limit expires", {}, silent, (session, at) =>
    Effect.gen(function* () {
      const holder = yield* Effect.fork(session.get(at.url, limits).pipe(ClientResponse.text))
      yield* holding(session)
      const error = yield* Effect.flip(
        session.get(at.url, { timeout: { poolWait: "2 millis" } }).pipe(ClientResponse.text)
      )
      assert.strictEqual(error._tag, "ConnectionTimeoutError")
      yield* Fiber.interrupt(holder)
    })
  )
  each("a waiter that is interrupted at the moment it gets the slot", {}, plays(request, fin), (session, at) =>
    Effect.gen(function* () {
      const holder = yield* Effect.fork(Effect.exit(session.get(at.url, limits).pipe(ClientResponse.text)))
      yield* holding(session)
      const waiter = yield* Effect.fork(session.get(at.url, limits).pipe(ClientResponse.text))
      yield* Fiber.join(holder)
      yield* Fiber.interrupt(waiter)
    })
  )
  each("a holder that fails", {}, plays(request, reset), (session, at) =>
    Effect.asVoid(Effect.flip(session.get(at.url, limits).pipe(ClientResponse.text)))
  )
  each("a holder that is interrupted", {}, silent, (session, at) => interrupted(session, at.url, holding(session)))
  each("a holder that is interrupted while it connects", {}, silent, (session, at, index) =>
    interrupted(session, at.url, Effect.repeatN(Effect.yieldNow(), index % 5))
  )
  each("a holder that is interrupted in its TLS handshake", {}, stall, (session, at, index) =>
    interrupted(session, at.url.replace("http:", "https:"), Effect.repeatN(turn, index % 7))
  )
  each("a holder that is interrupted while its proxy opens the tunnel", {}, stall, (session, at, index) =>
    interrupted(session, "https://origin.test/", Effect.repeatN(turn, index % 7), { proxy: at.url })
  )
  each("a holder whose name is not found", { resolver: nowhere }, stall, (session) =>
    Effect.asVoid(Effect.flip(session.get("http://nowhere.test/", limits).pipe(ClientResponse.text)))
  )
  each("a holder that is refused", {}, stall, (session) =>
    Effect.asVoid(Effect.flip(session.get("http://127.0.0.1:1/", limits).pipe(ClientResponse.text)))
  )
})

describe("sharing a connection", () => {
  it.scopedLive("requires an equal scheme, host, port and route, and nothing else", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* Server.always(echo), yield* Server.always(echo)]
      const { session } = yield* sessionOn()
      const id = (url: string, options?: ClientRequest.RequestOptions) =>
        Effect.map(Effect.scoped(session.get(url, { ...limits, ...options })), (response) => response.connection.id)
      const first = yield* id(`${a.url}/1`)
      // Path, headers and credentials of a request are not part of the route.
      assert.strictEqual(yield* id(`${a.url}/2?q=1`), first)
      assert.strictEqual(yield* id(`${a.url}/3`, { headers: { A: "b" } }), first)
      assert.strictEqual(yield* id(`${a.url}/4`, { auth: Auth.basic("u", "p") }), first)
      // TLS settings do not apply to http.
      assert.strictEqual(yield* id(`${a.url}/5`, { ssl: false }), first)
      const ids = [first]
      const fresh = (next: number) => {
        assert.notInclude(ids, next)
        ids.push(next)
      }
      fresh(yield* id(`${b.url}/1`))
      fresh(yield* id(`http://localhost:${a.port}/1`))
      const forward = (user: string) => Proxy.make(a.url, { auth: Auth.basic(user, "p") })
      fresh(yield* id(`${b.url}/1`, { proxy: a.url }))
      const own = yield* id(`${b.url}/1`, { proxy: forward("u1") })
      fresh(own)
      fresh(yield* id(`${b.url}/1`, { proxy: forward("u2") }))
      assert.strictEqual(yield* id(`${b.url}/2`, { proxy: forward("u1") }), own)
    })
  )

  const context = (options: Ssl.ContextOptions) => Effect.runSync(Ssl.context(options))
  const pinA = "aa".repeat(32)
  const pinB = "bb".repeat(32)
  /** Connections must not be shared between two values of a field. */
  const fields = {
    scheme: ["http", "https"],
    host: ["a.test", "b.test", "127.0.0.1"],
    port: [8080, 8081],
    proxy: [
      undefined,
      Proxy.make("http://p.test:1"),
      Proxy.make("http://p.test:2"),
      Proxy.make("http://p.test:1", { auth: Auth.basic("u", "p") }),
      Proxy.make("http://p.test:1", { auth: Auth.basic("u", "P") }),
      Proxy.make("http://p.test:1", { headers: { A: "b" } }),
      Proxy.make("socks5://p.test:1")
    ],
    ssl: [
      true,
      false,
      Ssl.fingerprint(pinA),
      Ssl.fingerprint(pinB),
      context({ minVersion: "TLSv1.3" }),
      context({ alpn: ["x", "http/1.1"] })
    ],
    serverHostname: [undefined, "x.test", "y.test"]
  } as const
  type Name = keyof typeof fields
  const names = Object.keys(fields) as ReadonlyArray<Name>

  const key = (choice: Readonly<Record<Name, number>>): string => {
    const at = <A>(list: ReadonlyArray<A>, index: number): A => list[index % list.length] ?? (list[0] as A)
    const value = {
      scheme: at(fields.scheme, choice.scheme),
      host: at(fields.host, choice.host),
      port: at(fields.port, choice.port)
    }
    const prepared = prepare(makeDefaults({}), "GET", `${value.scheme}://${value.host}:${value.port}/`, {
      proxy: fields.proxy[choice.proxy % fields.proxy.length],
      ssl: at(fields.ssl, choice.ssl),
      serverHostname: fields.serverHostname[choice.serverHostname % fields.serverHostname.length]
    })
    if (!(prepared instanceof PreparedRequest)) return assert.fail(String(prepared))
    const route = routeOf(prepared, undefined, false, false)
    return "_tag" in route ? assert.fail(String(route)) : route.key
  }

  it("depends on every field of the route", () => {
    const choice = fc.record(
      Object.fromEntries(names.map((name) => [name, fc.nat({ max: fields[name].length - 1 })])) as Record<
        Name,
        fc.Arbitrary<number>
      >
    )
    fc.assert(
      fc.property(choice, fc.constantFrom(...names), fc.nat({ max: 100 }), (one, name, shift) => {
        const other = { ...one, [name]: (one[name] + 1 + (shift % (fields[name].length - 1))) % fields[name].length }
        assert.strictEqual(key(one), key({ ...one }))
        const plain = fields.scheme[one.scheme] === "http"
        const tls = name === "ssl" || name === "serverHostname"
        // A forwarding proxy accepts requests to all origins on one connection.
        const forwarded = plain && one.proxy > 0 && one.proxy < fields.proxy.length - 1
        const origin = name === "host" || name === "port"
        if ((tls && plain) || (origin && forwarded)) assert.strictEqual(key(one), key(other))
        else assert.notStrictEqual(key(one), key(other), `${name} ${JSON.stringify(one)}`)
        assert.notInclude(key(one), ":p@")
      }),
      { seed: 20261122, numRuns: 500 }
    )
  })
})

describe("many concurrent requests", () => {
  it.scopedLive("to 5 origins get their own answers, 100 at each", () =>
    Effect.gen(function* () {
      const servers = yield* Effect.forEach([0, 1, 2, 3, 4], (origin) =>
        Server.always(answers(({ target }) => Server.response(200, `${origin}${target}`)))
      )
      const { session } = yield* sessionOn({ limit: 40 })
      const exit = yield* invariants(
        Effect.gen(function* () {
          const all = Array.from({ length: 500 }, (_, index) => ({ origin: index % 5, path: `/${index}` }))
          const texts = yield* Effect.forEach(
            all,
            ({ origin, path }) => get(session, servers[origin] ?? assert.fail(), path),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            texts,
            all.map(({ origin, path }) => `${origin}${path}`)
          )
        }),
        { connector: session.connector, servers }
      )
      passes(exit)
    })
  )
})

describe("waiting for a slot", () => {
  it.scoped("ends with the limit poolWait, and with connect, which includes it", () =>
    Effect.gen(function* () {
      const gate = gated()
      const at = yield* Server.always(gate.play)
      const { session } = yield* sessionOn({ limit: 1 })
      const holder = yield* Effect.fork(session.get(at.url).pipe(ClientResponse.text))
      yield* untilValue(gate.seen, (seen) => seen.length === 1)
      const waits = yield* Effect.fork(
        Effect.flip(
          session.get(at.url, { timeout: { poolWait: "2 seconds", connect: "3 seconds" } }).pipe(ClientResponse.text)
        )
      )
      const connects = yield* Effect.fork(
        Effect.flip(session.get(at.url, { timeout: { connect: "1 second" } }).pipe(ClientResponse.text))
      )
      yield* untilValue(session.connector.stats, (stats) => stats.waiting === 2)
      yield* TestClock.adjust("999 millis")
      yield* quiet
      assert.strictEqual((yield* session.connector.stats).waiting, 2)
      yield* TestClock.adjust("1 millis")
      const connect = yield* Fiber.join(connects)
      assert.deepStrictEqual(
        [connect._tag, connect._tag === "ConnectionTimeoutError" && connect.timeout],
        ["ConnectionTimeoutError", "connect"]
      )
      assert.isTrue(Option.isNone(yield* Fiber.poll(waits)))
      yield* TestClock.adjust("1 second")
      const poolWait = yield* Fiber.join(waits)
      assert.deepStrictEqual(
        [poolWait._tag, poolWait._tag === "ConnectionTimeoutError" && poolWait.timeout],
        ["ConnectionTimeoutError", "poolWait"]
      )
      assert.strictEqual((yield* session.connector.stats).waiting, 0)
      yield* Fiber.interrupt(holder)
    })
  )
})
