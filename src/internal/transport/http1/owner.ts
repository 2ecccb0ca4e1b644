/**
 * What a connection tells whoever made it.
 */
import type { ConnectionClosed } from "../../../Tracing.js"
import type { Http1Connection } from "../../network/http1/connection.js"
import type { Exchange } from "../transport.js"

/** Who made the connection and holds its slot. */
export interface ConnectionOwner {
  /** Whether other connections are in use too. */
  readonly crowded: () => boolean
  /** The exchange is over and the connection can take another. `false`: it is to be closed. */
  readonly onReusable: (connection: Http1Connection, exchange: Exchange, now: number) => boolean
  /** The connection has ended, or is about to: it takes no other exchange. Called once. */
  readonly onClosed: (
    connection: Http1Connection,
    reason: ConnectionClosed["reason"],
    exchange: Exchange | undefined
  ) => void
  /** The wire is the exchange's now, which closes it. */
  readonly onUpgraded: (connection: Http1Connection, exchange: Exchange) => void
}

/** Ends in good order. */
export const orderly: ReadonlySet<ConnectionClosed["reason"]> = new Set([
  "ConnectionClose",
  "ForceClose",
  "IdleTimeout",
  "PeerClosed",
  "Shutdown"
])
