/**
 * The transport over sockets: a pool of HTTP/1.1 connections and the dialer that opens them. For each exchange it takes an
 * idle connection, or waits for a slot of the pool and opens a new one.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { ClearDnsCache, PoolOptions } from "../../Connector.js"
import { type ClientError, PoolSaturatedError, SessionClosedError } from "../../Errors.js"
import { toMillis } from "../durations.js"
import { callback } from "../effect/callback.js"
import { showAs } from "../inspection.js"
import { raceWithCallback } from "../raceWithCallback.js"
import { nextPoll } from "../transport/endOfTurn.js"
import type { Lease } from "../transport/lease.js"
import { Pool } from "../transport/pool.js"
import { isRepeatable } from "../transport/repeatable.js"
import type { Hub } from "../transport/signalHub.js"
import type { Connection, Exchange, Route, Transport } from "../transport/transport.js"
import type { Dialer } from "./dial/dialer.js"
import type { Http1Connection } from "./http1/connection.js"
import { InFlight } from "./inFlight.js"
import { OpenConnections } from "./openConnections.js"
import { OpenSockets } from "./openSockets.js"
import { limitConnect, openStream } from "./openStream.js"
import { SlotWaiter } from "./slotWaiter.js"

/**
 * A connection taken longer ago than this is checked for pending socket events before a request uses it; milliseconds.
 * Servers close idle connections, and a busy process may not have processed the event yet.
 */
const checkAfter = 1000

export class Network implements Transport {
  static {
    showAs(Network, "Network", ({ pool, state }) => ({ state, pool }))
  }

  readonly hub: Hub
  readonly gracefulShutdownTimeout: number
  readonly clearDnsCache: ClearDnsCache
  readonly forceClose: boolean
  readonly peerKey: (route: Route) => string
  private readonly pool: Pool<Http1Connection>
  private readonly dialer: Dialer
  private readonly maxQueue: number
  private readonly inFlight = new InFlight()
  private readonly connections: OpenConnections
  private readonly sockets = new OpenSockets()
  private readonly done = Deferred.unsafeMake<void>(FiberId.none)
  private state: "open" | "closing" | "closed" = "open"

  constructor(options: PoolOptions, dialer: Dialer, hub: Hub) {
    this.hub = hub
    this.dialer = dialer
    this.clearDnsCache = (host, port, clear) =>
      Effect.zipRight(
        dialer.clearDnsCache(host, port),
        clear?.retire === true ? Effect.sync(() => this.connections.retire(host, port)) : Effect.void
      )
    this.peerKey = dialer.peerKey
    this.forceClose = options.forceClose ?? false
    this.maxQueue = options.maxQueue ?? Infinity
    this.gracefulShutdownTimeout = toMillis(options.gracefulShutdownTimeout ?? "5 seconds")
    this.pool = new Pool({
      limit: options.limit ?? 100,
      limitPerHost: options.limitPerHost ?? 0,
      maxQueue: this.maxQueue,
      keepaliveTimeout: toMillis(options.keepaliveTimeout ?? "15 seconds")
    })
    this.connections = new OpenConnections(options, this.pool, this.inFlight, this.sockets, hub)
  }

  closed(): boolean {
    return this.state !== "open"
  }

  stats() {
    return this.pool.stats()
  }

  takeIdle(exchange: Exchange, now: number): Connection | undefined {
    const route = exchange.route
    if (this.state !== "open" || !this.pool.canReuse(route.origin.key, route.key)) return undefined
    if (!this.mayReuse(route)) return undefined
    const wall = exchange.clock()
    const next = this.pool.nextIdle(route.key, exchange.deadlines, now, wall)
    if (next === undefined || this.needsCheck(next, exchange, now)) return undefined
    const lease = this.pool.request(route.origin.key, route.key, noGrant)
    if (lease === undefined) return undefined
    if (exchange.trace !== undefined) exchange.trace.offer(reuseSignal(next, exchange, now), now)
    return this.take(next, lease, exchange, now, wall)
  }

  /** Takes the idle connection that `nextIdle` found. */
  private take(
    connection: Http1Connection,
    lease: Lease<Http1Connection>,
    exchange: Exchange,
    now: number,
    wall: number
  ): Http1Connection {
    this.pool.takeIdle(lease)
    connection.age.take(exchange.deadlines, now, wall)
    this.connections.use(connection, lease, exchange)
    return connection
  }

