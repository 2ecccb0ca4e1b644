import { assert, describe, it } from "@effect/vitest"
import type { Lease } from "../../../src/internal/transport/lease.js"
import { Connection, keep, make, owner, remembered, takeIdle } from "./poolSupport.js"

describe("slots of the pool", () => {
  it("are granted at once up to the limit, then in order", () => {
    const { granted, pool, request } = make({ limit: 2 })
    const [a, b] = [request("h", "a"), request("h", "b")]
    const [c, d] = [request("h", "c"), request("h", "d")]
    assert.deepStrictEqual(
      [a, b, c, d].map((lease) => lease.state),
      ["connecting", "connecting", "waiting", "waiting"]
    )
    pool.release(b)
    pool.release(a)
    assert.deepStrictEqual(granted, ["c", "d"])
  })

  it("of one host do not reduce those of another, and hosts take turns", () => {
    const { granted, pool, request } = make({ limit: 1 })
    let held = request("a", "a0")
    const leases = new Map<string, Lease<Connection>>()
    for (const name of ["a1", "a2", "a3", "b1", "b2", "c1"]) leases.set(name, request(name.slice(0, 1), name))
    for (let turns = 0; turns < 6; turns++) {
      pool.release(held)
      const next = leases.get(granted.at(-1) ?? "")
      held = next ?? assert.fail("nobody got the slot")
    }
    assert.deepStrictEqual(granted, ["a1", "b1", "c1", "a2", "b2", "a3"])
  })

  it("per host limit that host only", () => {
    const { granted, pool, request } = make({ limit: 3, limitPerHost: 1 })
    const a = request("a")
    const waits = request("a", "a2")
    assert.strictEqual(request("b").state, "connecting")
    assert.strictEqual(waits.state, "waiting")
    pool.release(a)
    assert.deepStrictEqual(granted, ["a2"])
  })

  it("under both limits follow the stricter one", () => {
    const { granted, pool, request } = make({ limit: 2, limitPerHost: 1 })
    const a = request("a")
    const b = request("b")
    const c = request("c", "c")
    request("a", "a2")
    assert.strictEqual(c.state, "waiting")
    // The host that has waited longer has reached its limit, so that the other one is served.
    pool.release(b)
    assert.deepStrictEqual(granted, ["c"])
    pool.release(a)
    assert.deepStrictEqual(granted, ["c", "a2"])
  })

  it("without limits are granted at once", () => {
    const { pool, request } = make({ limit: 0 })
    for (let index = 0; index < 1000; index++) assert.strictEqual(request("h").state, "connecting")
    assert.strictEqual(pool.stats().connecting, 1000)
  })

  it("are released once, also if the release is called again", () => {
    const { granted, pool, request } = make({ limit: 1 })
    const a = request("h", "a")
    const b = request("h", "b")
    request("h", "c")
    pool.release(a)
    pool.release(a)
    assert.deepStrictEqual(granted, ["b"])
    pool.markAcquired(b)
    assert.strictEqual(pool.stats().acquired, 1)
    pool.release(b)
    pool.release(b)
    assert.deepStrictEqual(granted, ["b", "c"])
  })

  it("skip requests that left the queue", () => {
    const { granted, pool, request } = make({ limit: 1 })
    const a = request("h", "a")
    const waiting = ["b", "c", "d"].map((name) => request("h", name))
    for (const lease of [waiting[0], waiting[1]]) if (lease !== undefined) pool.release(lease)
    assert.strictEqual(pool.waitingCount, 1)
    pool.release(a)
    assert.deepStrictEqual(granted, ["d"])
  })

  it("pass to the next request if the receiver leaves at that moment", () => {
    const { pool } = make({ limit: 1 })
    const order: Array<string> = []
    const first = pool.request("h", "h", owner)
    const leaves = pool.request("h", "h", {
      onSlot: () => {
        order.push("leaves")
        if (leaves !== undefined) pool.release(leaves)
      }
    })
    pool.request("h", "h", { onSlot: () => order.push("stays") })
    if (first !== undefined) pool.release(first)
    assert.deepStrictEqual(order, ["leaves", "stays"])
    assert.deepStrictEqual([pool.stats().connecting, pool.stats().waiting], [1, 0])
  })

  it("are refused if the queue is full, and granted again when it is not", () => {
    const { pool, request } = make({ limit: 1, maxQueue: 2 })
    request("h")
    const waits = request("h")
    request("other")
    assert.isUndefined(pool.request("h", "h", owner))
    pool.release(waits)
    assert.strictEqual(request("h").state, "waiting")
    assert.isUndefined(make({ limit: 1, maxQueue: 0 }).pool.request("h", "h", owner)?.next)
  })

  it("are removed with the host after its last request", () => {
    const { pool, request } = make({ limit: 0, maxQueue: 0 })
    const hosts: unknown = Reflect.get(pool, "hosts")
    if (!(hosts instanceof Map)) return assert.fail("the pool has no hosts")
    const busy = Array.from({ length: 300 }, (_, index) => request(`busy${index}`))
    for (let index = 0; index < 1000; index++) pool.release(request(`h${index}`))
    assert.strictEqual(hosts.size, 300)
    for (const lease of busy) pool.release(lease)
    assert.strictEqual(hosts.size, 0)
  })

  it("of hosts behind one forwarding proxy are limited by host, and no host is kept", () => {
    const { pool, request } = make({ limitPerHost: 1 })
    const hosts: unknown = Reflect.get(pool, "hosts")
    if (!(hosts instanceof Map)) return assert.fail("the pool has no hosts")
    const a = request("a", "a", "proxy")
    const b = request("b", "b", "proxy")
    const second = request("a", "c", "proxy")
    assert.deepStrictEqual([a.state, b.state, second.state], ["connecting", "connecting", "waiting"])
    pool.release(a)
    assert.strictEqual(second.state, "connecting")
    pool.release(b)
    pool.release(second)
    assert.strictEqual(hosts.size, 0)
  })

  it("are counted by key at each stage", () => {
    const { deadlines, pool, request } = make({ limit: 2 })
    const a = request("a", "a", "a via p")
    pool.markAcquired(a)
    request("b")
    request("a")
    assert.deepStrictEqual(pool.stats(), {
      acquired: 1,
      connecting: 1,
      idle: 0,
      waiting: 1,
      perKey: new Map([
        ["a via p", { acquired: 1, connecting: 0, idle: 0, waiting: 0 }],
        ["b", { acquired: 0, connecting: 1, idle: 0, waiting: 0 }],
        ["a", { acquired: 0, connecting: 0, idle: 0, waiting: 1 }]
      ])
    })
    pool.makeIdle(new Connection("a via p"), a, deadlines)
    pool.release(a)
    const { perKey, ...total } = pool.stats()
    assert.deepStrictEqual(total, { acquired: 0, connecting: 2, idle: 1, waiting: 0 })
    assert.deepStrictEqual(perKey.get("a via p"), { acquired: 0, connecting: 0, idle: 1, waiting: 0 })
  })
})

