/** A proxy that requires credentials, and one from the environment, which NO_PROXY excludes for a host. */
import { ConfigProvider, Effect, Layer } from "effect"
import { Auth, ClientResponse, Session } from "effect-http-session"
import { proxyServer } from "../support/proxy.js"
import { fact, section } from "./print.js"
import { World } from "./world.js"

export const proxies = Effect.gen(function* () {
  yield* section("Proxies: authenticated, from the environment, past NO_PROXY")
  const { plain } = yield* World
  const proxy = yield* proxyServer({ auth: { user: "user", password: "pass" } })
  const far = `http://python.org:${plain.port}/get`
  const ask = (what: string, options?: Parameters<typeof Session.get>[1], url = far) =>
    Effect.gen(function* () {
      const before = proxy.seen.length
      const { status } = yield* Session.get(url, options).pipe(ClientResponse.discard)
      const target = proxy.seen.length > before ? `the proxy: ${proxy.seen.at(-1)?.target}` : "a direct connection"
      yield* fact(what, `${status} by ${target}`)
    })

  yield* ask("proxyAuth", { proxy: proxy.url, proxyAuth: Auth.basic("user", "pass") })
  yield* Session.get(`https://python.org:${plain.port}/`, { proxy: proxy.url }).pipe(
    ClientResponse.discard,
    Effect.catchTag("ClientHttpProxyError", ({ _tag, status }) => fact(_tag, `CONNECT without credentials: ${status}`))
  )

  const environment = new Map([
    ["HTTP_PROXY", proxy.url.replace("//", "//user:pass@")],
    ["NO_PROXY", "localhost"]
  ])
  const FromEnvironment = Session.layer({ trustEnv: true }).pipe(
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(environment)))
  )
  yield* Effect.zipRight(ask("HTTP_PROXY"), ask("NO_PROXY", {}, `${plain.url}/get`)).pipe(
    Effect.provide(FromEnvironment)
  )
}).pipe(Effect.scoped)
