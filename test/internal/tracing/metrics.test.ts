import { assert, describe, it } from "@effect/vitest"
import { LabelCache } from "../../../src/internal/tracing/metrics.js"

describe("LabelCache", () => {
  it("distinguishes 1000 servers and labels all others _OTHER", () => {
    const cache = new LabelCache()
    for (let index = 0; index < 1000; index++) {
      assert.deepStrictEqual(cache.server(`host-${index}.test`, 80), [`host-${index}.test`, 80])
    }
    assert.deepStrictEqual(cache.server("host-1000.test", 80), ["_OTHER", 0])
    assert.deepStrictEqual(cache.server("host-999.test", 443), ["_OTHER", 0])
    assert.deepStrictEqual(cache.server("host-999.test", 80), ["host-999.test", 80])
    assert.strictEqual(cache.host("name.test"), "_OTHER")
  })

  it("creates each set of labels once, and stays bounded", () => {
    const cache = new LabelCache()
    const pairs = [["http.request.method", "GET"]] as const
    assert.strictEqual(cache.of(pairs), cache.of(pairs))
    const first = cache.of(pairs)
    for (let index = 0; index < 10_000; index++) cache.of([["http.response.status_code", String(index)]])
    assert.notStrictEqual(cache.of(pairs), first)
    assert.deepStrictEqual(cache.of(pairs), first)
  })
})
