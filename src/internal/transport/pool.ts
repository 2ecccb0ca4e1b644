/**
 * Slots, waiters and idle connections. It knows neither sockets nor requests: a connection is whatever can be told to
 * close, a waiter whoever wants a slot. Everything is synchronous; one function assigns slots.
 */

import type { Counts } from "../../Connector.js"
import type { ConnectionClosed } from "../../Tracing.js"
import { showAs } from "../inspection.js"
import type { Deadline, Deadlines } from "./deadlines.js"

/** What the pool needs of a connection. */
export interface Poolable {
  /** The route's key: requests with another never get it. */
  readonly key: string
  /** When it became idle, on the time of `Deadlines` it was released with. */
  idleSince: number
  /** How long it may be idle, as its server says; milliseconds. */
  readonly maxIdle: number
  /** Closes an idle connection. */
  readonly close: (reason: ConnectionClosed["reason"]) => void
}

/** The time that idle connections live on. */
type IdleTime = Pick<Deadlines, "now" | "scheduleIdle">

export interface PoolSettings {
  /** 0 is no limit. */
  readonly limit: number
  /** For one origin; 0 is no limit. */
  readonly limitPerHost: number
  readonly maxQueue: number
  /** Milliseconds. */
  readonly keepaliveTimeout: number
}

/** One origin's share. */
interface Host {
  readonly key: string
  /** Slots held. */
  held: number
  readonly waiters: Queue
}

/** A slot, or the wish for one. */
export interface Lease {
  readonly host: Host
  readonly key: string
  state: "waiting" | "connecting" | "acquired" | "released"
  /** Called once the slot is there, if it was not at first. */
  readonly onGrant: () => void
  next: Lease | undefined
  previous: Lease | undefined
}

/** Leases in the order in which they came; any can leave. */
class Queue {
  static {
    showAs(Queue, "Pool/Queue", ({ size }) => ({ size }))
  }

  head: Lease | undefined = undefined
  tail: Lease | undefined = undefined
  size = 0

  add(lease: Lease): void {
    lease.previous = this.tail
    if (this.tail === undefined) this.head = lease
    else this.tail.next = lease
    this.tail = lease
    this.size++
  }

  remove(lease: Lease): void {
    if (lease.previous === undefined) this.head = lease.next
    else lease.previous.next = lease.next
    if (lease.next === undefined) this.tail = lease.previous
    else lease.next.previous = lease.previous
    lease.next = undefined
    lease.previous = undefined
    this.size--
  }
}

/** Hosts without a request that may be remembered. */
const keptHosts = 256

export class Pool<C extends Poolable> {
  static {
    showAs(Pool, "Pool", ({ held, idle, waiting }) => ({ held, idle: idle.size, waiting }))
  }

  private readonly settings: PoolSettings
  private readonly hosts = new Map<string, Host>()
  /** Hosts with waiters, in turn. */
  private readonly ring = new Map<string, Host>()
  private readonly idle = new Map<string, Array<C>>()
  private readonly leases = new Queue()
  private held = 0
  private waiting = 0
  private sweep: Deadline | undefined = undefined
  private sweepsAt = Infinity

  constructor(settings: PoolSettings) {
    this.settings = settings
  }

  /** A slot at once, a place in the queue, or `undefined` where the queue is full. */
  request(hostKey: string, key: string, onGrant: () => void): Lease | undefined {
    const host = this.host(hostKey)
    const lease: Lease = {
      host,
      key,
      state: "connecting",
      onGrant,
      next: undefined,
      previous: undefined
    }
    // No host that waits has room, or `assign` would have served it: nobody is overtaken here.
    if (host.waiters.size === 0 && this.hasRoom(host)) {
      this.hold(lease)
      return lease
    }
    if (this.waiting >= this.settings.maxQueue) {
      this.forget(host)
      return undefined
    }
    lease.state = "waiting"
    host.waiters.add(lease)
    this.waiting++
    this.ring.set(hostKey, host)
    return lease
  }

  /** The connection of that key that became idle last; its slot is `lease`'s. */
  takeIdle(key: string, now: number): C | undefined {
    const stack = this.idle.get(key)
    if (stack === undefined) return undefined
    for (;;) {
      const connection = stack.pop()
      if (connection === undefined) return undefined
      if (now < this.expiry(connection)) return connection
      connection.close("IdleTimeout")
    }
  }

  /** Whether a request of that host could have a slot at once, and an idle connection is there for it. */
  canReuse(hostKey: string, key: string): boolean {
    const stack = this.idle.get(key)
    if (stack === undefined || stack.length === 0 || this.waiting !== 0) return false
    const host = this.hosts.get(hostKey)
    return host === undefined ? this.settings.limit === 0 || this.held < this.settings.limit : this.hasRoom(host)
  }

