/**
 * Resolving using custom nameservers, fixed addresses, and a choice between two resolvers.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { ClientResponse, Resolver, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"
import { nameServer } from "./support/nameServer.js"

const ask = (url: string, resolver: Resolver.ResolverService) =>
  Session.get(url).pipe(
    ClientResponse.use((response) => Effect.succeed(`${response.status} from ${response.connection.remoteAddress}`)),
    Effect.catchTag("ClientConnectorDNSError", (error) =>
      Effect.succeed(`no address for ${error.host}: ${error.code}`)
    ),
    Effect.provide(Session.layer({ connector: { resolver } }))
  )

const program = Effect.gen(function* () {
  const { port } = yield* httpbin()
  const dns = yield* nameServer({ "api.test": "127.0.0.1" })
  const ours = Resolver.nameservers([dns.address], { timeout: "1 second", tries: 2 })

  yield* Console.log("by our name server:   ", yield* ask(`http://api.test:${port}/get`, ours))
  yield* Console.log("which was asked:      ", dns.asked.join(", "))
  yield* Console.log("a name it has not:    ", yield* ask(`http://nowhere.test:${port}/get`, ours))

  const fixed = Resolver.overrides({ "fixed.test": "127.0.0.1" }, ours)
  yield* Console.log("a fixed address:      ", yield* ask(`http://fixed.test:${port}/get`, fixed))

  const second = Resolver.orElse(ours, Resolver.overrides({ "only-there.test": "127.0.0.1" }, ours))
  yield* Console.log("by the second choice: ", yield* ask(`http://only-there.test:${port}/get`, second))
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
