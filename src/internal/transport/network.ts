/**
 * The transport over sockets: a pool of HTTP/1.1 connections that a dialler opens.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { PoolOptions } from "../../Connector.js"
import { type ClientError, ConnectionTimeoutError, PoolSaturatedError, SessionClosedError } from "../../Errors.js"
import type { ConnectionClosed } from "../../Tracing.js"
import { type ConnectionOwner, Http1Connection } from "./http1/connection.js"
import { type ParserLimits, resolveLimits } from "./http1/parser.js"
import type { Hub } from "./hub.js"
import { type Lease, Pool } from "./pool.js"
import type { Connection, Exchange, Transport } from "./Transport.js"
import { Sockets, type Wire } from "./wire.js"

/** What opens connections. */
export interface Dialer {
  /** Runs in the requesting fiber. Every socket is in `sockets` from the moment it is made: whoever dials owns them. */
  readonly dial: (exchange: Exchange, sockets: Sockets) => Effect.Effect<Wire, ClientError>
  readonly clearDnsCache: (host?: string, port?: number) => Effect.Effect<void>
}

/** How long a socket may take to close in good order; milliseconds. */
const closeTime = 1000

export class Network implements Transport, ConnectionOwner {
  readonly hub: Hub
  readonly gracefulShutdownTimeout: number
  readonly clearDnsCache: (host?: string, port?: number) => Effect.Effect<void>
  private readonly pool: Pool<Http1Connection>
  private readonly dialer: Dialer
  private readonly limits: ParserLimits
  private readonly forceClose: boolean
  private readonly maxQueue: number
  /** Exchanges in the queue or dialling. */
  private readonly pending = new Set<Exchange>()
  /** Exchanges that have taken their connection with them. */
  private readonly upgraded = new Set<Exchange>()
  /** Connections whose sockets are not closed; those in use hold a lease. */
  private readonly connections = new Set<Http1Connection>()
  private inUse = 0
  /** Sockets that are not closed yet. */
  private readonly open = new Set<Wire["socket"]>()
  private readonly done = Deferred.unsafeMake<void>(FiberId.none)
  private state: "open" | "closing" | "closed" = "open"
  private ids = 0
  /** Called when the last connection in use is given back. */
  private onQuiet: (() => void) | undefined = undefined

