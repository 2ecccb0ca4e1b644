import { assert, describe, it } from "@effect/vitest"
import { KeyedState } from "../../../src/internal/middleware/keyedState.js"

describe("state by key", () => {
  const fill = (recent: KeyedState<object>, count: number) => {
    for (let index = 0; index < count; index++) recent.get(`k${index}`)
  }

  it("is kept for the last 1024 keys if none is idle", () => {
    const recent = new KeyedState(
      () => ({}),
      () => false
    )
    fill(recent, 1000)
    const first = recent.get("k0")
    for (let index = 1000; index < 5000; index++) {
      recent.get(`k${index}`)
      assert.isAtMost(recent.size, 1024)
      assert.strictEqual(recent.get("k0"), first)
    }
  })

  it("is evicted first if it is idle", () => {
    const idle = new Set<unknown>()
    const recent = new KeyedState<object>(
      () => ({}),
      (value) => idle.has(value)
    )
    const busy = recent.get("busy")
    for (let index = 0; index < 1023; index++) idle.add(recent.get(`k${index}`))
    recent.get("one more")
    assert.strictEqual(recent.size, 2)
    assert.strictEqual(recent.get("busy"), busy)
  })

  it("is not evicted while it is in use", () => {
    const recent = new KeyedState(
      () => ({}),
      () => false,
      () => true
    )
    fill(recent, 2000)
    assert.strictEqual(recent.size, 2000)
  })
})
