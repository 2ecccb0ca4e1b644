/**
 * Run by `firstUse.test.ts` in a process of its own, in which the named packages cannot be imported: uses the session
 * without them, then what needs each, and prints the outcomes. Usage: firstUse.ts <package> ...
 */
import { createServer } from "node:http"
import { register } from "node:module"
import type { AddressInfo } from "node:net"
import { KeyValueStore } from "@effect/platform"
import { Cause, Effect, Exit, Layer } from "effect"

const hooks = `
  const refused = ${JSON.stringify(process.argv.slice(2))}
  export const resolve = (specifier, context, next) => {
    if (refused.includes(specifier)) throw new Error("refused " + specifier)
    return next(specifier, context)
  }
`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)

const { ClientResponse, Connector, CookieJar, Middleware, Session } = await import("../../src/index.js")

const server = createServer((request, response) => {
  if (request.url === "/cookie") response.setHeader("set-cookie", "a=1; Domain=localhost")
  response.setHeader("set-cookie", [...[response.getHeader("set-cookie") ?? []].flat().map(String), "b=2"])
  response.setHeader("content-type", "application/json; charset=utf-8")
  response.end("{}")
})
await new Promise<void>((resolve) => server.listen(0, resolve))
const url = `http://localhost:${(server.address() as AddressInfo).port}`

/** "ok", the package that could not be imported, or the failure. */
const outcome = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<string, never, R> =>
  Effect.map(Effect.exit(effect), (exit) =>
    Exit.isSuccess(exit) ? "ok" : (/refused (\S+)/.exec(Cause.pretty(exit.cause))?.[1] ?? Cause.pretty(exit.cause))
  )

const program = Effect.gen(function* () {
  const jar = yield* CookieJar.make()
  return {
    get: yield* outcome(ClientResponse.json(Session.get(url))),
    ownCookies: yield* outcome(jar.updateCookies({ c: "3" }, url)),
    domainCookie: yield* outcome(ClientResponse.json(Session.get(`${url}/cookie`))),
    domainCookieInJar: yield* outcome(jar.setCookies(["a=1; Domain=localhost"], url)),
    webSocket: yield* outcome(Session.webSocket(url)),
    socks: yield* outcome(ClientResponse.json(Session.get(url, { proxy: "socks5://127.0.0.1:1" }))),
    cache: yield* outcome(Middleware.cache()),
    mock: yield* outcome(Layer.build(Connector.layerMock(() => new Response())))
  }
})

const outcomes = await Effect.runPromise(
  Effect.scoped(Effect.provide(program, [Session.layer({}), KeyValueStore.layerMemory]))
)
console.log(JSON.stringify(outcomes))
server.close()
