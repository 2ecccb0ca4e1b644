/**
 * Callbacks from a connection to the network that opened it.
 */
import type { ConnectionClosed } from "../../Tracing.js"
import type { Exchange } from "./transport.js"

export interface ConnectionOwner<C> {
  /** Whether other connections are in use too. */
  readonly hasOtherActive: () => boolean
  /** The exchange is over and the connection can start another. Returns `false` if the connection must close instead. */
  readonly onReusable: (connection: C, exchange: Exchange, now: number) => boolean
  /** The connection is closed or closing and starts no other exchange. Called once. */
  readonly onClosed: (connection: C, reason: ConnectionClosed["reason"], exchange: Exchange | undefined) => void
  /** The exchange owns the socket from now on, and closes it. */
  readonly onUpgraded: (connection: C, exchange: Exchange) => void
}
