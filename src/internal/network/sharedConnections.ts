/**
 * The HTTP/2 connections of a network, each of which serves many requests. Records for each route the connections that
 * accept streams, the dials that may open one, and the requests that wait for a stream.
 */
import { showAs } from "../inspection.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { Connection, Exchange } from "../transport/transport.js"
import type { Http2Connection, Http2Owner } from "./http2/connection.js"
import { SpokenProtocols } from "./spokenProtocols.js"

/** A request that waits for a stream. */
export interface StreamWaiter {
  readonly exchange: Exchange
  /** Whether the request is sent again, so that it gets a stream before others. */
  readonly resent: boolean
  /** The dial that the request has joined. */
  joinedDial: JoinableDial | undefined
  /** Called when the request can have a stream of the connection. */
  readonly onStream: (connection: Http2Connection) => void
  /** Called when the dial that the request has joined has no stream for it. With `alone`, it must not join another. */
  readonly onRejected: (alone: boolean) => void
}

/** A dial, or a connection that does not accept streams yet, and the requests that wait for it. */
export interface JoinableDial {
  readonly share: Share
  /** How many more requests may join. */
  room: number
  readonly joined: Set<StreamWaiter>
  /** Set when the dial has opened a connection of HTTP/2. */
  connection: Http2Connection | undefined
}

/** The connections, dials and waiting requests of a route. Removed when it has none of them. */
interface Share {
  readonly key: string
  /** The connections that accept streams, or will accept them; oldest first. */
  connections: ReadonlyArray<Http2Connection>
  readonly dials: Set<JoinableDial>
  /** Requests that are sent again. They get streams before `waiters`. */
  readonly resentWaiters: Set<StreamWaiter>
  readonly waiters: Set<StreamWaiter>
}

/** The operations of the network that connections of HTTP/2 need. */
export interface SlotOwner {
  /** Makes a connection without streams idle; `false` if it must close. */
  readonly makeIdle: (connection: Http2Connection, deadlines: Deadlines, now: number) => boolean
  readonly onSharedClosed: Http2Owner["onClosed"]
}

/** How many streams a server is assumed to allow before its SETTINGS have arrived. */
const assumedLimit = 100

export class SharedConnections implements Http2Owner {
  static {
    showAs(SharedConnections, "SharedConnections", ({ shares }) => ({ size: shares.size }))
  }

  readonly spoken = new SpokenProtocols()
  private readonly slots: SlotOwner
  private readonly hasMaxAge: boolean
  private readonly maxQueue: number
  private readonly shares = new Map<string, Share>()

  constructor(slots: SlotOwner, hasMaxAge: boolean, maxQueue: number) {
    this.slots = slots
    this.hasMaxAge = hasMaxAge
    this.maxQueue = maxQueue
  }

  // Called by requests.

  /** Takes a stream of the oldest connection in use that has a free one. */
  take(exchange: Exchange): Connection | undefined {
    const share = this.shares.get(exchange.route.key)
    if (share === undefined) return undefined
    for (const connection of share.connections) {
      if (!this.isUsable(connection)) continue
      if (!this.hasMaxAge || !this.retireOld(connection, exchange)) {
        const stream = connection.serve(exchange)
        exchange.onConnection(stream)
        return stream
      }
    }
    return undefined
  }

  private isUsable(connection: Http2Connection): boolean {
    return connection.lease !== undefined && connection.available > 0
  }

  private retireOld(connection: Http2Connection, { deadlines }: Exchange): boolean {
    const isOld = connection.age.isOld(deadlines, deadlines.now())
    if (isOld) connection.retire("Retired")
    return isOld
  }

  /**
   * Adds a request to a dial that may have a stream for it. "alone" if there is no such dial; "full" if too many
   * requests wait for a server that does not allow streams.
   */
  join(waiter: StreamWaiter): "joined" | "alone" | "full" {
    const share = this.shares.get(waiter.exchange.route.key)
    if (share === undefined) return "alone"
    for (const dial of share.dials) {
      if (dial.room <= 0) continue
      if (dial.connection?.ready === true && dial.joined.size >= this.maxQueue) return "full"
      dial.room--
      dial.joined.add(waiter)
      waiter.joinedDial = dial
      this.enqueue(waiter)
      if (dial.connection !== undefined) dial.connection.awaited = true
      return "joined"
    }
    return "alone"
  }

