/**
 * The open connections of a network and their slots in the pool. A connection holds a slot while it is in use. Then it
 * becomes idle in the pool or closes.
 */
import type { PoolOptions } from "../../Connector.js"
import type { ClientError } from "../../Errors.js"
import type { ConnectionClosed } from "../../Tracing.js"
import { toMillis } from "../durations.js"
import { canonicalHost } from "../http/host.js"
import { showAs } from "../inspection.js"
import { ConnectionAge } from "../transport/connectionAge.js"
import type { ConnectionOwner } from "../transport/connectionOwner.js"
import type { Deadlines } from "../transport/deadlines.js"
import { noDeviations } from "../transport/deviations.js"
import type { Lease } from "../transport/lease.js"
import type { NetworkStream } from "../transport/networkStream.js"
import type { Pool, Pooled } from "../transport/pool.js"
import type { Hub } from "../transport/signalHub.js"
import type { Connection, Exchange, Route } from "../transport/transport.js"
import { leadsTo } from "./dial/leadsTo.js"
import { Http1Connection } from "./http1/connection.js"
import { type ParserLimits, resolveLimits } from "./http1/limits.js"
import { Http2Connection } from "./http2/connection.js"
import { type Http2Limits, resolveHttp2Limits } from "./http2/limits.js"
import type { InFlight } from "./inFlight.js"
import type { OpenSockets } from "./openSockets.js"
import { SharedConnections, type SlotOwner } from "./sharedConnections.js"

export class OpenConnections implements ConnectionOwner<Http1Connection>, SlotOwner {
  static {
    showAs(OpenConnections, "OpenConnections", ({ routes }) => ({ size: routes.size }))
  }

  /** Connections of HTTP/2. */
  readonly shared: SharedConnections
  private readonly pool: Pool<Pooled>
  private readonly inFlight: InFlight
  private readonly sockets: OpenSockets
  private readonly hub: Hub
  private readonly limits: ParserLimits
  private readonly http2Limits: Http2Limits
  private readonly maxAge: number
  /** All connections with the routes for which they were opened. */
  private readonly routes = new Map<Pooled, Route>()
  /** Exchanges that own their socket after an upgrade. */
  private readonly upgradedExchanges = new Set<Exchange>()
  /** Whether connections become idle after their exchanges. `false` with `forceClose`, and when the network closes. */
  private reuses: boolean
  private lastId = 0

  constructor(options: PoolOptions, pool: Pool<Pooled>, inFlight: InFlight, sockets: OpenSockets, hub: Hub) {
    this.pool = pool
    this.inFlight = inFlight
    this.sockets = sockets
    this.hub = hub
    this.limits = resolveLimits(options.http1)
    this.http2Limits = resolveHttp2Limits(options.http2, this.limits)
    this.maxAge = toMillis(options.maxConnectionAge ?? Infinity)
    this.shared = new SharedConnections(this, this.maxAge !== Infinity, options.maxQueue ?? Infinity)
    this.reuses = options.forceClose !== true
  }

  /** Exchanges that own their socket after an upgrade. */
  get upgraded(): Iterable<Exchange> {
    return this.upgradedExchanges
  }

  /** Starts HTTP on a new socket, for an exchange that has a slot. */
  adopt(
    wire: NetworkStream,
    lease: Lease<Pooled>,
    exchange: Exchange
  ): { readonly pooled: Pooled; readonly connection: Connection } {
    // A destroyed socket must not be tracked, because it may have emitted "close" already.
    const isOpen = !wire.socket.destroyed
    const { deadlines, route } = exchange
    const age = new ConnectionAge(deadlines, deadlines.now(), exchange.clock(), this.maxAge)
    const pooled =
      wire.protocol === "h2"
        ? new Http2Connection(++this.lastId, route.key, wire, this.http2Limits, this.shared, age)
        : new Http1Connection(++this.lastId, route.key, wire, this.limits, this, age)
    if (isOpen) {
      this.routes.set(pooled, route)
      this.sockets.add(wire.socket)
      wire.socket.once("close", () => this.routes.delete(pooled))
    }
    return { pooled, connection: this.use(pooled, lease, exchange) }
  }

  /** Takes the idle connection that the pool's `nextIdle` found. */
  take(pooled: Pooled, lease: Lease<Pooled>, exchange: Exchange, now: number, wallTime: number): Connection {
    this.pool.takeIdle(lease)
    pooled.age.take(exchange.deadlines, now, wallTime)
    const connection = this.use(pooled, lease, exchange)
    if (pooled instanceof Http2Connection) this.shared.onUsed(pooled)
    return connection
  }

