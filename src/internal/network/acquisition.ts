/**
 * Gets a connection for one exchange: a stream of a connection in use, an idle connection, or one that this or another
 * exchange dials. An exchange for which there is none waits in the queue.
 */
import * as Effect from "effect/Effect"
import { type ClientError, PoolSaturatedError } from "../../Errors.js"
import { raceWithCallback } from "../raceWithCallback.js"
import { nextPoll } from "../transport/endOfTurn.js"
import type { Lease, LeaseOwner } from "../transport/lease.js"
import type { Http2Offer } from "../transport/networkStream.js"
import type { Pool, Pooled } from "../transport/pool.js"
import { isRepeatable } from "../transport/repeatable.js"
import type { Connection, Exchange, Route } from "../transport/transport.js"
import type { Dialer } from "./dial/dialer.js"
import { Http2Connection } from "./http2/connection.js"
import type { OpenConnections } from "./openConnections.js"
import type { OpenSockets } from "./openSockets.js"
import { limitConnect, openStream } from "./openStream.js"
import type { JoinableDial, SharedConnections, StreamWaiter } from "./sharedConnections.js"
import { SlotWaiter, type SlotWaiterOwner } from "./slotWaiter.js"

/** The part of a network that an acquisition uses. */
export interface AcquisitionOwner {
  readonly pool: Pool<Pooled>
  readonly dialer: Dialer
  readonly connections: OpenConnections
  readonly sockets: OpenSockets
  readonly maxQueue: number
  /** Why an exchange must not continue: it was aborted, or the network is closing. `undefined` if it may. */
  readonly refusal: (exchange: Exchange) => ClientError | undefined
}

/**
 * Milliseconds since the last use of a connection from which it is checked for pending socket events before the next
 * use. Servers close idle connections, and a busy process may not have processed the event yet.
 */
const checkAfter = 1000

/** Whether an idle connection must be checked first, because a request that cannot be repeated could be lost on it. */
export const needsCheck = (connection: Pooled, exchange: Exchange, now: number): boolean =>
  connection.age.takenFor(exchange.deadlines, now) >= checkAfter && !isRepeatable(exchange.wireRequest)

/**
 * Whether open connections may serve the route. If the dialer does not permit the route, dialing fails with the reason.
 */
export const mayReuse = (dialer: Dialer, route: Route): boolean =>
  route.proxy === undefined || dialer.permits?.(route) !== false

/** The signal that an exchange uses an open connection. `idle` is in milliseconds; 0 for a connection in use. */
export const reuseSignal = (connectionId: number, idle: number) =>
  ({ _tag: "ConnectionReuseconn", connectionId, idle }) as const

export class Acquisition implements StreamWaiter, LeaseOwner, SlotWaiterOwner {
  readonly exchange: Exchange
  readonly resent: boolean
  joinedDial: JoinableDial | undefined = undefined
  private readonly owner: AcquisitionOwner
  private readonly fresh: boolean
  private readonly http2: Http2Offer
  readonly startedAt: number
  /** The connections of HTTP/2; `undefined` if the route does not allow them. */
  private readonly shared: SharedConnections | undefined
  private lease: Lease<Pooled> | undefined = undefined
  private waiter: SlotWaiter | undefined = undefined
  /** A stream of a connection in use. */
  private stream: Connection | undefined = undefined
  /** The dial of this exchange, which other exchanges may join. */
  private ownDial: JoinableDial | undefined = undefined
  /** Whether a dial that this exchange had joined has failed, so that it must not join another one. */
  private alone = false
  /** Whether the pending events of idle connections were processed. */
  private checked = false

  constructor(owner: AcquisitionOwner, exchange: Exchange, fresh: boolean, resent: boolean, http2: Http2Offer) {
    this.owner = owner
    this.exchange = exchange
    this.fresh = fresh
    this.resent = resent
    this.http2 = http2
    this.startedAt = exchange.deadlines.now()
    const { dialer, connections } = owner
    this.shared = http2 === "never" || !mayReuse(dialer, exchange.route) ? undefined : connections.shared
  }

  /** Takes a connection, opens one, or waits for one. */
  step(): Effect.Effect<Connection, ClientError> {
    const { exchange, owner, shared } = this
    const refusal = this.refusal()
    if (refusal !== undefined) return Effect.fail(refusal)
    this.stream ??= shared?.take(exchange)
    if (this.stream !== undefined) return this.onShared(this.stream)
    if (shared !== undefined && !this.alone && this.nextIdle() === undefined) {
      const joined = shared.join(this)
      if (joined === "full") return Effect.fail(this.saturated())
      if (joined === "joined") {
        this.releaseLease()
        return this.wait()
      }
    }
    const { key, origin } = exchange.route
    this.lease ??= owner.pool.request(origin.key, key, this)
    if (this.lease === undefined) return Effect.fail(this.saturated())
    if (this.lease.state !== "waiting") return this.connect(this.lease)
    shared?.enqueue(this)
    return this.wait()
  }

  /** Ends an acquisition that has failed or was interrupted. Idempotent. */
  leave(): void {
    this.waiter?.stop()
    this.shared?.leave(this)
    if (this.lease?.state !== "acquired") this.releaseLease()
    this.endOwnDial()
    this.stream?.abort("Error")
  }

  private releaseLease(): void {
    const { lease } = this
    this.lease = undefined
    if (lease !== undefined) this.owner.pool.release(lease)
  }