  constructor(options: PoolOptions, dialer: Dialer, hub: Hub) {
    this.hub = hub
    this.dialer = dialer
    this.clearDnsCache = dialer.clearDnsCache
    this.limits = resolveLimits(options.http1)
    this.forceClose = options.forceClose ?? false
    this.maxQueue = options.maxQueue ?? Infinity
    this.gracefulShutdownTimeout = millis(options.gracefulShutdownTimeout ?? "5 seconds")
    this.pool = new Pool({
      limit: options.limit ?? 100,
      limitPerHost: options.limitPerHost ?? 0,
      maxQueue: this.maxQueue,
      keepaliveTimeout: millis(options.keepaliveTimeout ?? "15 seconds")
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
    const connection = this.pool.takeIdle(route.key, exchange.deadlines.now())
    if (connection === undefined) return undefined
    const lease = this.pool.request(route.origin.key, route.key, noGrant)
    if (lease === undefined) return undefined
    exchange.trace?.offer(reused(connection, exchange))
    this.use(connection, lease, exchange)
    return connection
  }

  acquire(exchange: Exchange, fresh: boolean): Effect.Effect<Connection, ClientError> {
    return Effect.suspend(() => {
      if (this.state !== "open") return Effect.fail(this.closedError(exchange))
      const startedAt = exchange.deadlines.now()
      this.pending.add(exchange)
      return Effect.ensuring(
        Effect.flatMap(this.slot(exchange), (lease) =>
          Effect.onError(this.connect(exchange, lease, fresh, startedAt), () =>
            Effect.sync(() => {
              if (lease.state === "connecting") this.pool.release(lease)
            })
          )
        ),
        Effect.sync(() => this.pending.delete(exchange))
      )
    })
  }

  // Slots.

  private slot(exchange: Exchange): Effect.Effect<Lease, ClientError> {
    const { key, origin } = exchange.route
    let wake: () => void = () => {}
    const lease = this.pool.request(origin.key, key, () => wake())
    if (lease === undefined) {
      return Effect.fail(
        new PoolSaturatedError({
          ...exchange.details("queue"),
          waiting: this.pool.waitingCount,
          maxQueue: this.maxQueue
        })
      )
    }
    if (lease.state !== "waiting") return Effect.succeed(lease)
    const wait = Effect.async<Lease, ClientError>((resume) => {
      exchange.marks.start("queue")
      const deadline = this.queueDeadline(exchange, lease, resume)
      const stop = () => {
        deadline?.cancel()
        exchange.onAbort = undefined
      }
      wake = () => {
        stop()
        exchange.marks.end("queue")
        resume(Effect.succeed(lease))
      }
      exchange.onAbort = (error) => {
        stop()
        this.pool.release(lease)
        resume(Effect.fail(error))
      }
      // The slot may have come while a listener was told of the queue.
      if (lease.state !== "waiting") wake()
      return Effect.sync(stop)
    })
    const trace = exchange.trace
    const queued =
      trace === undefined
        ? wait
        : Effect.zipRight(
            trace.emit({
              _tag: "ConnectionQueuedStart",
              host: origin.host,
              port: origin.port,
              waiting: this.pool.waitingCount
            }),
            Effect.zipLeft(wait, trace.emit({ _tag: "ConnectionQueuedEnd", host: origin.host, port: origin.port }))
          )
    return Effect.onError(queued, () => Effect.sync(() => this.pool.release(lease)))
  }

  private queueDeadline(exchange: Exchange, lease: Lease, resume: (effect: Effect.Effect<Lease, ClientError>) => void) {
    const { connect, poolWait } = exchange.limits
    const limit = Math.min(connect, poolWait)
    if (limit === Infinity) return undefined
    const deadlines = exchange.deadlines
    return deadlines.schedule(deadlines.now() + limit, () => {
      exchange.onAbort = undefined
      this.pool.release(lease)
      resume(Effect.fail(timeoutError(exchange, poolWait <= connect ? "poolWait" : "connect", limit)))
    })
  }

  // Connections.

  private connect(
    exchange: Exchange,
    lease: Lease,
    fresh: boolean,
    startedAt: number
  ): Effect.Effect<Connection, ClientError> {
    if (this.state !== "open") return Effect.fail(this.closedError(exchange))
    const idle = fresh ? undefined : this.pool.takeIdle(exchange.route.key, exchange.deadlines.now())
    if (idle !== undefined) {
      this.use(idle, lease, exchange)
      return exchange.trace === undefined
        ? Effect.succeed(idle)
        : Effect.as(exchange.trace.emit(reused(idle, exchange)), idle)
    }
    const opened = Effect.suspend(() => {
      const sockets = new Sockets()
      return Effect.uninterruptibleMask((restore) =>
        Effect.matchCauseEffect(restore(abortable(exchange, this.within(exchange, sockets, startedAt))), {
          // A socket may have opened in the very moment in which the fiber was interrupted.
          onFailure: (cause) =>
            Effect.zipRight(
              Effect.sync(() => sockets.destroy()),
              Effect.failCause(cause)
            ),
          onSuccess: (wire) => Effect.sync(() => this.adopt(wire, lease, exchange))
        })
      )
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

  private within(exchange: Exchange, sockets: Sockets, startedAt: number): Effect.Effect<Wire, ClientError> {
    const limit = exchange.limits.connect
    const dial = this.dialer.dial(exchange, sockets)
    if (limit === Infinity) return dial
    return Effect.timeoutFail(dial, {
      duration: Duration.millis(Math.max(0, startedAt + limit - exchange.deadlines.now())),
      onTimeout: () => timeoutError(exchange, "connect", limit)
    })
  }

  private adopt(wire: Wire, lease: Lease, exchange: Exchange): Http1Connection {
    // One that has closed already tells nobody.
    const live = !wire.socket.destroyed
    const connection = new Http1Connection(++this.ids, exchange.route.key, wire, this.limits, this)
    if (live) {
      this.connections.add(connection)
      this.open.add(wire.socket)
      wire.socket.once("close", () => {
        this.open.delete(wire.socket)
        this.connections.delete(connection)
        if (this.state === "closed" && this.open.size === 0) Deferred.unsafeDone(this.done, Effect.void)
      })
    }
    this.use(connection, lease, exchange)
    return connection
  }

  private use(connection: Http1Connection, lease: Lease, exchange: Exchange): void {
    this.pool.connected(lease)
    connection.lease = lease
    this.inUse++
    exchange.onConnection(connection)
    // It may have spoken or closed before anybody listened.
    if (connection.closed) this.freeSlot(connection)
  }

  private freeSlot(connection: Http1Connection): void {
    const lease = connection.lease
    if (lease === undefined) return
    connection.lease = undefined
    this.inUse--
    this.pool.release(lease)
    if (this.inUse === 0) this.onQuiet?.()
  }

  onReusable(connection: Http1Connection, exchange: Exchange): boolean {
    if (this.forceClose || this.state !== "open" || connection.maxIdle <= 0) return false
    exchange.trace?.offer({ _tag: "ConnectionReleased", connectionId: connection.id })
    // Idle before its slot is free, so that the next in the queue can have it.
    this.pool.keep(connection, exchange.deadlines)
    this.freeSlot(connection)
    return true
  }

  onClosed(connection: Http1Connection, reason: ConnectionClosed["reason"], exchange: Exchange | undefined): void {
    if (exchange === undefined) this.pool.drop(connection)
    const watcher = exchange?.trace ?? (this.hub.active() ? this.hub : undefined)
    watcher?.offer({ _tag: "ConnectionClosed", connectionId: connection.id, reason, requests: connection.requests })
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
        requests: connection.requests
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
    return Effect.suspend(() => {
      if (this.state !== "open") return Deferred.await(this.done)
      this.state = "closing"
      this.pool.closeIdle("Shutdown")
      for (const exchange of [...this.pending, ...this.upgraded]) exchange.onAbort?.(this.closedError(exchange))
      return Effect.uninterruptible(
        Effect.zipRight(
          this.drainBusy(),
          Effect.suspend(() => this.awaitSockets())
        )
      )
    })
  }

  /** Requests in flight may finish, for as long as they may. */
  private drainBusy(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.inUse === 0) return Effect.void
      const finished = Effect.async<void>((resume) => {
        this.onQuiet = () => resume(Effect.void)
      })
      return Effect.asVoid(
        // Else a timeout would wait for what it is to end.
        Effect.timeoutOption(Effect.interruptible(finished), Duration.millis(this.gracefulShutdownTimeout))
      )
    }).pipe(
      Effect.zipRight(
        Effect.sync(() => {
          for (const connection of [...this.connections]) {
            const exchange = connection.lease === undefined ? undefined : connection.exchanged
            if (exchange === undefined) continue
            connection.cut(this.closedError(exchange))
            exchange.onAbort?.(this.closedError(exchange))
          }
        })
      )
    )
  }

  private awaitSockets(): Effect.Effect<void> {
    this.state = "closed"
    if (this.open.size === 0) {
      Deferred.unsafeDone(this.done, Effect.void)
      return Effect.void
    }
    return Effect.zipRight(
      Effect.asVoid(Effect.timeoutOption(Effect.interruptible(Deferred.await(this.done)), Duration.millis(closeTime))),
      Effect.sync(() => {
        for (const socket of this.open) socket.destroy()
        Deferred.unsafeDone(this.done, Effect.void)
      })
    )
  }

  private closedError(exchange: Exchange): ClientError {
    return new SessionClosedError({ ...exchange.details(undefined), subject: "Connector" })
  }
}

const noGrant = () => {}

const millis = (input: Duration.DurationInput) => Duration.toMillis(Duration.decode(input))

const reused = (connection: Http1Connection, exchange: Exchange) =>
  ({
    _tag: "ConnectionReuseconn",
    connectionId: connection.id,
    idle: exchange.deadlines.now() - connection.idleSince
  }) as const

const timeoutError = (exchange: Exchange, timeout: "connect" | "poolWait", limit: number) =>
  new ConnectionTimeoutError({
    ...exchange.details(exchange.marks.current),
    phase: exchange.marks.current,
    timeout,
    limit: Duration.millis(limit)
  })

/** Ends with the exchange: its time may run out, its session may close. */
const abortable = <A>(exchange: Exchange, effect: Effect.Effect<A, ClientError>): Effect.Effect<A, ClientError> =>
  Effect.raceFirst(
    effect,
    Effect.async<never, ClientError>((resume) => {
      exchange.onAbort = (error) => resume(Effect.fail(error))
      return Effect.sync(() => {
        exchange.onAbort = undefined
      })
    })
  )
