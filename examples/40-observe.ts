/**
 * Recipe: the requests of an effect as a waterfall, an HTML page, a HAR file, and spans and metrics of OpenTelemetry.
 */
import { NodeSdk } from "@effect/opentelemetry"
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Console, Effect, Metric } from "effect"
import { Observed, observed, pages } from "./recipes/observe.js"
import { json, serve } from "./support/server.js"

const program = Effect.gen(function* () {
  const { url } = yield* serve(async ({ query }) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return json({ page: query.get("page") })
  })
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()

  // A real program sends the spans to a collector; docs/tracing.md shows two ways.
  const exporter = new InMemorySpanExporter()
  const telemetry = NodeSdk.layer(() => ({
    resource: { serviceName: "recipe" },
    spanProcessor: new SimpleSpanProcessor(exporter)
  }))
  const { waterfall } = yield* pages(`${url}/items`).pipe(
    observed(directory),
    Effect.provide(Observed),
    Effect.ensuring(
      Effect.sync(() => {
        for (const { name } of exporter.getFinishedSpans()) counts.set(name, (counts.get(name) ?? 0) + 1)
      })
    ),
    Effect.provide(telemetry)
  )
  yield* Console.log(waterfall)
  for (const name of ["requests.har", "requests.html"]) {
    const { size } = yield* fs.stat(`${directory}/${name}`)
    yield* Console.log(`${name}: ${size > 1000 ? "written" : "empty"}`)
  }
  yield* Console.log("spans:  ", Object.fromEntries(counts))
  const metrics = yield* Metric.snapshot
  yield* Console.log("metrics:", [...new Set(metrics.map(({ metricKey }) => metricKey.name))].sort().join(", "))
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

const counts = new Map<string, number>()

NodeRuntime.runMain(program)
