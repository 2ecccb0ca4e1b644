/**
 * Each signal is emitted once and in order for every outcome: many runs of requests that succeed, fail, are
 * interrupted, redirected, repeated, hedged and cut by the end of their session, some at once and for few connections.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Schedule, Stream } from "effect"
import { ClientResponse, Connector, CookieJar, Middleware, Session, type Tracing } from "effect-http-session"
import * as fc from "fast-check"
import { turn } from "../../../src/internal/testing/faultServer.js"
import { always, type Play, response } from "../../support/server.js"
import { listenToAll, loopback } from "../../support/signals.js"
import { turns } from "../../support/stages.js"

type Signal = Tracing.Signal

interface Plan {
  /** The server's action, after a number of redirects. */
  readonly path: "ok" | "large" | "cut" | "half" | "stall" | "stale" | "busy" | "late"
  readonly redirects: number
  readonly method: "GET" | "POST" | "PUT"
  readonly body: "none" | "bytes" | "stream"
  readonly read: "text" | "nothing" | "first chunk"
  /** The number of turns of the event loop after which the fiber is interrupted. */
  readonly interrupt: number | undefined
  readonly host: "address" | "name"
}

interface Batch {
  readonly plans: ReadonlyArray<Plan>
  readonly concurrency: number
  readonly limit: number
  readonly forceClose: boolean
  readonly middleware: "none" | "retry" | "hedge"
  /** The number of turns after which the session closes during its requests. */
  readonly close: number | undefined
}

const plans: fc.Arbitrary<Plan> = fc.record({
  path: fc.constantFrom("ok", "ok", "large", "cut", "half", "stall", "stale", "busy", "late"),
  redirects: fc.constantFrom(0, 0, 0, 1, 2),
  method: fc.constantFrom("GET", "GET", "POST", "PUT"),
  body: fc.constantFrom("none", "bytes", "stream"),
  read: fc.constantFrom("text", "text", "nothing", "first chunk"),
  interrupt: fc.option(fc.nat(60), { freq: 3, nil: undefined }),
  host: fc.constantFrom("address", "name")
})

const batches: fc.Arbitrary<Batch> = fc.record({
  plans: fc.array(plans, { minLength: 3, maxLength: 12 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  limit: fc.integer({ min: 1, max: 4 }),
  forceClose: fc.boolean(),
  middleware: fc.constantFrom("none", "none", "retry", "hedge"),
  close: fc.option(fc.nat(80), { freq: 3, nil: undefined })
})

const large = "x".repeat(200_000)

const play: Play = (peer) =>
  Effect.gen(function* () {
    for (let served = 0; ; served++) {
      const { target } = yield* peer.request
      const [, redirects = "0", path = "", rest = ""] = /^\/(\d)\/(\w+)(.*)$/.exec(target) ?? []
      if (Number(redirects) > 0) {
        yield* peer.send(response(307, "", [`Location: /${Number(redirects) - 1}/${path}${rest}`]))
        continue
      }
      if (path === "cut" || (path === "stale" && served > 0)) return yield* peer.reset
      if (path === "half") {
        yield* peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        return yield* peer.reset
      }
      if (path === "stall") return yield* peer.inbox.takeEnd
      if (path === "late") yield* Effect.sleep(15)
      yield* peer.send(
        path === "busy" ? response(503, "busy", ["Retry-After: 0"]) : response(200, path === "large" ? large : "ok")
      )
    }
  })

const middlewares = {
  none: [],
  retry: [Middleware.retry({ schedule: Schedule.recurs(1) })],
  hedge: [Middleware.hedge({ after: 5 })]
} as const

const dataOf = (plan: Plan) => {
  if (plan.method === "GET" || plan.body === "none") return undefined
  if (plan.body === "bytes") return "some bytes"
  return Stream.fromIterable(["one", "two", "three"].map((text) => new TextEncoder().encode(text)))
}

/** The exit of a request, with the requestId of its signals. */
interface Outcome {
  readonly plan: Plan
  readonly exit: Exit.Exit<unknown, unknown> | undefined
}

const send = (session: Session.SessionService, port: number, plan: Plan, id: number) => {
  const url = `http://${plan.host === "address" ? "127.0.0.1" : "site.test"}:${port}/${plan.redirects}/${plan.path}?id=${id}`
  const options = { data: dataOf(plan), traceRequestCtx: id, timeout: 250 }
  const opened = session.request(plan.method, url, options)
  if (plan.read === "text") return ClientResponse.text(opened)
  if (plan.read === "nothing") return Effect.scoped(Effect.asVoid(opened))
  return Stream.runDrain(Stream.take(ClientResponse.stream(opened), 1))
}

/** Runs a batch; returns all signals of its connector, those of listeners by id, and how each request ended. */
const run = (batch: Batch) =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* always(play)
      const received = new Map<unknown, Array<Signal>>()
      const config = listenToAll((signal, ctx) =>
        Effect.sync(() => {
          const list = received.get(ctx)
          if (list === undefined) received.set(ctx, [signal])
          else list.push(signal)
        })
      )
      const connector = yield* Connector.tcp({
        limit: batch.limit,
        resolver: loopback,
        forceClose: batch.forceClose,
        gracefulShutdownTimeout: 20
      })
      const session = yield* Session.make({ traceConfigs: [config], middlewares: middlewares[batch.middleware] }).pipe(
        Effect.provideService(Connector.Connector, connector),
        Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
      )
      const reader = yield* Effect.fork(Stream.runCollect(connector.signals))
      yield* turns(3)
      const outcomes: Array<Outcome> = []
      const all = Effect.forEach(
        batch.plans,
        (plan, id) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(send(session, server.port, plan, id))
            if (plan.interrupt !== undefined) {
              yield* Effect.race(turns(plan.interrupt), Effect.exit(Fiber.await(fiber)))
              yield* Fiber.interrupt(fiber)
            }
            outcomes[id] = { plan, exit: yield* Fiber.await(fiber) }
          }),
        { concurrency: batch.concurrency, discard: true }
      )
      const closing = batch.close === undefined ? Effect.void : Effect.zipRight(turns(batch.close), session.close)
      yield* Effect.all([all, closing], { concurrency: 2, discard: true })
      yield* session.close
      yield* connector.close
      const counts = yield* connector.stats
      const signals = Chunk.toReadonlyArray(yield* Fiber.join(reader))
      yield* turn
      return { signals, received, outcomes, counts }
    })
  )

