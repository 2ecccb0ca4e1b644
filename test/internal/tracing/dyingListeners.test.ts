/**
 * A listener that dies, at each point at which one can be called: its request fails, no other does, and nothing that the
 * request held is kept.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Ssl, Tracing } from "effect-http-session"
import { turn } from "../../../src/internal/testing/faultServer.js"
import { standard } from "../../support/certificates.js"
import { invariants } from "../../support/invariants.js"
import { proxyServer } from "../../support/proxyServer.js"
import { always, type Play, response, type Server } from "../../support/server.js"
import { loopback } from "../../support/signals.js"

interface Site {
  readonly server: Server
  readonly url: string
  /** The URL of the same server with a name. */
  readonly named: string
  /** Lets the server respond to /hold. */
  readonly release: Effect.Effect<void>
}

interface Scenario {
  readonly point: Exclude<Tracing.Signal["_tag"], "SignalsLost">
  readonly name?: string
  readonly tls?: boolean
  readonly proxy?: boolean
  readonly connector?: Connector.TcpOptions
  /** The steps before the request. */
  readonly before?: (session: Session.SessionService, site: Site) => Effect.Effect<unknown, unknown>
  /** The request, with `options`. */
  readonly request?: (
    session: Session.SessionService,
    site: Site,
    options: Parameters<Session.SessionService["get"]>[1]
  ) => Effect.Effect<unknown, unknown>
  /** Runs while the request is in flight. */
  readonly during?: (
    session: Session.SessionService,
    site: Site,
    over: () => boolean
  ) => Effect.Effect<unknown, unknown>
}

const get =
  (path: string, where: "url" | "named" = "url"): NonNullable<Scenario["request"]> =>
  (session, site, options) =>
    session.get(`${site[where]}${path}`, options).pipe(ClientResponse.text)

const ok: NonNullable<Scenario["before"]> = (session, site) => get("/ok")(session, site, {})

const held: Pick<Scenario, "connector" | "before" | "during"> = {
  connector: { limit: 1 },
  before: (session, site) =>
    Effect.gen(function* () {
      yield* Effect.forkDaemon(Effect.ignore(get("/hold")(session, site, {})))
      while ((yield* session.connector.stats).acquired === 0) yield* turn
    }),
  during: (session, site, over) =>
    Effect.gen(function* () {
      while (!over() && (yield* session.connector.stats).waiting < 2) yield* turn
      yield* site.release
    })
}

const streamed: NonNullable<Scenario["request"]> = (session, site, options) => {
  const data = Stream.fromIterable(["one", "two"].map((text) => new TextEncoder().encode(text)))
  return session.post(`${site.url}/ok`, { ...options, data }).pipe(ClientResponse.text)
}

const scenarios: ReadonlyArray<Scenario> = [
  { point: "RequestStart" },
  { point: "RequestHeadersSent" },
  { point: "RequestHeadersSent", name: "on a connection that is used again", before: ok },
  {
    point: "RequestChunkSent",
    name: "of bytes",
    request: (session, site, options) =>
      session.post(`${site.url}/ok`, { ...options, data: "abc" }).pipe(ClientResponse.text)
  },
  { point: "RequestChunkSent", name: "of a stream", request: streamed },
  { point: "ResponseInformational", request: get("/early") },
  { point: "RequestRedirect", request: get("/302") },
  { point: "RequestRetry", before: ok, request: get("/stale") },
  { point: "RequestEnd" },
  { point: "RequestEnd", name: "of a large body", request: get("/large") },
  { point: "RequestException", request: get("/cut") },
  { point: "ResponseChunkReceived" },
  { point: "ResponseChunkReceived", name: "of a large body", request: get("/large") },
  {
    point: "ResponseChunkReceived",
    name: "of a body that is streamed",
    request: (session, site, options) =>
      Stream.runDrain(ClientResponse.stream(session.get(`${site.url}/large`, options)))
  },
  { point: "ResponseEnd" },
  {
    point: "ResponseEnd",
    name: "of an unread body",
    request: (session, site, options) => Effect.scoped(session.get(`${site.url}/large`, options))
  },
  { point: "CookieRejected", request: get("/cookie") },
  { point: "ConnectionQueuedStart", ...held },
  { point: "ConnectionQueuedEnd", ...held },
  { point: "ConnectionCreateStart" },
  { point: "ConnectionCreateEnd" },
  { point: "ConnectionReuseconn", before: ok },
  { point: "ConnectionReleased" },
  { point: "ConnectionClosed", connector: { forceClose: true } },
  { point: "DnsCacheMiss", request: get("/ok", "named") },
  { point: "DnsResolveHostStart", request: get("/ok", "named") },
  { point: "DnsResolveHostEnd", request: get("/ok", "named") },
  {
    point: "DnsResolveHostStart",
    name: "without a cache",
    connector: { useDnsCache: false },
    request: get("/ok", "named")
  },
  {
    point: "DnsResolveHostEnd",
    name: "without a cache",
    connector: { useDnsCache: false },
    request: get("/ok", "named")
  },
  {
    point: "DnsCacheHit",
    connector: { forceClose: true },
    before: (session, site) => get("/ok", "named")(session, site, {}),
    request: get("/ok", "named")
  },
  { point: "TlsHandshakeStart", tls: true },
  { point: "TlsHandshakeEnd", tls: true },
  { point: "TlsCertificateExpiring", tls: true, connector: { certificateWarning: "36500 days" } },
  { point: "ProxyConnectStart", tls: true, proxy: true },
  { point: "ProxyConnectEnd", tls: true, proxy: true },
  { point: "TlsHandshakeEnd", name: "in a tunnel", tls: true, proxy: true }
]

