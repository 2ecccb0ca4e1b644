/**
 * The transport over sockets: a pool of HTTP/1.1 connections that a dialler opens.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { PoolOptions } from "../../Connector.js"
import { type ClientError, PoolSaturatedError, SessionClosedError } from "../../Errors.js"
import type { ConnectionClosed } from "../../Tracing.js"
import { toMillis } from "../durations.js"
import { showAs } from "../inspection.js"
import { noDeviations } from "../transport/deviations.js"
import type { Wire } from "../transport/networkStream.js"
import { type Lease, Pool } from "../transport/pool.js"
import type { Hub } from "../transport/signalHub.js"
import type { Connection, Exchange, Route, Transport } from "../transport/transport.js"
import type { Dialer } from "./dial/dialer.js"
import { type ConnectionOwner, Http1Connection } from "./http1/connection.js"
import { type ParserLimits, resolveLimits } from "./http1/parser.js"
import { InFlight } from "./inFlight.js"
import { OpenSockets } from "./openSockets.js"
import { openWire } from "./openWire.js"
import { SlotWaiter } from "./slotWaiter.js"

export class Network implements Transport, ConnectionOwner {
  static {
    showAs(Network, "Network", ({ pool, state }) => ({ state, pool }))
  }

  readonly hub: Hub
  readonly gracefulShutdownTimeout: number
  readonly clearDnsCache: (host?: string, port?: number) => Effect.Effect<void>
  readonly peerKey: (route: Route) => string
  private readonly pool: Pool<Http1Connection>
  private readonly dialer: Dialer
  private readonly limits: ParserLimits
  private readonly forceClose: boolean
  private readonly maxQueue: number
  private readonly inFlight = new InFlight()
  /** Exchanges that have taken their connection with them. */
  private readonly upgraded = new Set<Exchange>()
  /** Connections whose sockets are not closed; those in use hold a lease. */
  private readonly connections = new Set<Http1Connection>()
  private readonly sockets = new OpenSockets()
  private readonly done = Deferred.unsafeMake<void>(FiberId.none)
  private state: "open" | "closing" | "closed" = "open"
  private ids = 0
  constructor(options: PoolOptions, dialer: Dialer, hub: Hub) {
    this.hub = hub
    this.dialer = dialer
    this.clearDnsCache = dialer.clearDnsCache
    this.peerKey = dialer.peerKey
    this.limits = resolveLimits(options.http1)
    this.forceClose = options.forceClose ?? false
    this.maxQueue = options.maxQueue ?? Infinity
    this.gracefulShutdownTimeout = toMillis(options.gracefulShutdownTimeout ?? "5 seconds")
    this.pool = new Pool({
      limit: options.limit ?? 100,
      limitPerHost: options.limitPerHost ?? 0,
      maxQueue: this.maxQueue,
      keepaliveTimeout: toMillis(options.keepaliveTimeout ?? "15 seconds")
    })
  }

  closed(): boolean {
    return this.state !== "open"
  }

  stats() {
    return this.pool.stats()
  }

  takeIdle(exchange: Exchange): Connection | undefined {
    const route = exchange.route
    if (this.state !== "open" || !this.pool.canReuse(route.origin.key, route.key)) return undefined
    if (!this.mayReuse(route)) return undefined
    const now = exchange.deadlines.now()
    const lease = this.pool.request(route.origin.key, route.key, noGrant)
    if (lease === undefined) return undefined
    const connection = this.pool.takeIdle(route.key, now)
    if (connection === undefined) {
      this.pool.release(lease)
      return undefined
    }
    if (exchange.trace !== undefined) exchange.trace.offer(reused(connection, now), now)
    this.use(connection, lease, exchange)
    return connection
  }

  /** What the dialler refuses is dialled for, so that it can say why. */
  private mayReuse(route: Route): boolean {
    return route.proxy === undefined || this.dialer.permits?.(route) !== false
  }

  /** One guard around all its steps: wherever it is interrupted, its slot goes to the next. */
  acquire(exchange: Exchange, fresh: boolean): Effect.Effect<Connection, ClientError> {
    return Effect.uninterruptibleMask((restore) => {
      const refusal = this.refusal(exchange)
      if (refusal !== undefined) return Effect.fail(refusal)
      const startedAt = exchange.deadlines.now()
      const { key, origin } = exchange.route
      const waiter = new SlotWaiter(exchange)
      const lease = this.pool.request(origin.key, key, waiter.grant)
      if (lease === undefined) return Effect.fail(this.saturated(exchange))
      this.inFlight.enter(exchange)
      exchange.onLeave = () => {
        waiter.stop()
        if (lease.state !== "acquired") this.pool.release(lease)
        this.leave(exchange)
      }
      const connected = Effect.flatMap(this.slot(exchange, lease, waiter), () =>
        this.connect(exchange, lease, fresh, startedAt)
      )
      return Effect.matchCauseEffect(restore(connected), {
        onFailure: (cause) => {
          exchange.onLeave?.()
          return Effect.failCause(cause)
        },
        onSuccess: (connection) => {
          this.leave(exchange)
          return this.state === "closed" ? Effect.fail(this.closedError(exchange)) : Effect.succeed(connection)
        }
      })
    })
  }

  /** It has a connection, or will have none. */
  private leave(exchange: Exchange): void {
    exchange.onLeave = undefined
    this.inFlight.leave(exchange)
  }

  /** Why it must not wait any more, if it must not. */
  private refusal(exchange: Exchange): ClientError | undefined {
    return exchange.failure ?? (this.state === "open" ? undefined : this.closedError(exchange))
  }

  // Slots.

  private slot(
    exchange: Exchange,
    lease: Lease<Http1Connection>,
    waiter: SlotWaiter
  ): Effect.Effect<void, ClientError> {
    if (lease.state !== "waiting") return Effect.void
    const { origin } = exchange.route
    const wait = Effect.async<void, ClientError>((resume) => {
      const refusal = this.refusal(exchange)
      if (refusal !== undefined) resume(Effect.fail(refusal))
      // The slot may have come while a listener was told of the queue.
      else waiter.wait(resume, lease.state !== "waiting")
    })
    const trace = exchange.trace
    if (trace === undefined) return wait
    return Effect.zipRight(
      trace.emit({
        _tag: "ConnectionQueuedStart",
        host: origin.host,
        port: origin.port,
        waiting: this.pool.waitingCount
      }),
      Effect.zipLeft(wait, trace.emit({ _tag: "ConnectionQueuedEnd", host: origin.host, port: origin.port }))
    )
  }

  private saturated(exchange: Exchange): ClientError {
    return new PoolSaturatedError({
      ...exchange.details("queue"),
      waiting: this.pool.waitingCount,
      maxQueue: this.maxQueue
    })
  }

  // Connections.

  private connect(
    exchange: Exchange,
    lease: Lease<Http1Connection>,
    fresh: boolean,
    startedAt: number
  ): Effect.Effect<Connection, ClientError> {
    const refusal = this.refusal(exchange)
    if (refusal !== undefined) return Effect.fail(refusal)
    const { route } = exchange
    const now = exchange.deadlines.now()
    const idle = fresh || !this.mayReuse(route) ? undefined : this.pool.takeIdle(route.key, now)
    if (idle !== undefined) {
      this.use(idle, lease, exchange)
      return exchange.trace === undefined
        ? Effect.succeed(idle)
        : Effect.as(exchange.trace.emit(reused(idle, now)), idle)
    }
    const opened = openWire({
      exchange,
      startedAt,
      dialer: this.dialer,
      refusal: () => this.refusal(exchange),
      track: (socket) => this.sockets.add(socket),
      adopt: (wire) => this.adopt(wire, lease, exchange)
    })
    const trace = exchange.trace
    if (trace === undefined) return opened
    const { host, port } = exchange.route.origin
    return Effect.zipRight(
      trace.emit({ _tag: "ConnectionCreateStart", host, port }),
      Effect.tap(opened, (connection) =>
        trace.emit({
          _tag: "ConnectionCreateEnd",
          host,
          port,
          connectionId: connection.id,
          remoteAddress: connection.wire.remoteAddress,
          failed: connection.wire.failed
        })
      )
    )
  }

  private adopt(wire: Wire, lease: Lease<Http1Connection>, exchange: Exchange): Http1Connection {
    // One that has closed already tells nobody.
    const live = !wire.socket.destroyed
    const connection = new Http1Connection(++this.ids, exchange.route.key, wire, this.limits, this)
    if (live) {
      this.connections.add(connection)
      this.sockets.add(wire.socket)
      wire.socket.once("close", () => this.connections.delete(connection))
    }
    this.use(connection, lease, exchange)
    return connection
  }

  private use(connection: Http1Connection, lease: Lease<Http1Connection>, exchange: Exchange): void {
    this.pool.connected(lease)
    connection.lease = lease
    this.inFlight.used()
    exchange.onConnection(connection)
    // It may have spoken or closed before anybody listened.
    if (connection.closed) this.freeSlot(connection)
  }

  private freeSlot(connection: Http1Connection): void {
    const lease = connection.lease
    if (lease === undefined) return
    connection.lease = undefined
    this.inFlight.released()
    this.pool.release(lease)
    this.inFlight.check()
  }

  crowded(): boolean {
    return this.inFlight.hasSeveral
  }

  onReusable(connection: Http1Connection, exchange: Exchange, now: number): boolean {
    const { lease } = connection
    if (this.forceClose || this.state !== "open" || connection.maxIdle <= 0 || lease === undefined) return false
    exchange.trace?.offer({
      _tag: "ConnectionReleased",
      connectionId: connection.id,
      deviations: connection.deviations
    })
    // Idle before its slot is free, so that the next in the queue can have it.
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
    this.upgraded.add(exchange)
    const closed = () => {
      this.upgraded.delete(exchange)
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

  // The end.

  get closeIdle(): Effect.Effect<void> {
    return Effect.sync(() => this.pool.closeIdle("Shutdown"))
  }

  get close(): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.state !== "open") return restore(Deferred.await(this.done))
      this.state = "closing"
      this.pool.closeIdle("Shutdown")
      // A WebSocket has no end of its own.
      for (const exchange of [...this.inFlight.waiting, ...this.upgraded])
        exchange.onAbort?.(this.closedError(exchange))
      return Effect.zipRight(
        // Requests in flight may finish, for as long as they may.
        this.inFlight.ended(this.gracefulShutdownTimeout),
        Effect.suspend(() => {
          this.state = "closed"
          this.cutBusy()
          return Effect.zipRight(
            this.sockets.closed,
            Effect.sync(() => Deferred.unsafeDone(this.done, Effect.void))
          )
        })
      )
    })
  }

  private cutBusy(): void {
    for (const connection of [...this.connections]) {
      if (connection.lease === undefined) continue
      const exchange = connection.exchanged
      if (exchange === undefined) connection.close("Shutdown")
      else {
        connection.cut(this.closedError(exchange))
        exchange.onAbort?.(this.closedError(exchange))
        // A WebSocket sent its close frame when the close began; the peer has had its time to answer.
        if (this.upgraded.has(exchange)) connection.wire.socket.destroy()
      }
    }
  }

  private closedError(exchange: Exchange): ClientError {
    return new SessionClosedError({ ...exchange.details(undefined), subject: "Connector" })
  }
}

const noGrant = () => {}
const reused = (connection: Http1Connection, now: number) =>
  ({ _tag: "ConnectionReuseconn", connectionId: connection.id, idle: now - connection.idleSince }) as const
