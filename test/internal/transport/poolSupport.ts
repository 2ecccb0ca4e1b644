/**
 * Pools with connections and a time that the test controls.
 */
import { assert } from "@effect/vitest"
import { ConnectionAge } from "../../../src/internal/transport/connectionAge.js"
import type { Lease, LeaseOwner } from "../../../src/internal/transport/lease.js"
import { Pool, type Poolable, type PoolSettings } from "../../../src/internal/transport/pool.js"
import { ManualDeadlines } from "../../support/manualDeadlines.js"

export const epoch = { now: () => 0 }

export class Connection implements Poolable {
  readonly age = new ConnectionAge(epoch, 0, 0, Infinity)
  closed: string | undefined = undefined
  readonly key: string
  readonly maxIdle: number
  constructor(key: string, maxIdle = Infinity) {
    this.key = key
    this.maxIdle = maxIdle
  }
  readonly close = (reason: string) => {
    assert.isUndefined(this.closed, "closed once")
    this.closed = reason
  }
}

export const settings = (given: Partial<PoolSettings> = {}): PoolSettings => ({
  limit: 100,
  limitPerHost: 0,
  maxQueue: Infinity,
  keepaliveTimeout: 15_000,
  ...given
})

export const make = (given?: Partial<PoolSettings>) => {
  const pool = new Pool<Connection>(settings(given))
  const granted: Array<string> = []
  const request = (host: string, name = host, key = host): Lease<Connection> => {
    const lease = pool.request(host, key, { onSlot: () => granted.push(name) })
    return lease ?? assert.fail("the queue is full")
  }
  return { pool, granted, request, deadlines: new ManualDeadlines() }
}

/** The owner of a lease that ignores its slot. */
export const owner: LeaseOwner = { onSlot: () => {} }

/** Keeps a connection after a request has ended. Its key is also that of its host. */
export const keep = (pool: Pool<Connection>, connection: Connection, deadlines: ManualDeadlines): void => {
  const lease = pool.request(connection.key, connection.key, owner) ?? assert.fail("the queue is full")
  pool.markAcquired(lease)
  pool.makeIdle(connection, lease, deadlines)
  pool.release(lease)
}

/** Takes the next idle connection of a key out of the pool. */
export const takeIdle = (
  pool: Pool<Connection>,
  key: string,
  deadlines: ManualDeadlines,
  now = deadlines.now()
): Connection | undefined => {
  const connection = pool.nextIdle(key, deadlines, now, now)
  if (connection !== undefined) pool.removeIdle(connection)
  return connection
}

/** Entries in all maps of a pool. */
export const remembered = (pool: Pool<Connection>): number =>
  Object.values(pool)
    .filter((value) => value instanceof Map)
    .reduce((sum, map) => sum + map.size, 0)
