/** The public connector service of a transport. */
import * as Effect from "effect/Effect"
import type { ConnectorService, TypeId } from "../../Connector.js"
import { inspectable } from "../inspection.js"
import type { Transport } from "./transport.js"
import { TransportHandle } from "./transportHandle.js"

const typeId: TypeId = "~effect-http-session/Connector"

/** The facts that a connector prints. */
const factsOf = (transport: Transport): object => {
  const { acquired, connecting, idle, waiting } = transport.stats()
  return { closed: transport.closed(), acquired, idle, connecting, waiting }
}

export const serviceOf = (transport: Transport): ConnectorService => ({
  ...inspectable("Connector", () => factsOf(transport)),
  [typeId]: new TransportHandle(transport),
  stats: Effect.sync(() => transport.stats()),
  signals: transport.hub.stream,
  closeIdle: transport.closeIdle,
  clearDnsCache: transport.clearDnsCache,
  close: Effect.zipRight(transport.close, Effect.sync(transport.hub.end))
})