const large = "x".repeat(300_000)

const play =
  (hold: Deferred.Deferred<void>): Play =>
  (peer) =>
    Effect.gen(function* () {
      for (let index = 0; ; index++) {
        const { target } = yield* peer.request
        if (target === "/hold") yield* Deferred.await(hold)
        if (target === "/cut" || (target === "/stale" && index > 0)) return yield* peer.reset
        if (target === "/early") yield* peer.send("HTTP/1.1 103 Early Hints\r\n\r\n")
        if (target === "/cookie") yield* peer.send(response(200, "ok", ["Set-Cookie: a=b; Domain=com"]))
        else if (target === "/302") yield* peer.send(response(302, "", ["Location: /ok"]))
        else yield* peer.send(response(200, target === "/large" ? large : "ok"))
      }
    })

/** A listener that dies or throws for a signal of the marked request. */
const ways = {
  dies: () => Effect.die("boom"),
  throws: (): Effect.Effect<void> => {
    throw "boom"
  }
} as const

const check = (scenario: Scenario, way: keyof typeof ways) =>
  Effect.gen(function* () {
    const { ca, good } = yield* standard()
    const hold = yield* Deferred.make<void>()
    const server = yield* always(play(hold), scenario.tls === true ? { tls: good } : undefined)
    const scheme = scenario.tls === true ? "https" : "http"
    const site: Site = {
      server,
      url: `${scheme}://${scenario.tls === true ? "localhost" : "127.0.0.1"}:${server.port}`,
      named: `${scheme}://site.test:${server.port}`,
      release: Effect.asVoid(Deferred.succeed(hold, undefined))
    }
    const proxy = scenario.proxy === true ? (yield* proxyServer()).url : undefined
    let calls = 0
    const config = Tracing.traceConfig({
      ctx: (given) => given,
      [`on${scenario.point}`]: (_session: unknown, ctx: unknown) => {
        if (ctx !== "marked") return Effect.void
        calls++
        return ways[way]()
      }
    })
    const ssl = yield* Ssl.context({ ca })
    const connector = yield* Connector.tcp({ resolver: loopback, ssl, ...scenario.connector })
    const session = yield* Session.make({ traceConfigs: [config], proxy, timeout: "10 seconds" }).pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
    )
    const request = scenario.request ?? get("/ok")

    const test = Effect.gen(function* () {
      if (scenario.before !== undefined) yield* scenario.before(session, site)
      const marked = yield* Effect.fork(request(session, site, { traceRequestCtx: "marked" }))
      const other = yield* Effect.fork(get("/ok", scenario.tls === true ? "url" : "named")(session, site, {}))
      if (scenario.during !== undefined) {
        yield* scenario.during(session, site, () => marked.unsafePoll() !== null)
      }
      return [yield* Fiber.await(marked), yield* Fiber.await(other)] as const
    })
    const exit = yield* invariants(Effect.orDie(test), {
      connector,
      servers: proxy === undefined ? [server] : undefined,
      followUp: Effect.asVoid(get("/ok")(session, site, {}))
    })
    const [marked, other] = yield* exit
    assert.deepStrictEqual(other, Exit.succeed("ok"))
    assert.isAbove(calls, 0)
    assert.isTrue(Exit.isFailure(marked), "the request has not failed")
    const defects = Exit.isFailure(marked) ? Array.from(Cause.defects(marked.cause)) : []
    assert.include(defects, "boom", String(marked))
  })

describe("a dying listener fails only its own request", () => {
  for (const scenario of scenarios) {
    const name = scenario.name === undefined ? scenario.point : `${scenario.point} ${scenario.name}`
    it.scopedLive(`at ${name}, by a defect`, () => check(scenario, "dies"))
  }
  for (const point of ["RequestStart", "ConnectionCreateEnd", "ResponseChunkReceived", "ConnectionReleased"] as const) {
    it.scopedLive(`at ${point}, by throwing`, () => check({ point }, "throws"))
  }

  it("has a row for every point in this test", () => {
    const points = new Set(scenarios.map(({ point }) => point))
    assert.strictEqual(points.size, 27)
  })
})