  private endOwnDial(): void {
    const { ownDial } = this
    this.ownDial = undefined
    if (ownDial !== undefined) this.shared?.endDial(ownDial, true)
  }

  // Waiting.

  onSlot(): void {
    this.shared?.leave(this)
    this.waiter?.grant()
  }

  onStream(connection: Http2Connection): void {
    const stream = connection.serve(this.exchange)
    this.stream = stream
    this.exchange.onConnection(stream)
    this.releaseLease()
    this.waiter?.grant()
  }

  onRejected(alone: boolean): void {
    this.alone ||= alone
    this.waiter?.grant()
  }

  private wait(): Effect.Effect<Connection, ClientError> {
    const { exchange, owner } = this
    const waiter = new SlotWaiter(this)
    this.waiter = waiter
    const { awaitGrant } = waiter
    const { trace } = exchange
    const next = () => this.step()
    if (trace === undefined) return Effect.flatMap(awaitGrant, next)
    const { host, port } = exchange.route.origin
    const started = trace.emit({ _tag: "ConnectionQueuedStart", host, port, waiting: owner.pool.waitingCount })
    const ended = trace.emit({ _tag: "ConnectionQueuedEnd", host, port })
    return Effect.zipRight(started, Effect.flatMap(Effect.zipLeft(awaitGrant, ended), next))
  }

  refusal(): ClientError | undefined {
    return this.owner.refusal(this.exchange)
  }

  /** Ends the wait for the dial of another exchange. `false` if this exchange waits for something else. */
  onPoolWait(): boolean {
    if (this.joinedDial === undefined || this.joinedDial.connection !== undefined) return false
    this.alone = true
    this.shared?.leave(this)
    return true
  }

  private saturated(): ClientError {
    const { exchange, owner } = this
    return new PoolSaturatedError({
      ...exchange.details("queue"),
      waiting: owner.pool.waitingCount,
      maxQueue: owner.maxQueue
    })
  }

  // Connecting.

  private nextIdle(): Pooled | undefined {
    const { exchange, fresh, owner } = this
    if (fresh || !mayReuse(owner.dialer, exchange.route)) return undefined
    const { deadlines, route } = exchange
    const next = owner.pool.nextIdle(route.key, deadlines, deadlines.now(), exchange.clock())
    return next?.available === 0 ? undefined : next
  }

  private onShared(stream: Connection): Effect.Effect<Connection, ClientError> {
    this.releaseLease()
    const { trace } = this.exchange
    return trace === undefined ? Effect.succeed(stream) : Effect.as(trace.emit(reuseSignal(stream.info.id, 0)), stream)
  }

  private connect(lease: Lease<Pooled>): Effect.Effect<Connection, ClientError> {
    const { exchange, owner, startedAt } = this
    const { deadlines } = exchange
    const next = this.nextIdle()
    if (next === undefined) return this.open(lease)
    const now = deadlines.now()
    if (!this.checked && needsCheck(next, exchange, now)) {
      this.checked = true
      // If the connection is closed, the check removes it from the pool.
      const check = raceWithCallback(nextPoll, (fail: (error: ClientError) => void) =>
        limitConnect({ exchange, startedAt, refusal: () => this.refusal() }, fail)
      )
      return Effect.flatMap(check, () => this.step())
    }
    const idle = next.age.idleFor(deadlines, now)
    const connection = owner.connections.take(next, lease, exchange, now, exchange.clock())
    const { trace } = exchange
    return trace === undefined
      ? Effect.succeed(connection)
      : Effect.as(trace.emit(reuseSignal(next.id, idle)), connection)
  }

  private open(lease: Lease<Pooled>): Effect.Effect<Connection, ClientError> {
    const { exchange, owner, startedAt } = this
    this.ownDial = this.shared?.beginDial(exchange.route.key)
    let pooled: Pooled | undefined
    const opened = openStream({
      exchange,
      startedAt,
      dialer: owner.dialer,
      http2: this.http2,
      refusal: () => this.refusal(),
      track: (socket) => owner.sockets.add(socket),
      adopt: (wire) => {
        const adopted = owner.connections.adopt(wire, lease, exchange)
        pooled = adopted.pooled
        this.onOpened(pooled)
        return adopted.connection
      }
    })
    const { trace } = exchange
    if (trace === undefined) return opened
    const { host, port } = exchange.route.origin
    return Effect.zipRight(
      trace.emit({ _tag: "ConnectionCreateStart", host, port }),
      Effect.tap(opened, () =>
        pooled === undefined
          ? Effect.void
          : trace.emit({
              _tag: "ConnectionCreateEnd",
              host,
              port,
              connectionId: pooled.id,
              remoteAddress: pooled.wire.remoteAddress,
              failed: pooled.wire.failed,
              protocol: pooled.wire.protocol
            })
      )
    )
  }

  /** Call when the dial of this exchange has opened a connection. */
  private onOpened(pooled: Pooled): void {
    const { ownDial, shared } = this
    this.ownDial = undefined
    if (shared === undefined) return
    if (pooled instanceof Http2Connection) shared.onDialed(ownDial, pooled)
    else if (ownDial !== undefined) {
      shared.spoken.set(pooled.key, { protocol: "http/1.1", required: false })
      shared.endDial(ownDial, false)
    }
  }
}
