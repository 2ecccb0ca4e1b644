/**
 * The connection pool: slots, waiters and idle connections. It does not know sockets or requests, but only connections
 * that it can close and waiters that it can call. All operations are synchronous, and one function assigns slots.
 */
import type { Counts } from "../../Connector.js"
import type { ConnectionClosed } from "../../Tracing.js"
import { showAs } from "../inspection.js"
import type { ConnectionAge } from "./connectionAge.js"
import type { Deadline, Deadlines } from "./deadlines.js"
import { type Host, type Lease, type LeaseOwner, LeaseQueue, type RouteShare } from "./lease.js"
import type { NetworkStream } from "./networkStream.js"
import type { Connection, Exchange } from "./transport.js"

/** The part of a connection that the pool uses. */
export interface Poolable {
  /** The key of the route. Only requests with the same key may use the connection. */
  readonly key: string
  readonly age: ConnectionAge
  /** The idle timeout that the server announced, in milliseconds. */
  readonly maxIdle: number
  /** Closes an idle connection. */
  readonly close: (reason: ConnectionClosed["reason"]) => void
}

/** A connection of HTTP/1.1 or HTTP/2 in the pool of a network. */
export interface Pooled extends Poolable {
  readonly id: number
  readonly wire: NetworkStream
  /** How many requests it has served, including those in flight. */
  readonly requests: number
  readonly closed: boolean
  /** How many more requests it can serve now. */
  readonly available: number
  /** The slot of the pool that the connection holds while it is in use. */
  lease: Lease<Pooled> | undefined
  /** Starts to serve an exchange. */
  readonly serve: (exchange: Exchange) => Connection
}

/** The time source for the expiry of idle connections. */
type IdleTime = Pick<Deadlines, "now" | "scheduleIdle">

export interface PoolSettings {
  /** The total number of slots; 0 means unlimited. */
  readonly limit: number
  /** The slots of one origin; 0 means unlimited. */
  readonly limitPerHost: number
  readonly maxQueue: number
  /** The idle timeout in milliseconds. */
  readonly keepaliveTimeout: number
}

/** The counts that a pool knows: not those of requests on its connections. */
export type SlotCounts = Omit<Counts, "streams">

export class Pool<C extends Poolable> {
  static {
    showAs(Pool, "Pool", (pool) => ({ held: pool.held, idle: pool.stats().idle, waiting: pool.waiting }))
  }

  private readonly settings: PoolSettings
  private readonly hosts = new Map<string, Host<C>>()
  private readonly routes = new Map<string, RouteShare<C>>()
  /** The route of the last request, to avoid most lookups. */
  private lastRoute: RouteShare<C> | undefined = undefined
  /** Hosts with waiters, in the order in which they get slots. */
  private readonly waitingHosts = new Map<string, Host<C>>()
  private readonly leases = new LeaseQueue<C>()
  private held = 0
  private waiting = 0
  private sweep: Deadline | undefined = undefined
  private sweepsAt = Infinity

  constructor(settings: PoolSettings) {
    this.settings = settings
  }

  /** A lease with a slot, or with a place in the queue; `undefined` if the queue is full. */
  request(hostKey: string, key: string, owner: LeaseOwner): Lease<C> | undefined {
    const route = this.routeOf(key) ?? this.addRoute(hostKey, key)
    const host = route.host.key === hostKey ? route.host : this.switchHost(route, hostKey)
    const lease: Lease<C> = {
      route,
      host,
      state: "connecting",
      owner,
      next: undefined,
      previous: undefined
    }
    // This request does not overtake a waiter: `assign` has served the waiters of all hosts that have room.
    if (host.waiters.size === 0 && this.hasRoom(host)) {
      route.leases++
      this.hold(lease)
      return lease
    }
    if (this.waiting >= this.settings.maxQueue) {
      this.forget(route)
      return undefined
    }
    lease.state = "waiting"
    route.leases++
    host.waiters.add(lease)
    this.waiting++
    this.waitingHosts.set(hostKey, host)
    return lease
  }

