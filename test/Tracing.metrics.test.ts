import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ClientResponse, Session, Tracing } from "effect-http-session"
import { recordedMetrics } from "./support/metrics.js"
import { loopback } from "./support/signals.js"
import { site } from "./support/tracedSite.js"

describe("metrics", () => {
  it.scopedLive("records durations, active requests, connections, sizes and lookups", () =>
    Effect.gen(function* () {
      const url = (yield* site).replace("127.0.0.1", "metrics.test")
      const port = new URL(url).port
      yield* Effect.gen(function* () {
        yield* Session.post(`${url}/echo`, { data: "12345" }).pipe(ClientResponse.text)
        yield* Session.get(`${url}/404`).pipe(ClientResponse.text)
      }).pipe(
        Effect.provide(
          Session.layer({ traceConfigs: [Tracing.metrics({ all: true })], connector: { resolver: loopback } })
        )
      )
      const found = (yield* recordedMetrics).filter(
        ({ tags }) => tags["server.port"] === port || tags["dns.question.name"] === "metrics.test"
      )
      const of = (name: string) => found.filter((one) => one.name === name)
      const durations = of("http.client.request.duration")
      assert.deepStrictEqual(
        durations.map(({ count, tags }) => [tags["http.request.method"], tags["error.type"] ?? "", count]).sort(),
        [
          ["GET", "404", 1],
          ["POST", "", 1]
        ]
      )
      assert.isTrue(of("http.client.active_requests").every(({ count }) => count === 0))
      assert.isTrue(of("http.client.open_connections").every(({ count }) => count === 0))
      assert.lengthOf(of("http.client.open_connections"), 2)
      assert.strictEqual(of("http.client.connection.duration")[0]?.count, 1)
      assert.strictEqual(
        of("http.client.request.body.size").find(({ tags }) => tags["http.request.method"] === "POST")?.sum,
        5
      )
      assert.lengthOf(of("http.client.response.body.size"), 2)
      assert.strictEqual(of("dns.lookup.duration")[0]?.count, 1)
    })
  )
})