  /** Whether an unprocessed event, such as the end of the socket, could lose a request that cannot be repeated. */
  private needsCheck(connection: Http1Connection, exchange: Exchange, now: number): boolean {
    return connection.age.takenFor(exchange.deadlines, now) >= checkAfter && !isRepeatable(exchange.wireRequest)
  }

  /** Whether an idle connection may serve the route. If the dialer rejects it, dialing produces the error. */
  private mayReuse(route: Route): boolean {
    return route.proxy === undefined || this.dialer.permits?.(route) !== false
  }

  /** Waits for a slot and a connection. One guard around all steps frees the slot if any of them fails or is interrupted. */
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

  /** The exchange has a connection or has failed. */
  private leave(exchange: Exchange): void {
    exchange.onLeave = undefined
    this.inFlight.leave(exchange)
  }

  /** The reason why an exchange must not continue, if any: it was aborted, or the network is closing. */
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
    const wait = callback<void, ClientError>((resume) => {
      const refusal = this.refusal(exchange)
      if (refusal !== undefined) resume(Effect.fail(refusal))
      // The slot may have been granted while a listener of ConnectionQueuedStart ran.
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
    startedAt: number,
    checked = false
  ): Effect.Effect<Connection, ClientError> {
    const refusal = this.refusal(exchange)
    if (refusal !== undefined) return Effect.fail(refusal)
    const { deadlines, route } = exchange
    const now = deadlines.now()
    const wall = exchange.clock()
    const next = fresh || !this.mayReuse(route) ? undefined : this.pool.nextIdle(route.key, deadlines, now, wall)
    if (next === undefined) return this.openFor(exchange, lease, startedAt)
    if (!checked && this.needsCheck(next, exchange, now)) {
      // If the connection turns out to be closed, it leaves the pool meanwhile.
      const check = raceWithCallback(nextPoll, (fail: (error: ClientError) => void) =>
        limitConnect({ exchange, startedAt, refusal: () => this.refusal(exchange) }, fail)
      )
      return Effect.flatMap(check, () => this.connect(exchange, lease, fresh, startedAt, true))
    }
    const idle = this.take(next, lease, exchange, now, wall)
    return exchange.trace === undefined
      ? Effect.succeed(idle)
      : Effect.as(exchange.trace.emit(reuseSignal(idle, exchange, now)), idle)
  }

  private openFor(
    exchange: Exchange,
    lease: Lease<Http1Connection>,
    startedAt: number
  ): Effect.Effect<Connection, ClientError> {
    const opened = openStream({
      exchange,
      startedAt,
      dialer: this.dialer,
      http2: "never",
      refusal: () => this.refusal(exchange),
      track: (socket) => this.sockets.add(socket),
      adopt: (wire) => this.connections.adopt(wire, lease, exchange)
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

  // Closing.

  get closeIdle(): Effect.Effect<void> {
    return Effect.sync(() => this.pool.closeIdle("Shutdown"))
  }

  get close(): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.state !== "open") return restore(Deferred.await(this.done))
      this.state = "closing"
      this.connections.stop()
      // An upgraded exchange, such as a WebSocket, does not end by itself: ask it to.
      for (const exchange of [...this.inFlight.waiting, ...this.connections.upgraded])
        exchange.onAbort?.(this.closedError(exchange))
      return Effect.zipRight(
        // Requests in flight get time to finish.
        this.inFlight.waitUntilQuiet(this.gracefulShutdownTimeout),
        Effect.suspend(() => {
          this.state = "closed"
          this.connections.cutBusy((exchange) => this.closedError(exchange))
          return Effect.zipRight(
            this.sockets.closed,
            Effect.sync(() => Deferred.unsafeDone(this.done, Effect.void))
          )
        })
      )
    })
  }

  private closedError(exchange: Exchange): ClientError {
    return new SessionClosedError({ ...exchange.details(undefined), subject: "Connector" })
  }
}

const noGrant = () => {}

const reuseSignal = (connection: Http1Connection, exchange: Exchange, now: number) =>
  ({
    _tag: "ConnectionReuseconn",
    connectionId: connection.id,
    idle: connection.age.idleFor(exchange.deadlines, now)
  }) as const
