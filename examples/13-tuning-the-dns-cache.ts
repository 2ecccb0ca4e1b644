/**
 * Tuning the DNS cache: the time to live of addresses, and stale addresses during an outage.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { ClientResponse, type Connector, Errors, type Resolver, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

/** A resolver that counts lookups, and that the program can make fail. */
const counting = () => {
  const state = { asked: 0, broken: false }
  const resolver: Resolver.ResolverService = {
    resolve: (host) =>
      Effect.suspend(() => {
        state.asked++
        return state.broken
          ? Effect.fail(new Errors.ClientConnectorDNSError({ host, code: "ESERVFAIL" }))
          : Effect.succeed([{ address: "127.0.0.1", family: 4 }] as const)
      })
  }
  return { state, resolver }
}

/** Sends three requests, each over a new connection. */
const lookups = (what: string, url: string, options: Connector.TcpOptions) => {
  const { resolver, state } = counting()
  return Session.get(url).pipe(
    ClientResponse.discard,
    Effect.repeatN(2),
    Effect.zipRight(Effect.suspend(() => Console.log(`${what.padEnd(36)} three requests, lookups: ${state.asked}`))),
    Effect.provide(Session.layer({ connector: { resolver, forceClose: true, ...options } }))
  )
}

/** Uses stale addresses while the name server is unavailable. */
const stale = (url: string) => {
  const { resolver, state } = counting()
  return Effect.gen(function* () {
    yield* Session.get(url).pipe(ClientResponse.discard)
    state.broken = true
    const { status } = yield* Session.get(url).pipe(ClientResponse.discard)
    yield* Console.log(`${'staleIfError: "1 hour"'.padEnd(36)} the name server is away: still ${status}`)
  }).pipe(
    Effect.provide(Session.layer({ connector: { resolver, forceClose: true, ttlDnsCache: 0, staleIfError: "1 hour" } }))
  )
}

const forgotten = (url: string) => {
  const { resolver, state } = counting()
  return Effect.gen(function* () {
    const { connector } = yield* Session.Session
    yield* Session.get(url).pipe(ClientResponse.discard)
    yield* connector.clearDnsCache("api.test")
    yield* Session.get(url).pipe(ClientResponse.discard)
    yield* Console.log(`${"clearDnsCache between two requests".padEnd(36)} lookups: ${state.asked}`)
  }).pipe(Effect.provide(Session.layer({ connector: { resolver, forceClose: true, ttlDnsCache: Infinity } })))
}

const program = Effect.gen(function* () {
  const { port } = yield* httpbin()
  const url = `http://api.test:${port}/get`
  yield* lookups("the default, 10 seconds", url, {})
  yield* lookups('ttlDnsCache: "300 seconds"', url, { ttlDnsCache: "300 seconds" })
  yield* lookups("useDnsCache: false", url, { useDnsCache: false })
  yield* stale(url)
  yield* forgotten(url)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
