/**
 * The open connections of a network and their slots in the pool. A connection holds a slot during each exchange; after
 * it, it becomes idle in the pool or closes.
 */
import type { PoolOptions } from "../../Connector.js"
import type { ClientError } from "../../Errors.js"
import type { ConnectionClosed } from "../../Tracing.js"
import { toMillis } from "../durations.js"
import { canonicalHost } from "../http/host.js"
import { showAs } from "../inspection.js"
import { ConnectionAge } from "../transport/connectionAge.js"
import type { ConnectionOwner } from "../transport/connectionOwner.js"
import { noDeviations } from "../transport/deviations.js"
import type { Lease } from "../transport/lease.js"
import type { NetworkStream } from "../transport/networkStream.js"
import type { Pool } from "../transport/pool.js"
import type { Hub } from "../transport/signalHub.js"
import type { Exchange, Route } from "../transport/transport.js"
import { leadsTo } from "./dial/leadsTo.js"
import { Http1Connection } from "./http1/connection.js"
import { type ParserLimits, resolveLimits } from "./http1/limits.js"
import type { InFlight } from "./inFlight.js"
import type { OpenSockets } from "./openSockets.js"

export class OpenConnections implements ConnectionOwner<Http1Connection> {
  static {
    showAs(OpenConnections, "OpenConnections", ({ routes }) => ({ size: routes.size }))
  }

  private readonly pool: Pool<Http1Connection>
  private readonly inFlight: InFlight
  private readonly sockets: OpenSockets
  private readonly hub: Hub
  private readonly limits: ParserLimits
  private readonly maxAge: number
  /** The routes for which the connections were opened. Connections in use hold a lease. */
  private readonly routes = new Map<Http1Connection, Route>()
  /** Exchanges that own their socket after an upgrade. */
  private readonly switched = new Set<Exchange>()
  /** Whether connections become idle after an exchange: not with `forceClose`, nor once the network closes. */
  private reuses: boolean
  private ids = 0

  constructor(options: PoolOptions, pool: Pool<Http1Connection>, inFlight: InFlight, sockets: OpenSockets, hub: Hub) {
    this.pool = pool
    this.inFlight = inFlight
    this.sockets = sockets
    this.hub = hub
    this.limits = resolveLimits(options.http1)
    this.maxAge = toMillis(options.maxConnectionAge ?? Infinity)
    this.reuses = options.forceClose !== true
  }

  /** Exchanges that own their socket after an upgrade. */
  get upgraded(): Iterable<Exchange> {
    return this.switched
  }

  /** Starts HTTP/1.1 on a new socket, for an exchange that has a slot. */
  adopt(wire: NetworkStream, lease: Lease<Http1Connection>, exchange: Exchange): Http1Connection {
    // A destroyed socket may have emitted "close" already, so it must not be tracked.
    const live = !wire.socket.destroyed
    const { deadlines, route } = exchange
    const age = new ConnectionAge(deadlines, deadlines.now(), exchange.clock(), this.maxAge)
    const connection = new Http1Connection(++this.ids, route.key, wire, this.limits, this, age)
    if (live) {
      this.routes.set(connection, route)
      this.sockets.add(wire.socket)
      wire.socket.once("close", () => this.routes.delete(connection))
    }
    this.use(connection, lease, exchange)
    return connection
  }

  /** Assigns a connection and its slot to an exchange. */
  use(connection: Http1Connection, lease: Lease<Http1Connection>, exchange: Exchange): void {
    this.pool.connected(lease)
    connection.lease = lease
    this.inFlight.addConnection()
    exchange.onConnection(connection)
    // The connection may have closed in its constructor, before it had a lease.
    if (connection.closed) this.freeSlot(connection)
  }

  private freeSlot(connection: Http1Connection): void {
    const lease = connection.lease
    if (lease === undefined) return
    connection.lease = undefined
    this.inFlight.removeConnection()
    this.pool.release(lease)
    this.inFlight.check()
  }

  // Called by connections.

  hasOtherActive(): boolean {
    return this.inFlight.hasSeveral
  }

  onReusable(connection: Http1Connection, exchange: Exchange, now: number): boolean {
    const { lease } = connection
    if (!this.reuses || connection.maxIdle <= 0 || lease === undefined) return false
    if (connection.age.isOld(exchange.deadlines, now)) return false
    exchange.trace?.offer({
      _tag: "ConnectionReleased",
      connectionId: connection.id,
      deviations: connection.deviations
    })
    // Idle before its slot is free, so that the next waiter can take it.
    this.pool.keep(connection, lease, exchange.deadlines, now)
    this.freeSlot(connection)
    return true
  }

  onClosed(connection: Http1Connection, reason: ConnectionClosed["reason"], exchange: Exchange | undefined): void {
    if (exchange === undefined) this.pool.drop(connection)
    const watcher = exchange?.trace ?? (this.hub.active() ? this.hub : undefined)
    watcher?.offer({
      _tag: "ConnectionClosed",
      connectionId: connection.id,
      reason,
      requests: connection.requests,
      deviations: exchange === undefined ? noDeviations : connection.deviations
    })
    this.freeSlot(connection)
  }

  onUpgraded(connection: Http1Connection, exchange: Exchange): void {
    const socket = connection.wire.socket
    this.switched.add(exchange)
    const closed = () => {
      this.switched.delete(exchange)
      exchange.trace?.offer({
        _tag: "ConnectionClosed",
        connectionId: connection.id,
        reason: "Upgraded",
        requests: connection.requests,
        deviations: noDeviations
      })
      this.freeSlot(connection)
    }
    if (socket.destroyed) closed()
    else socket.once("close", closed)
  }

  // Closing.

  /** Closes connections to a host, or all: idle ones now, those in use after their exchange. */
  retire(hostname: string | undefined, port: number | undefined): void {
    const host = hostname === undefined ? undefined : canonicalHost(hostname)
    const name = typeof host === "object" ? host.name : hostname
    for (const [connection, route] of [...this.routes]) {
      if (name !== undefined && !leadsTo(route, name, port)) continue
      connection.age.retired = true
      if (connection.lease === undefined) connection.close("Retired")
    }
  }

  /** Closes idle connections now, and those in use after their exchange. */
  stop(): void {
    this.reuses = false
    this.pool.closeIdle("Shutdown")
  }

  /** Closes connections in use now; their exchanges fail with `error`. */
  cutBusy(error: (exchange: Exchange) => ClientError): void {
    for (const connection of [...this.routes.keys()]) {
      if (connection.lease === undefined) continue
      const exchange = connection.lastExchange
      if (exchange === undefined) connection.close("Shutdown")
      else {
        connection.cut(error(exchange))
        exchange.onAbort?.(error(exchange))
        // A WebSocket sent its close frame when the close began, and the peer had time to answer.
        if (this.switched.has(exchange)) connection.wire.socket.destroy()
      }
    }
  }
}
