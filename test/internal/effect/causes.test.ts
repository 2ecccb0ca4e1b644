import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import { withoutFailures } from "../../../src/internal/effect/causes.js"

describe("withoutFailures", () => {
  it("keeps defects, and drops typed failures", () => {
    const defect = new Error("defect")
    assert.strictEqual(Cause.squash(withoutFailures(Cause.sequential(Cause.fail("typed"), Cause.die(defect)))), defect)
    assert.isTrue(Cause.isEmpty(withoutFailures(Cause.fail("typed"))))
  })
})