describe("idle connections", () => {
  it("are reused last in, first out, by their own key", () => {
    const { deadlines, pool } = make()
    const [a, b, c] = [new Connection("k"), new Connection("k"), new Connection("other")]
    for (const connection of [a, b, c]) keep(pool, connection, deadlines)
    assert.strictEqual(takeIdle(pool, "k", deadlines), b)
    assert.strictEqual(takeIdle(pool, "k", deadlines), a)
    assert.isUndefined(takeIdle(pool, "k", deadlines))
    assert.isUndefined(takeIdle(pool, "third", deadlines))
  })

  it("stay in the pool until a lease of their route takes them", () => {
    const { deadlines, pool, request } = make()
    const a = new Connection("k")
    keep(pool, a, deadlines)
    assert.strictEqual(pool.nextIdle("k", deadlines, 0, 0), a)
    assert.strictEqual(pool.stats().idle, 1)
    const lease = request("k")
    pool.takeIdle(lease)
    assert.strictEqual(pool.stats().idle, 0)
    assert.isUndefined(pool.nextIdle("k", deadlines, 0, 0))
    pool.release(lease)
    assert.strictEqual(remembered(pool), 0)
  })

  it("that ended by themselves are never reused", () => {
    const { deadlines, pool } = make()
    const [a, b] = [new Connection("k"), new Connection("k")]
    for (const connection of [a, b]) keep(pool, connection, deadlines)
    pool.removeIdle(b)
    pool.removeIdle(b)
    assert.strictEqual(takeIdle(pool, "k", deadlines), a)
    assert.strictEqual(pool.stats().idle, 0)
    assert.strictEqual(pool.stats().perKey.size, 0)
  })

  it("are closed after keepaliveTimeout, and not reused from then on", () => {
    const { deadlines, pool } = make({ keepaliveTimeout: 1000 })
    const [a, b] = [new Connection("k"), new Connection("k")]
    keep(pool, a, deadlines)
    deadlines.advance(600)
    keep(pool, b, deadlines)
    deadlines.advance(399)
    assert.isUndefined(a.closed)
    deadlines.advance(1)
    assert.deepStrictEqual([a.closed, b.closed], ["IdleTimeout", undefined])
    assert.strictEqual(takeIdle(pool, "k", deadlines), b)
    keep(pool, b, deadlines)
    deadlines.advance(1000)
    assert.strictEqual(b.closed, "IdleTimeout")
    assert.strictEqual(deadlines.pending, 0)
  })

  it("are refused after their idle time if the timer has not fired yet", () => {
    const { deadlines, pool } = make({ keepaliveTimeout: 1000 })
    const a = new Connection("k")
    keep(pool, a, deadlines)
    assert.isUndefined(takeIdle(pool, "k", deadlines, 1000))
    assert.strictEqual(a.closed, "IdleTimeout")
  })

  it("end at the time that their server announced, also beside others", () => {
    const { deadlines, pool } = make({ keepaliveTimeout: 15_000 })
    const [long, short] = [new Connection("k"), new Connection("k", 500)]
    keep(pool, long, deadlines)
    keep(pool, short, deadlines)
    deadlines.advance(500)
    assert.deepStrictEqual([short.closed, long.closed], ["IdleTimeout", undefined])
    deadlines.advance(14_500)
    assert.strictEqual(long.closed, "IdleTimeout")
  })

  it("that may be kept forever do not prolong the time of others", () => {
    const { deadlines, pool } = make({ keepaliveTimeout: Infinity })
    const [ever, short] = [new Connection("k"), new Connection("k", 500)]
    keep(pool, ever, deadlines)
    keep(pool, short, deadlines)
    deadlines.advance(1_000_000)
    assert.deepStrictEqual([short.closed, ever.closed], ["IdleTimeout", undefined])
  })

  it("are all closed at once on request, and no timer stays", () => {
    const { deadlines, pool } = make()
    const all = ["a", "a", "b"].map((key) => new Connection(key))
    for (const connection of all) keep(pool, connection, deadlines)
    pool.closeIdle("Shutdown")
    assert.deepStrictEqual(
      all.map((connection) => connection.closed),
      ["Shutdown", "Shutdown", "Shutdown"]
    )
    assert.strictEqual(deadlines.pending, 0)
    assert.strictEqual(pool.stats().idle, 0)
    const later = new Connection("a")
    keep(pool, later, deadlines)
    deadlines.advance(15_000)
    assert.strictEqual(later.closed, "IdleTimeout")
  })

  it("are reused at once only by a request that gets a slot without overtaking another", () => {
    const { deadlines, pool, request } = make({ limit: 2, limitPerHost: 1 })
    assert.isFalse(pool.canReuse("a", "a"))
    for (const key of ["a", "b"]) keep(pool, new Connection(key), deadlines)
    assert.isTrue(pool.canReuse("a", "a"))
    const a = request("a")
    assert.isFalse(pool.canReuse("a", "a"))
    assert.isTrue(pool.canReuse("b", "b"))
    const waits = request("a")
    assert.isFalse(pool.canReuse("b", "b"))
    pool.release(waits)
    request("c")
    assert.isFalse(pool.canReuse("b", "b"))
    pool.release(a)
    assert.isTrue(pool.canReuse("a", "a"))
  })
})

