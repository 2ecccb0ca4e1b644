/**
 * The transport over sockets: a pool of connections, and the dialer that opens them. Each exchange takes an idle
 * connection or a stream of one in use, or waits for a slot of the pool and opens a new connection.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { ClearDnsCache, Counts, PoolOptions } from "../../Connector.js"
import { type ClientError, InvalidRequest, SessionClosedError } from "../../Errors.js"
import { toMillis } from "../durations.js"
import { showAs } from "../inspection.js"
import type { LeaseOwner } from "../transport/lease.js"
import { Pool, type Pooled } from "../transport/pool.js"
import type { Hub } from "../transport/signalHub.js"
import type { Connection, Exchange, Http2Mode, Route, Transport } from "../transport/transport.js"
import { Acquisition, type AcquisitionOwner, mayReuse, needsCheck, reuseSignal } from "./acquisition.js"
import type { Dialer } from "./dial/dialer.js"
import { modeOf, offerOf } from "./http2Offer.js"
import { InFlight } from "./inFlight.js"
import { OpenConnections } from "./openConnections.js"
import { OpenSockets } from "./openSockets.js"

export class Network implements Transport, AcquisitionOwner {
  static {
    showAs(Network, "Network", ({ pool, state }) => ({ state, pool }))
  }

  readonly hub: Hub
  readonly gracefulShutdownTimeout: number
  readonly clearDnsCache: ClearDnsCache
  readonly forceClose: boolean
  readonly peerKey: (route: Route) => string
  readonly http2: Http2Mode
  readonly pool: Pool<Pooled>
  readonly dialer: Dialer
  readonly maxQueue: number
  private readonly inFlight = new InFlight()
  readonly connections: OpenConnections
  readonly sockets = new OpenSockets()
  private readonly closeDone = Deferred.unsafeMake<void>(FiberId.none)
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
    this.http2 = modeOf(options)
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

  stats(): Counts & { readonly perKey: ReadonlyMap<string, Counts> } {
    const { perKey: slots, ...total } = this.pool.stats()
    const { perKey: streams, total: onWire } = this.connections.streams()
    const perKey = new Map<string, Counts>()
    for (const [key, counts] of slots) perKey.set(key, { ...counts, streams: streams.get(key) ?? 0 })
    let joined = 0
    for (const [key, count] of this.connections.shared.joined()) {
      joined += count
      const counts = perKey.get(key) ?? none
      perKey.set(key, { ...counts, waiting: counts.waiting + count })
    }
    return { ...total, waiting: total.waiting + joined, streams: onWire, perKey }
  }

  takeIdle(exchange: Exchange, now: number): Connection | undefined {
    const route = exchange.route
    if (this.state !== "open" || !this.pool.canReuse(route.origin.key, route.key)) return this.takeStream(exchange)
    if (!mayReuse(this.dialer, route)) return undefined
    const wallTime = exchange.clock()
    const idle = this.pool.nextIdle(route.key, exchange.deadlines, now, wallTime)
    if (idle === undefined || needsCheck(idle, exchange, now)) return undefined
    // Prefers a stream of an HTTP/2 connection in use, so that idle connections can expire. A connection of HTTP/1.1
    // serves one request at a time.
    if (idle.available !== 1) {
      const stream = this.takeStream(exchange)
      if (stream !== undefined || idle.available === 0) return stream
    }
    const lease = this.pool.request(route.origin.key, route.key, neverWaits)
    if (lease === undefined) return undefined
    if (exchange.trace !== undefined) {
      exchange.trace.offer(reuseSignal(idle.id, idle.age.idleFor(exchange.deadlines, now)), now)
    }
    return this.connections.take(idle, lease, exchange, now, wallTime)
  }

  /** Takes a stream of a connection in use, if one is free. */
  private takeStream(exchange: Exchange): Connection | undefined {
    if (this.state !== "open" || !mayReuse(this.dialer, exchange.route)) return undefined
    const stream = this.connections.shared.take(exchange)
    if (stream !== undefined) exchange.trace?.offer(reuseSignal(stream.info.id, 0))
    return stream
  }

  /**
   * Gets a connection. A failure frees the slot here. After an interruption, the owner of the exchange frees it by
   * `onLeave`, because a guard of its own would cost each waiting request several hundred bytes.
   */
  acquire(exchange: Exchange, fresh: boolean, resent = false): Effect.Effect<Connection, ClientError> {
    return Effect.suspend(() => {
      const refusal = this.refusal(exchange)
      if (refusal !== undefined) return Effect.fail(refusal)
      const http2 = offerOf(
        this.http2,
        this.forceClose,
        exchange.route,
        this.connections.shared.spoken.requiresHttp1(exchange.route.key)
      )
      if (typeof http2 !== "string")
        return Effect.fail(new InvalidRequest({ ...exchange.details(undefined), ...http2 }))
      const acquisition = new Acquisition(this, exchange, fresh, resent, http2)
      this.inFlight.enter(exchange)
      exchange.onLeave = () => {
        acquisition.leave()
        this.leave(exchange)
      }
      return Effect.matchCauseEffect(acquisition.step(), {
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

  /** Call when the exchange has a connection or has failed. */
  private leave(exchange: Exchange): void {
    exchange.onLeave = undefined
    this.inFlight.leave(exchange)
  }

  refusal(exchange: Exchange): ClientError | undefined {
    return exchange.failure ?? (this.state === "open" ? undefined : this.closedError(exchange))
  }

  // Closing.

  get closeIdle(): Effect.Effect<void> {
    return Effect.sync(() => this.pool.closeIdle("Shutdown"))
  }

  get close(): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.state !== "open") return restore(Deferred.await(this.closeDone))
      this.state = "closing"
      this.connections.stop()
      // Aborts upgraded exchanges, such as WebSockets, too, because they do not end by themselves.
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
            Effect.sync(() => Deferred.unsafeDone(this.closeDone, Effect.void))
          )
        })
      )
    })
  }

  private closedError(exchange: Exchange): ClientError {
    return new SessionClosedError({ ...exchange.details(undefined), subject: "Connector" })
  }
}

const none: Counts = { acquired: 0, idle: 0, connecting: 0, waiting: 0, streams: 0 }

const neverWaits: LeaseOwner = { onSlot: () => {} }
