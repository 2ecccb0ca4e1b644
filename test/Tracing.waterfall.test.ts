import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ClientResponse, Session, Tracing } from "effect-http-session"
import { site } from "./support/tracedSite.js"

describe("waterfall", () => {
  it("draws an empty chart if there are no signals", () => {
    assert.strictEqual(Tracing.waterfall([]), "")
    const start = { time: 0, sessionId: "", requestId: 1, attempt: 1, hop: 0, method: "GET", url: "http://a/" }
    const signal: Tracing.Signal = { _tag: "RequestStart", ...start, headers: {} as Tracing.RequestStart["headers"] }
    for (const width of [Infinity, Number.NaN, -1]) assert.isString(Tracing.waterfall([signal], { width }))
  })

  it.scopedLive("draws hops and requests in order, within the width", () =>
    Effect.gen(function* () {
      const url = yield* site
      const [, signals] = yield* Tracing.collect(
        Effect.zipRight(
          Session.get(`${url}/302`).pipe(ClientResponse.text),
          Session.get(`${url}/404`).pipe(ClientResponse.text)
        )
      ).pipe(Effect.provide(Session.layer()))
      const lines = Tracing.waterfall(signals, { width: 100 }).split("\n")
      assert.lengthOf(lines, 4)
      assert.isTrue(lines.every((line) => line.length <= 100))
      assert.match(lines[0] ?? "", /^GET 127\.0\.0\.1:\d+\/302 +302 \|.*[ch].*\| +\d+\.\d ms$/)
      assert.match(lines[1] ?? "", /^> GET 127\.0\.0\.1:\d+\/echo +200 \|.*\| +\d+\.\d ms$/)
      assert.match(lines[2] ?? "", /404 \|/)
      assert.include(lines[3] ?? "", "h headers")
    })
  )
})