  /** The lease has a connection now. */
  connected(lease: Lease): void {
    lease.state = "acquired"
  }

  /** Gives a slot or a place in the queue back. Idempotent. */
  release(lease: Lease): void {
    const state = lease.state
    if (state === "released") return
    lease.state = "released"
    if (state === "waiting") {
      this.waiting--
      lease.host.waiters.remove(lease)
      if (lease.host.waiters.size === 0) this.ring.delete(lease.host.key)
      this.forget(lease.host)
      return
    }
    this.held--
    lease.host.held--
    this.leases.remove(lease)
    if (this.waiting > 0) this.assign()
    this.forget(lease.host)
  }

  /** Keeps a connection whose lease was released; `now` is on the time of `deadlines`. */
  keep(connection: C, deadlines: IdleTime, now = deadlines.now()): void {
    connection.idleSince = now
    const stack = this.idle.get(connection.key)
    if (stack === undefined) this.idle.set(connection.key, [connection])
    else stack.push(connection)
    const until = this.expiry(connection)
    if (until < this.sweepsAt) this.sweepAt(deadlines, until)
  }

  /** An idle connection has ended by itself. */
  drop(connection: C): void {
    const stack = this.idle.get(connection.key)
    if (stack === undefined) return
    const index = stack.lastIndexOf(connection)
    if (index >= 0) stack.splice(index, 1)
  }

  /** Closes all idle connections. */
  closeIdle(reason: ConnectionClosed["reason"]): void {
    const stacks = [...this.idle.values()]
    this.idle.clear()
    this.sweep?.cancel()
    this.sweepsAt = Infinity
    for (const stack of stacks) for (const connection of stack) connection.close(reason)
  }

  get waitingCount(): number {
    return this.waiting
  }

  stats(): Counts & { readonly perKey: ReadonlyMap<string, Counts> } {
    const perKey = new Map<string, { acquired: number; idle: number; connecting: number; waiting: number }>()
    const at = (key: string) => {
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
      at(lease.key)[state]++
    }
    for (const [key, stack] of this.idle) {
      if (stack.length === 0) continue
      total.idle += stack.length
      at(key).idle += stack.length
    }
    for (const host of this.ring.values()) {
      for (let lease = host.waiters.head; lease !== undefined; lease = lease.next) {
        total.waiting++
        at(lease.key).waiting++
      }
    }
    return { ...total, perKey }
  }

  private host(key: string): Host {
    let host = this.hosts.get(key)
    if (host === undefined) {
      host = { key, held: 0, waiters: new Queue() }
      this.hosts.set(key, host)
    }
    return host
  }

  private forget(host: Host): void {
    // The few that are kept cost less than making them anew for each request.
    if (this.hosts.size > keptHosts && host.held === 0 && host.waiters.size === 0) this.hosts.delete(host.key)
  }

  private hasRoom(host: Host): boolean {
    return (
      (this.settings.limit === 0 || this.held < this.settings.limit) &&
      (this.settings.limitPerHost === 0 || host.held < this.settings.limitPerHost)
    )
  }

  private hold(lease: Lease): void {
    lease.state = "connecting"
    this.held++
    lease.host.held++
    this.leases.add(lease)
  }

  /** The one place where waiters get slots: hosts in turn, within a host first come, first served. */
  private assign(): void {
    for (;;) {
      let ready: Host | undefined
      for (const host of this.ring.values()) {
        if (this.hasRoom(host)) {
          ready = host
          break
        }
      }
      const lease = ready?.waiters.head
      if (ready === undefined || lease === undefined) return
      ready.waiters.remove(lease)
      this.waiting--
      this.ring.delete(ready.key)
      if (ready.waiters.size > 0) this.ring.set(ready.key, ready)
      this.hold(lease)
      lease.onGrant()
    }
  }

  private expiry(connection: C): number {
    return connection.idleSince + Math.min(this.settings.keepaliveTimeout, connection.maxIdle)
  }

  private sweepAt(deadlines: IdleTime, at: number): void {
    this.sweep?.cancel()
    this.sweepsAt = at
    this.sweep = deadlines.scheduleIdle(at, () => {
      this.sweepsAt = Infinity
      const now = deadlines.now()
      const expired: Array<C> = []
      let next = Infinity
      for (const [key, stack] of [...this.idle]) {
        const kept = stack.filter((connection) => {
          const until = this.expiry(connection)
          if (until <= now) expired.push(connection)
          else next = Math.min(next, until)
          return until > now
        })
        if (kept.length === 0) this.idle.delete(key)
        else this.idle.set(key, kept)
      }
      if (next !== Infinity) this.sweepAt(deadlines, next)
      for (const connection of expired) connection.close("IdleTimeout")
    })
  }
}
