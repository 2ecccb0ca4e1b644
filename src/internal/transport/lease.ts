/** Leases of the pool. A lease is a slot for one connection, or a place in the queue for a slot. */
import { showAs } from "../inspection.js"

/** The slots and waiters of one origin. Removed when it has no lease and is not the current host of a route. */
export interface Host<C> {
  readonly key: string
  /** The number of slots in use. */
  held: number
  /** The number of routes whose last request was for this host. */
  routes: number
  readonly waiters: LeaseQueue<C>
}

/**
 * The leases and idle connections of requests that may share connections: those for one origin, or for all http origins
 * through a forwarding proxy. Removed when it has neither.
 */
export interface RouteShare<C> {
  readonly key: string
  /** The host of the last request. */
  host: Host<C>
  /** The number of slots in use and places in the queue. */
  leases: number
  /** The idle connections as a stack, with the one that became idle last at the end. */
  idle: Array<C>
}

/** The request that has a lease. */
export interface LeaseOwner {
  /** Called when the lease gets the slot for which it waits. */
  readonly onSlot: () => void
}

/** A slot, or a place in the queue for one. */
export interface Lease<C> {
  readonly route: RouteShare<C>
  readonly host: Host<C>
  state: "waiting" | "connecting" | "acquired" | "released"
  readonly owner: LeaseOwner
  next: Lease<C> | undefined
  previous: Lease<C> | undefined
}

/** A linked list of leases in order of arrival. Removing any lease takes constant time. */
export class LeaseQueue<C> {
  static {
    showAs(LeaseQueue, "LeaseQueue", ({ size }) => ({ size }))
  }

  head: Lease<C> | undefined = undefined
  tail: Lease<C> | undefined = undefined
  size = 0

  add(lease: Lease<C>): void {
    lease.previous = this.tail
    if (this.tail === undefined) this.head = lease
    else this.tail.next = lease
    this.tail = lease
    this.size++
  }

  remove(lease: Lease<C>): void {
    if (lease.previous === undefined) this.head = lease.next
    else lease.previous.next = lease.next
    if (lease.next === undefined) this.tail = lease.previous
    else lease.next.previous = lease.previous
    lease.next = undefined
    lease.previous = undefined
    this.size--
  }
}
