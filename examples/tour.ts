/**
 * A tour of the library against servers on the loopback. `npm start`.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { Session } from "effect-http-session"
import { bodies } from "./tour/bodies.js"
import { cookies } from "./tour/cookies.js"
import { errors } from "./tour/errors.js"
import { http2 } from "./tour/http2.js"
import { live } from "./tour/live.js"
import { fact, timed, turn } from "./tour/print.js"
import { proxies } from "./tour/proxies.js"
import { redirects } from "./tour/redirects.js"
import { requests } from "./tour/requests.js"
import { shutdown } from "./tour/shutdown.js"
import { sockets } from "./tour/sockets.js"
import { tls } from "./tour/tls.js"
import { waterfall } from "./tour/waterfall.js"
import { worldLayer } from "./tour/world.js"

const sections = [
  requests,
  bodies,
  redirects,
  cookies,
  errors,
  tls,
  http2,
  proxies,
  sockets,
  waterfall,
  live,
  shutdown
] as const

/** The session of all sections that do not need another one. */
const tour = Effect.all(sections, { discard: true }).pipe(
  Effect.provide(Session.layer({ connector: { limit: 4 } })),
  Effect.provide(Layer.merge(worldLayer, NodeContext.layer))
)

/** The sockets of this process: those of clients and servers, and listening ones. */
const openSockets = Effect.sync(
  () => process.getActiveResourcesInfo().filter((name) => /^(TCP|TLS|UDP)/.test(name)).length
)

const main = Effect.gen(function* () {
  yield* Console.log("effect-http-session: a tour on the loopback")
  const [, took] = yield* timed(tour)
  // Node removes a closed socket from its list one turn later.
  yield* Effect.repeatN(turn, 9)
  yield* fact("sockets left in this process", yield* openSockets)
  yield* Console.log(`\nThe tour took ${took} ms. One program for each section is in examples/.`)
})

NodeRuntime.runMain(main)