  /**
   * The connection with this key that became idle last and has not expired. Closes expired ones. The connection stays
   * in the pool until `takeIdle`. `wall` is the time of day on the Clock of `now`.
   */
  nextIdle(key: string, time: IdleTime, now: number, wall: number): C | undefined {
    const route = this.routeOf(key)
    if (route === undefined) return undefined
    for (let connection = route.idle.at(-1); connection !== undefined; connection = route.idle.at(-1)) {
      const reason = connection.age.expired(time, now, wall)
      if (reason === undefined) return connection
      route.idle.pop()
      connection.close(reason)
    }
    this.forget(route)
    return undefined
  }

  /** Removes the connection that `nextIdle` returned. The lease then owns it. */
  takeIdle(lease: Lease<C>): void {
    lease.route.idle.pop()
  }

  /** Whether a request of the route would get a slot at once and the route has an idle connection. */
  canReuse(hostKey: string, key: string): boolean {
    const route = this.routeOf(key)
    if (route === undefined || route.idle.length === 0 || this.waiting !== 0) return false
    const host = route.host.key === hostKey ? route.host : this.hosts.get(hostKey)
    return host === undefined ? this.settings.limit === 0 || this.held < this.settings.limit : this.hasRoom(host)
  }

  /** Call when the lease has a connection. */
  markAcquired(lease: Lease<C>): void {
    lease.state = "acquired"
  }

  /** Releases a slot or a place in the queue, and assigns a free slot to the next waiter. Idempotent. */
  release(lease: Lease<C>): void {
    const { host, route, state } = lease
    if (state === "released") return
    lease.state = "released"
    route.leases--
    if (state === "waiting") {
      this.waiting--
      host.waiters.remove(lease)
      if (host.waiters.size === 0) this.waitingHosts.delete(host.key)
    } else {
      this.held--
      host.held--
      this.leases.remove(lease)
      if (this.waiting > 0) this.assign()
    }
    this.forget(route)
    if (host.routes === 0) this.forgetHost(host)
  }

  /** Makes a connection idle. Release its lease afterwards. `now` is in the time of `deadlines`. */
  makeIdle(connection: C, lease: Lease<C>, deadlines: IdleTime, now = deadlines.now()): void {
    const { age } = connection
    age.becomeIdle(deadlines, now, Math.min(this.settings.keepaliveTimeout, connection.maxIdle))
    lease.route.idle.push(connection)
    const until = now + age.idleLeft(deadlines, now)
    if (until < this.sweepsAt) this.sweepAt(deadlines, until)
  }

  /** Removes an idle connection that closed by itself. */
  removeIdle(connection: C): void {
    const route = this.routes.get(connection.key)
    if (route === undefined) return
    const index = route.idle.lastIndexOf(connection)
    if (index >= 0) route.idle.splice(index, 1)
    this.forget(route)
  }

  /** Closes all idle connections. */
  closeIdle(reason: ConnectionClosed["reason"]): void {
    const stacks: Array<Array<C>> = []
    for (const route of this.routes.values()) {
      stacks.push(route.idle)
      route.idle = []
      this.forget(route)
    }
    this.sweep?.cancel()
    this.sweepsAt = Infinity
    for (const stack of stacks) for (const connection of stack) connection.close(reason)
  }

  get waitingCount(): number {
    return this.waiting
  }

  stats(): SlotCounts & { readonly perKey: ReadonlyMap<string, SlotCounts> } {
    const perKey = new Map<string, { acquired: number; idle: number; connecting: number; waiting: number }>()
    const countsOf = (key: string) => {
      let counts = perKey.get(key)
      if (counts === undefined) {
        counts = { acquired: 0, idle: 0, connecting: 0, waiting: 0 }
        perKey.set(key, counts)
      }
      return counts
    }
    const total = { acquired: 0, idle: 0, connecting: 0, waiting: 0 }
    for (let lease = this.leases.head; lease !== undefined; lease = lease.next) {
      const state = lease.state === "connecting" ? "connecting" : "acquired"
      total[state]++
      countsOf(lease.route.key)[state]++
    }
    for (const { idle, key } of this.routes.values()) {
      if (idle.length === 0) continue
      total.idle += idle.length
      countsOf(key).idle += idle.length
    }
    for (const host of this.waitingHosts.values()) {
      for (let lease = host.waiters.head; lease !== undefined; lease = lease.next) {
        total.waiting++
        countsOf(lease.route.key).waiting++
      }
    }
    return { ...total, perKey }
  }