  /** Adds a request to the queue for the next free stream of its route. */
  enqueue(waiter: StreamWaiter): void {
    const share = this.shareOf(waiter.exchange.route.key)
    const queue = waiter.resent ? share.resentWaiters : share.waiters
    queue.add(waiter)
  }

  /** Removes a request that no longer waits. Idempotent. */
  leave(waiter: StreamWaiter): void {
    const share = this.shares.get(waiter.exchange.route.key)
    if (share === undefined) return
    share.resentWaiters.delete(waiter)
    share.waiters.delete(waiter)
    const dial = waiter.joinedDial
    waiter.joinedDial = undefined
    if (dial?.joined.delete(waiter) === true) {
      dial.room++
      const { connection } = dial
      if (connection !== undefined && dial.joined.size === 0) {
        connection.awaited = false
        const { deadlines } = waiter.exchange
        this.makeIdleIfUnused(connection, deadlines, deadlines.now())
      }
    }
    this.forget(share)
  }

  // Called by dials.

  /** Starts a dial that other requests of the route may join. `undefined` if the server is known to speak HTTP/1.1. */
  beginDial(key: string): JoinableDial | undefined {
    const spoken = this.spoken.get(key)
    if (spoken?.protocol === "http/1.1") return undefined
    // The request that dials uses one of the streams.
    const room = spoken === undefined ? Infinity : Math.max(0, (spoken.limit || assumedLimit) - 1)
    const dial: JoinableDial = { share: this.shareOf(key), room, joined: new Set(), connection: undefined }
    dial.share.dials.add(dial)
    return dial
  }

  /** Call when a dial has opened a connection of HTTP/1.1 or has `failed`. Rejects all requests that have joined it. */
  endDial(dial: JoinableDial, failed: boolean): void {
    const { joined, share } = dial
    share.dials.delete(dial)
    for (const waiter of [...joined]) {
      share.resentWaiters.delete(waiter)
      share.waiters.delete(waiter)
      waiter.joinedDial = undefined
      waiter.onRejected(failed)
    }
    joined.clear()
    this.forget(share)
  }

  /**
   * Call when a dial has opened a connection of HTTP/2. Requests that have joined it wait for the server's SETTINGS.
   */
  onDialed(dial: JoinableDial | undefined, connection: Http2Connection): void {
    const { key } = connection
    const known = this.spoken.get(key)
    this.spoken.set(key, known?.protocol === "h2" ? known : { protocol: "h2", limit: assumedLimit })
    const share = this.shareOf(key)
    if (connection.state === "open") share.connections = [...share.connections, connection]
    const joinable = dial ?? { share, room: assumedLimit - 1, joined: new Set(), connection: undefined }
    if (connection.state !== "open") {
      this.endDial(joinable, true)
      return
    }
    joinable.connection = connection
    share.dials.add(joinable)
    connection.awaited = joinable.joined.size > 0
  }

  /** Call when an idle connection is in use again. It serves the waiting requests of its route, too. */
  onUsed(connection: Http2Connection): void {
    const share = this.shares.get(connection.key)
    if (share !== undefined) this.serve(share)
  }

  // Called by connections.

  onAvailable(connection: Http2Connection): void {
    const share = this.shares.get(connection.key)
    if (share === undefined) return
    const dial = dialOf(share, connection)
    if (connection.ready) this.onLimit(share, connection, dial)
    this.serve(share)
    if (dial !== undefined && !share.dials.has(dial)) this.endDial(dial, false)
    const { deadlines } = connection
    if (deadlines !== undefined) this.makeIdleIfUnused(connection, deadlines, deadlines.now())
  }