const count = (signals: ReadonlyArray<Signal>, tag: Signal["_tag"]) => signals.filter(({ _tag }) => _tag === tag).length

/** Signals that may follow the end of the request. */
const late: ReadonlySet<string> = new Set([
  "ResponseChunkReceived",
  "ResponseEnd",
  "ConnectionReleased",
  "ConnectionClosed"
])

/** Pairs of a start and an end in one attempt. */
const pairs: ReadonlyArray<readonly [start: Signal["_tag"], end: Signal["_tag"]]> = [
  ["ConnectionQueuedStart", "ConnectionQueuedEnd"],
  ["ConnectionCreateStart", "ConnectionCreateEnd"],
  ["DnsResolveHostStart", "DnsResolveHostEnd"],
  ["DnsCacheMiss", "DnsResolveHostStart"]
]

const fail = (message: string, signals: ReadonlyArray<Signal>): never => {
  const flow = signals.map((signal) => `${signal._tag}@${signal.attempt}.${signal.hop}`).join(" ")
  throw new Error(`${message}: ${flow}`)
}

/** The signals of one attempt, which is on one connection at a time. */
const checkAttempt = (signals: ReadonlyArray<Signal>) => {
  for (const [start, end] of pairs) {
    let open = 0
    for (const { _tag } of signals) {
      if (_tag === start) open++
      if (_tag === end && --open < 0) fail(`${end} without ${start}`, signals)
    }
    if (open > 1) fail(`${start} twice`, signals)
  }
  if (count(signals, "RequestHeadersSent") > 1) fail("headers sent twice", signals)
  const sent = signals.findIndex(({ _tag }) => _tag === "RequestHeadersSent")
  const got = signals.findIndex(({ _tag }) => _tag === "ConnectionCreateEnd" || _tag === "ConnectionReuseconn")
  if (sent !== -1 && (got === -1 || got > sent)) fail("sent without a connection", signals)
  let transferred = 0
  signals.forEach((signal, index) => {
    if (signal._tag !== "RequestChunkSent") return
    if (sent === -1 || index < sent) fail("a chunk before the headers", signals)
    if (signal.transferred !== transferred + signal.chunk.length) fail("a chunk is missing", signals)
    transferred = signal.transferred
  })
}