  private routeOf(key: string): RouteShare<C> | undefined {
    if (this.lastRoute?.key === key) return this.lastRoute
    const route = this.routes.get(key)
    if (route !== undefined) this.lastRoute = route
    return route
  }

  private addRoute(hostKey: string, key: string): RouteShare<C> {
    const host = this.hostOf(hostKey)
    host.routes++
    const route: RouteShare<C> = { key, host, leases: 0, idle: [] }
    this.routes.set(key, route)
    return route
  }

  private hostOf(hostKey: string): Host<C> {
    let host = this.hosts.get(hostKey)
    if (host === undefined) {
      host = { key: hostKey, held: 0, routes: 0, waiters: new LeaseQueue() }
      this.hosts.set(hostKey, host)
    }
    return host
  }

  /** Changes the current host of a route, for a request to another host. */
  private switchHost(route: RouteShare<C>, hostKey: string): Host<C> {
    const before = route.host
    const host = this.hostOf(hostKey)
    host.routes++
    route.host = host
    before.routes--
    this.forgetHost(before)
    return host
  }

  private forgetHost(host: Host<C>): void {
    if (host.routes === 0 && host.held === 0 && host.waiters.size === 0) this.hosts.delete(host.key)
  }

  /** Removes a route without leases and idle connections, because a program may use any number of origins. */
  private forget(route: RouteShare<C>): void {
    if (route.leases > 0 || route.idle.length > 0 || this.routes.get(route.key) !== route) return
    this.routes.delete(route.key)
    if (this.lastRoute === route) this.lastRoute = undefined
    route.host.routes--
    this.forgetHost(route.host)
  }

  private hasRoom(host: Host<C>): boolean {
    return (
      (this.settings.limit === 0 || this.held < this.settings.limit) &&
      (this.settings.limitPerHost === 0 || host.held < this.settings.limitPerHost)
    )
  }

  private hold(lease: Lease<C>): void {
    lease.state = "connecting"
    this.held++
    lease.host.held++
    this.leases.add(lease)
  }

  /** Assigns free slots to waiters: round-robin between hosts, and in order of arrival within a host. */
  private assign(): void {
    for (;;) {
      let ready: Host<C> | undefined
      for (const host of this.waitingHosts.values()) {
        if (this.hasRoom(host)) {
          ready = host
          break
        }
      }
      const lease = ready?.waiters.head
      if (ready === undefined || lease === undefined) return
      ready.waiters.remove(lease)
      this.waiting--
      this.waitingHosts.delete(ready.key)
      if (ready.waiters.size > 0) this.waitingHosts.set(ready.key, ready)
      this.hold(lease)
      lease.owner.onSlot()
    }
  }

  /** Schedules the removal of expired idle connections. */
  private sweepAt(deadlines: IdleTime, at: number): void {
    this.sweep?.cancel()
    this.sweepsAt = at
    this.sweep = deadlines.scheduleIdle(at, () => {
      this.sweepsAt = Infinity
      const now = deadlines.now()
      const expired: Array<() => void> = []
      let next = Infinity
      for (const route of this.routes.values()) {
        if (route.idle.length === 0) continue
        route.idle = route.idle.filter((connection) => {
          const reason = connection.age.expired(deadlines, now)
          if (reason === undefined) next = Math.min(next, now + connection.age.idleLeft(deadlines, now))
          else expired.push(() => connection.close(reason))
          return reason === undefined
        })
        this.forget(route)
      }
      if (next !== Infinity) this.sweepAt(deadlines, next)
      for (const close of expired) close()
    })
  }
}
