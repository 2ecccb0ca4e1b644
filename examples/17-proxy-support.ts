/**
 * Proxy support: explicit, authenticated, from the environment, NO_PROXY, chosen by target, SOCKS.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ConfigProvider, Console, Effect, Layer } from "effect"
import { Auth, ClientResponse, Proxy, Resolver, Session } from "effect-http-session"
import { standard } from "./support/certificates.js"
import { httpbin } from "./support/httpbin.js"
import { type ProxyServer, proxyServer } from "./support/proxy.js"

const status = <E, R>(self: Effect.Effect<ClientResponse.ClientResponse, E, R>) =>
  Effect.map(ClientResponse.discard(self), (response) => response.status)

/** The requests that the proxy received since the last call. */
const newcomers = (proxy: ProxyServer) => {
  let told = 0
  return () => {
    const seen = proxy.seen.slice(told).map(({ method, target }) => `${method} ${target.replace(/:\d+/, "")}`)
    told = proxy.seen.length
    return seen.length === 0 ? "nothing" : seen.join(", ")
  }
}

const program = Effect.gen(function* () {
  const plain = yield* httpbin()
  const secure = yield* httpbin({ tls: (yield* standard()).good })
  const proxy = yield* proxyServer({ auth: { user: "user", password: "pass" } })
  const socks = yield* proxyServer({ kind: "socks" })
  const seen = newcomers(proxy)
  const url = `http://python.org:${plain.port}/get`
  const show = (what: string, result: unknown) => Console.log(what.padEnd(24), result, "— the proxy saw:", seen())

  yield* show(
    "with credentials:",
    yield* Session.get(url, { proxy: proxy.url, proxyAuth: Auth.basic("user", "pass") }).pipe(status)
  )
  yield* show("in the URL:", yield* Session.get(url, { proxy: proxy.url.replace("//", "//user:pass@") }).pipe(status))

  // https uses a tunnel, which contains TLS to the origin.
  yield* show(
    "a tunnel for https:",
    yield* Session.get(`https://python.org:${secure.port}/get`, {
      proxy: Proxy.make(proxy.url, { auth: Auth.basic("user", "pass"), headers: { "x-team": "a" } }),
      ssl: false
    }).pipe(status)
  )

  yield* Session.get(`https://python.org:${secure.port}/get`, { proxy: proxy.url, ssl: false }).pipe(
    status,
    Effect.catchTag("ClientHttpProxyError", (error) => Effect.succeed(`refused with ${error.status}`)),
    Effect.flatMap((result) => show("without credentials:", result))
  )

  // A direct connection needs an address.
  const connector = { resolver: Resolver.overrides({ "python.org": "127.0.0.1" }) }

  // With `trustEnv`, the session reads the environment from Config; here it is a Map.
  const Environment = Layer.setConfigProvider(
    ConfigProvider.fromMap(
      new Map([
        ["HTTP_PROXY", proxy.url.replace("//", "//user:pass@")],
        ["NO_PROXY", "localhost, .internal"]
      ])
    )
  )
  const fromEnvironment = Effect.gen(function* () {
    yield* show("trustEnv:", yield* Session.get(url).pipe(status))
    yield* show("past NO_PROXY:", yield* Session.get(`${plain.url}/get`).pipe(status))
    yield* show("proxy: false:", yield* Session.get(url, { proxy: false }).pipe(status))
  })
  yield* Effect.provide(fromEnvironment, Session.layer({ trustEnv: true, connector }).pipe(Layer.provide(Environment)))

  const routed = Proxy.route((target) => (target.hostname === "localhost" ? undefined : socks.url))
  const bySocks = yield* Session.get(url, { proxy: routed }).pipe(status)
  const direct = yield* Session.get(`${plain.url}/get`, { proxy: routed }).pipe(status)
  yield* Console.log(
    "by route:".padEnd(24),
    bySocks,
    `over ${socks.seen.map((one) => one.method).join()},`,
    direct,
    "direct"
  )

  yield* Session.get(url, { proxy: "http://localhost:1" }).pipe(
    status,
    Effect.catchTag("ClientProxyConnectionError", (error) =>
      Console.log("no proxy there:".padEnd(24), `${error.proxy}: ${error.reason}, ${error.code}`)
    )
  )
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