const checkRequest = (signals: ReadonlyArray<Signal>, outcome: Outcome, hedged: boolean) => {
  if (signals[0]?._tag !== "RequestStart") fail("does not begin with its start", signals)
  if (count(signals, "RequestStart") !== 1) fail("more than one start", signals)
  const ends = count(signals, "RequestEnd")
  const exceptions = count(signals, "RequestException")
  if (ends + exceptions !== 1) fail(`${ends} ends, ${exceptions} exceptions`, signals)
  const over = signals.findIndex(({ _tag }) => _tag === "RequestEnd" || _tag === "RequestException")
  for (const { _tag } of signals.slice(over + 1)) {
    if (!late.has(_tag)) fail(`${_tag} after the end`, signals)
    if (exceptions === 1 && _tag.startsWith("Response")) fail(`${_tag} after the exception`, signals)
  }
  for (const { _tag } of signals.slice(0, over)) {
    if (_tag === "ResponseChunkReceived" || _tag === "ResponseEnd") fail(`${_tag} before the end`, signals)
  }

  // The body: its chunks, then one end.
  if (count(signals, "ResponseEnd") !== ends) fail("the body has not ended once", signals)
  const bodyEnd = signals.findIndex(({ _tag }) => _tag === "ResponseEnd")
  let transferred = 0
  signals.forEach((signal, index) => {
    if (signal._tag !== "ResponseChunkReceived") return
    if (index > bodyEnd) fail("a chunk after the end of the body", signals)
    if (signal.transferred !== transferred + signal.chunk.length) fail("a chunk is missing", signals)
    transferred = signal.transferred
  })

  // The end agrees with the exit of the request.
  const { exit } = outcome
  if (exit !== undefined && Exit.isSuccess(exit) && ends !== 1) fail("succeeded without an end", signals)
  const exception = signals.find((signal) => signal._tag === "RequestException")
  if (exception?._tag === "RequestException") {
    if (exit !== undefined && Exit.isSuccess(exit)) fail("succeeded with an exception", signals)
    if (exit !== undefined && Exit.isFailure(exit)) {
      const interrupted = Cause.isInterruptedOnly(exception.cause)
      if (interrupted !== Cause.isInterruptedOnly(exit.cause)) fail(`another cause: ${exit.cause}`, signals)
    }
  }

  // Attempts and hops.
  const redirects = count(signals, "RequestRedirect")
  const retries = count(signals, "RequestRetry")
  const last = signals[over]
  if (last !== undefined && last.hop !== redirects) fail(`${redirects} redirects, hop ${last.hop}`, signals)
  const attempts = new Map<number, Array<Signal>>()
  for (const signal of signals) {
    const list = attempts.get(signal.attempt)
    if (list === undefined) attempts.set(signal.attempt, [signal])
    else list.push(signal)
  }
  for (const list of attempts.values()) checkAttempt(list)
  const sent = count(signals, "RequestHeadersSent")
  if (sent > 1 + redirects + retries) fail(`${sent} sent, ${redirects} redirects, ${retries} retries`, signals)
  if (hedged) return
  signals.slice(0, over + 1).forEach((signal, index) => {
    const before = signals[index - 1]
    if (before === undefined) return
    if (signal.attempt < before.attempt) fail("an attempt goes back", signals)
    if (signal.hop < before.hop) fail("a hop goes back", signals)
    if (signal.time < before.time) fail(`time goes back at ${signal._tag}`, signals)
  })
}

/**
 * Every connection is created, used by one request at a time, and closed once. Signals that a request delays until its
 * response is final keep their time.
 */
const checkConnections = (emitted: ReadonlyArray<Signal>) => {
  const rank = ({ _tag }: Signal) => (_tag === "ConnectionReleased" ? 0 : 1)
  const signals = emitted.slice().sort((a, b) => a.time - b.time || rank(a) - rank(b))
  const states = new Map<number, "used" | "idle" | "closed">()
  const step = (id: number, from: ReadonlyArray<string | undefined>, to: "used" | "idle" | "closed", tag: string) => {
    if (!from.includes(states.get(id))) throw new Error(`${tag} of connection ${id}, which is ${states.get(id)}`)
    states.set(id, to)
  }
  for (const signal of signals) {
    if (signal._tag === "ConnectionCreateEnd") step(signal.connectionId, [undefined], "used", signal._tag)
    if (signal._tag === "ConnectionReuseconn") step(signal.connectionId, ["idle"], "used", signal._tag)
    if (signal._tag === "ConnectionReleased") step(signal.connectionId, ["used"], "idle", signal._tag)
    if (signal._tag === "ConnectionClosed") step(signal.connectionId, ["used", "idle"], "closed", signal._tag)
  }
  for (const [id, state] of states) if (state !== "closed") throw new Error(`connection ${id} is ${state} at the end`)
}

const check = (batch: Batch) =>
  Effect.map(run(batch), ({ counts, received, outcomes, signals }) => {
    const { acquired, connecting, idle, waiting } = counts
    assert.deepStrictEqual([acquired, connecting, idle, waiting], [0, 0, 0, 0])
    assert.strictEqual(count(signals, "SignalsLost"), 0)
    const requests = new Map<number, Array<Signal>>()
    for (const signal of signals) {
      if (signal.requestId === undefined) continue
      const list = requests.get(signal.requestId)
      if (list === undefined) requests.set(signal.requestId, [signal])
      else list.push(signal)
    }
    for (const list of requests.values()) {
      const start = list[0]
      if (start?._tag !== "RequestStart") return fail("does not begin with its start", list)
      const id = Number(new URL(start.url).searchParams.get("id"))
      const outcome = outcomes[id] ?? { plan: batch.plans[id] as Plan, exit: undefined }
      checkRequest(list, outcome, batch.middleware === "hedge")
      assert.deepStrictEqual(
        received.get(id)?.map(({ _tag }) => _tag),
        list.map(({ _tag }) => _tag),
        "listeners hear the same as streams"
      )
    }
    checkConnections(signals)
  })

describe("signals", () => {
  it("arrive once each and in order, for every outcome of their requests", { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(batches, (batch) => Effect.runPromise(check(batch))),
      { seed: 42, numRuns: 60, endOnFailure: true }
    )
  )
})
