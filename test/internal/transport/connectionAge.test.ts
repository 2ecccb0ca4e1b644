import { assert, describe, it } from "@effect/vitest"
import { ConnectionAge } from "../../../src/internal/transport/connectionAge.js"

const hours = 3_600_000

/** A monotonic clock that the test sets. */
const monotonic = { now: () => assert.fail("its time is known") }

/** The wall time at which the monotonic time was 0. */
const boot = 1_700_000_000_000

describe("an idle connection", () => {
  /** A connection that was opened at 1 second, and is idle from 2 seconds on for at most 15 seconds. */
  const idle = (maxAge = Infinity) => {
    const age = new ConnectionAge(monotonic, 1000, boot + 1000, maxAge)
    age.becomeIdle(monotonic, 2000, 15_000)
    return age
  }

  it("can be used until its idle time has passed", () => {
    const age = idle()
    assert.isUndefined(age.expired(monotonic, 16_999, boot + 16_999))
    assert.strictEqual(age.expired(monotonic, 17_000, boot + 17_000), "IdleTimeout")
    assert.strictEqual(age.idleFor(monotonic, 5000), 3000)
  })

  for (const [name, ahead, expected] of [
    ["slept for 8 hours", 8 * hours, "IdleTimeout"],
    ["slept for 13 seconds", 13_000, "IdleTimeout"],
    ["slept for 12 seconds", 12_000, undefined],
    ["had its clock set back", -8 * hours, undefined]
  ] as const) {
    it(`is judged by the wall clock of a machine that ${name}`, () => {
      assert.strictEqual(idle().expired(monotonic, 4000, boot + ahead + 4000), expected)
    })
  }

  it("is not affected by a sleep before its last use", () => {
    const age = idle()
    age.take(monotonic, 3000, boot + 8 * hours + 3000)
    age.becomeIdle(monotonic, 4000, 15_000)
    assert.isUndefined(age.expired(monotonic, 5000, boot + 8 * hours + 5000))
    assert.strictEqual(age.expired(monotonic, 5000, boot + 9 * hours + 5000), "IdleTimeout")
  })

  it("is judged by the Clock on which it became idle, not by that of the next request", () => {
    let now = 50
    const other = { now: () => now }
    const age = new ConnectionAge(other, 0, 0, Infinity)
    age.becomeIdle(other, now, 15_000)
    assert.isUndefined(age.expired(monotonic, boot, boot))
    now = 15_050
    assert.strictEqual(age.expired(monotonic, 0, 0), "IdleTimeout")
    assert.strictEqual(age.idleFor(monotonic, 0), 15_000)
    now = 15_049
    assert.strictEqual(age.idleLeft(other, now), 1)
    assert.strictEqual(age.idleLeft(monotonic, boot), 1000)
  })

  it("is retired at its maximum age, also if it was used in the meantime", () => {
    const age = idle(10_000)
    age.take(monotonic, 9000, boot + 9000)
    assert.isFalse(age.isOld(monotonic, 9500))
    age.becomeIdle(monotonic, 9500, 15_000)
    assert.isUndefined(age.expired(monotonic, 10_999, boot + 10_999))
    assert.strictEqual(age.idleLeft(monotonic, 9500), 1500)
    assert.strictEqual(age.expired(monotonic, 11_000, boot + 11_000), "Retired")
  })

  it("is retired by the wall clock, even if its machine slept while it was in use", () => {
    const age = idle(1 * hours)
    age.take(monotonic, 3000, boot + 2 * hours)
    age.becomeIdle(monotonic, 4000, 15_000)
    assert.strictEqual(age.expired(monotonic, 4000, boot + 2 * hours + 1000), "Retired")
  })

  it("that has reached its maximum age while in use is retired", () => {
    const age = idle(10_000)
    assert.isFalse(age.isOld(monotonic, 10_999))
    assert.isTrue(age.isOld(monotonic, 11_000))
    assert.isTrue(age.retired)
  })

  it("reports how long ago a request took it", () => {
    const age = idle()
    assert.strictEqual(age.takenFor(monotonic, 2500), 1500)
    age.take(monotonic, 3000, boot)
    assert.strictEqual(age.takenFor(monotonic, 3500), 500)
  })
})