describe("the pool after 10 000 origins", () => {
  const visited = 10_000
  const names = Array.from({ length: visited }, (_, index) => `origin ${index}`)

  it("keeps nothing of connections that end by themselves while they are idle", () => {
    const { deadlines, pool } = make()
    for (const name of names) {
      const connection = new Connection(name)
      keep(pool, connection, deadlines)
      pool.removeIdle(connection)
    }
    assert.strictEqual(remembered(pool), 0)
  })

  it("keeps nothing of connections that are closed for their idle time, or all at once", () => {
    const { deadlines, pool } = make({ keepaliveTimeout: 1000 })
    for (const name of names) keep(pool, new Connection(name), deadlines)
    assert.isAtLeast(remembered(pool), visited)
    deadlines.advance(1000)
    assert.strictEqual(remembered(pool), 0)
    for (const name of names) keep(pool, new Connection(name), deadlines)
    pool.closeIdle("Shutdown")
    assert.strictEqual(remembered(pool), 0)
  })

  it("keeps nothing after a second request that closes its connection, or finds it too old", () => {
    const { deadlines, pool, request } = make({ keepaliveTimeout: 1000 })
    for (const [index, name] of names.entries()) {
      const connection = new Connection(name)
      keep(pool, connection, deadlines)
      const lease = request(name)
      const now = index % 2 === 0 ? 0 : 1000
      assert.strictEqual(takeIdle(pool, name, deadlines, now), now === 0 ? connection : undefined)
      pool.release(lease)
    }
    assert.strictEqual(remembered(pool), 0)
  })

  it("keeps nothing of connections that are not kept", () => {
    const { pool, request } = make()
    for (const name of names) pool.release(request(name))
    assert.strictEqual(remembered(pool), 0)
  })

  it("keeps nothing of requests that left the queue, were refused by it, or passed it", () => {
    const { pool, request } = make({ limit: 1, maxQueue: visited / 2 })
    const first = request("first")
    const waiting = names.map((name) => pool.request(name, name, owner))
    assert.isUndefined(waiting.at(-1))
    for (const [index, lease] of waiting.entries()) if (lease !== undefined && index % 2 === 0) pool.release(lease)
    pool.release(first)
    for (const lease of waiting) if (lease !== undefined) pool.release(lease)
    assert.strictEqual(remembered(pool), 0)
  })

  it("keeps nothing of the routes to one origin that is used continually", () => {
    const { deadlines, pool, request } = make()
    const busy = request("host", "busy", "host")
    for (const name of names) {
      const lease = request("host", name, name)
      const connection = new Connection(name)
      pool.makeIdle(connection, lease, deadlines)
      pool.release(lease)
      pool.removeIdle(connection)
    }
    assert.strictEqual(remembered(pool), 2)
    pool.release(busy)
    assert.strictEqual(remembered(pool), 0)
  })
})