  /** Assigns a connection and its slot to an exchange. */
  private use(pooled: Pooled, lease: Lease<Pooled>, exchange: Exchange): Connection {
    this.pool.markAcquired(lease)
    pooled.lease = lease
    this.inFlight.addConnection()
    const connection = pooled.serve(exchange)
    exchange.onConnection(connection)
    // The connection may have closed in its constructor, before it had a lease.
    if (pooled.closed) this.freeSlot(pooled)
    return connection
  }

  private freeSlot(connection: Pooled): void {
    const lease = connection.lease
    if (lease === undefined) return
    connection.lease = undefined
    this.inFlight.removeConnection()
    this.pool.release(lease)
    this.inFlight.check()
  }

  /** The number of requests in flight, in all and by key. */
  streams(): { readonly total: number; readonly perKey: ReadonlyMap<string, number> } {
    const perKey = new Map<string, number>()
    let total = 0
    for (const connection of this.routes.keys()) {
      if (connection.lease === undefined) continue
      const streams = connection instanceof Http2Connection ? connection.streams : 1
      total += streams
      perKey.set(connection.key, (perKey.get(connection.key) ?? 0) + streams)
    }
    return { total, perKey }
  }

  // Called by connections.

  hasOtherActive(): boolean {
    return this.inFlight.hasSeveral
  }

  onReusable(connection: Http1Connection, exchange: Exchange, now: number): boolean {
    if (!this.mayBecomeIdle(connection, exchange.deadlines, now)) return false
    exchange.trace?.offer({
      _tag: "ConnectionReleased",
      connectionId: connection.id,
      deviations: connection.deviations
    })
    return this.makeIdle(connection, exchange.deadlines, now)
  }

  private mayBecomeIdle(connection: Pooled, deadlines: Deadlines, now: number): boolean {
    return (
      this.reuses && connection.maxIdle > 0 && connection.lease !== undefined && !connection.age.isOld(deadlines, now)
    )
  }

  makeIdle(connection: Pooled, deadlines: Deadlines, now: number): boolean {
    const { lease } = connection
    if (lease === undefined || !this.mayBecomeIdle(connection, deadlines, now)) return false
    // Makes the connection idle before its slot is free, so that the next waiter can take it.
    this.pool.makeIdle(connection, lease, deadlines, now)
    this.freeSlot(connection)
    return true
  }

  onSharedClosed(connection: Http2Connection, reason: ConnectionClosed["reason"]): void {
    if (connection.lease === undefined) this.pool.removeIdle(connection)
    if (this.hub.active()) {
      this.hub.offer({
        _tag: "ConnectionClosed",
        connectionId: connection.id,
        reason,
        requests: connection.requests,
        deviations: noDeviations
      })
    }
    this.freeSlot(connection)
  }

  onClosed(connection: Http1Connection, reason: ConnectionClosed["reason"], exchange: Exchange | undefined): void {
    if (exchange === undefined) this.pool.removeIdle(connection)
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
    this.upgradedExchanges.add(exchange)
    const onSocketClose = () => {
      this.upgradedExchanges.delete(exchange)
      exchange.trace?.offer({
        _tag: "ConnectionClosed",
        connectionId: connection.id,
        reason: "Upgraded",
        requests: connection.requests,
        deviations: noDeviations
      })
      this.freeSlot(connection)
    }
    if (socket.destroyed) onSocketClose()
    else socket.once("close", onSocketClose)
  }

  // Closing.

  /** Closes the connections to a host, or all connections: idle ones now, those in use after their exchanges. */
  retire(hostname: string | undefined, port: number | undefined): void {
    const host = hostname === undefined ? undefined : canonicalHost(hostname)
    const name = typeof host === "object" ? host.name : hostname
    for (const [connection, route] of [...this.routes]) {
      if (name !== undefined && !leadsTo(route, name, port)) continue
      connection.age.retired = true
      if (connection.lease === undefined) connection.close("Retired")
      else if (connection instanceof Http2Connection) connection.retire("Retired")
    }
  }

  /** Closes idle connections now, and those in use after their exchanges. */
  stop(): void {
    this.reuses = false
    this.pool.closeIdle("Shutdown")
  }

  /** Closes connections in use now. Their exchanges fail with `error`. */
  cutBusy(error: (exchange: Exchange) => ClientError): void {
    for (const connection of [...this.routes.keys()]) {
      if (connection.lease === undefined) continue
      if (connection instanceof Http2Connection) {
        connection.close("Shutdown", error)
        continue
      }
      if (!(connection instanceof Http1Connection)) continue
      const exchange = connection.lastExchange
      if (exchange === undefined) connection.close("Shutdown")
      else {
        connection.cut(error(exchange))
        exchange.onAbort?.(error(exchange))
        // A WebSocket has sent its close frame when the close began, and the peer has had time to answer.
        if (this.upgradedExchanges.has(exchange)) connection.wire.socket.destroy()
      }
    }
  }
}