  /** Handles the limit in the server's SETTINGS. With a limit of 0, requests wait instead of dialing. */
  private onLimit(share: Share, connection: Http2Connection, dial: JoinableDial | undefined): void {
    const { limit } = connection
    this.spoken.set(connection.key, { protocol: "h2", limit })
    if (limit > 0) {
      if (dial !== undefined) share.dials.delete(dial)
    } else if (dial !== undefined) dial.room = Infinity
    else if (connection.state === "open") {
      share.dials.add({ share, room: Infinity, joined: new Set(), connection })
    }
  }

  onStreamEnd(connection: Http2Connection, exchange: Exchange, now: number): void {
    exchange.trace?.offer({ _tag: "ConnectionReleased", connectionId: connection.id, deviations: [] })
    const share = this.shares.get(connection.key)
    if (share !== undefined) this.serve(share)
    this.makeIdleIfUnused(connection, exchange.deadlines, now)
  }

  onRetiring(connection: Http2Connection): void {
    this.remove(connection)
  }

  onClosed(connection: Http2Connection, reason: Parameters<Http2Owner["onClosed"]>[1]): void {
    this.remove(connection)
    this.slots.onSharedClosed(connection, reason)
  }

  onHttp1Required(connection: Http2Connection): void {
    this.spoken.set(connection.key, { protocol: "http/1.1", required: true })
    connection.retire("Retired")
  }

  private remove(connection: Http2Connection): void {
    const share = this.shares.get(connection.key)
    if (share === undefined) return
    share.connections = share.connections.filter((other) => other !== connection)
    const dial = dialOf(share, connection)
    if (dial !== undefined) this.endDial(dial, true)
    this.forget(share)
  }

  /** Assigns free streams to waiting requests: first to those that are sent again, then in order of arrival. */
  private serve(share: Share): void {
    if (share.resentWaiters.size === 0 && share.waiters.size === 0) return
    for (const connection of share.connections) {
      while (this.isUsable(connection)) {
        const waiter = first(share.resentWaiters) ?? first(share.waiters)
        if (waiter === undefined) return
        if (this.hasMaxAge && this.retireOld(connection, waiter.exchange)) break
        share.resentWaiters.delete(waiter)
        share.waiters.delete(waiter)
        waiter.joinedDial?.joined.delete(waiter)
        waiter.joinedDial = undefined
        waiter.onStream(connection)
      }
    }
  }

  /** Makes a connection without streams idle, unless requests wait for it. */
  private makeIdleIfUnused(connection: Http2Connection, deadlines: Deadlines, now: number): void {
    if (connection.state !== "open" || connection.isOccupied || connection.lease === undefined) return
    const share = this.shares.get(connection.key)
    const dial = share === undefined ? undefined : dialOf(share, connection)
    if (dial !== undefined && dial.joined.size > 0) return
    connection.awaited = false
    if (!this.slots.makeIdle(connection, deadlines, now))
      connection.close(connection.age.retired ? "Retired" : "Shutdown")
  }

  // Counts.

  /** The number of requests of each route that have joined a dial. They have no place in the queue of the pool. */
  *joined(): Iterable<readonly [key: string, count: number]> {
    for (const { key, dials } of this.shares.values()) {
      let count = 0
      for (const dial of dials) count += dial.joined.size
      if (count > 0) yield [key, count]
    }
  }

  private shareOf(key: string): Share {
    let share = this.shares.get(key)
    if (share === undefined) {
      share = { key, connections: [], dials: new Set(), resentWaiters: new Set(), waiters: new Set() }
      this.shares.set(key, share)
    }
    return share
  }

  private forget({ connections, dials, key, resentWaiters, waiters }: Share): void {
    if (connections.length === 0 && dials.size === 0 && resentWaiters.size === 0 && waiters.size === 0)
      this.shares.delete(key)
  }
}

const first = (waiters: Set<StreamWaiter>): StreamWaiter | undefined => {
  for (const waiter of waiters) return waiter
  return undefined
}

const dialOf = (share: Share, connection: Http2Connection): JoinableDial | undefined => {
  if (share.dials.size === 0) return undefined
  for (const dial of share.dials) if (dial.connection === connection) return dial
  return undefined
}
