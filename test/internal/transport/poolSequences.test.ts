/**
 * Random operations on a pool, compared with a model.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Lease } from "../../../src/internal/transport/lease.js"
import { Pool, type PoolSettings } from "../../../src/internal/transport/pool.js"
import { ManualDeadlines } from "../../support/manualDeadlines.js"
import { Connection, make, remembered, takeIdle } from "./poolSupport.js"

type Command =
  | { readonly op: "request"; readonly host: number; readonly way: number; readonly leaves: boolean }
  | { readonly op: "connect" | "release" | "keep" | "interrupt" | "end"; readonly pick: number }
  | { readonly op: "take"; readonly host: number; readonly way: number }
  | { readonly op: "advance"; readonly millis: number }
  | { readonly op: "closeIdle" }

const small = fc.nat({ max: 3 })
const pick = fc.nat({ max: 1000 })
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("request" as const),
      host: small,
      way: fc.nat({ max: 1 }),
      leaves: fc.nat(9).map((n) => n === 0)
    })
  },
  {
    weight: 8,
    arbitrary: fc.record({ op: fc.constantFrom("connect", "release", "keep", "interrupt", "end"), pick })
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("take" as const), host: small, way: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("advance" as const), millis: fc.nat({ max: 700 }) }) },
  { weight: 1, arbitrary: fc.constant({ op: "closeIdle" as const }) }
)

interface Wish {
  readonly order: number
  readonly host: string
  readonly key: string
  lease: Lease<Connection> | undefined
  granted: boolean
  gone: boolean
}

/** Runs the commands on a pool beside a model, and compares both after each. */
const check = (given: PoolSettings, commands: ReadonlyArray<Command>): void => {
  const pool = new Pool<Connection>(given)
  const deadlines = new ManualDeadlines()
  const wishes: Array<Wish> = []
  const idle: Array<Connection> = []
  const lastGranted = new Map<string, number>()

  const waiting = () => wishes.filter((wish) => !wish.gone && !wish.granted)
  const holding = () => wishes.filter((wish) => !wish.gone && wish.granted)
  const held = (host: string) => holding().filter((wish) => wish.host === host).length
  const room = (host: string) =>
    (given.limit === 0 || holding().length < given.limit) &&
    (given.limitPerHost === 0 || held(host) < given.limitPerHost)
  const at = <A>(list: ReadonlyArray<A>, index: number): A | undefined => list[index % Math.max(1, list.length)]
  const live = () => idle.filter((connection) => connection.closed === undefined)

  const request = (host: string, key: string, leaves: boolean): void => {
    const wish: Wish = { order: wishes.length, host, key, lease: undefined, granted: false, gone: false }
    const before = waiting().length
    const could = room(host)
    const lease = pool.request(host, key, {
      onSlot: () => {
        assert.isFalse(wish.gone, "a request that left gets no connection")
        assert.isFalse(wish.granted, "granted once")
        wish.granted = true
        assert.isAbove(wish.order, lastGranted.get(host) ?? -1, "first come, first served")
        lastGranted.set(host, wish.order)
        if (leaves && wish.lease !== undefined) {
          wish.gone = true
          pool.release(wish.lease)
        }
      }
    })
    if (lease === undefined) {
      assert.strictEqual(before, given.maxQueue, "refused only where the queue is full")
      return
    }
    wish.lease = lease
    wishes.push(wish)
    wish.granted = lease.state !== "waiting"
    assert.strictEqual(wish.granted, could, "a slot at once where there is room")
    if (wish.granted) lastGranted.set(host, wish.order)
  }

  const release = (wish: Wish | undefined): void => {
    if (wish?.lease === undefined) return
    wish.gone = true
    pool.release(wish.lease)
  }

  const run = (step: Command): void => {
    switch (step.op) {
      case "request":
        request(`h${step.host}`, `h${step.host} w${step.way}`, step.leaves)
        return
      case "connect": {
        const wish = at(holding(), step.pick)
        if (wish?.lease !== undefined) pool.markAcquired(wish.lease)
        return
      }
      case "keep": {
        const wish = at(holding(), step.pick)
        if (wish === undefined) return
        const connection = new Connection(wish.key, step.pick % 3 === 0 ? 300 : Infinity)
        idle.push(connection)
        if (wish.lease !== undefined) pool.makeIdle(connection, wish.lease, deadlines)
        release(wish)
        return
      }
      case "release":
        release(at(holding(), step.pick))
        return
      case "interrupt":
        release(at(waiting(), step.pick))
        return
      case "end": {
        const connection = at(live(), step.pick)
        if (connection === undefined) return
        pool.removeIdle(connection)
        connection.close("PeerClosed")
        return
      }
      case "take": {
        const key = `h${step.host} w${step.way}`
        const expected = live()
          .filter((connection) => connection.key === key)
          .at(-1)
        const taken = takeIdle(pool, key, deadlines)
        assert.strictEqual(taken, expected)
        if (taken === undefined) return
        assert.isBelow(deadlines.now(), taken.age.idleSince + Math.min(given.keepaliveTimeout, taken.maxIdle))
        idle.splice(idle.indexOf(taken), 1)
        return
      }
      case "advance":
        deadlines.advance(step.millis)
        for (const connection of idle) {
          const until = connection.age.idleSince + Math.min(given.keepaliveTimeout, connection.maxIdle)
          if (connection.closed === undefined) assert.isBelow(deadlines.now(), until, "nothing outstays its time")
        }
        return
      case "closeIdle":
        pool.closeIdle("Shutdown")
        assert.isEmpty(live())
    }
  }

  const look = (): void => {
    const stats = pool.stats()
    assert.strictEqual(stats.acquired + stats.connecting, holding().length)
    assert.strictEqual(stats.waiting, waiting().length)
    assert.strictEqual(pool.waitingCount, waiting().length)
    assert.strictEqual(stats.idle, live().length)
    assert.isAtMost(stats.waiting, given.maxQueue)
    if (given.limit > 0) assert.isAtMost(stats.acquired + stats.connecting, given.limit)
    for (const host of new Set(wishes.map((wish) => wish.host))) {
      if (given.limitPerHost > 0) assert.isAtMost(held(host), given.limitPerHost)
      assert.isFalse(room(host) && waiting().some((wish) => wish.host === host), "nobody waits beside a free slot")
    }
    const perKey = [...stats.perKey.values()]
    for (const name of ["acquired", "connecting", "waiting", "idle"] as const) {
      assert.strictEqual(
        perKey.reduce((sum, counts) => sum + counts[name], 0),
        stats[name]
      )
    }
  }

  for (const step of commands) {
    run(step)
    look()
  }
  // All waiters are served if all holders release their slots.
  for (let rest = holding(); rest.length > 0; rest = holding()) {
    release(rest[0])
    look()
  }
  assert.isEmpty(waiting())
  pool.closeIdle("Shutdown")
  assert.strictEqual(deadlines.pending, 0)
  assert.strictEqual(remembered(pool), 0)
}

describe("any sequence of operations", () => {
  it("loses no slot, grants none twice, and keeps the order of each host", () => {
    const anySettings = fc.record({
      limit: fc.nat({ max: 5 }),
      limitPerHost: fc.nat({ max: 3 }),
      maxQueue: fc.oneof(fc.constant(Infinity), fc.nat({ max: 6 })),
      keepaliveTimeout: fc.constantFrom(1000, Infinity)
    })
    fc.assert(fc.property(anySettings, fc.array(command, { maxLength: 60, size: "max" }), check), {
      seed: 20261122,
      numRuns: 600
    })
  })

  it("serves a host that waits while requests of other hosts are served", () => {
    const { granted, pool, request } = make({ limit: 2 })
    let held = [request("busy"), request("busy")]
    request("quiet", "quiet")
    for (let round = 0; round < 3; round++) {
      const next = held.map(() => request("busy", "busy"))
      for (const lease of held) pool.release(lease)
      held = next
    }
    assert.strictEqual(granted[0], "quiet")
  })
})
