/** Callbacks from a connection to the network that opened it. */
import type { ConnectionClosed } from "../../Tracing.js"
import type { Exchange } from "./transport.js"

export interface ConnectionOwner<C> {
  /** Whether other connections are in use. */
  readonly hasOtherActive: () => boolean
  /**
   * Called when the exchange is over and the connection can start another. Returns `false` if it must close instead.
   */
  readonly onReusable: (connection: C, exchange: Exchange, now: number) => boolean
  /** Called once when the connection is closed or closing, and starts no other exchange. */
  readonly onClosed: (connection: C, reason: ConnectionClosed["reason"], exchange: Exchange | undefined) => void
  /** Called when the exchange takes over the socket, which it closes itself. */
  readonly onUpgraded: (connection: C, exchange: Exchange) => void
}
