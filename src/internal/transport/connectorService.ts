/**
 * A public connector over a transport.
 */
import * as Effect from "effect/Effect"
import type { ConnectorService, TypeId } from "../../Connector.js"
import type { Transport } from "./transport.js"
import { TransportHandle } from "./transportHandle.js"

const typeId: TypeId = "~effect-http-session/Connector"

export const serviceOf = (transport: Transport): ConnectorService => ({
  [typeId]: new TransportHandle(transport),
  stats: Effect.sync(() => transport.stats()),
  signals: transport.hub.stream,
  closeIdle: transport.closeIdle,
  clearDnsCache: transport.clearDnsCache,
  close: Effect.zipRight(transport.close, Effect.sync(transport.hub.end))
})
